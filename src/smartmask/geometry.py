"""Masks, boxes, polygons and run-length codes, as plain numpy.

Conventions used by the whole package:

* a mask is a ``(H, W)`` bool array;
* a box is ``(x0, y0, x1, y1)`` in continuous pixel edges, ``x1, y1`` exclusive, so pixel
  ``(row, col)`` covers ``[col, col + 1) x [row, row + 1)`` and its centre is ``(col + .5, row + .5)``;
* polygons are ``(N, 2)`` arrays of (x, y) pixel edges.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask

BoxXYXY = tuple[float, float, float, float]


def mask_box(mask: np.ndarray) -> BoxXYXY | None:
    """Tight box ``(x0, y0, x1, y1)`` round the true pixels of a ``(H, W)`` mask; None if empty."""
    rows = np.flatnonzero(mask.any(axis=1))
    if rows.size == 0:
        return None
    cols = np.flatnonzero(mask.any(axis=0))
    return float(cols[0]), float(rows[0]), float(cols[-1] + 1), float(rows[-1] + 1)


def box_mask(box: BoxXYXY, height: int, width: int) -> np.ndarray:
    """``(H, W)`` bool: the pixels whose centre lies inside the box."""
    x0, y0, x1, y1 = box
    xs = np.arange(width) + 0.5
    ys = np.arange(height) + 0.5
    return ((ys >= y0) & (ys < y1))[:, None] & ((xs >= x0) & (xs < x1))[None, :]


def scale_box(box: BoxXYXY, factor: float) -> BoxXYXY:
    """The box enlarged (factor > 1) or shrunk about its own centre."""
    x0, y0, x1, y1 = box
    cx, cy, hw, hh = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2 * factor, (y1 - y0) / 2 * factor
    return cx - hw, cy - hh, cx + hw, cy + hh


def shift_box(box: BoxXYXY, dx: float, dy: float) -> BoxXYXY:
    """The box moved by (dx, dy)."""
    x0, y0, x1, y1 = box
    return x0 + dx, y0 + dy, x1 + dx, y1 + dy


def box_iou(a: BoxXYXY, b: BoxXYXY) -> float:
    """Intersection over union of two boxes, in [0, 1]."""
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    inter = max(w, 0.0) * max(h, 0.0)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inter
    return inter / union if union > 0 else 0.0


def mask_iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two masks of one shape, in [0, 1]; two empty masks give 1."""
    union = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / union if union else 1.0


def rle_encode(mask: np.ndarray) -> dict[str, Any]:
    """COCO compressed RLE of a ``(H, W)`` bool mask: ``{"size": [H, W], "counts": str}``."""
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(s) for s in rle["size"]], "counts": rle["counts"].decode("ascii")}


def rle_decode(rle: dict[str, Any]) -> np.ndarray:
    """``(H, W)`` bool mask of a COCO RLE, compressed (str or bytes) or as a list of counts.

    Raises ValueError if the runs do not fill the stated size.
    """
    height, width = (int(s) for s in rle["size"])
    given = rle["counts"]
    counts = np.asarray(given, dtype=np.int64) if isinstance(given, (list, tuple)) else _rle_counts(given)
    if counts.sum() != height * width or (counts < 0).any():
        raise ValueError(
            f"RLE counts add up to {counts.sum()}, but the size {width}x{height} has {height * width} pixels."
        )
    columns = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return np.ascontiguousarray(columns.reshape(width, height).T)


