"""Where things of a name usually are: remembered boxes of real things, and those of things like it.

Boxes are in shares of their scene. Candidates are drawn from them with whole numbers and a fixed start, so that a
request has the same candidates on every processor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smartmask.masks.exemplar.place.layout import Layout, Named, Names, standing_metres, unit
from smartmask.text.typical import EVENNESS

BORROWED = 6.0  # boxes' worth of weight that names like the asked one have together
ALIKE = 0.1  # cosine by which a name's likeness falls to 1/e
RESIZED = 0.9  # log height by which a borrowed box is enlarged or made smaller at most
WHOLE = 4096  # the weight of one box, in whole numbers
EDGE = 0.01  # share of the scene within which a box counts as cut by the border
LEAST = 0.02  # share of the scene that a candidate's sides have at least
GRID = 4096  # candidates lie on this grid over the scene
SCALE, STRETCH, ACROSS, DOWN = 0.12, 0.08, 0.04, 0.03  # deviations: log size, log width, centre, lower edge
WIDER = 2.5  # factor on them for a quarter of the candidates; 1.5 for another
FITTED = 0.3  # deviation of log height about what the scene's things suggest
GROWTH = 2.0  # of log height from the scene's top to its bottom
OWN = 0.7  # weight of things of the same name against all things
NEAR_POINT = 0.6  # deviation, in half sides of a box, of its middle from a point that it holds


@dataclass(frozen=True)
class Statistics:
    """Mean and deviation of the log height and of the lower edge of a name's boxes."""

    height: float
    height_spread: float
    foot: float
    foot_spread: float


