"""How clearly an outline reads as its name: a small network that names silhouettes or calls them unclear.

It learns from outlines that were looked at (``curation_eye``) and, for names nobody looked at, from all of
their whole ones; an outline is always told by a network that saw nothing of its source, and nothing
outside of the training split is learnt from.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import cv2
import numpy as np

from smartmask.data.curation import Curated
from smartmask.data.curation_eye import Key, Opinion

if TYPE_CHECKING:
    import torch

SIDE, INNER = 32, 29  # pixels of the network's square, and of an outline's longer side in it
LEAST = 20  # outlines to learn from that make a name a class
LOOKED = 40  # outlines looked at that make a name one whose other outlines need a look or a good score
FOLDS, STEPS, BATCH = 3, 1100, 128
SMOOTHING = 0.05  # of the labels: eyes err, too
FRAGMENTS = 0.08  # share of the outlines that are shown cut in two, and are unclear then


def key_of(outline: Curated) -> Key:
    """What names an outline: set, source, number."""
    return outline.set, outline.source, outline.number


def framed(mask: np.ndarray) -> np.ndarray:
    """``(SIDE, SIDE)`` uint8 coverage of 255: the mask, aspect kept, in the middle of a square."""
    height, width = mask.shape
    scale = INNER / max(height, width)
    new_h, new_w = max(1, round(height * scale)), max(1, round(width * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    square = np.zeros((SIDE, SIDE), np.uint8)
    top, left = (SIDE - new_h) // 2, (SIDE - new_w) // 2
    small = cv2.resize(mask.astype(np.float32), (new_w, new_h), interpolation=how)
    square[top : top + new_h, left : left + new_w] = np.rint(small * 255)
    return square


def fold_of(source: str) -> int:
    """The fold of a source: 0 .. FOLDS - 1, apart from the digit that tells its split."""
    return int(hashlib.sha1(f"fold {source}".encode()).hexdigest(), 16) % FOLDS


def looked_at(opinions: Mapping[Key, Opinion], outlines: Sequence[Curated]) -> set[str]:
    """The names of which LOOKED or more outlines have an opinion."""
    counts = Counter(str(o.name) for o in outlines if key_of(o) in opinions)
    return {name for name, count in counts.items() if count >= LOOKED}


def clearness(
    outlines: Sequence[Curated], opinions: Mapping[Key, Opinion], steps: int = STEPS, seed: int = 0
) -> np.ndarray:
    """``(n,)`` float32 in [0, 1]: probability of its own name against that of being unclear.

    NaN for outlines whose name has fewer than LEAST to learn from. steps: of each of the FOLDS trainings.
    """
    result = np.full(len(outlines), np.nan, np.float32)
    taught = _lessons(outlines, opinions)
    counts = Counter(name for name in taught.values() if name)
    names = sorted(name for name, count in counts.items() if count >= LEAST)
    index = {name: k for k, name in enumerate(names)}
    asked = [i for i, o in enumerate(outlines) if o.name in index]
    if len(names) < 2:
        return result
    unclear = len(names)
    squares = np.stack([framed(outlines[i].mask) for i in asked])
    labels = np.array([-1 if (t := taught.get(i)) is None else index.get(t, unclear) for i in asked])
    folds = np.array([fold_of(outlines[i].source) for i in asked])
    in_training = np.array([outlines[i].split == "train" for i in asked])
    total = np.zeros((len(asked), unclear + 1), np.float32)
    for fold in range(FOLDS):
        teach = np.flatnonzero((labels >= 0) & (folds != fold))
        net = _train(squares[teach], labels[teach], unclear, steps, seed + fold)
        told = np.flatnonzero((folds == fold) | ~in_training)
        total[told] += _probabilities(net, squares[told])
    own = total[np.arange(len(asked)), [index[str(outlines[i].name)] for i in asked]]
    result[asked] = own / np.maximum(own + total[:, unclear], 1e-9)
    return result


def _lessons(outlines: Sequence[Curated], opinions: Mapping[Key, Opinion]) -> dict[int, str]:
    """``{index: name}`` of the training split's whole outlines in photographs; "" is unclear."""
    looked = looked_at(opinions, outlines)
    found: dict[int, str] = {}
    for i, outline in enumerate(outlines):
        opinion = opinions.get(key_of(outline))
        if outline.split != "train" or outline.kind != "photo" or outline.name is None:
            continue
        if opinion in ("unclear", "group"):
            found[i] = ""
        elif opinion is not None or (outline.verdict == "whole" and outline.name not in looked):
            found[i] = outline.name
    return found


