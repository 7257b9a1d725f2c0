"""Layer: one named region of a scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smartmask.geometry import MaskWindow
from smartmask.io.checks import check_prompt


@dataclass(frozen=True, eq=False, init=False)
class Layer:
    """One named region of a scene.

    window: the mask, amodal: the whole extent, also where a layer in front hides it; kept as its box and bits.
    thing: True for countable objects, False for stuff such as sky or road.
    """

    name: str
    window: MaskWindow
    thing: bool = True

    def __init__(
        self, name: str, mask: np.ndarray | MaskWindow | None = None, thing: bool = True, *,
        window: MaskWindow | None = None,
    ) -> None:  # fmt: skip
        """mask: (H, W) bool, or 0 and 1, or a MaskWindow. window: the same, by the field's name, as
        ``dataclasses.replace`` hands it over; a mask beside it takes its place."""
        name = check_prompt(name, "name of a layer")
        found = window if mask is None else mask
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "window", found if isinstance(found, MaskWindow) else _checked(name, found))
        object.__setattr__(self, "thing", thing)

    @property
    def mask(self) -> np.ndarray:
        """``(H, W)`` bool, read only, made when asked for: all of the layer."""
        return self.window.dense()


def _checked(name: str, given: np.ndarray | None) -> MaskWindow:
    mask = np.asarray(given)
    if mask.ndim != 2:
        raise ValueError(f"Layer '{name}' has a mask of shape {mask.shape}; a (height, width) mask is needed.")
    if mask.dtype != np.bool_:
        values = np.unique(mask)
        if not np.isin(values, (0, 1)).all():
            raise ValueError(f"Layer '{name}' has mask values up to {values.max()}; use bool, or only 0 and 1.")
        mask = mask.astype(bool)
    return MaskWindow.of(mask)
