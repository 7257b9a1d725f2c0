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
    counts = rle["counts"]
    if isinstance(counts, list):
        if sum(counts) != height * width or any(c < 0 for c in counts):
            raise ValueError(
                f"RLE counts add up to {sum(counts)}, but the size {width}x{height} has {height * width} pixels."
            )
        rle = coco_mask.frPyObjects({"size": [height, width], "counts": counts}, height, width)
    return coco_mask.decode({"size": [height, width], "counts": rle["counts"]}).astype(bool)


def polygons_to_mask(polygons: list[np.ndarray], height: int, width: int) -> np.ndarray:
    """``(H, W)`` bool mask filled by any of the polygons, rasterised as COCO does."""
    flat = [np.asarray(p, dtype=np.float64).reshape(-1) for p in polygons]
    flat = [p for p in flat if p.size >= 6]
    if not flat:
        return np.zeros((height, width), dtype=bool)
    rles = coco_mask.frPyObjects([p.tolist() for p in flat], height, width)
    return coco_mask.decode(coco_mask.merge(rles)).astype(bool)


def signed_distance(mask: np.ndarray) -> np.ndarray:
    """``(H, W)`` float32 distance to the outline in pixels, positive inside, zero on pixel edges."""
    if not mask.any():
        return np.full(mask.shape, -float(sum(mask.shape)), dtype=np.float32)
    if mask.all():
        return np.full(mask.shape, float(sum(mask.shape)), dtype=np.float32)
    binary = mask.astype(np.uint8)
    inside = cv2.distanceTransform(binary, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    outside = cv2.distanceTransform(1 - binary, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.where(mask, inside - 0.5, 0.5 - outside).astype(np.float32)


def components(mask: np.ndarray, min_area: int = 1) -> list[np.ndarray]:
    """8-connected parts of a mask with at least ``min_area`` pixels, largest first."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    parts = [(int(stats[i, cv2.CC_STAT_AREA]), i) for i in range(1, count)]
    return [labels == i for area, i in sorted(parts, reverse=True) if area >= min_area]
