"""What speaks for and against a box: its size beside the scene's things, what it meets, what lies round it.

Nothing inside the box counts: in annotations of visible parts, what was there before the object is not known, and a
network would learn the holes instead of the scene (docs/decisions.md).
"""

from __future__ import annotations

import numpy as np

from smartmask.masks.exemplar.place.layout import CARRIERS, CELLS, CHANNELS, GLOBAL, KINDS, PEOPLE, Layout, Named
from smartmask.masks.exemplar.place.usual import EDGE, LEAST, Statistics
from smartmask.text.typical import EVENNESS

OWN, SIZES, MEETS, NEXT = 19, 13, 4, 12  # numbers of each part
REGIONS = 5
FEATURES = OWN + SIZES + MEETS + 4 * NEXT + REGIONS * CHANNELS  # numbers of a box
WHOLE = GLOBAL + len(KINDS)  # numbers of a request in a scene
SLOPES = (1.0, 2.0, 3.0)  # growths of log height from the scene's top to its bottom that things may follow
AGREE = 0.35  # deviation of log heights that agree
SURE = 0.4  # likeness to a kind from which a thing counts as one
STRIP, SIDEWAYS = 0.15, 0.3  # of a box's height and width: regions round it


def request_features(layout: Layout, name: Named) -> np.ndarray:
    """``(WHOLE,)`` float32: the scene as a whole, and the name."""
    return np.concatenate([layout.whole, name.kinds]).astype(np.float32)


def box_features(layout: Layout, name: Named, boxes: np.ndarray, usual: Statistics) -> np.ndarray:
    """``(n, FEATURES)`` float32 of boxes (n, 4) in shares of the scene, no side under LEAST / 2."""
    return np.concatenate(
        [_own(layout, name, boxes, usual), _sizes(layout, name, boxes), _meets(layout, name, boxes),
         _around(layout, boxes)], axis=1,
    ).astype(np.float32)  # fmt: skip


