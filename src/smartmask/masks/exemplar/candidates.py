"""Candidates: remembered outlines, each in the box it would take under the guides, weighed in whole numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from smartmask.geometry import BoxXYXY
from smartmask.masks.exemplar.asked import SIDE, Asked, seen_in
from smartmask.masks.exemplar.choose import UNITS
from smartmask.masks.exemplar.memory import CELLS
from smartmask.masks.exemplar.pool import Pool

POOL = 240  # candidates that strata are made of
STRETCH = 0.3  # log aspect by which an outline is willingly stretched (a standard deviation)
LOOSE = 0.42  # the same where no guide, only a suggested place asks for an aspect
MOST = math.log(1.7)  # and at the most
STROKE = 14.0  # nats that leaving all of a stroke uncovered costs
PAINT = 22.0  # nats between no overlap with a painted mask and all
FARTHER = 0.7  # nats an e-fold of area by which a painted object would go on unseen
STEPS = (  # of the longer side: how far it goes on, where that many sides are open
    (), (0.06, 0.12, 0.2, 0.3, 0.45, 0.65, 0.9, 1.2, 1.5), (0.08, 0.18, 0.3, 0.5, 0.8, 1.2), (0.1, 0.3, 0.6, 1.0),
    (0.15, 0.5, 1.0),
)  # fmt: skip
LONGER, PLACES = 24, 3  # boxes that a shape is tried in, and that it keeps
AVOID = 16.0  # nats that lying wholly where the object must not be costs


@dataclass(frozen=True, eq=False)
class Candidates:
    """n shapes of a pool in boxes.

    shapes: (n,) indices into the pool. boxes: (n, 4) of the scene. stretch: (n,) log of the box's aspect
    over the shape's. units: (n,) int64 log scores, UNITS a nat.
    """

    shapes: np.ndarray
    boxes: np.ndarray
    stretch: np.ndarray
    units: np.ndarray

    def __len__(self) -> int:
        return len(self.shapes)

    def take(self, which: np.ndarray) -> Candidates:
        """Some of them, in that order."""
        return Candidates(self.shapes[which], self.boxes[which], self.stretch[which], self.units[which])

    def weighed(self, units: np.ndarray) -> Candidates:
        """The same with more added to their scores."""
        return replace(self, units=self.units + units)

    def best(self, count: int = POOL) -> Candidates:
        """The ``count`` of the highest score, ties by their order; in their own order."""
        if len(self) > count:
            kept = np.argsort(-self.units, kind="stable")[:count]
            return self.take(np.sort(kept))
        return self

    def middle_box(self) -> BoxXYXY:
        """The mean box of the best candidates, on whole pixels."""
        x0, y0, x1, y1 = np.round(np.median(self.best(64).boxes, axis=0)).tolist()
        return x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)


def in_box(pool: Pool, box: BoxXYXY) -> Candidates:
    """Shapes that fill an exact box. One that would be stretched by more than MOST keeps the rest of its aspect."""
    width, height = max(box[2] - box[0], 1e-6), max(box[3] - box[1], 1e-6)
    stretch = math.log(width / height) - np.log(pool.aspects)
    beyond = stretch - np.clip(stretch, -MOST, MOST)  # above 0: the box is too wide for it
    own_width, own_height = width * np.exp(-np.maximum(beyond, 0)), height * np.exp(np.minimum(beyond, 0))
    middle = (box[0] + box[2]) / 2
    boxes = np.stack(
        [middle - own_width / 2, box[3] - own_height, middle + own_width / 2, np.full(len(pool), box[3])], 1
    )
    return Candidates(np.arange(len(pool)), boxes, stretch - beyond, nats(-0.5 * (stretch / STRETCH) ** 2))


def near_box(pool: Pool, box: BoxXYXY) -> Candidates:
    """Shapes that stand in a suggested box as they are: on its lower edge, in its middle, no higher than it.

    A shape that is wider for its height than the box has the box's area, a slimmer one the box's height: a place tells
    how high things are there rather than how wide, since what is seen of them is often cut.
    """
    width, height = max(box[2] - box[0], 1e-6), max(box[3] - box[1], 1e-6)
    off = math.log(width / height) - np.log(pool.aspects)
    give = np.sign(off) * np.minimum(np.abs(off), STRETCH / 2)  # a little of it is stretched away
    aspect = pool.aspects * np.exp(give)
    own_height = np.minimum(np.sqrt(width * height / aspect), height)
    own_width = own_height * aspect
    middle = (box[0] + box[2]) / 2
    boxes = np.stack(
        [middle - own_width / 2, box[3] - own_height, middle + own_width / 2, np.full(len(pool), box[3])], 1
    )
    return Candidates(np.arange(len(pool)), boxes, give, nats(-0.5 * (off / LOOSE) ** 2))


def in_boxes(pool: Pool, boxes: Sequence[BoxXYXY], units: np.ndarray, keep: int = 6) -> Candidates:
    """Shapes, each in the ``keep`` guessed boxes that suit it best. units: (boxes,) int64 of each box."""
    given = np.array(boxes, np.float64).reshape(-1, 4)
    aspects = np.log((given[:, 2] - given[:, 0]) / (given[:, 3] - given[:, 1]))
    stretch = aspects[None, :] - np.log(pool.aspects)[:, None]
    score = units[None, :] + nats(-0.5 * (stretch / STRETCH) ** 2)
    best = np.argsort(-score, axis=1, kind="stable")[:, :keep]
    which = np.repeat(np.arange(len(pool)), best.shape[1])
    chosen = best.ravel()
    return Candidates(which, given[chosen], stretch[which, chosen], score[which, chosen])


def by_moments(pool: Pool, moments: tuple[float, float, float, float]) -> Candidates:
    """Shapes, each placed and scaled so that its mass lies where the guide's does."""
    cx, cy, sx, sy = moments
    steps = (np.arange(CELLS) + 0.5) / CELLS
    cells = pool.cells.astype(np.float64)
    area = np.maximum(cells.sum(axis=(1, 2)), 1e-9)
    across, down = cells.sum(axis=1), cells.sum(axis=2)
    ux, uy = across @ steps / area, down @ steps / area
    dx = np.sqrt(np.maximum(across @ steps**2 / area - ux**2, 1e-4))
    dy = np.sqrt(np.maximum(down @ steps**2 / area - uy**2, 1e-4))
    width, height = sx / dx, sy / dy
    stretch = np.log(width / height) - np.log(pool.aspects)
    given = np.clip(stretch, -MOST, MOST)  # what lies beyond is shared by both sides
    width, height = width * np.exp((given - stretch) / 2), height * np.exp((stretch - given) / 2)
    left, top = cx - ux * width, cy - uy * height
    boxes = np.stack([left, top, left + width, top + height], axis=1)
    return Candidates(np.arange(len(pool)), boxes, given, nats(-0.5 * (stretch / STRETCH) ** 2))


