"""What training hides or spoils in a layout, so that nothing in it betrays the object that was taken out.

In annotations of visible parts, the pixels under a removed object are unknown, its neighbours trace its
outline, and void rings circle it. So a region whose shape does not depend on the object is emptied
across all layers, and like regions are emptied elsewhere.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from smartmask.geometry import BoxXYXY
from smartmask.scene.view import OUTSIDE, UNLABELED


def hidden_region(box: BoxXYXY, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """``(H, W)`` bool: a jittered, enlarged box round ``box``, or the ellipse that holds it.

    A function of the box and chance alone, so that its outline says nothing of the object's.
    """
    x0, y0, x1, y1 = box
    width, height = x1 - x0, y1 - y0
    region = np.zeros(shape, dtype=np.uint8)
    if rng.random() < 0.7:
        # in shares of the larger side: a void ring round a thin object must vanish too
        grow = rng.uniform(0.06, 0.22, 4) * max(width, height) + 1
        corner = (int(x0 - grow[0]), int(y0 - grow[1])), (math.ceil(x1 + grow[2]), math.ceil(y1 + grow[3]))
        cv2.rectangle(region, *corner, 1, -1)
    else:
        grow2 = rng.uniform(1.45, 1.7, 2)  # sqrt(2) circumscribes the box
        centre = (round((x0 + x1) / 2), round((y0 + y1) / 2))
        rim = 0.06 * max(width, height)
        axes = (math.ceil(width / 2 * grow2[0] + rim) + 1, math.ceil(height / 2 * grow2[1] + rim) + 1)
        cv2.ellipse(region, centre, axes, 0, 0, 360, 1, -1)
    return region.astype(bool)


def decoy_regions(box: BoxXYXY, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """``(H, W)`` bool: one or two regions of the same family as ``hidden_region``, elsewhere on the canvas."""
    x0, y0, x1, y1 = box
    hidden = np.zeros(shape, dtype=bool)
    for _ in range(int(rng.integers(1, 3))):
        scale = rng.uniform(0.5, 1.2)
        w, h = (x1 - x0) * scale, (y1 - y0) * scale
        x, y = rng.uniform(-w / 2, shape[1] - w / 2), rng.uniform(-h / 2, shape[0] - h / 2)
        hidden |= hidden_region((x, y, x + w, y + h), shape, rng)
    return hidden


def degrade(top: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The index map with the errors of a real panoptic model: wobbling borders, lost or merged regions."""
    height, width = top.shape
    cells = int(rng.integers(6, 24))
    size = rng.uniform(0.003, 0.012) * max(height, width)
    shift = rng.normal(0, size, (2, cells, cells)).astype(np.float32)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    x = x + cv2.resize(shift[0], (width, height), interpolation=cv2.INTER_CUBIC)
    y = y + cv2.resize(shift[1], (width, height), interpolation=cv2.INTER_CUBIC)
    noisy = cv2.remap(top, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    noisy = np.where(top == OUTSIDE, OUTSIDE, np.where(noisy == OUTSIDE, top, noisy))
    present = [int(i) for i in np.unique(noisy) if i >= 0]
    for index in present:
        chance = rng.random()
        if chance < 0.08:
            noisy[noisy == index] = UNLABELED
        elif chance < 0.14 and len(present) > 1:
            noisy[noisy == index] = int(rng.choice(present))
    return noisy.astype(np.int16)
