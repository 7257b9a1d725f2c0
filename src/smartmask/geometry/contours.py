"""Outlines of masks: closed lines that run smoothly between the pixels inside and those outside.

Each crosses the edge between the centres of a pixel inside and its neighbour outside, and is made smooth by moving
these crossings along their edges: constrained elastic surface nets (Gibson, MICCAI 1998), in two dimensions. Whatever
draws such a line by the centres of pixels draws the mask again.
"""

from __future__ import annotations

import cv2
import numpy as np

from smartmask.geometry.windows import MaskWindow

ROUNDS = 16  # of smoothing
REACH = 0.25  # how far a crossing moves from the middle of its edge, in pixels
TOLERANCE = 0.1  # pixels that the line may move where points are left out


def outlines(window: MaskWindow, tolerance: float = TOLERANCE) -> list[np.ndarray]:
    """Closed lines, ``(n, 2)`` float x, y in pixel edges of the picture: whole outlines and holes (even-odd rule).

    The picture's border is an edge of what it cuts. tolerance: in pixels; 0 keeps every crossing.
    """
    if not window.any():
        return []
    corner = np.array(window.box[:2])
    inside = np.pad(window.inside(), 1)
    points, following = _crossings(inside)
    height, width = window.shape
    fixed = _on_border(points + corner, height, width)
    points = _smooth(points, following, fixed)
    found = []
    for chain in _chains(following):
        line = (points[chain] + corner).astype(np.float32)
        found.append(cv2.approxPolyDP(line[:, None], tolerance, True)[:, 0] if tolerance else line)
    return [line.astype(np.float64) for line in found if len(line) > 2]


def _crossings(inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``(points (n, 2), following (n,))`` of a padded mask: marching squares, diagonal neighbours apart.

    points: x, y in pixel edges of the mask without its padding: the middles of edges between neighbours' centres that
    lie on two sides. following: the index of the next point round the inside, which is on the right (y down).
    """
    across, down = inside[:, 1:] != inside[:, :-1], inside[1:] != inside[:-1]
    numbers_across = np.full(across.shape, -1, np.int64)
    numbers_down = np.full(down.shape, -1, np.int64)
    count = int(np.count_nonzero(across))
    numbers_across[across] = np.arange(count)
    numbers_down[down] = count + np.arange(np.count_nonzero(down))
    rows, columns = np.nonzero(across)
    rows_down, columns_down = np.nonzero(down)
    points = np.concatenate(
        [np.stack([columns, rows - 0.5], axis=1), np.stack([columns_down - 0.5, rows_down], axis=1)]
    )
    # the four edges of each cell of four centres, and which of its centres are inside
    top, bottom = numbers_across[:-1], numbers_across[1:]
    left, right = numbers_down[:, :-1], numbers_down[:, 1:]
    a, b, c, d = inside[:-1, :-1], inside[:-1, 1:], inside[1:, 1:], inside[1:, :-1]  # clockwise from the upper left
    following = np.full(len(points), -1, np.int64)
    # a corner that is alone inside (or, with its two neighbours outside, one of a diagonal pair): round it
    for corner, before, after, start, end in (
        (a, d, b, top, left), (b, a, c, right, top), (c, b, d, bottom, right), (d, c, a, left, bottom),
    ):  # fmt: skip
        cell = corner & ~before & ~after
        following[start[cell]] = end[cell]
    # a corner that is alone outside, its opposite inside
    for corner, before, after, opposite, start, end in (
        (a, d, b, c, left, top), (b, a, c, d, top, right), (c, b, d, a, right, bottom), (d, c, a, b, bottom, left),
    ):  # fmt: skip
        cell = ~corner & before & after & opposite
        following[start[cell]] = end[cell]
    # straight through: one half inside
    for inner, outer, start, end in (
        ((a, b), (c, d), right, left), ((c, d), (a, b), left, right),
        ((a, d), (b, c), top, bottom), ((b, c), (a, d), bottom, top),
    ):  # fmt: skip
        cell = inner[0] & inner[1] & ~outer[0] & ~outer[1]
        following[start[cell]] = end[cell]
    return points.astype(np.float64), following


def _on_border(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """``(n,)`` bool: crossings on the picture's own border."""
    x, y = points.T
    return (x == 0) | (x == width) | (y == 0) | (y == height)


def _smooth(points: np.ndarray, following: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """The points moved towards the middles of their neighbours, along their own edges, REACH at most."""
    before = np.empty_like(following)
    before[following] = np.arange(len(following))
    axis = (points[:, 1] % 1 == 0).astype(np.intp)  # 0: the edge runs across, and x moves; 1: y
    own = np.arange(len(points))
    middle = points[own, axis]
    reach = np.where(fixed, 0, REACH)
    moved = points.copy()
    for _ in range(ROUNDS):
        wanted = (moved[before, axis] + moved[following, axis]) / 2
        moved[own, axis] = np.clip((moved[own, axis] + wanted) / 2, middle - reach, middle + reach)
    return moved


def _chains(following: np.ndarray) -> list[np.ndarray]:
    """The closed chains of a permutation."""
    order = following.tolist()
    seen = bytearray(len(order))
    chains = []
    for start in range(len(order)):
        if seen[start]:
            continue
        chain, at = [], start
        while not seen[at]:
            seen[at] = 1
            chain.append(at)
            at = order[at]
        chains.append(np.array(chain))
    return chains
