"""How clearly an outline reads as its name: a small network that names silhouettes, trained on other folds.

What it finds improbable is a doubtful outline: a heap, a fragment, a wrong name. What it names at once is
clear to a stranger, too.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from smartmask.data.curation import Curated

if TYPE_CHECKING:
    import torch

SIDE = 48  # pixels of the classifier's square
INNER = 42  # pixels of the longer side of an outline in it; its aspect is kept
LEAST = 24  # whole outlines of the training split that make a name a class
FOLDS = 3
STEPS, BATCH = 1400, 128
SMOOTHING = 0.05  # of the labels, some of which are wrong

# Names whose outlines a stranger would not part: evidence for one is evidence for the other.
ALIKE: tuple[frozenset[str], ...] = tuple(
    frozenset(group.split(", "))
    for group in (
        "bird, duck, swan, chicken, flamingo",
        "cup, mug, glass",
        "couch, bed",
        "table, dining table",
        "chair, armchair",
        "potted plant, plant, flower, tree, bush, palm tree",
        "bus, truck, train, fire truck",
        "car, truck",
        "cow, bull",
        "dog, wolf, fox",
        "cat, dog",
        "rodent, mouse, rat",
        "tv, microwave, window, door, refrigerator, dishwasher, oven, book, balcony, building, box",
        "bicycle, motorcycle",
        "horse, donkey, deer",
        "sheep, goat, pig",
        "bottle, can, carton",
        "plate, bowl",
        "bag, plastic bag, packet",
        "straw, cigarette",
    )
)


def framed(mask: np.ndarray) -> np.ndarray:
    """``(SIDE, SIDE)`` uint8 coverage of 255: the mask, aspect kept, in the middle of a square."""
    height, width = mask.shape
    scale = INNER / max(height, width)
    new_h, new_w = max(1, round(height * scale)), max(1, round(width * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(mask.astype(np.float32), (new_w, new_h), interpolation=how)
    square = np.zeros((SIDE, SIDE), np.uint8)
    top, left = (SIDE - new_h) // 2, (SIDE - new_w) // 2
    square[top : top + new_h, left : left + new_w] = np.rint(small * 255)
    return square


def fold_of(source: str) -> int:
    """The fold of a picture: 0 .. FOLDS - 1, apart from the digit that tells its split."""
    return int(hashlib.sha1(f"fold {source}".encode()).hexdigest(), 16) % FOLDS


def clearness(outlines: Sequence[Curated], steps: int = STEPS, seed: int = 0) -> np.ndarray:
    """``(n,)`` float32 in [0, 1]: probability of its own name (or one alike) among all, each equally frequent before.

    Outlines of the training split are told by networks that saw none of their pictures, others by the mean of
    all; nothing outside of the training split is learnt from. NaN for names with fewer than LEAST outlines.
    """

    learnt = [i for i, o in enumerate(outlines) if o.split == "train" and o.kind == "photo" and o.verdict == "whole"]
    counts = Counter(str(outlines[i].name) for i in learnt)
    names = sorted(name for name, count in counts.items() if count >= LEAST)
    index = {name: k for k, name in enumerate(names)}
    result = np.full(len(outlines), np.nan, np.float32)
    asked = [i for i, o in enumerate(outlines) if o.name in index]
    if len(names) < 2 or not asked:
        return result
    squares = np.stack([framed(outlines[i].mask) for i in asked])
    labels = np.array([index[str(outlines[i].name)] for i in asked])
    folds = np.array([fold_of(outlines[i].source) for i in asked])
    may_teach = np.isin(asked, learnt)
    in_training = np.array([outlines[i].split == "train" for i in asked])
    alike = _alike(names)
    total = np.zeros((len(asked), len(names)), np.float32)
    votes = np.zeros(len(asked), np.float32)
    for fold in range(FOLDS):
        teach = may_teach & (folds != fold)
        net = _train(squares[teach], labels[teach], len(names), steps, seed + fold)
        told = np.flatnonzero((folds == fold) | ~in_training)
        total[told] += _probabilities(net, squares[told])
        votes[told] += 1
    probability = total / votes[:, None]
    result[asked] = np.minimum(1, (probability * alike[labels]).sum(axis=1))
    return result


def _alike(names: Sequence[str]) -> np.ndarray:
    """``(n, n)`` float32 of 1 where a name is the other or one alike."""
    table = np.eye(len(names), dtype=np.float32)
    for i, a in enumerate(names):
        for j, b in enumerate(names):
            if any(a in group and b in group for group in ALIKE):
                table[i, j] = 1
    return table


def _network(classes: int) -> torch.nn.Module:
    from torch import nn

    def block(a: int, b: int) -> list[nn.Module]:
        return [nn.Conv2d(a, b, 3, 2, 1), nn.BatchNorm2d(b), nn.SiLU(), nn.Conv2d(b, b, 3, 1, 1), nn.SiLU()]

    layers = [*block(1, 24), *block(24, 48), *block(48, 96), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Dropout(0.2)]
    return nn.Sequential(*layers, nn.Linear(4 * 96, classes))


def _train(squares: np.ndarray, labels: np.ndarray, classes: int, steps: int, seed: int) -> torch.nn.Module:
    """A network that names squares ``(n, SIDE, SIDE)`` uint8, every class drawn equally often."""
    import torch

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = _network(classes)
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    count = np.bincount(labels, minlength=classes)
    chance: np.ndarray = 1 / np.sqrt(count[labels])  # between equally often and as often as they come
    chance = chance / chance.sum()
    weight = torch.from_numpy((1 / np.sqrt(np.maximum(count, 1))).astype(np.float32))
    for _ in range(steps):
        rows = rng.choice(len(labels), BATCH, p=chance)
        batch = torch.from_numpy(_jittered(squares[rows], rng))
        target = torch.from_numpy(labels[rows])
        loss = torch.nn.functional.cross_entropy(
            net(batch), target, weight=weight / weight.mean(), label_smoothing=SMOOTHING
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return net.eval()


def _jittered(squares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """``(n, 1, SIDE, SIDE)`` float32 in [0, 1]: mirrored by half, a little turned, scaled and shifted."""
    out = np.empty((len(squares), 1, SIDE, SIDE), np.float32)
    for k, square in enumerate(squares):
        angle, scale = rng.normal(0, 5), rng.uniform(0.85, 1.08)
        turn = cv2.getRotationMatrix2D((SIDE / 2 - 0.5, SIDE / 2 - 0.5), angle, scale)
        turn[:, 2] = turn[:, 2] + rng.uniform(-2, 2, 2)
        moved = cv2.warpAffine(square, turn, (SIDE, SIDE), flags=cv2.INTER_LINEAR)
        out[k, 0] = moved[:, ::-1] if rng.random() < 0.5 else moved
    return out / 255


def _probabilities(net: torch.nn.Module, squares: np.ndarray) -> np.ndarray:
    """``(n, classes)`` float32, mean of the square and its mirror."""
    import torch

    with torch.no_grad():
        found = []
        for start in range(0, len(squares), 512):
            batch = torch.from_numpy(squares[start : start + 512, None].astype(np.float32) / 255)
            found.append((net(batch).softmax(1) + net(batch.flip(-1)).softmax(1)) / 2)
        return torch.cat(found).numpy()
