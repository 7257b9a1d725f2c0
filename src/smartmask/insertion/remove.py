"""Removal: a region or a layer painted away by what lies behind it, with the inserters of ``insert``.

SmartBrush (arXiv 2212.05034) names removal as future work; nothing here is from its text.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smartmask.geometry import MaskWindow, mask_box, signed_distance
from smartmask.image.composition import CONTEXT, crop_window, ring
from smartmask.image.photo import Photo
from smartmask.insertion.inpainter import Inpainter
from smartmask.insertion.lay import Laid, ObjectRequest, Plan, check_request, seed_of
from smartmask.insertion.paint import (
    NO_INPAINTER,
    InsertResult,
    NoInpainterError,
    as_photo,
    crop_scene,
    load_inpainters,
    paint,
)
from smartmask.insertion.settings import PaintOptions
from smartmask.io.checks import check_prompt, whole
from smartmask.io.sentences import few_of, short_repr
from smartmask.io.watch import Progress
from smartmask.scene import Scene

if TYPE_CHECKING:
    import torch

GROW = 0.01  # pixels painted round a region, as a share of its longer side, beside the feather
BACKGROUND = "background"  # what is painted where the scene has no name for the surroundings


def remove(
    photo: str | Path | np.ndarray | Photo,
    region: np.ndarray | int | str,
    *,
    scene: Scene | None = None,
    fill: str | None = None,
    inpainter: str | Path | Inpainter | None = None,
    context: str | None = None,
    generator: int | torch.Generator | None = 0,
    grow: int | None = None,
    options: PaintOptions | None = None,
    callback_on_step_end: Progress | None = None,
    **inpainter_options: Any,
) -> InsertResult:
    """The photo with a region painted away by what lies behind it; all else stays bit for bit.

    region: (H, W) bool mask, or a layer of the scene by its index or its (only) name.  fill: what to
    paint there (None: the name of what surrounds it most).  grow: pixels painted round the region, as
    its soft edge belongs to it (None: the feather and 1 % of its longer side).  generator: an int is
    the seed, a torch.Generator draws it, None is chance.  The other arguments are those of ``insert``; "paste" cannot
    remove.  Raises ValueError for bad input, NoInpainterError without an inserter.
    """
    photo = as_photo(photo)
    options = options or PaintOptions()
    if inpainter is None:
        raise NoInpainterError(f"{NO_INPAINTER.split(';')[0]}.")
    refuse_paste(inpainter)
    scene = Scene.empty(photo.height, photo.width) if scene is None else scene
    plan = erasure(scene, region, fill, grow, options.feather, generator, context)
    if (scene.height, scene.width) != (photo.height, photo.width):
        size = f"{photo.width}x{photo.height}"
        raise ValueError(f"The photo is {size} (upright), but the scene is {scene.width}x{scene.height}.")
    painters = load_inpainters(inpainter, [laid.request for laid in plan.objects], **inpainter_options)
    return paint(photo, plan, painters, options, callback_on_step_end)


def refuse_paste(inpainter: str | Path | Inpainter) -> None:
    """ValueError for an inserter that can only add."""
    if str(inpainter) == "paste" or getattr(inpainter, "name", None) == "paste":
        raise ValueError("The inserter 'paste' cannot remove anything; name a model that paints.")


def erasure(
    scene: Scene,
    region: np.ndarray | int | str,
    fill: str | None = None,
    grow: int | None = None,
    feather: float = 0.0,
    generator: int | torch.Generator | None = 0,
    context: str | None = None,
) -> Plan:
    """The scene without the region, and one "fill" laid in its place: stuff named by ``fill`` or its surroundings.

    What stands in front of a removed layer is not painted over. Arguments as in ``remove``.
    """
    if isinstance(region, np.ndarray):
        mask, order, base = region.astype(bool), len(scene.layers), scene
        check_request(ObjectRequest("region", mask=mask), scene, 0)
    else:
        order = _layer_index(scene, region)
        mask, base = scene.visible(order), scene.remove(order)
    box = mask_box(mask)
    if box is None:
        raise ValueError(f"Nothing of the region {_called(region)} is seen; give another one.")
    if grow is not None and (whole(grow) is None or not 0 <= grow <= max(mask.shape)):
        raise ValueError(f"The region cannot grow by {short_repr(grow)} pixels; use 0 to {max(mask.shape)}.")
    longer = max(box[2] - box[0], box[3] - box[1])
    reach = int(np.ceil(feather) + np.ceil(GROW * longer)) if grow is None else grow
    window = crop_window(box, scene.height, scene.width, CONTEXT + reach / longer)
    near = mask[window.slices]
    around = ring(near)
    grown = (near | (signed_distance(near) > -reach)) & ~crop_scene(base, window).covered(order)
    found = MaskWindow.within(mask.shape, window.x0, window.y0, grown)
    name = check_prompt(_commonest(crop_scene(base, window), around) if fill is None else fill, "fill")
    request = ObjectRequest(name, mask=found.dense(), order=order, context=context)
    check_request(request, base, len(base.layers))
    return Plan(base, (Laid(request, found, order, seed_of(generator), kind="fill"),))


def _layer_index(scene: Scene, region: int | str) -> int:
    names = [layer.name for layer in scene.layers]
    if isinstance(region, str):
        found = [index for index, name in enumerate(names) if name.lower() == region.strip().lower()]
        if len(found) == 1:
            return found[0]
        listed = few_of(f"{index} {name}" for index, name in enumerate(names))
        trouble = f"occurs at {few_of(found)}" if found else f"is not there; the layers are {listed}"
        raise ValueError(f"The layer {short_repr(region)} {trouble}; give an index.")
    index = whole(region)
    if index is None or not 0 <= index < len(names):
        raise ValueError(
            f"The layer {short_repr(region)} does not exist; the scene has {len(names)} layers, counted from 0."
        )
    return index


def _called(region: np.ndarray | int | str) -> str:
    return "painted" if isinstance(region, np.ndarray) else f"'{region}'"


def _commonest(scene: Scene, where: np.ndarray) -> str:
    """The name that covers most of a (H, W) bool region."""
    top = scene.top()[where]
    top = top[top >= 0]
    if not top.size:
        return BACKGROUND
    areas: dict[str, int] = {}
    for index, count in zip(*np.unique(top, return_counts=True), strict=True):
        name = re.sub(
            r"(-other|-merged|-stuff)+$", "", scene.layers[index].name
        )  # COCO's endings mean nothing to a model
        areas[name] = areas.get(name, 0) + int(count)
    return max(areas, key=lambda name: areas[name])
