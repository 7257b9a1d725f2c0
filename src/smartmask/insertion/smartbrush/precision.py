"""SmartBrush's precision: a ladder of ever coarser masks, from an object's exact outline to its bounding box.

The paper (arXiv 2212.05034, section 3.2) says ``m_s = GaussianBlur(m, k_s, sigma_s)`` with ``s = 0`` the exact
mask and ``s = S`` its box, and publishes neither S nor the kernels. The ladder here is our choice: S = 8,
``sigma_s = 0.25 (s / S)`` of the object's size (the root of its box's area), and a pixel belongs to ``m_s``
where a blur of this rung or a finer one is at least ``0.5 - 0.4 s / S``, within the box. Taking the finer
rungs along makes every rung contain the one before, which blurring alone does not.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from smartmask.geometry import mask_box
from smartmask.image.composition import resize, resize_mask

LEVELS = 8  # S
WIDEST = 0.25  # sigma of the last rung, in object sizes
FIRST, LAST = 0.5, 0.1  # thresholds of the blur: at a half outlines keep their place, lower they swell
WORK_SIDE = 192  # the blur is done at no more than so many pixels: kernels grow with the object otherwise


def check_precision(precision: float) -> float:
    """A precision s / S in [0, 1]; ValueError for anything else."""
    if not (isinstance(precision, (int, float, np.floating)) and math.isfinite(precision) and 0 <= precision <= 1):
        raise ValueError(f"The precision is {precision!r}; it must be from 0 (exact outline) to 1 (box).")
    return float(precision)


def rung(precision: float) -> int:
    """The rung s in 0..LEVELS of a precision in [0, 1]: the nearest."""
    return round(check_precision(precision) * LEVELS)


def coarsen(mask: np.ndarray, precision: float) -> np.ndarray:
    """``(H, W)`` bool: the mask ``m_s`` of the rung nearest to ``precision`` (0 the mask itself, 1 its box).

    mask: (H, W) bool. The result lies between the mask and its bounding box, never shrinks as the precision
    grows, and scales with the object: the same photo at twice the size gives the same outline.
    An empty mask stays empty. ValueError for a precision outside [0, 1].
    """
    level = rung(precision)
    box = mask_box(mask)
    if box is None or level == 0:
        return np.array(mask, dtype=bool)
    x0, y0, x1, y1 = (int(edge) for edge in box)
    coarse = np.zeros(mask.shape, dtype=bool)
    inside = mask[y0:y1, x0:x1]
    coarse[y0:y1, x0:x1] = True if level == LEVELS else inside | _blurred(inside, level)
    return coarse


def _blurred(inside: np.ndarray, level: int) -> np.ndarray:
    """The union of rungs 1 to ``level`` for a mask cropped to its box, (h, w) bool."""
    height, width = inside.shape
    scale = min(1.0, WORK_SIDE / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    small = resize(inside.astype(np.float32), *size)
    side = math.sqrt(size[0] * size[1])
    grown = np.zeros(size, dtype=bool)
    for s in range(1, level + 1):
        share = s / LEVELS
        blur = cv2.GaussianBlur(small, (0, 0), max(WIDEST * share * side, 1e-3), borderType=cv2.BORDER_CONSTANT)
        grown |= blur >= FIRST + (LAST - FIRST) * share
    return resize_mask(grown, height, width) if grown.any() else np.zeros((height, width), dtype=bool)
