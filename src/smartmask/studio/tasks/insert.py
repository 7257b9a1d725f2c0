"""``POST /v1/insert`` and ``POST /v1/remove``: what is painted into a photo, and nothing beside it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np

from smartmask.geometry import box_mask
from smartmask.guides import Box, as_guides
from smartmask.image.composition import PaintedLayer
from smartmask.image.photo import Photo
from smartmask.insertion.inpainter import Inpainter
from smartmask.insertion.lay import ObjectRequest, Plan, lay
from smartmask.insertion.load import load_inpainter
from smartmask.insertion.paint import NO_INPAINTER, InsertResult, paint
from smartmask.insertion.remove import erasure, refuse_paste
from smartmask.insertion.results import plan_history
from smartmask.insertion.settings import ModelOptions, PasteOptions
from smartmask.io.package import VERSION
from smartmask.scene import Scene
from smartmask.scene.neighbours import neighbours
from smartmask.scene.scene_file import scene_to_dict
from smartmask.studio.answers import Shelf, mask_json
from smartmask.studio.bodies import InsertBody, ObjectBody, PaintBody, RemoveBody
from smartmask.studio.inputs import guides_of
from smartmask.studio.settings import PASTE
from smartmask.studio.tasks.masks import read_scene
from smartmask.studio.tasks.service import Call, Service


def run_insert(call: Call, body: InsertBody) -> dict[str, Any]:
    """Lays the objects, paints them back to front; without a model or cut-outs only their masks are laid."""
    start = time.perf_counter()
    with call.job.watch("reading"):
        photo, scene, notes = _photo_and_scene(call, body)
        requests = [_request(call, one, scene, body.context) for one in body.objects]
        inpainter = body.inpainter or (PASTE if any(one.cutout is not None for one in body.objects) else None)
    with call.job.watch("loading"):
        painters = [] if inpainter is None else _painters(call, body, inpainter, requests)
        pipeline = call.engine.pipeline
    with call.job.watch("masks") as on_step:
        plan = lay(scene, requests, num_masks=body.num_masks, pick=body.pick, pipeline=pipeline, generator=body.seed,
                   callback=on_step)  # fmt: skip
    notes += [] if painters else [f"Nothing is painted. {NO_INPAINTER}."]
    return _painted(call, body, photo, plan, painters, notes, start)


def run_remove(call: Call, body: RemoveBody) -> dict[str, Any]:
    """Paints a region or a layer away."""
    start = time.perf_counter()
    with call.job.watch("reading"):
        photo, scene, notes = _photo_and_scene(call, body)
        size = scene.height, scene.width
        region: Any = body.region
        if (body.box is None) == (region is None):
            raise ValueError("There is no region, or two; give either region or box.")
        if body.box is not None:
            (box,) = as_guides(Box(*body.box), *size)
            region = box_mask(box.extent(*size), *size)
        elif isinstance(region, dict):
            region = call.inputs.mask(region, size, "region")
        plan = erasure(scene, region, body.fill, body.grow, body.feather, body.seed, body.context)
        if body.inpainter is not None:
            refuse_paste(body.inpainter)
    with call.job.watch("loading"):
        requests = [laid.request for laid in plan.objects]
        painters = [] if body.inpainter is None else _painters(call, body, body.inpainter, requests)
    notes += [] if painters else [f"Nothing is painted. {NO_INPAINTER.split('; ')[0]}."]
    return _painted(call, body, photo, plan, painters, notes, start)


def _photo_and_scene(call: Call, body: PaintBody) -> tuple[Photo, Scene, list[str]]:
    if body.photo is None:
        raise ValueError("There is no photo; upload one and give its id.")
    photo = call.inputs.photo(body.photo)
    if photo.has_alpha and body.format == "jpg":
        raise ValueError("A JPEG has no transparency as this photo does; use the format png or webp.")
    scene, notes = read_scene(call, body)
    return photo, replace(scene, photo=None), notes


def _request(call: Call, one: ObjectBody, scene: Scene, context: str | None) -> ObjectRequest:
    size = scene.height, scene.width
    if one.mask is not None and one.guides:
        raise ValueError(f"'{one.object}' has a finished mask and guides; give one of the two.")
    mask = None if one.mask is None else call.inputs.mask(one.mask, size, f"mask of '{one.object}'")
    cutout = None if one.cutout is None else call.inputs.picture(one.cutout, f"cut-out of '{one.object}'")
    kept = None
    if one.cutout_mask is not None:
        if cutout is None:
            raise ValueError(f"'{one.object}' has a mask for a cut-out, but no cut-out; give its picture.")
        sides = cutout.about["height"], cutout.about["width"]
        kept = call.inputs.mask(one.cutout_mask, sides, f"cut-out's mask of '{one.object}'")
    guides = list(guides_of(one.guides, size)) or None
    path = None if cutout is None else cutout.path
    return ObjectRequest(one.object, guides, mask, one.order, one.context or context, one.seed, path, kept)


def _painters(call: Call, body: PaintBody, name: str, requests: list[ObjectRequest]) -> list[Inpainter]:
    """One inserter an object. Raises ValueError for a name that the service does not offer."""
    if name != PASTE:
        return [call.engine.inpainter(name, body.given(ModelOptions))] * len(requests)
    options = body.given(PasteOptions) if isinstance(body, InsertBody) else {}
    painters = []
    for one in requests:
        if one.cutout is None:
            raise ValueError(f"'{one.prompt}' has no cut-out to paste; give one, or name a model that paints.")
        painters.append(load_inpainter(PASTE, cutout=one.cutout, mask=one.cutout_mask, prompt=one.prompt, **options))
    return painters


def _painted(
    call: Call, body: PaintBody, photo: Photo, plan: Plan, painters: list[Inpainter], notes: list[str], start: float
) -> dict[str, Any]:
    """The answer: the finished photo, each layer that was drawn, the objects' masks, and the scene with them."""
    shelf = Shelf(call.inputs.session, body.inline)
    result: InsertResult | None = None
    if painters:
        with call.job.watch("painting") as on_step:
            result = paint(photo, plan, painters, body, on_step)
        plan, notes = result.plan, [*notes, *result.notes]
    else:
        notes = [*notes, *(n for laid in plan.objects if laid.output is not None for n in laid.output.notes)]
    with call.job.watch("writing"):
        found = None if result is None else shelf.photo(result.photo, f"result.{body.format}")
        layers = [] if result is None else [_layer(shelf, number, one) for number, one in enumerate(result.layers)]
        final = plan.after()
        earlier = [] if body.scene is None else body.scene.get("history", [])
        history = [*earlier, *plan_history(plan, [painter.name for painter in painters])]
    return {
        "version": VERSION, "size": {"width": photo.width, "height": photo.height}, "result": found, "layers": layers,
        "objects": _objects(plan, final), "scene": scene_to_dict(final, history),
        "painted": None if result is None else int(np.count_nonzero(result.mask)),
        "changed_outside": None if result is None else _changed_outside(photo, result),
        "notes": list(dict.fromkeys(notes)), "timings": {"total": round(time.perf_counter() - start, 4)},
    }  # fmt: skip


