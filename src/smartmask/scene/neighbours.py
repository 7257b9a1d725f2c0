"""What a mask is next to in depth: the layers that it overlaps, not those that merely come before or after it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from smartmask.geometry import mask_box
from smartmask.scene.layer import Layer
from smartmask.scene.scene import Scene

SHARED = 0.01  # a share below is a border that touches


def neighbours(scene: Scene, mask: np.ndarray, order: int, *, own: bool = False) -> tuple[str | None, str | None]:
    """``(in_front_of, behind)`` of a mask at ``order``: names of the nearest layers behind it and before it.

    mask: (H, W) bool, amodal. Only layers that it overlaps count: that share SHARED of its pixels, or of their own
    whole mask's; None where none does, so that nothing is said of a car at the other end of the street.
    own: layer ``order`` is the mask itself.
    """
    box = mask_box(mask)
    if box is None:
        return None, None
    x0, y0, x1, y1 = (int(edge) for edge in box)
    part = mask[y0:y1, x0:x1]
    area = np.count_nonzero(part)

    def overlaps(layer: Layer) -> bool:
        shared = np.count_nonzero(layer.mask[y0:y1, x0:x1] & part)
        return shared > 0 and (shared >= SHARED * area or shared >= SHARED * np.count_nonzero(layer.mask))

    def first(layers: Iterable[Layer]) -> str | None:
        return next((layer.name for layer in layers if overlaps(layer)), None)

    return first(reversed(scene.layers[:order])), first(scene.layers[order + own :])


def said(in_front_of: str | None, behind: str | None) -> str:
    """The two names in a line of text."""
    told = [f"{where} {name}" for where, name in (("in front of", in_front_of), ("behind", behind)) if name is not None]
    return ", ".join(told) or "overlaps no layer"
