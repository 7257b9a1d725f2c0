"""What a mask is next to in depth: the layers that it overlaps, not those that merely come before or after it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from smartmask.geometry import MaskWindow, window_of
from smartmask.scene.layer import Layer
from smartmask.scene.scene import Scene

SHARED = 0.01  # a share below is a border that touches


def neighbours(
    scene: Scene, mask: MaskWindow | np.ndarray, order: int, *, own: bool = False
) -> tuple[str | None, str | None]:
    """``(in_front_of, behind)`` of a mask at ``order``: names of the nearest things behind it and before it.

    mask: a window or (H, W) bool, amodal. Only layers that it overlaps count: that share SHARED of its pixels, or of
    their own whole mask's. Where no thing does, the stuff that shares most with it is named, since the order of road
    and mountain means little; None where nothing does, so that nothing is said of a car at the other end of the street.
    own: layer ``order`` is the mask itself.
    """
    window = window_of(mask)
    area = window.area

    def nearest(layers: Iterable[Layer]) -> str | None:
        most, stuff = 0, None
        for layer in layers:
            shared = window.shared(layer.window)
            if shared and (shared >= SHARED * area or shared >= SHARED * layer.window.area):
                if layer.thing:
                    return layer.name
                most, stuff = max((most, stuff), (shared, layer.name), key=lambda one: one[0])
        return stuff

    return nearest(reversed(scene.layers[:order])), nearest(scene.layers[order + own :])


def plain_name(name: str) -> str:
    """A layer's name without what COCO's panoptic sets hang on to it: "floor-other-merged" is a floor."""
    return name.removesuffix("-merged").removesuffix("-other")


def said(in_front_of: str | None, behind: str | None) -> str:
    """The two names in a line of text."""
    names = {"in front of": in_front_of, "behind": behind}
    told = [f"{where} {plain_name(name)}" for where, name in names.items() if name is not None]
    return ", ".join(told) or "overlaps no layer"
