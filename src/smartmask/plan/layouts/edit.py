"""Changing a drawn layout: move, scale, redo and lock single layers, each consistent with those above.

What an object carries moves with it; its depth follows from where it now stands, and relations are checked again.
Every function returns a new Layout.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from smartmask.geometry import BoxXYXY, mask_box, scale_box, shift_box
from smartmask.insertion.lay import seed_of
from smartmask.plan.layouts.arrange import Placed
from smartmask.plan.layouts.pipeline import Item, Layout, checked, draw_item

if TYPE_CHECKING:
    import torch

    from smartmask.masks.pipeline import SmartMaskPipeline


def find(layout: Layout, layer: int | str) -> int:
    """The index in ``layout.items`` of a layer: its key ("lamp 2"), or its index in ``layout.scene().layers``."""
    drawn = [item for item in layout.stacked() if item.mask.any()]
    if isinstance(layer, int) and not isinstance(layer, bool):
        if not 0 <= layer < len(drawn):
            raise ValueError(f"Layer {layer} does not exist; the layout has {len(drawn)} layers, from 0 at the back.")
        return next(i for i, item in enumerate(layout.items) if item is drawn[layer])
    for index, item in enumerate(layout.items):
        if item.key == layer:
            return index
    raise ValueError(f"There is no layer {layer!r}; the layers are {', '.join(item.key for item in layout.items)}.")


def lock(layout: Layout, layer: int | str, locked: bool = True) -> Layout:
    """The layout with a layer that move, scale and redo refuse to touch (or, ``locked`` False, touch again)."""
    at = find(layout, layer)
    return _with(layout, {at: replace(layout.items[at], locked=locked)})


def move(layout: Layout, layer: int | str, dx: float, dy: float) -> Layout:
    """The layout with a thing moved by (dx, dy) pixels, and with it all that it carries.

    Moved down it comes nearer: its depth follows its lower edge. ValueError for a locked layer or a surface,
    and if nothing of it would be left in the picture.
    """
    at = _free(layout, layer)
    changed: dict[int, Item] = {}
    for index in [at, *_carried(layout, layout.items[at].key)]:
        item = layout.items[index]
        if item.locked:
            raise ValueError(f"'{item.key}' stands on '{layout.items[at].key}' and is locked; unlock it first.")
        matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
        box = shift_box(_box(item), dx, dy)
        changed[index] = _warped(layout, item, matrix, box, item.depth + dy)
    return checked(_with(layout, changed))


def scale(layout: Layout, layer: int | str, factor: float) -> Layout:
    """The layout with a thing ``factor`` times as large; its feet stay where they are.

    ValueError for a factor outside 0.05 to 20, a locked layer or a surface.
    """
    if not 0.05 <= factor <= 20:
        raise ValueError(f"The factor {factor} is out of range; give 0.05 to 20, 1 leaves the size.")
    at = _free(layout, layer)
    item = layout.items[at]
    box = _box(item)
    cx, foot = (box[0] + box[2]) / 2, box[3]
    matrix = np.array([[factor, 0, cx * (1 - factor)], [0, factor, foot * (1 - factor)]], np.float32)
    grown = scale_box(box, factor)
    grown = shift_box(grown, 0, foot - grown[3])
    return checked(_with(layout, {at: _warped(layout, item, matrix, grown, item.depth)}))


def redo(
    layout: Layout, layer: int | str, pipeline: SmartMaskPipeline, generator: int | torch.Generator | None,
    num_masks: int = 4,
) -> Layout:  # fmt: skip
    """The layout with another shape for a thing, in the same place, from another seed; all else stays."""
    at = _free(layout, layer)
    item = layout.items[at]
    spot = item.place or Placed(item.key, item.name, _box(item), item.depth)
    without = replace(layout, items=(*layout.items[:at], *layout.items[at + 1 :]))
    return checked(_with(layout, {at: draw_item(without, spot, pipeline, seed_of(generator), num_masks)}))


def remove(layout: Layout, layer: int | str) -> Layout:
    """The layout without a layer; relations that spoke of it are no longer met."""
    at = find(layout, layer)
    if layout.items[at].locked:
        raise ValueError(f"'{layout.items[at].key}' is locked; unlock it first.")
    return checked(replace(layout, items=(*layout.items[:at], *layout.items[at + 1 :])))


def _free(layout: Layout, layer: int | str) -> int:
    at = find(layout, layer)
    item = layout.items[at]
    if item.locked:
        raise ValueError(f"'{item.key}' is locked; unlock it first.")
    if not item.thing:
        raise ValueError(f"'{item.key}' is a surface that fills its part of the picture; only things can be changed.")
    return at


def _carried(layout: Layout, key: str) -> list[int]:
    """Indices of the items that stand on or in an item, and what stands on those."""
    on = {r.subject for r in layout.request.relations if r.reference == key and r.kind in ("on", "in")}
    found = []
    for index, item in enumerate(layout.items):
        if item.key in on and item.key != key:
            found += [index, *_carried(layout, item.key)]
    return list(dict.fromkeys(found))


def _box(item: Item) -> BoxXYXY:
    box = item.place.box if item.place is not None else mask_box(item.mask)
    if box is None:
        raise ValueError(f"'{item.key}' has an empty mask; redo it first.")
    return box


def _warped(layout: Layout, item: Item, matrix: np.ndarray, box: BoxXYXY, depth: float) -> Item:
    # a pixel's centre lies at +.5, which the matrix must see
    shifted = matrix.copy()
    shifted[:, 2] += matrix[:, :2] @ np.array([0.5, 0.5], np.float32) - 0.5
    grey = item.mask.astype(np.float32)
    mask = cv2.warpAffine(grey, shifted, (layout.width, layout.height), flags=cv2.INTER_LINEAR) > 0.5
    if not mask.any():
        raise ValueError(f"Nothing of '{item.key}' would be left in the {layout.width}x{layout.height} picture.")
    place = None if item.place is None else replace(item.place, box=box, depth=depth)
    return replace(item, mask=mask, place=place, depth=depth)


def _with(layout: Layout, changed: dict[int, Item]) -> Layout:
    return replace(layout, items=tuple(changed.get(i, item) for i, item in enumerate(layout.items)))
