"""What ``insert`` and ``remove`` write: pictures, masks, layers, layouts, scenes, and jobs for other tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.export.overlays import together
from smartmask.export.pictures import scene_colours
from smartmask.guides import as_guides
from smartmask.image.files import save_png
from smartmask.image.mask_png import save_mask
from smartmask.image.photo import Photo
from smartmask.insertion.lay import Plan
from smartmask.insertion.paint import InsertResult, crop_scene, request_for
from smartmask.insertion.report import LayerRecord, ObjectRecord
from smartmask.insertion.settings import PaintOptions
from smartmask.io.publish import save_json
from smartmask.io.sentences import slug
from smartmask.masks.records import mask_records
from smartmask.masks.sheets import mask_sheet
from smartmask.scene import Scene
from smartmask.scene.scene_file import save_scene


def save_plan(
    plan: Plan, photo: Photo, inpainters: Sequence[str], folder: Path, earlier: Sequence[Mapping[str, Any]] = ()
) -> list[ObjectRecord]:
    """Masks, layouts and scenes of a plan, into a staging folder; returns a record an object.

    earlier: the history of the scene before.

    ``mask_00.png``, ``visible_00.png``: whole and seen part of each object, in the order of requests;
    ``overlay_00.png``: its candidates, where masks were drawn; ``overlay.png``: the masks of several objects together,
    with their names; ``layout_before.png``, ``layout_after.png``;
    ``scene.json``; ``steps/scene_00.json``, ...: the scene before, and after each object.
    """
    final, indices = plan.after(), plan.stack()
    history = [*earlier, *plan_history(plan, inpainters)]
    records, seen = [], []
    for number, laid in enumerate(plan.objects):
        index = indices.index(number)
        visible = final.seen(index)
        save_mask(laid.window, folder / f"mask_{number:02d}.png")
        save_mask(visible, folder / f"visible_{number:02d}.png")
        records.append(ObjectRecord.of(laid, number, final, index, visible))
        seen.append(visible)
        if laid.output is not None:
            before = replace(plan.after(number), photo=photo.rgb())
            guides = as_guides(laid.request.guidance, final.height, final.width)
            sheet = mask_sheet(laid.output, mask_records(laid.output, before), before, guides)
            save_png(sheet, folder / f"overlay_{number:02d}.png", quick=True)
    if len(plan.objects) > 1:
        back_to_front = [number for number in indices if number is not None]
        names, masks = [laid.name for laid in plan.objects], [laid.mask for laid in plan.objects]
        save_png(together(photo.rgb(), masks, seen, names, order=back_to_front), folder / "overlay.png", quick=True)
    save_png(scene_colours(plan.scene), folder / "layout_before.png")
    save_png(scene_colours(final), folder / "layout_after.png")
    save_scene(final, folder / "scene.json", history)
    for count in range(len(plan.objects) + 1):
        save_scene(plan.after(count), folder / "steps" / f"scene_{count:02d}.json", history[: len(earlier) + count])
    return records


def plan_history(plan: Plan, inpainters: Sequence[str]) -> list[dict[str, Any]]:
    """One record an object, for scene files; without inserters the object is laid, not painted."""
    records: list[dict[str, Any]] = []
    for number, laid in enumerate(plan.objects):
        action = "insert" if laid.kind == "object" else "remove"
        painter = inpainters[number] if inpainters else None
        records.append(
            {"action": action, "name": laid.name, "order": laid.order, "seed": laid.seed, "inpainter": painter}
        )
    return records


def save_painting(result: InsertResult, folder: Path, suffix: str = ".png") -> list[LayerRecord]:
    """``result.png`` and ``layers/``, RGBA at the photo's size from back to front; returns a record a layer."""
    result.photo.save(folder / f"result{suffix}")
    records = []
    for number, layer in enumerate(result.layers):
        name = f"layers/{number:02d}_{slug(layer.name)}.png"
        Photo(layer.full(result.photo.height, result.photo.width)).save(folder / name)
        records.append(
            LayerRecord(file=name, name=layer.name, kind=layer.kind, window=layer.window.as_list(),
                        in_result=layer.applied)
        )  # fmt: skip
    return records


def save_jobs(plan: Plan, photo: Photo, options: PaintOptions, folder: Path) -> list[str]:
    """``jobs/00_dog/``, ...: all that another tool needs to paint each object; returns the folders' names.

    ``photo.png``: the crop of the photo; ``mask.png``: white where paint may go; ``prompt.json``: texts, seed
    and the crop's window in the photo; ``seg_control.png``: the layout in the colours of segmentation
    ControlNets, where this installation can draw it.
    """
    names = []
    for number, laid in enumerate(plan.objects):
        scene = plan.after(number + 1)
        request, window = request_for(photo.pixels, scene, laid.order, laid, None, options)
        name = f"jobs/{number:02d}_{slug(laid.name)}"
        job = folder / name
        save_png(request.image, job / "photo.png")
        save_png(request.mask, job / "mask.png")
        control = _seg_control(crop_scene(scene, window))
        if control is not None:
            save_png(control, job / "seg_control.png")
        text = {
            "prompt": request.prompt,
            "context": request.context,
            "seed": request.seed,
            "window": window.as_list(),
            "photo_size": {"width": photo.width, "height": photo.height},
            "layers": [layer.name for layer in scene.layers],
            "order": laid.order,
        }
        save_json(text, job / "prompt.json")
        names.append(name)
    return names


def _seg_control(scene: Scene) -> np.ndarray | None:
    try:
        from smartmask.insertion.stable_diffusion.seg_control import seg_control_image

        return seg_control_image(scene)
    except ImportError:  # a package of the insert extra is missing; the job is complete without the picture
        return None
