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

_BAND = 1 << 20  # pixels of which float64 are held at a time: a photo's worth of them is much


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
    inside, outside = _found(mask.view(np.uint8)), _found((~mask).view(np.uint8))
    step = max(1, _BAND // mask.shape[1])
    for rows in (slice(top, top + step) for top in range(0, mask.shape[0], step)):
        inside[rows] = np.where(mask[rows], _exact(inside[rows]) - 0.5, 0.5 - _exact(outside[rows]))
    return inside


def _found(binary: np.ndarray) -> np.ndarray:
    """``(H, W)`` float32 distance to the nearest 0 of a uint8 array, as OpenCV rounds it."""
    return cv2.distanceTransform(np.ascontiguousarray(binary), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def _exact(found: np.ndarray) -> np.ndarray:
    """float64 distances of OpenCV's float32 ones.

    OpenCV rounds by where an array lies in memory; squared distances are whole, so rounding them mends that (for
    distances up to some 1,000 pixels).
    """
    return np.sqrt(np.round(np.square(found.astype(np.float64))))


def components(mask: np.ndarray, min_area: int = 1) -> list[np.ndarray]:
    """8-connected parts of a mask with at least ``min_area`` pixels, largest first."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    parts = [(int(stats[i, cv2.CC_STAT_AREA]), i) for i in range(1, count)]
    return [labels == i for area, i in sorted(parts, reverse=True) if area >= min_area]
