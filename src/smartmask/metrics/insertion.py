"""Figures of merit for insertions: what of the background is lost, how far it moves, and how the seam looks.

*Background* is the user's box without the real object: what a careful insertion leaves alone. Masks are
``(H, W)`` bool, pictures ``(H, W, 3)`` uint8 RGB.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from smartmask.geometry import box_mask, components, mask_box


def background_of(real: np.ndarray) -> np.ndarray:
    """``(H, W)`` bool: the tight box of the real object without the object. Raises ValueError for an empty mask."""
    box = mask_box(real)
    if box is None:
        raise ValueError("The real object's mask is empty; it has no box and no background.")
    return box_mask(box, *real.shape) & ~real


def share(part: np.ndarray, whole: np.ndarray) -> float:
    """Share of the pixels of ``whole`` that ``part`` covers, in [0, 1]. Raises ValueError for an empty whole."""
    total = np.count_nonzero(whole)
    if total == 0:
        raise ValueError("A share of no pixels is asked for; leave out objects that fill their box.")
    return np.count_nonzero(part & whole) / total


def normalised_l2(before: np.ndarray, after: np.ndarray, where: np.ndarray) -> float:
    """``||after - before|| / ||before||`` over the pixels ``where``, Euclidean over pixels and channels.

    0: nothing changed. Repainting with black gives 1. The papers report a "Norm. L2-BG" (SmartMask, arXiv
    2312.05039, Table 1) without its normaliser; this one is our choice, so the figures need not compare.
    Raises ValueError if no pixel is chosen.
    """
    if not where.any():
        raise ValueError("A distance over no pixels is asked for; leave out objects that fill their box.")
    old = before[where].astype(np.float64)
    change = after[where].astype(np.float64) - old
    # A wholly black background has no norm of its own; one grey level stands in for it.
    return float(np.linalg.norm(change) / max(np.linalg.norm(old), np.sqrt(old.size)))


def seam_error(before: np.ndarray, after: np.ndarray, painted: np.ndarray) -> float:
    """How much more contrast the edge of the painted region has than the photo has along the same line.

    Mean over all pairs of 4-neighbours, one inside ``painted`` and one outside, of the absolute difference
    (mean over channels, in [0, 1]) in ``after``, less the same in ``before``. Near 0: no seam is added;
    negative: the edge is smoother than the photo was. 0 where there is no edge within the picture.
    Objects have outlines: a figure above 0 is a fault only along an edge that runs through background.
    """
    added = []
    for axis in (0, 1):
        low = [slice(None), slice(None)]
        high = [slice(None), slice(None)]
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        edge = painted[tuple(low)] ^ painted[tuple(high)]
        for picture, sign in ((after, 1.0), (before, -1.0)):
            step = np.abs(picture[tuple(low)][edge].astype(np.float64) - picture[tuple(high)][edge])
            added.append(sign * step.mean(axis=-1) / 255)
    count = len(added[0]) + len(added[2])
    return float(sum(values.sum() for values in added) / count) if count else 0.0


def changed_outside(before: np.ndarray, after: np.ndarray, painted: np.ndarray) -> int:
    """Number of pixels outside ``painted`` that differ in any channel; 0 is the promise of every insertion."""
    return int(np.count_nonzero((before != after).any(axis=-1) & ~painted))


CHANGED = 8 / 255  # from which a pixel counts as changed: below it lies what a codec does to every pixel
BLURRED = 0.01  # of the picture's diagonal: changes are seen together over this width


def changed_share(before: np.ndarray, after: np.ndarray) -> float:
    """Share of the pixels that changed by more than CHANGED, mean over the channels, in [0, 1]."""
    return float((_change(before, after) > CHANGED).mean())


def changed_object(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """``(H, W)`` bool: the largest connected region of change, which passes for the object that an editor added.

    Changes are blurred by BLURRED of the diagonal, and the half of the largest cuts them. An editor that says nothing
    of where its object is gets the benefit of the doubt by it: whatever it changed most is excused. Empty where nothing
    changed.
    """
    change = _change(before, after)
    sigma = max(BLURRED * math.hypot(*change.shape), 0.5)
    smooth = cv2.GaussianBlur(change.astype(np.float32), (0, 0), sigma)
    if smooth.max() <= CHANGED:
        return np.zeros(change.shape, dtype=bool)
    return components(smooth >= max(0.5 * float(smooth.max()), CHANGED))[0]


def _change(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return np.abs(after.astype(np.float64) - before).mean(axis=-1) / 255
