"""Composed scenes: whole objects of one picture put into another, where background and depth are truly known."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np

from smartmask.geometry import components, mask_box
from smartmask.scene import Layer, Scene


def is_complete(scene: Scene, index: int) -> bool:
    """Whether a layer shows its whole object: off the border, in one part, and touching no other thing."""
    window = scene.layers[index].window
    x0, y0, x1, y1 = window.box
    if not window.any() or x0 == 0 or y0 == 0 or x1 == scene.width or y1 == scene.height:
        return False
    if int(components(window.inside())[0].sum()) < 0.97 * window.area:
        return False
    around = x0 - 2, y0 - 2, x1 + 2, y1 + 2
    near = cv2.dilate(window.crop(*around).astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    others = (layer.window for i, layer in enumerate(scene.layers) if layer.thing and i != index)
    return not any(bool((other.crop(*around) & near).any()) for other in others)


def compose(host: Scene, donor: Layer, rng: np.random.Generator, in_front: float = 0.5) -> tuple[Scene, int] | None:
    """The host scene with the donor's complete object in it, and the object's index; None if it does not fit.

    The object keeps its relative height in the picture (feet low, birds high) within a jitter. A share
    ``in_front`` stands in front of all; the rest by the lower edge: things that reach lower stand in front.
    """
    box = mask_box(donor.mask)
    if box is None:
        return None
    x0, y0, x1, y1 = (int(v) for v in box)
    rows, cols = donor.mask.shape
    scale = min(host.height / rows, host.width / cols) * math.exp(rng.normal(0, 0.3))
    w, h = round((x1 - x0) * scale), round((y1 - y0) * scale)
    if min(w, h) < 8 or w > host.width or h > host.height:
        return None
    shape = cv2.resize(donor.mask[y0:y1, x0:x1].astype(np.uint8) * 255, (w, h), interpolation=cv2.INTER_LINEAR) > 127
    bottom = int(np.clip((y1 / rows + rng.normal(0, 0.08)) * host.height, h, host.height))
    left = int(rng.integers(0, host.width - w + 1))
    mask = np.zeros((host.height, host.width), dtype=bool)
    mask[bottom - h : bottom, left : left + w] = shape
    order = len(host.layers)
    if rng.random() < 1 - in_front:
        order = _order_by_lower_edge(host, bottom)
    composed = host.insert(mask, donor.name, order)
    seen = composed.visible(order).sum()
    if seen < 0.25 * mask.sum():
        return None
    return replace(composed, caption=host.caption), order


def _order_by_lower_edge(scene: Scene, bottom: float) -> int:
    """Index at which an object whose lower edge is at ``bottom`` stands: behind things that reach lower."""
    for index, layer in enumerate(scene.layers):
        if layer.thing:
            box = mask_box(layer.mask)
            if box is not None and box[3] > bottom:
                return index
    return len(scene.layers)
