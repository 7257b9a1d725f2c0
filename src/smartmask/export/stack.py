"""Stack: a photo, what was painted over it and the layout's layers as sheets of a layered file, bottom to top.

OpenRaster and PSD are written from it. Sheets hand over their channels in bands of rows, so that a layer whose mask
covers a photo of 48 megapixels costs its bits and no array of colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import ImageCms

from smartmask.export.pictures import name_colour
from smartmask.geometry import IntBox, MaskWindow
from smartmask.image.composition import PaintedLayer, blend
from smartmask.image.photo import Photo
from smartmask.scene import Scene

LAYOUT = "layout"  # the name of the group of flat colours
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, as the composition has it


@dataclass(frozen=True, eq=False)
class Drawn:
    """A painted layer and the index of the scene's layer whose pixels it holds, None for a shadow or the like."""

    layer: PaintedLayer
    index: int | None = None


@dataclass(frozen=True, eq=False)
class PixelSheet:
    """Pixels at (x0, y0) of the picture: (h, w, C) as a Photo holds them. mask: the object's whole extent, or None."""

    name: str
    x0: int
    y0: int
    pixels: np.ndarray
    visible: bool = True
    mask: MaskWindow | None = None

    @property
    def box(self) -> IntBox:
        """(x0, y0, x1, y1) in the picture."""
        return self.x0, self.y0, self.x0 + self.pixels.shape[1], self.y0 + self.pixels.shape[0]

    @property
    def has_alpha(self) -> bool:
        return self.pixels.shape[2] in (2, 4)

    def channel(self, number: int, top: int, bottom: int, bits: int) -> np.ndarray:
        """``(bottom - top, w)`` of red, green, blue or alpha (0 to 3) in rows of the sheet, of 8 or 16 bits."""
        colours = self.pixels.shape[2] - self.has_alpha
        which = -1 if number == 3 else min(number, colours - 1)
        return at_depth(self.pixels[top:bottom, :, which], bits)


@dataclass(frozen=True, eq=False)
class FlatSheet:
    """A mask in one colour (RGB, 0 to 255)."""

    name: str
    window: MaskWindow
    colour: tuple[int, int, int]
    visible: bool = True
    mask: MaskWindow | None = None
    has_alpha: bool = True

    @property
    def box(self) -> IntBox:
        """(x0, y0, x1, y1) in the picture."""
        return self.window.box

    def channel(self, number: int, top: int, bottom: int, bits: int) -> np.ndarray:
        """As of PixelSheet."""
        x0, y0, x1, _ = self.box
        if number < 3:
            return at_depth(np.full((bottom - top, x1 - x0), self.colour[number], np.uint8), bits)
        return at_depth(self.window.crop(x0, y0 + top, x1, y0 + bottom).view(np.uint8) * np.uint8(255), bits)


Sheet = PixelSheet | FlatSheet


@dataclass(frozen=True, eq=False)
class Group:
    """Sheets under one name, bottom to top."""

    name: str
    members: tuple[FlatSheet, ...]
    visible: bool


@dataclass(frozen=True, eq=False)
class Stack:
    """A layered picture: its entries bottom to top, and what all visible ones show together."""

    entries: tuple[Sheet | Group, ...]
    merged: Photo


def stack_of(scene: Scene, photo: Photo | None, drawn: Sequence[Drawn] = ()) -> Stack:
    """The sheets: ``photo``, a group ``layout`` of flat colours, and a sheet for all that was painted.

    The group holds the layers of the scene that have no pixels of their own; it is hidden where there is a photo. A
    painted object comes with its whole mask, where that takes nothing from it. Raises ValueError as ``check`` does.
    """
    check(scene, photo, drawn)
    grey = photo is not None and photo.pixels.shape[2] <= 2
    entries: list[Sheet | Group] = [] if photo is None else [PixelSheet("photo", 0, 0, photo.pixels)]
    own = {one.index for one in drawn}
    flats = tuple(
        FlatSheet(layer.name, layer.window, name_colour(layer.name))
        for index, layer in enumerate(scene.layers)
        if index not in own and layer.window.any()
    )
    if flats:
        entries.append(Group(LAYOUT, flats, photo is None))
    entries += [_sheet(one, scene, grey) for one in drawn]
    return Stack(tuple(entries), merged(scene, photo, drawn))


