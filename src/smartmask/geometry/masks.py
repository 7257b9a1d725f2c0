"""Masks, boxes, polygons and run-length codes, as plain numpy.

Conventions used by the whole package:

* a mask is a ``(H, W)`` bool array;
* a box is ``(x0, y0, x1, y1)`` in continuous pixel edges, ``x1, y1`` exclusive, so pixel
  ``(row, col)`` covers ``[col, col + 1) x [row, row + 1)`` and its centre is ``(col + .5, row + .5)``;
* polygons are ``(N, 2)`` arrays of (x, y) pixel edges.
"""

from __future__ import annotations

import cv2
import numpy as np


def mask_iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two masks of one shape, in [0, 1]; two empty masks give 1."""
    union = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / union if union else 1.0


def signed_distance(mask: np.ndarray) -> np.ndarray:
    """``(H, W)`` float32 distance to the outline in pixels, positive inside, zero on pixel edges."""
    if not mask.any():
        return np.full(mask.shape, -float(sum(mask.shape)), dtype=np.float32)
    if mask.all():
        return np.full(mask.shape, float(sum(mask.shape)), dtype=np.float32)
    binary = mask.astype(np.uint8)
    inside, outside = _distance(binary), _distance(1 - binary)
    inside -= 0.5
    np.subtract(0.5, outside, out=inside, where=~mask)
    return inside.astype(np.float32)


def _distance(binary: np.ndarray) -> np.ndarray:
    """``(H, W)`` float64 distance to the nearest 0 of a uint8 array.

    OpenCV rounds by where an array lies in memory; squared distances are whole, so rounding them mends that (for
    distances up to some 1,000 pixels). In place, since a photo's worth of float64 is much.
    """
    found = cv2.distanceTransform(binary, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).astype(np.float64)
    np.multiply(found, found, out=found)
    np.round(found, out=found)
    return np.sqrt(found, out=found)


def components(mask: np.ndarray, min_area: int = 1) -> list[np.ndarray]:
    """8-connected parts of a mask with at least ``min_area`` pixels, largest first."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    parts = [(int(stats[i, cv2.CC_STAT_AREA]), i) for i in range(1, count)]
    return [labels == i for area, i in sorted(parts, reverse=True) if area >= min_area]
