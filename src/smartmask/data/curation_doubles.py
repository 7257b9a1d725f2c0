"""Near-duplicates among whole outlines: the same thing twice, mirrored, or in two sets.

An outline of the training split that nearly repeats one of the test or development split would tell the
answer, so it goes, however good it is; within a split the better one stays.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import cv2
import numpy as np

from smartmask.data.curation import Curated

SAME = 0.9  # IoU in the own box
SOLID, SAME_SOLID = 0.93, 0.95  # within a split, what fills its hull so far is a double from that IoU only
FEWEST = 3  # training outlines that a name keeps if it has them, doubles or not: balls are round in every photograph
ASPECT = 0.15  # difference of the logarithms of width / height
_SIDE = 48
_BLOCK = 1024
_RANK = {"test": 0, "dev": 1, "train": 2}  # who stays


def boxed(mask: np.ndarray, side: int = _SIDE) -> np.ndarray:
    """``(side, side)`` bool: the mask stretched to a square, pixels covered by half."""
    return cv2.resize(mask.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA) > 0.5


def mark_doubles(outlines: Sequence[Curated]) -> int:
    """Give all but the best of near-duplicates of one name the verdict "duplicate"; returns how many.

    Of two, the test split's stays before the development split's before the training split's, then the one
    of higher quality, then the first by set, source and number. Things that fill their hull, such as bottles
    and screens, look alike by chance: within a split they are doubles from SAME_SOLID only. Only outlines that
    are whole so far count.
    """
    by_name: dict[str, list[Curated]] = defaultdict(list)
    for outline in outlines:
        if outline.verdict == "whole" and outline.name is not None:
            by_name[outline.name].append(outline)
    for _, group in sorted(by_name.items()):
        _mark(group)
        _spare(group)
    return sum(o.verdict == "duplicate" for group in by_name.values() for o in group)


def _mark(group: list[Curated]) -> None:
    group = sorted(group, key=_order)
    shapes = np.stack([boxed(o.mask) for o in group]).astype(np.float32)
    aspects = np.log([o.mask.shape[1] / o.mask.shape[0] for o in group])
    solid = np.array([solidity(o.mask) > SOLID for o in group])
    splits = np.array([_RANK[o.split] for o in group])
    pairs = _pairs(shapes, aspects, solid, splits)
    gone: set[int] = set()
    for i in range(len(group)):
        if i in gone:
            continue
        for j in pairs.get(i, ()):
            if j not in gone:
                gone.add(j)
                group[j].verdict = "duplicate"
                group[j].reason = f"of {group[i].set} {group[i].source} #{group[i].number}"


def _spare(group: list[Curated]) -> None:
    """Give a name back its best training doubles of other sources, up to FEWEST outlines."""
    have = sum(o.verdict == "whole" and o.split == "train" for o in group)
    doubles = [o for o in group if o.verdict == "duplicate" and o.split == "train"]
    for outline in sorted(doubles, key=_order)[: max(0, FEWEST - have)]:
        outline.verdict, outline.reason = "whole", f"double {outline.reason}, but its name has few"


def solidity(mask: np.ndarray) -> float:
    """Share of its convex hull, in (0, 1], that a mask fills."""
    points = cv2.findNonZero(mask.astype(np.uint8))
    hull = np.zeros(mask.shape, np.uint8)
    cv2.fillConvexPoly(hull, cv2.convexHull(points), 1)
    return int(np.count_nonzero(mask)) / max(1, int(np.count_nonzero(hull)))


def _order(outline: Curated) -> tuple[int, float, str, str, int]:
    return _RANK[outline.split], -round(outline.quality, 6), outline.set, outline.source, outline.number


def _pairs(shapes: np.ndarray, aspects: np.ndarray, solid: np.ndarray, splits: np.ndarray) -> dict[int, list[int]]:
    """``{i: [j > i that nearly repeat i]}``. Counts of shared pixels are whole numbers, so exact in float32."""
    count = len(shapes)
    flat, mirrored = shapes.reshape(count, -1), shapes[:, :, ::-1].reshape(count, -1)
    areas = flat.sum(axis=1)
    found: dict[int, list[int]] = {}
    for start in range(0, count, _BLOCK):
        rows = slice(start, start + _BLOCK)
        lenient = solid[rows, None] & solid[None] & (splits[rows, None] == splits[None])
        same = np.where(lenient, SAME_SOLID, SAME)
        near = np.zeros((len(areas[rows]), count), dtype=bool)
        for other in (flat, mirrored):
            shared = flat[rows] @ other.T
            near |= shared > same * (areas[rows, None] + areas[None] - shared)
        near &= np.abs(aspects[rows, None] - aspects[None]) < ASPECT
        for i, j in np.argwhere(near):
            if j > i + start:
                found.setdefault(int(i) + start, []).append(int(j))
    return found