def _network(classes: int) -> torch.nn.Module:
    from torch import nn

    def block(a: int, b: int, stride: int) -> list[nn.Module]:
        return [nn.Conv2d(a, b, 3, stride, 1), nn.BatchNorm2d(b), nn.SiLU()]

    layers = [*block(1, 16, 2), *block(16, 32, 1), *block(32, 48, 2), *block(48, 96, 2), nn.Flatten(), nn.Dropout(0.3)]
    return nn.Sequential(*layers, nn.Linear(96 * 16, 128), nn.SiLU(), nn.Dropout(0.2), nn.Linear(128, classes))


def _train(squares: np.ndarray, labels: np.ndarray, unclear: int, steps: int, seed: int) -> torch.nn.Module:
    """A network that names squares ``(n, SIDE, SIDE)`` uint8; names are drawn by the root of their count."""
    import torch

    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]), _one_thread():
        torch.manual_seed(seed)
        net = _network(unclear + 1)
        optimiser = torch.optim.AdamW(net.parameters(), weight_decay=2e-2)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
        chance: np.ndarray = 1 / np.sqrt(np.bincount(labels, minlength=unclear + 1)[labels])
        chance = chance / chance.sum()
        for _ in range(steps):
            rows = rng.choice(len(labels), BATCH, p=chance)
            shown, target = _jittered(squares[rows], labels[rows], unclear, rng)
            told = net(torch.from_numpy(shown))
            loss = torch.nn.functional.cross_entropy(told, torch.from_numpy(target), label_smoothing=SMOOTHING)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return net.eval()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Batches this small are slower on several threads, which wait for one another."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _jittered(
    squares: np.ndarray, labels: np.ndarray, unclear: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """``(n, 1, SIDE, SIDE)`` float32 in [0, 1], mirrored, turned, scaled, shifted or cut in two, and their labels."""
    out = np.empty((len(squares), 1, SIDE, SIDE), np.float32)
    labels = labels.copy()
    centre = SIDE / 2 - 0.5
    y, x = np.mgrid[:SIDE, :SIDE] - centre
    for k, square in enumerate(squares):
        if rng.random() < FRAGMENTS:
            angle = rng.uniform(0, 2 * np.pi)
            along = np.cos(angle) * x + np.sin(angle) * y
            inside = along[square > 127]
            if inside.size:
                square = np.where(along < np.quantile(inside, rng.uniform(0.35, 0.7)), square, 0).astype(np.uint8)
                labels[k] = unclear
        turn = cv2.getRotationMatrix2D((centre, centre), rng.normal(0, 5), rng.uniform(0.85, 1.08))
        turn[:, 2] = turn[:, 2] + rng.uniform(-1.5, 1.5, 2)
        moved = cv2.warpAffine(square, turn, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
        out[k, 0] = moved[:, ::-1] if rng.random() < 0.5 else moved
    return out / 255, labels


def _probabilities(net: torch.nn.Module, squares: np.ndarray) -> np.ndarray:
    """``(n, classes)`` float32, mean of the square and its mirror."""
    import torch

    found: list[np.ndarray] = []
    with torch.no_grad():
        for start in range(0, len(squares), 512):
            batch = torch.from_numpy(squares[start : start + 512, None].astype(np.float32) / 255)
            found.append(((net(batch).softmax(1) + net(batch.flip(-1)).softmax(1)) / 2).numpy())
    return np.concatenate(found)
