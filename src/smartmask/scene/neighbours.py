"""What a mask is next to in depth: the layers that it overlaps, not those that merely come before or after it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from smartmask.geometry import mask_box
from smartmask.scene.layer import Layer
from smartmask.scene.scene import Scene


def neighbours(scene: Scene, mask: np.ndarray, order: int, *, own: bool = False) -> tuple[str | None, str | None]:
    """``(in_front_of, behind)`` of a mask at ``order``: names of the nearest layers behind it and before it.

    mask: (H, W) bool, amodal. Only layers that share pixels with it (their whole masks) count; None where none
    does, so that nothing is said of a car at the other end of the street. own: layer ``order`` is the mask itself.
    """
    box = mask_box(mask)
    if box is None:
        return None, None
    x0, y0, x1, y1 = (int(edge) for edge in box)
    part = mask[y0:y1, x0:x1]

    def first(layers: Iterable[Layer]) -> str | None:
        return next((layer.name for layer in layers if (layer.mask[y0:y1, x0:x1] & part).any()), None)

    return first(reversed(scene.layers[:order])), first(scene.layers[order + own :])


def said(in_front_of: str | None, behind: str | None) -> str:
    """The two names in a line of text."""
    told = [f"{where} {name}" for where, name in (("in front of", in_front_of), ("behind", behind)) if name is not None]
    return ", ".join(told) or "overlaps no layer"
