"""Layer: one named region of a scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smartmask.io.checks import check_prompt


@dataclass(frozen=True, eq=False)
class Layer:
    """One named region of a scene.

    mask: (H, W) bool, amodal: the whole extent, also where a layer in front hides it.
    thing: True for countable objects, False for stuff such as sky or road.
    """

    name: str
    mask: np.ndarray
    thing: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", check_prompt(self.name, "name of a layer"))
        mask = np.asarray(self.mask)
        if mask.ndim != 2:
            raise ValueError(f"Layer '{self.name}' has a mask of shape {mask.shape}; a (height, width) mask is needed.")
        if mask.dtype != np.bool_:
            values = np.unique(mask)
            if not np.isin(values, (0, 1)).all():
                raise ValueError(
                    f"Layer '{self.name}' has mask values up to {values.max()}; use bool, or only 0 and 1."
                )
            mask = mask.astype(bool)
        object.__setattr__(self, "mask", mask)