def _rle_counts(text: str | bytes) -> np.ndarray:
    """Run lengths, int64, of COCO's compressed counts: 5 bits a character, runs from the fourth on as differences."""
    codes = np.frombuffer(text.encode() if isinstance(text, str) else text, dtype=np.uint8).astype(np.int64) - 48
    if codes.size == 0 or codes.min() < 0 or codes.max() > 63 or codes[-1] & 0x20:
        raise ValueError("The RLE's counts are not a string that COCO's tools write.")
    last = np.flatnonzero(codes & 0x20 == 0)  # the sixth bit says that a number goes on
    first = np.concatenate([[0], last[:-1] + 1])
    if (last - first).max() > 6:
        raise ValueError("The RLE's counts hold a number beyond any picture's size.")
    shift = 5 * (np.arange(codes.size) - np.repeat(first, last - first + 1))
    counts = np.add.reduceat((codes & 0x1F) << shift, first)
    counts -= (codes[last] & 0x10 != 0) * (1 << (shift[last] + 5))  # the fifth bit of the last part is the sign
    for parity in (1, 2):
        counts[parity::2] = np.cumsum(counts[parity::2])
    return counts


def polygons_to_mask(polygons: list[np.ndarray], height: int, width: int) -> np.ndarray:
    """``(H, W)`` bool mask filled by any of the polygons, rasterised as COCO does.

    Raises ValueError for a coordinate that is not finite or beyond ten image sides: COCO's rasteriser
    walks every pixel of an outline, also outside the image, and would take all memory.
    """
    flat = [np.asarray(p, dtype=np.float64).reshape(-1) for p in polygons]
    flat = [p for p in flat if p.size >= 6]
    limit = 10 * max(height, width)
    for polygon in flat:
        far = polygon[~(np.abs(polygon) <= limit)]
        if far.size:
            raise ValueError(f"A polygon has the coordinate {far[0]:g}, but the image is {width}x{height}.")
    if not flat:
        return np.zeros((height, width), dtype=bool)
    rles = coco_mask.frPyObjects([p.tolist() for p in flat], height, width)
    return rle_decode(coco_mask.merge(rles))


# A corner of the pixel grid is (x, y). Steps along pixel edges, clockwise: right, down, left, up, as (dx, dy);
# and, as (row, col), the way from a step's first corner to the pixel on its right-hand side.
Corner = tuple[int, int]
_STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))
_PIXEL_ASIDE = ((0, 0), (0, -1), (-1, -1), (-1, 0))


def mask_to_polygons(mask: np.ndarray) -> list[np.ndarray]:
    """Outlines of a ``(H, W)`` mask along pixel edges: one ``(N, 2)`` float64 array of (x, y) a 4-connected part.

    ``polygons_to_mask`` gives the mask back exactly, holes included: in a polygon format without holes
    (COCO's) they come through a keyhole, a slit of no width from the hole to the outline, passed
    there and back. An empty mask gives no polygon.
    """
    count, parts = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    outlines: dict[int, list[Corner]] = {}
    holes: dict[int, list[list[Corner]]] = {part: [] for part in range(1, count)}
    for loop, (row, col) in _trace(mask):
        part = int(parts[row, col])
        if _is_hole(loop):
            holes[part].append(loop)
        else:
            outlines[part] = loop
    return [_turning_points(_cut_keyholes(outlines[part], holes[part])) for part in range(1, count)]


def _trace(mask: np.ndarray) -> list[tuple[list[Corner], tuple[int, int]]]:
    """Closed loops of corners with the mask on their right, each with a mask pixel (row, col) beside it."""
    padded = np.pad(mask.astype(bool), 1)
    # Pixels round each corner: a b above, c d below. A step leaves the corner where mask and not-mask meet.
    a, b, c, d = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    exits = (d & ~b) * 1 + (c & ~d) * 2 + (a & ~c) * 4 + (b & ~a) * 8
    rows, cols = np.nonzero(exits)
    corners = list(zip(cols.tolist(), rows.tolist(), strict=True))
    ways = dict(zip(corners, exits[rows, cols].tolist(), strict=True))
    loops = []
    for corner in corners:
        if not ways[corner]:
            continue
        heading = (ways[corner] & -ways[corner]).bit_length() - 1
        beside = corner[1] + _PIXEL_ASIDE[heading][0], corner[0] + _PIXEL_ASIDE[heading][1]
        loop: list[Corner] = []
        while ways[corner]:
            if loop:
                # Where two parts touch at a corner, the sharper right turn stays with the same part.
                turns = ((heading + 1) % 4, heading, (heading + 3) % 4)
                heading = next(turn for turn in turns if ways[corner] >> turn & 1)
            ways[corner] &= ~(1 << heading)
            loop.append(corner)
            corner = corner[0] + _STEPS[heading][0], corner[1] + _STEPS[heading][1]
        loops.append((loop, beside))
    return loops


