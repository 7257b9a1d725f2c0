"""How hands draw: what guides that are simulated from an object's mask have in common.

Nothing here is shown to a model but the guide itself: each is a rough statement of place or extent that a person could
have made without knowing the outline.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from smartmask.geometry import BoxXYXY, mask_box


def box_of(mask: np.ndarray) -> BoxXYXY:
    """The box of an object's mask ((H, W) bool). Raises ValueError if it is empty."""
    box = mask_box(mask)
    if box is None:
        raise ValueError("Cannot draw a guide for an empty mask; give a mask with at least one pixel.")
    return box


def inner_points(mask: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """``(count, 2)`` (x, y) points of the mask, likelier the deeper inside."""
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    rows, cols = np.nonzero(mask)
    weight = depth[rows, cols].astype(np.float64) ** 2
    chosen = rng.choice(rows.size, size=count, p=weight / weight.sum())
    return np.stack([cols[chosen], rows[chosen]], axis=1) + rng.random((count, 2))


def spread_points(mask: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """``(count, 2)`` (x, y) points of the mask in even steps along its longer axis, from near one end to the other."""
    rows, cols = np.nonzero(mask)
    pixels = np.stack([cols, rows], axis=1) + rng.random((rows.size, 2))
    ranked = pixels[np.argsort(along_axis(pixels), kind="stable")]
    shares = np.linspace(rng.uniform(0.01, 0.08), rng.uniform(0.92, 0.99), count)
    jitter = rng.normal(0, 0.02, count)
    return ranked[np.clip((shares + jitter) * rows.size, 0, rows.size - 1).astype(int)]


def along_axis(points: np.ndarray) -> np.ndarray:
    """``(n,)`` places of (n, 2) points along their longest principal axis."""
    centred = points - points.mean(axis=0)
    return centred @ np.linalg.eigh(centred.T @ centred)[1][:, -1]


def roughen(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """``(H, W)`` float32 in [0, 1]: the mask as a person would paint it, grown, lumpy and blurred.

    The outline moves by up to about a tenth of the object's size; details smaller than that are lost.
    """
    height, width = mask.shape
    size = math.sqrt(float(mask.sum()))
    sigma = max(size * rng.uniform(0.03, 0.12), 0.5)
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma)
    cells = max(3, round(max(height, width) / max(size, 1.0) * 4))
    lumps = cv2.resize(
        rng.normal(0, 1, (cells, cells)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    level = rng.uniform(0.15, 0.5)  # below one half the mask is grown
    rough = soft + 0.1 * lumps * (soft > 0.02) * (soft < 0.98) > level
    if not rough.any():
        rough = mask
    return rough.astype(np.float32)