def going_on(pool: Pool, asked: Asked, region: BoxXYXY, moments: tuple[float, float, float, float]) -> Candidates:
    """Shapes of which paint in a region shows a part: each where that part agrees best, going on behind."""
    placed = by_moments(pool, moments)
    boxes, farther = _longer(region, asked.reach)
    others = in_boxes(pool, boxes, nats(-FARTHER * farther), LONGER)
    both = [(c.shapes, c.boxes, c.stretch, c.units) for c in (placed, others)]
    found = Candidates(*(np.concatenate(parts) for parts in zip(*both, strict=True)))
    units = found.units + guided(asked.coarse(), pool.cells[found.shapes], found.boxes)
    # the best few of each shape: by shape, then by score, ties by their order
    order = np.lexsort((-units, found.shapes))
    first = np.searchsorted(found.shapes[order], np.arange(len(pool)))
    rank = np.arange(len(order)) - first[found.shapes[order]]
    return found.take(np.sort(order[rank < PLACES]))


def _longer(region: BoxXYXY, reach: Sequence[float]) -> tuple[list[BoxXYXY], np.ndarray]:
    """Boxes round a region, longer on the sides where it may go on, and the logs (n,) of how much larger."""
    x0, y0, x1, y1 = region
    longer = max(x1 - x0, y1 - y0, 1.0)
    least = longer / SIDE
    steps = STEPS[sum(way > least for way in reach)]
    ways = [[0.0, *(s * longer for s in steps if s * longer <= way + least)] if way > least else [0.0] for way in reach]
    boxes = [(x0 - a, y0 - b, x1 + c, y1 + d) for a, b, c, d in product(*ways)]
    area = np.array([(b[2] - b[0]) * (b[3] - b[1]) for b in boxes])
    return boxes, np.log(area / area[0])


def guided(asked: Asked, cells: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """``(n,)`` int64 units: how well pictures (n, C, C) in boxes (n, 4) agree with strokes, paint, what is barred."""
    total = np.zeros(len(cells))
    maps = [item for item in (asked.strokes, asked.painted, asked.avoid) if item is not None]
    if maps:
        seen = seen_in(asked.window, cells, boxes, len(maps[0])).reshape(len(cells), -1).astype(np.float32)
        area = np.maximum(seen.sum(axis=1), 1e-9)
        if asked.strokes is not None:
            wanted = (asked.strokes >= 0.5).ravel().astype(np.float32)
            total += STROKE * ((seen @ wanted) / max(wanted.sum(), 1.0) - 1)
        if asked.painted is not None:
            total += PAINT * (_agreement(asked.painted, asked.unknown, seen, area) - 1)
        if asked.avoid is not None:
            barred = (asked.avoid >= 0.5).ravel().astype(np.float32)
            total -= AVOID * (seen @ barred) / area
    if len(asked.points):
        total += STROKE * (_hit(cells, boxes, asked.points).mean(axis=1) - 1)
    return nats(total)


def _agreement(painted: np.ndarray, unknown: np.ndarray | None, seen: np.ndarray, area: np.ndarray) -> np.ndarray:
    """``(n,)`` overlap of pictures (n, SIDE * SIDE) of some areas (n,) with the paint, over both, where it is known."""
    wanted = (painted >= 0.5).ravel().astype(np.float32)
    shared = seen @ wanted
    counted = area if unknown is None else area - seen @ unknown.ravel().astype(np.float32)
    return shared / np.maximum(counted + wanted.sum() - shared, 1e-9)


def _hit(cells: np.ndarray, boxes: np.ndarray, points: np.ndarray) -> np.ndarray:
    """``(n, k)`` float: whether each point (k, 2) lies in each picture."""
    side = cells.shape[1]
    u = (points[None, :, 0] - boxes[:, 0:1]) / np.maximum(boxes[:, 2:3] - boxes[:, 0:1], 1e-6) * side
    v = (points[None, :, 1] - boxes[:, 1:2]) / np.maximum(boxes[:, 3:4] - boxes[:, 1:2], 1e-6) * side
    inside = (u >= 0) & (u < side) & (v >= 0) & (v < side)
    column, row = np.clip(u, 0, side - 1).astype(np.int64), np.clip(v, 0, side - 1).astype(np.int64)
    return (cells[np.arange(len(cells))[:, None], row, column] & inside).astype(np.float64)


def nats(values: np.ndarray) -> np.ndarray:
    """Log scores in nats, as whole units."""
    return np.round(np.maximum(values, -1000.0) * UNITS).astype(np.int64)