def _is_hole(loop: list[Corner]) -> bool:
    x, y = np.array(loop).T
    return bool(x @ np.roll(y, -1) < y @ np.roll(x, -1))  # the signed area; clockwise is positive, as y points down


def _cut_keyholes(outline: list[Corner], holes: list[list[Corner]]) -> list[Corner]:
    """One loop of an outline and its holes, each joined by a slit that runs left from its left-most corner."""
    corners, follower = list(outline), [*range(1, len(outline)), 0]
    index = {corner: i for i, corner in enumerate(corners)}
    # From left to right, so that the loop which a slit meets is already part of the outline.
    for hole in sorted(holes, key=min):
        x, y = start = min(hole)
        while (x, y) not in index:
            x -= 1
        join, turn, first = index[x, y], hole.index(start), len(corners)
        corners += [*hole[turn:], *hole[:turn], start, (x, y)]
        follower += [*range(first + 1, len(corners)), follower[join]]
        follower[join] = first
        index.update((corner, first + i) for i, corner in enumerate(corners[first:]))
    loop, i = [corners[0]], follower[0]
    while i:
        loop.append(corners[i])
        i = follower[i]
    return loop


def _turning_points(loop: list[Corner]) -> np.ndarray:
    """The loop as (N, 2) float64 without the corners at which it runs straight on."""
    points = np.array(loop, dtype=np.float64)
    before, after = points - np.roll(points, 1, axis=0), np.roll(points, -1, axis=0) - points
    straight = (before[:, 0] * after[:, 1] == before[:, 1] * after[:, 0]) & ((before * after).sum(axis=1) > 0)
    return points[~straight]


def box_cells(mask: np.ndarray, box: BoxXYXY, n: int) -> np.ndarray:
    """``(n, n)`` bool: a ``(H, W)`` bool mask seen in a box, stretched to a square."""
    x0, y0, x1, y1 = box
    sx, sy = max(x1 - x0, 1e-3) / n, max(y1 - y0, 1e-3) / n
    matrix = np.array([[sx, 0, x0 + 0.5 * sx - 0.5], [0, sy, y0 + 0.5 * sy - 0.5]])
    soft = cv2.warpAffine(mask.astype(np.uint8) * 255, matrix, (n, n), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return soft > 127


def signed_distance(mask: np.ndarray) -> np.ndarray:
    """``(H, W)`` float32 distance to the outline in pixels, positive inside, zero on pixel edges."""
    if not mask.any():
        return np.full(mask.shape, -float(sum(mask.shape)), dtype=np.float32)
    if mask.all():
        return np.full(mask.shape, float(sum(mask.shape)), dtype=np.float32)
    binary = mask.astype(np.uint8)
    return np.where(mask, _distance(binary) - 0.5, 0.5 - _distance(1 - binary)).astype(np.float32)


def _distance(binary: np.ndarray) -> np.ndarray:
    """``(H, W)`` float64 distance to the nearest 0 of a uint8 array.

    OpenCV rounds by where an array lies in memory; squared distances are whole, so rounding them mends that (for
    distances up to some 1,000 pixels).
    """
    found = cv2.distanceTransform(binary, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).astype(np.float64)
    return np.sqrt(np.round(found * found))


def components(mask: np.ndarray, min_area: int = 1) -> list[np.ndarray]:
    """8-connected parts of a mask with at least ``min_area`` pixels, largest first."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    parts = [(int(stats[i, cv2.CC_STAT_AREA]), i) for i in range(1, count)]
    return [labels == i for area, i in sorted(parts, reverse=True) if area >= min_area]
