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
    of higher quality, then the first by set, source and number. Only outlines that are whole so far count.
    """
    by_name: dict[str, list[Curated]] = defaultdict(list)
    for outline in outlines:
        if outline.verdict == "whole" and outline.name is not None:
            by_name[outline.name].append(outline)
    return sum(_mark(group) for _, group in sorted(by_name.items()))


def _mark(group: list[Curated]) -> int:
    group = sorted(group, key=_order)
    shapes = np.stack([boxed(o.mask) for o in group]).astype(np.float32)
    aspects = np.log([o.mask.shape[1] / o.mask.shape[0] for o in group])
    pairs = _pairs(shapes, aspects)
    gone: set[int] = set()
    for i in range(len(group)):
        if i in gone:
            continue
        for j in pairs.get(i, ()):
            if j not in gone:
                gone.add(j)
                group[j].verdict = "duplicate"
                group[j].reason = f"of {group[i].set} {group[i].source} #{group[i].number}"
    return len(gone)


def _order(outline: Curated) -> tuple[int, float, str, str, int]:
    return _RANK[outline.split], -round(outline.quality, 6), outline.set, outline.source, outline.number


def _pairs(shapes: np.ndarray, aspects: np.ndarray) -> dict[int, list[int]]:
    """``{i: [j > i that nearly repeat i]}``. Counts of shared pixels are whole numbers, so exact in float32."""
    count = len(shapes)
    flat, mirrored = shapes.reshape(count, -1), shapes[:, :, ::-1].reshape(count, -1)
    areas = flat.sum(axis=1)
    found: dict[int, list[int]] = {}
    for start in range(0, count, _BLOCK):
        rows = slice(start, start + _BLOCK)
        near = np.zeros((len(areas[rows]), count), dtype=bool)
        for other in (flat, mirrored):
            shared = flat[rows] @ other.T
            near |= shared > SAME * (areas[rows, None] + areas[None] - shared)
        near &= np.abs(aspects[rows, None] - aspects[None]) < ASPECT
        for i, j in np.argwhere(near):
            if j > i + start:
                found.setdefault(int(i) + start, []).append(int(j))
    return found