def _layer(shelf: Shelf, number: int, layer: PaintedLayer) -> dict[str, Any]:
    """A drawn layer: the part of it that is not transparent, and where in the photo that lies."""
    rows, columns = (np.flatnonzero(layer.touched.any(axis=axis)) for axis in (1, 0))
    top, bottom, left, right = (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1) if rows.size else (0, 1, 0, 1)
    x0, y0 = layer.window.x0, layer.window.y0
    window = [int(edge) for edge in (x0 + left, y0 + top, x0 + right, y0 + bottom)]
    file = shelf.photo(Photo(layer.rgba[top:bottom, left:right]), f"layer_{number:02d}.png")
    return {"file": file, "name": layer.name, "kind": layer.kind, "window": window, "in_result": layer.applied}


def _changed_outside(photo: Photo, result: InsertResult) -> int:
    """Pixels that differ from the photo outside the mask that may change: counted, not assumed."""
    return int(np.count_nonzero((photo.pixels != result.photo.pixels).any(axis=2) & ~result.mask))


def _objects(plan: Plan, final: Scene) -> list[dict[str, Any]]:
    indices, told = plan.stack(), []
    for number, laid in enumerate(plan.objects):
        index = indices.index(number)
        in_front_of, behind = neighbours(final, laid.window, index, own=True)
        told.append(
            {
                "object": laid.name, "mask": mask_json(laid.window), "visible": mask_json(final.seen(index)),
                "box": laid.window.bounds, "score": None if laid.score is None else round(laid.score, 6),
                "order": laid.order, "layer": index, "seed": laid.seed, "in_front_of": in_front_of, "behind": behind,
            }
        )  # fmt: skip
    return told


INSERT = Service(
    "insert", "Objects into a photo; every pixel outside their masks stays as it is.", InsertBody, run_insert,
    ("photo", "layout"),
    {"photo": "part:photo", "objects": [{"object": "dog", "guides": [{"kind": "point", "x": 30, "y": 40}]}]},
)  # fmt: skip
REMOVE = Service(
    "remove", "A region or a layer of a photo painted away by what lies behind it.", RemoveBody, run_remove,
    ("photo", "layout", "region"), {"photo": "part:photo", "box": [10, 10, 40, 40]},
)  # fmt: skip
