"""Boxes: tight, scaled, shifted, compared, and masks seen in them."""

from __future__ import annotations

import cv2
import numpy as np

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


def box_cells(mask: np.ndarray, box: BoxXYXY, n: int) -> np.ndarray:
    """``(n, n)`` bool: a ``(H, W)`` bool mask seen in a box, stretched to a square."""
    x0, y0, x1, y1 = box
    sx, sy = max(x1 - x0, 1e-3) / n, max(y1 - y0, 1e-3) / n
    matrix = np.array([[sx, 0, x0 + 0.5 * sx - 0.5], [0, sy, y0 + 0.5 * sy - 0.5]])
    soft = cv2.warpAffine(mask.astype(np.uint8) * 255, matrix, (n, n), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return soft > 127
