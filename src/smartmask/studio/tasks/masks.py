"""``POST /v1/masks``: masks of where and how an object could stand in a scene."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from smartmask.io.checks import check_pool, check_seed
from smartmask.io.package import VERSION
from smartmask.scene import Scene
from smartmask.studio.answers import suggestions
from smartmask.studio.bodies import MasksBody, SceneBody
from smartmask.studio.inputs import guides_of
from smartmask.studio.tasks.service import Call, Service


def read_scene(call: Call, body: SceneBody, pixels: bool = False) -> tuple[Scene, list[str]]:
    """``(scene, notes)`` of a body; a photo that is to be segmented is read by the service's own model."""
    if not body.segment:
        return call.inputs.scene(body, pixels), []
    from smartmask.scene.photo import scene_of_photo

    settings = call.engine.settings
    if settings.segmenter is None:
        raise ValueError("This service has no panoptic model; give the layers, or start it with --segmenter MODEL.")
    if body.photo is None:
        raise ValueError("There is no photo to be segmented; give one.")
    scene, notes = scene_of_photo(call.inputs.photo(body.photo).rgb(), settings.segmenter)
    return scene if pixels else replace(scene, photo=None), list(notes)


def run(call: Call, body: MasksBody) -> dict[str, Any]:
    """Reads, asks, ranks; the masks best first."""
    start = time.perf_counter()
    with call.job.watch("reading"):
        scene, notes = read_scene(call, body)
        size = scene.height, scene.width
        guides, not_here = guides_of(body.guides, size), guides_of(body.not_here, size)
        like = None if body.like is None else call.inputs.mask(body.like, size, "mask to vary")
        check_seed(body.seed, (check_pool(body.num_masks) if body.diverse else body.num_masks) - 1)
    with call.job.watch("loading"):
        pipeline = call.engine.pipeline
    with call.job.watch("masks") as on_step:
        output = pipeline(
            scene, body.object, context_prompt=body.context, guidance=list(guides) or None, num_masks=body.num_masks,
            num_inference_steps=body.steps, guidance_scale=body.guidance_scale,
            context_guidance_scale=body.context_guidance_scale, generator=body.seed, callback_on_step_end=on_step,
            not_here=list(not_here) or None, order=body.order, facing=body.facing, like=like,
            like_distance=body.like_distance, diverse=body.diverse,
        )  # fmt: skip
    with call.job.watch("writing"):
        masks = suggestions(output, scene, body.masks_as)
    seconds = {stage: round(value, 4) for stage, value in output.timings.items()}
    return {
        "version": VERSION, "object": body.object, "size": {"width": scene.width, "height": scene.height},
        "layers": [layer.name for layer in scene.layers], "masks": masks, "notes": [*notes, *output.notes],
        "timings": {**seconds, "total": round(time.perf_counter() - start, 4)},
    }  # fmt: skip


SERVICE = Service(
    "masks", "Masks of where and how an object could stand in a scene, best first.", MasksBody, run,
    ("photo", "layout", "like"),
    {"object": "dog", "size": [512, 384], "guides": [{"kind": "box", "x0": 150, "y0": 120, "x1": 350, "y1": 330}],
     "num_masks": 4},
)  # fmt: skip