def merged(scene: Scene, photo: Photo | None, drawn: Sequence[Drawn] = ()) -> Photo:
    """The finished picture: the photo (else the scene's flat colours on nothing) with what was painted and is shown.

    Raises ValueError as ``check`` does.
    """
    check(scene, photo, drawn)
    shown = [one.layer for one in drawn if one.layer.applied]
    if photo is None:
        pixels = np.zeros((scene.height, scene.width, 4), np.uint8)
        own = {one.index for one in drawn}
        for index, layer in enumerate(scene.layers):
            if index not in own:
                colour = np.array([*name_colour(layer.name), 255], np.uint8)
                layer.window.paint_into(pixels.view(np.uint32)[..., 0], colour.view(np.uint32)[0])
        photo = Photo(pixels)
    elif not shown:
        return photo
    else:
        photo = replace(photo, pixels=photo.pixels.copy())
    for painted in shown:
        blend(photo.pixels, painted)
    return photo


def check(scene: Scene, photo: Photo | None, drawn: Sequence[Drawn]) -> None:
    """Raises ValueError for a photo of another size, a painted layer outside the picture or of a layer that is none."""
    size = f"{scene.width}x{scene.height}"
    if photo is not None and (photo.height, photo.width) != (scene.height, scene.width):
        raise ValueError(
            f"The photo is {photo.width}x{photo.height}, but the scene is {size}; both must have one size."
        )
    for one in drawn:
        layer, window = one.layer, one.layer.window
        inside = 0 <= window.x0 < window.x1 <= scene.width and 0 <= window.y0 < window.y1 <= scene.height
        if not inside or layer.rgba.shape != (window.height, window.width, 4):
            raise ValueError(
                f"The painted layer '{layer.name}' is {layer.rgba.shape[1]}x{layer.rgba.shape[0]} at {window.x0},"
                f"{window.y0} of a picture of {size}; it must lie inside, and fill its window."
            )
        if one.index is not None and not 0 <= one.index < len(scene.layers):
            raise ValueError(
                f"The painted layer '{layer.name}' is of layer {one.index}; the scene has {len(scene.layers)} layers."
            )


def at_depth(values: np.ndarray, bits: int) -> np.ndarray:
    """8-bit values as 16-bit ones where those are asked for: 255 becomes 65535."""
    return values.astype(np.uint16) * np.uint16(257) if bits == 16 and values.dtype == np.uint8 else values


def profile_of(picture: Photo) -> bytes | None:
    """The colour profile of a picture's values as RGB: its own; a grey one's says nothing of RGB.

    16 bits without a profile get that of sRGB, which they are by custom: Krita asks whoever opens them, or takes them
    for linear light.
    """
    if picture.icc and picture.pixels.shape[2] > 2:
        return picture.icc
    if picture.bits == 8:
        return None
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes(12)  # when it was made: the same input gives the same file
    return bytes(profile)


def _sheet(one: Drawn, scene: Scene, grey: bool) -> PixelSheet:
    layer, (x0, y0) = one.layer, (one.layer.window.x0, one.layer.window.y0)
    pixels: np.ndarray[Any, Any] = layer.rgba
    if grey:  # as the composition draws it over a grey photo
        luma = np.rint(pixels[..., :3] @ _LUMA).astype(np.uint8)
        pixels = np.dstack([luma, pixels[..., 3]])
    mask = None
    if one.index is not None:
        mask = scene.layers[one.index].window
        if not mask.any() or (layer.touched & ~mask.crop(*layer.window.as_list())).any():
            mask = None
    return PixelSheet(layer.name, x0, y0, pixels, layer.applied, mask)
