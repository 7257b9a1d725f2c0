"""Photo in, photo out: named objects inserted, every other pixel as it was.

Masks are laid first (``lay``), then painted back to front on crops and blended into the photo (``paint``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smartmask.guides import Guidance
from smartmask.image.photo import Photo
from smartmask.insertion.inpainter import Inpainter
from smartmask.insertion.lay import ObjectRequest, as_requests, lay
from smartmask.insertion.paint import (
    NO_INPAINTER,
    InsertResult,
    NoInpainterError,
    as_photo,
    load_inpainters,
    paint,
)
from smartmask.insertion.settings import PaintOptions
from smartmask.io.watch import Progress
from smartmask.masks.weights import Weights
from smartmask.scene import Scene

if TYPE_CHECKING:
    import torch

    from smartmask.masks.pipeline import SmartMaskPipeline


def insert(
    photo: str | Path | np.ndarray | Photo,
    prompt: str | ObjectRequest | Sequence[str | ObjectRequest],
    *,
    scene: Scene | None = None,
    guidance: Guidance = None,
    inpainter: str | Path | Inpainter | None = None,
    mask: np.ndarray | None = None,
    reference: str | Path | np.ndarray | None = None,
    order: int | None = None,
    context: str | None = None,
    generator: int | torch.Generator | None = 0,
    num_masks: int = 8,
    pick: int | None = None,
    pipeline: SmartMaskPipeline | Weights | str | Path | None = None,
    options: PaintOptions | None = None,
    callback_on_step_end: Progress | None = None,
    **inpainter_options: Any,
) -> InsertResult:
    """The photo with an object (or several) in it; outside the mask every pixel equals the input's.

    photo: a file, an (H, W[, C]) uint8 or uint16 array, or a Photo.  prompt: the object's name, or a list of
    names and ObjectRequests: masks are laid in that order, each seeing the former ones, and painted
    back to front.  scene: the photo's layout; None asks a panoptic model if one was fetched earlier (else the scene is
    unlabeled and ``.notes`` say so); none is needed where all masks are given.
    guidance, mask, reference, order, context: as in ObjectRequest, for a single object.
    inpainter: "paste" (with ``cutout=``, ``cutout_mask=``), a folder or hub name, or any Inpainter; inpainter_options
    (device, dtype, cutout, ...) go to its loader.  generator, num_masks, pick, pipeline: as in ``lay``.
    Raises ValueError for bad input, NoInpainterError without an inserter.
    """
    photo = as_photo(photo)
    options = options or PaintOptions()
    requests = as_requests(
        prompt, guidance=guidance, mask=mask, order=order, context=context, reference=reference
    )  # fmt: skip
    if inpainter is None:
        raise NoInpainterError(f"{NO_INPAINTER}.")
    painters = load_inpainters(inpainter, requests, **inpainter_options)
    scene, notes = scene_of(photo, scene, requests)
    plan = lay(
        scene, requests, num_masks=num_masks, pick=pick, pipeline=pipeline, generator=generator,
        callback=callback_on_step_end,
    )  # fmt: skip
    return paint(photo, replace(plan, notes=notes), painters, options, callback_on_step_end)


def scene_of(photo: Photo, scene: Scene | None, requests: Sequence[ObjectRequest]) -> tuple[Scene, tuple[str, ...]]:
    """``(scene, notes)``: the scene to insert into, of the photo's size.

    Without one, an empty one where no mask has to be found, else what ``scene.photo.scene_of_photo`` gives.
    """
    if scene is not None:
        if (scene.height, scene.width) != (photo.height, photo.width):
            raise ValueError(
                f"The photo is {photo.width}x{photo.height} (upright), but the scene is {scene.width}x{scene.height}."
            )
        return scene, ()
    if all(request.mask is not None for request in requests):
        return Scene.empty(photo.height, photo.width), ()
    from smartmask.scene.photo import scene_of_photo

    return scene_of_photo(photo.rgb())