def _sides(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Widths and heights, at least half of LEAST."""
    return np.maximum(boxes[:, 2] - boxes[:, 0], LEAST / 2), np.maximum(boxes[:, 3] - boxes[:, 1], LEAST / 2)


def _own(layout: Layout, name: Named, boxes: np.ndarray, usual: Statistics) -> np.ndarray:
    """``(n, OWN)``: the box itself, beside what is usual for the name."""
    x0, y0, x1, y1 = boxes.T
    width, height = _sides(boxes)
    wide, tall = np.log(width), np.log(height)
    left, right = x0 < EDGE, x1 > 1 - EDGE
    things = len(layout.boxes)
    columns = [
        wide, tall, np.abs((x0 + x1) / 2 - 0.5), (y0 + y1) / 2, y0, y1, left, right, y0 < EDGE, y1 > 1 - EDGE,
        left | right, layout.ratio, name.metres, name.aspect, wide + layout.ratio - tall - name.aspect,
        (tall - usual.height) / usual.height_spread, (y1 - usual.foot) / usual.foot_spread,
        float(things > 0), min(things, 12) / 6,
    ]  # fmt: skip
    return _columns(columns, len(boxes))


def _columns(columns: list, count: int) -> np.ndarray:
    return np.stack([np.broadcast_to(np.asarray(column, np.float64), count) for column in columns], axis=1)


def _sizes(layout: Layout, name: Named, boxes: np.ndarray) -> np.ndarray:
    """``(n, SIZES)``: log height beside those of the scene's things, at like depth: lower edges tell it."""
    if not len(layout.boxes):
        return np.zeros((len(boxes), SIZES))
    feet, (_, height) = boxes[:, 3], _sides(boxes)
    wide_there, tall_there = _sides(layout.boxes)
    tall, there = np.log(height), np.log(tall_there)
    trust = (tall_there * wide_there) ** 0.1
    columns: list = []
    for slope in SLOPES:
        usual = weighted_median(there - EVENNESS * layout.metres - slope * layout.boxes[:, 3], trust)
        away = tall - EVENNESS * name.metres - slope * feet - usual
        columns += [away, np.abs(away)]
    own = tall - EVENNESS * name.metres - 2 * feet
    others = there - EVENNESS * layout.metres - 2 * layout.boxes[:, 3]
    columns += [_agreement(own[:, None] - others[None]), tall - np.median(there), tall - there.max(), there.max()]
    same = layout.keys == name.key
    if same.any():
        alike = there[same] - layout.boxes[same, 3]
        away = tall - feet - np.median(alike)
        columns += [away, np.abs(away), _agreement((tall - feet)[:, None] - alike[None])]
    else:
        columns += [0.0, 0.0, 0.0]
    return _columns(columns, len(boxes))


def _agreement(away: np.ndarray) -> np.ndarray:
    return np.log(np.exp(-0.5 * (away / AGREE) ** 2).mean(axis=1) + 0.02)


def weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    """The value at half of the weight."""
    order = np.argsort(values, kind="stable")
    shares = weights[order].cumsum()
    return float(values[order][np.searchsorted(shares, shares[-1] / 2)])


def _meets(layout: Layout, name: Named, boxes: np.ndarray) -> np.ndarray:
    """``(n, MEETS + 4 NEXT)``: overlap with the scene's things; how it lies to the nearest of its own name, person,
    carrier, and other thing."""
    if not len(layout.boxes):
        return np.zeros((len(boxes), MEETS + 4 * NEXT))
    pairs = Pairs(layout, boxes)
    overlap = [pairs.union.max(1), pairs.theirs.max(1), pairs.ours.max(1), np.minimum(pairs.ours.sum(1), 3)]
    same = layout.keys == name.key
    people = layout.kinds[:, PEOPLE] > SURE
    carriers = layout.kinds[:, CARRIERS].sum(1) > SURE
    groups = (same, people & ~same, carriers & ~same, ~same)
    return np.concatenate([np.stack(overlap, axis=1), *(pairs.nearest(group) for group in groups)], axis=1)


class Pairs:
    """Boxes (n, 4) beside a layout's things: arrays (n, things).

    union, theirs, ours: what they share, over both, over the thing's area, over the box's. scale: geometric mean of
    their heights. distance: of their borders in that scale, less twice their common share of the smaller.
    """

    def __init__(self, layout: Layout, boxes: np.ndarray) -> None:
        self.ratio, self.boxes, self.things = np.exp(layout.ratio), boxes, layout.boxes
        (width, self.height), (wide, self.tall) = _sides(boxes), _sides(self.things)
        x0, y0, x1, y1 = boxes.T[:, :, None]
        a, b, c, d = self.things.T
        across = np.minimum(x1, c) - np.maximum(x0, a)
        down = np.minimum(y1, d) - np.maximum(y0, b)
        common = np.maximum(across, 0) * np.maximum(down, 0)
        own, other = (width * self.height)[:, None], wide * self.tall
        self.union, self.theirs, self.ours = common / (own + other - common), common / other, common / own
        self.scale = np.sqrt(self.height[:, None] * self.tall)
        apart = (np.maximum(-across, 0) * self.ratio + np.maximum(-down, 0)) / self.scale
        self.distance = np.where(common > 0, -2 * common / np.minimum(own, other), apart)

    def nearest(self, group: np.ndarray) -> np.ndarray:
        """``(n, NEXT)``: how each box lies to the nearest thing of a group; zeros without one."""
        if not group.any():
            return np.zeros((len(self.boxes), NEXT))
        rows = np.arange(len(self.boxes))
        which = np.where(group, np.round(self.distance * 1024), np.inf).argmin(1)  # ties fall to the larger thing
        x0, y0, x1, y1 = self.boxes.T
        a, b, c, d = self.things[which].T
        scale, taller = self.scale[rows, which], np.log(self.height / self.tall[which])
        columns = [
            1.0, np.clip(self.distance[rows, which], 0, 4), self.union[rows, which], self.theirs[rows, which],
            self.ours[rows, which], np.clip((y1 - d) / scale, -3, 3), np.clip((y0 - b) / scale, -3, 3),
            np.clip(((y0 + y1) / 2 - b) / self.tall[which], -2, 3),
            np.clip(np.abs(x0 + x1 - a - c) / 2 * self.ratio / scale, 0, 4), taller, np.abs(taller),
            np.log(self.tall[which]),
        ]  # fmt: skip
        return _columns(columns, len(self.boxes))


def _around(layout: Layout, boxes: np.ndarray) -> np.ndarray:
    """``(n, REGIONS * CHANNELS)``: what lies below, wide below, above, beside the lower and beside the upper half."""
    found = layout.means(_regions(boxes))
    lower, upper = found[:, 3:5].mean(1), found[:, 5:7].mean(1)
    return np.concatenate([found[:, 0], found[:, 1], found[:, 2], lower, upper], axis=1)


def _regions(boxes: np.ndarray) -> np.ndarray:
    """``(n, 7, 4)``: below, wide below, above, left and right of the lower half, left and right of the upper one."""
    x0, y0, x1, y1 = boxes.T
    width, height = _sides(boxes)
    strip, side = np.maximum(STRIP * height, 1.5 / CELLS), np.maximum(SIDEWAYS * width, 1.5 / CELLS)
    middle = (y0 + y1) / 2
    around = [
        (x0, y1, x1, y1 + strip), (x0 - side, y1, x1 + side, y1 + 2 * strip), (x0, y0 - strip, x1, y0),
        (x0 - side, middle, x0, y1), (x1, middle, x1 + side, y1),
        (x0 - side, y0, x0, middle), (x1, y0, x1 + side, middle),
    ]  # fmt: skip
    return np.stack([np.stack(region, axis=-1) for region in around], axis=1)
