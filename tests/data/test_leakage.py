"""The leakage trap: nothing in what training sees may betray the object that was taken out.

Each probe looks at a layout as networks get it and guesses which of k shapes fitted to the same box was the object.
With hiding it must do no better than chance (the 95 % binomial interval of its hits includes 1/k); without, it must
succeed, or it proves nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from drawn import traced_scene
from scipy.stats import binomtest

from smartmask.data import pairs
from smartmask.data.pack import Pack
from smartmask.data.pairs import Pair, PairConfig, is_target, make_pair
from smartmask.geometry import BoxXYXY, mask_box
from smartmask.scene.view import OUTSIDE, UNLABELED

CANDIDATES = 4


def hides_nothing(box: BoxXYXY, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """``hidden_region`` with hiding switched off."""
    return np.zeros(shape, dtype=bool)


def interval(hits: Sequence[bool], tries: int = 1) -> tuple[float, float]:
    """The exact 95 % binomial interval of the hit rate; of ``tries`` such intervals all hold at once."""
    ends = binomtest(int(np.sum(hits)), len(hits)).proportion_ci(1 - 0.05 / tries)
    return float(ends.low), float(ends.high)


# --- which shape? ----------------------------------------------------------------------------------


def distance_outside(mask: np.ndarray) -> np.ndarray:
    return cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)


def overlap(top: np.ndarray, candidate: np.ndarray) -> float:
    """IoU with the unlabeled region: the hole that the object left."""
    unlabeled = top == UNLABELED
    return float((unlabeled & candidate).sum() / max((unlabeled | candidate).sum(), 1))


def alignment(top: np.ndarray, candidate: np.ndarray) -> float:
    """How well changes of label follow the candidate's outline, at the best of several distances from it.

    The neighbours end at the object's outline, or a ring's width away from it. The photo's border
    is no secret, so changes to "outside" do not count.
    """
    edge = np.zeros(top.shape, dtype=bool)
    for one, two in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])):
        edge[one] |= (top[one] != top[two]) & (top[one] != OUTSIDE) & (top[two] != OUTSIDE)
    near = np.exp(-distance_outside(edge) / 2)
    away = distance_outside(candidate)
    return max(float(near[(away > r) & (away <= r + 1.5)].mean()) for r in range(0, 16, 2))


def ring(top: np.ndarray, candidate: np.ndarray) -> float:
    """How much more is unlabeled close round the candidate than a little farther out: the void ring."""
    away, unlabeled = distance_outside(candidate), top == UNLABELED
    known = (away > 0) & (top != OUTSIDE)
    return max(
        float(unlabeled[known & (away <= r)].mean() - unlabeled[known & (away > r) & (away <= 2 * r)].mean())
        for r in (3, 5, 8, 12)
    )


PROBES: list[Callable[[np.ndarray, np.ndarray], float]] = [overlap, alignment, ring]


def fitted(mask: np.ndarray, box: BoxXYXY) -> np.ndarray:
    """The mask cut to its own box and stretched to ``box``."""
    x0, y0, x1, y1 = (int(v) for v in mask_box(mask) or (0, 0, 1, 1))
    a, b, c, d = (int(v) for v in box)
    part = cv2.resize(mask[y0:y1, x0:x1].astype(np.uint8) * 255, (c - a, d - b), interpolation=cv2.INTER_LINEAR)
    moved = np.zeros_like(mask)
    moved[b:d, a:c] = part > 127
    return moved


def shape_hits(drawn: list[Pair]) -> dict[str, list[bool]]:
    """For each probe, whether it picks the true object among shapes of other pairs, ties by chance."""
    rng = np.random.default_rng(7)
    hits: dict[str, list[bool]] = {probe.__name__: [] for probe in PROBES}
    for i, pair in enumerate(drawn):
        others = rng.choice([j for j in range(len(drawn)) if j != i], CANDIDATES - 1, replace=False)
        shapes = [fitted(drawn[j].amodal, pair.box) for j in (i, *others)]
        for probe in PROBES:
            scores = [probe(pair.view.top, shape) + rng.uniform(0, 1e-9) for shape in shapes]
            hits[probe.__name__].append(int(np.argmax(scores)) == 0)
    return hits


def traced_pairs(count: int, seed: int = 1) -> list[Pair]:
    """Pairs as training draws them, from scenes in which everything traces the object."""
    rng = np.random.default_rng(seed)
    return [make_pair(*traced_scene(rng, ring=2), rng, kind="box") for _ in range(count)]


def test_no_probe_finds_the_hidden_shape() -> None:
    for name, hits in shape_hits(traced_pairs(320)).items():
        low, high = interval(hits)
        assert low <= 1 / CANDIDATES <= high, f"{name} hits {np.mean(hits):.3f} of the time"


def test_every_probe_finds_the_shape_when_nothing_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "hidden_region", hides_nothing)
    for name, hits in shape_hits(traced_pairs(80)).items():
        assert interval(hits)[0] > 2 / CANDIDATES, f"{name} hits {np.mean(hits):.3f} of the time"


@pytest.mark.slow
def test_no_probe_finds_a_hidden_voc_object() -> None:
    """The same on the pack of real layouts that $SMARTMASK_PACK names.

    Only objects off the border (one that the border cuts is flush with it, which is no secret) and of at
    least 2 % of the picture (of smaller ones the void ring, five pixels wide, may reach beyond what is hidden).
    """
    if "SMARTMASK_PACK" not in os.environ:
        pytest.skip("no pack of real layouts; set SMARTMASK_PACK to its file")
    pack = Pack(Path(os.environ["SMARTMASK_PACK"]))
    rng = np.random.default_rng(5)
    drawn: list[Pair] = []
    for number in rng.permutation([i for i, source in enumerate(pack.meta.sources) if source == "voc"]):
        scene = pack[int(number)].scene
        for index, layer in enumerate(scene.layers):
            x0, y0, x1, y1 = mask_box(layer.mask) or (0, 0, 0, 0)
            room = 0.3 * max(x1 - x0, y1 - y0)
            inside = min(x0, y0, scene.width - x1, scene.height - y1) > room
            if inside and is_target(scene, index, min_area=0.02):
                drawn.append(make_pair(scene, index, rng, kind="box", config=PairConfig(truncate=0)))
        if len(drawn) > 400:
            break
    assert len(drawn) > 400
    for name, hits in shape_hits(drawn).items():
        low, high = interval(hits)
        assert low <= 1 / CANDIDATES <= high, f"{name} hits {np.mean(hits):.3f} of the time"
