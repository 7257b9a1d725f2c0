"""A painted mask, whose outline is followed."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from PIL import Image

from smartmask.geometry import BoxXYXY, mask_box
from smartmask.guides.guide import Guide, Promise
from smartmask.guides.hand import roughen
from smartmask.image.files import decode_handle, load_guide_mask
from smartmask.io.sentences import reason_of

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".ppm", ".pgm")


@dataclass(frozen=True, eq=False)
class MaskGuide(Guide):
    """A coarse mask or painted scribble: ``(H, W)``, bool or in [0, 1], at the scene's size."""

    mask: np.ndarray
    kind: ClassVar[str] = "mask"
    promise: ClassVar[Promise] = Promise(rough=1, inside=0.5, covers=0.5, mass=1, outline=1, rim=1)
    number: ClassVar[int] = 3
    share: ClassVar[float] = 0.12
    form: ClassVar[str] = "PNG"
    about: ClassVar[str] = "A rough mask, painted white on black."

    def __post_init__(self) -> None:
        try:
            mask = np.asarray(self.mask)
        except ValueError:  # rows of several lengths
            mask = np.empty(0)
        if mask.ndim != 2 or mask.dtype.kind not in "biuf":
            raise ValueError(f"The mask guide has shape {mask.shape} of {mask.dtype}; it is a (height, width) array.")
        with np.errstate(over="ignore"):  # what float32 does not hold is found below
            mask = mask.astype(np.float32)
        if not np.isfinite(mask).all():
            raise ValueError("The mask guide has values that are not finite numbers.")
        if mask.min(initial=0.0) < 0 or mask.max(initial=0.0) > 1:
            raise ValueError(f"The mask guide has values from {mask.min():g} to {mask.max():g}; use 0 to 1.")
        if not (mask > 0.5).any():
            raise ValueError("The mask guide is empty; paint at least one pixel.")
        object.__setattr__(self, "mask", mask)

    def extent(self, height: int, width: int) -> BoxXYXY:
        box = mask_box(self.mask > 0.5)
        if box is None:
            raise ValueError("The mask guide is empty; paint at least one pixel.")
        return box

    def sample(self, x: np.ndarray, y: np.ndarray, height: int, width: int) -> np.ndarray:
        """The mask, linear between pixel centres, 0 beyond its border."""
        rows, cols = self.mask.shape
        padded = np.pad(self.mask, 1)
        u, v = np.clip(x + 0.5, 0, cols + 1), np.clip(y + 0.5, 0, rows + 1)
        c, r = np.minimum(u.astype(int), cols), np.minimum(v.astype(int), rows)
        right, low = u - c, v - r
        above = padded[r, c] * (1 - right) + padded[r, c + 1] * right
        below = padded[r + 1, c] * (1 - right) + padded[r + 1, c + 1] * right
        return (above * (1 - low) + below * low).astype(np.float32)

    def drawn(self, height: int, width: int) -> np.ndarray:
        """The mask itself, where the scene has its size: between pixel centres there is nothing to ask."""
        return self.mask if self.mask.shape == (height, width) else super().drawn(height, width)

    def misfit(self, height: int, width: int) -> str | None:
        if self.mask.shape == (height, width):
            return None
        rows, cols = self.mask.shape
        return f"The mask guide is {cols}x{rows}, but the scene is {width}x{height}."

    @classmethod
    def parse(cls, text: str) -> Guide:
        """The name of a painted picture."""
        return cls(load_guide_mask(text))

    def to_json(self) -> dict[str, Any]:
        """The mask as a grey PNG in base64, in steps of 1/255."""
        file = io.BytesIO()
        Image.fromarray(np.round(self.mask * 255).astype(np.uint8)).save(file, "PNG")
        return {"kind": self.kind, "png": base64.b64encode(file.getvalue()).decode("ascii")}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        return cls(_grey(**fields))

    def describe(self) -> dict[str, Any]:
        painted = self.mask > 0.5
        return {"kind": self.kind, "box": mask_box(painted), "area": int(painted.sum())}

    @classmethod
    def simulated(cls, mask: np.ndarray, rng: np.random.Generator, exact: bool) -> Self:
        return cls(roughen(mask, rng))


def _grey(png: str) -> np.ndarray:
    """``(H, W)`` float32 in [0, 1] of a PNG in base64."""
    try:
        data = base64.b64decode(png, validate=True)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The mask guide's png is no picture ({reason_of(error, 80)}); give a PNG in base64."
        ) from None
    image = decode_handle(io.BytesIO(data), "The mask guide's png", ("PNG",)).image
    return np.asarray(image.convert("L"), np.float32) / 255