class UsualBoxes:
    """boxes: (n, 4) x0, y0, x1, y1 in [0, 1]. names: of all, as ``Names.key`` writes them; which: (n,) into names.
    trust: (n,) weights. vectors: (names, d) of length 1, metres: (names,) logs; None looks both up."""

    def __init__(
        self, boxes: np.ndarray, names: list[str], which: np.ndarray, trust: np.ndarray, known: Names,
        vectors: np.ndarray | None = None, metres: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        if not len(boxes) == len(which) == len(trust) or boxes.ndim != 2 or int(which.max(initial=0)) >= len(names):
            raise ValueError(f"{len(boxes)} boxes need as many names and weights, not {len(which)} and {len(trust)}")
        self.boxes, self.names, self.which, self.trust, self.known = boxes, names, which, trust, known
        if vectors is None:
            vectors = np.stack([unit(known.text.understand(name).vector) for name in names])
        self.vectors = vectors.astype(np.float32)
        self.metres = np.array([known.find(name).metres for name in names]) if metres is None else metres
        self.keys = {name: index for index, name in enumerate(names)}

    def weights(self, name: str, without: np.ndarray | None = None) -> np.ndarray:
        """``(n,)`` int64: how much each box says about a name. without: (n,) bool, those that do not count."""
        trust = self.trust.astype(np.float64) if without is None else np.where(without, 0.0, self.trust)
        own = self.keys.get(self.known.key(name), -1)
        like = np.exp((self.vectors @ unit(self.known.text.understand(name).vector) - 1) / ALIKE)
        like *= np.exp(-0.5 * (self.metres - self.known.find(name).metres) ** 2)
        if own >= 0:
            like[own] = 0
        borrowed = like[self.which] * trust
        total = max(float(borrowed.sum()), 1e-9)
        found = np.where(self.which == own, trust, 0) + borrowed * (BORROWED / total)
        return np.round(found * WHOLE).astype(np.int64)

    def sized(self, rows: np.ndarray, name: Named) -> np.ndarray:
        """Boxes of rows; those of other names resized to the asked one's metres about their lower edge's middle."""
        x0, y0, x1, y1 = self.boxes[rows].T
        factor = np.exp(np.clip(EVENNESS * (name.metres - self.metres[self.which[rows]]), -RESIZED, RESIZED))
        factor = np.where(self.which[rows] == self.keys.get(name.key, -1), 1.0, factor)
        middle, half = (x0 + x1) / 2, (x1 - x0) / 2 * factor
        return inside(np.stack([middle - half, y1 - (y1 - y0) * factor, middle + half, y1], axis=1))

    def statistics(self, weights: np.ndarray, name: Named) -> Statistics:
        """Of the weighted boxes."""
        rows = np.flatnonzero(weights)
        share = weights[rows] / weights[rows].sum()
        boxes = self.sized(rows, name)
        heights, feet = np.log(boxes[:, 3] - boxes[:, 1]), boxes[:, 3]
        height, foot = float(share @ heights), float(share @ feet)
        return Statistics(
            height, float(np.sqrt(share @ (heights - height) ** 2 + 0.04)),
            foot, float(np.sqrt(share @ (feet - foot) ** 2 + 0.01)),
        )  # fmt: skip

    def candidates(
        self,
        weights: np.ndarray,
        name: Named,
        layout: Layout,
        count: int,
        rng: np.random.Generator,
        points: np.ndarray | None = None,
    ) -> np.ndarray:
        """``(count, 4)`` boxes: half near remembered ones, a quarter farther, a quarter sized as the scene's things.

        points: (p, 2) in shares of the scene, which every box has to hold.
        """
        summed = np.cumsum(weights if points is None else self._near(weights, name, points))
        rows = np.searchsorted(summed, rng.integers(0, max(int(summed[-1]), 1), count), side="right")
        kind = rng.random(count)
        boxes = jittered(self.sized(rows, name), np.where(kind < 0.5, 1.0, np.where(kind < 0.75, WIDER, 1.5)), rng)
        suggested = suggested_heights(layout, name, boxes)
        spread, elsewhere = rng.normal(0, FITTED, count), rng.random((2, count))
        if suggested is not None:
            middle = (boxes[:, 0] + boxes[:, 2]) / 2
            if points is None:
                middle = np.where(elsewhere[0] < 0.5, middle, elsewhere[1])
            fitted = _resized(boxes, middle, np.exp(np.clip(suggested + spread, np.log(2 * LEAST), 0)))
            boxes = np.where((kind >= 0.75)[:, None], fitted, boxes)
        if points is not None:
            boxes = holding(boxes, points)
        return np.round(inside(boxes) * GRID) / GRID

    def _near(self, weights: np.ndarray, name: Named, points: np.ndarray) -> np.ndarray:
        """Weights of boxes that may hold the points, or nearly."""
        x, y = points.mean(axis=0)
        boxes = self.sized(np.arange(len(self.boxes)), name)
        half = (boxes[:, 2:] - boxes[:, :2]) / 2
        away = (np.array([x, y]) - boxes[:, :2] - half) / (half + 0.05) / NEAR_POINT
        near = np.round(weights * np.exp(-0.5 * np.minimum((away**2).sum(axis=1), 60))).astype(np.int64)
        return near if near.sum() > 0 else weights


def inside(boxes: np.ndarray) -> np.ndarray:
    """Boxes (n, 4) cut to the scene; no side under LEAST."""
    low = np.clip(boxes[:, :2], 0, 1 - LEAST)
    high = np.clip(boxes[:, 2:], LEAST, 1)
    return np.concatenate([np.minimum(low, high - LEAST), np.maximum(high, low + LEAST)], axis=1)


def holding(boxes: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Boxes moved, and enlarged where need be, so that all points lie in their inner four fifths."""
    low, high = points.min(axis=0), points.max(axis=0)
    size = np.maximum(boxes[:, 2:] - boxes[:, :2], (high - low) * 1.25)
    start = np.clip(boxes[:, :2], high - 0.9 * size, low - 0.1 * size)
    return np.concatenate([start, start + size], axis=1)


def jittered(boxes: np.ndarray, factor: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Boxes mirrored by chance and changed a little (factor (n,): of the deviations); cut sides stay cut."""
    count = len(boxes)
    mirrored = rng.random(count) < 0.5
    boxes = np.where(mirrored[:, None], boxes[:, [2, 1, 0, 3]] * (-1, 1, -1, 1) + (1, 0, 1, 0), boxes)
    scale, stretch, dx, dy = rng.normal(0, 1, (4, count)) * factor
    x0, y0, x1, y1 = boxes.T
    size = np.exp(SCALE * scale)
    width = np.minimum((x1 - x0) * size * np.exp(STRETCH * stretch), 1)
    height = np.minimum((y1 - y0) * size, 1)
    left, right, upper, lower = x0 < EDGE, x1 > 1 - EDGE, y0 < EDGE, y1 > 1 - EDGE
    start = np.where(left, 0, np.where(right, 1 - width, (x0 + x1) / 2 + ACROSS * dx - width / 2))
    foot = np.where(lower, 1, np.where(upper, height, y1 + DOWN * dy))
    return np.stack(
        [start, np.where(upper, 0, foot - height), np.where(right, 1, start + width), foot], axis=1
    )  # fmt: skip


def suggested_heights(layout: Layout, name: Named, boxes: np.ndarray) -> np.ndarray | None:
    """``(n,)`` log heights of a thing that stands where boxes (n, 4) do, beside the scene's things; None without any.

    Things of the same name say it themselves, others by their usual metres, which differ by what a thing stands on
    (``standing_metres``).
    """
    if not len(layout.boxes):
        return None
    tall = np.log(np.maximum(layout.boxes[:, 3] - layout.boxes[:, 1], LEAST))
    found = float(np.median(tall - EVENNESS * layout.standing - GROWTH * layout.boxes[:, 3]))
    feet, count = boxes[:, 3], len(boxes)
    metres = standing_metres(layout.sums, boxes, np.full(count, name.metres), np.full(count, name.seen))
    heights = EVENNESS * metres + GROWTH * feet + found
    same = layout.keys == name.key
    if same.any():
        heights = (1 - OWN) * heights + OWN * (np.median(tall[same] - layout.boxes[same, 3]) + feet)
    return heights


def _resized(boxes: np.ndarray, middle: np.ndarray, heights: np.ndarray) -> np.ndarray:
    factor = heights / (boxes[:, 3] - boxes[:, 1])
    half = np.minimum((boxes[:, 2] - boxes[:, 0]) * factor, 1) / 2
    return inside(np.stack([middle - half, boxes[:, 3] - heights, middle + half, boxes[:, 3]], axis=1))
