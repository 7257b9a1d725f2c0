"""What ``insert`` and ``remove`` write: pictures, masks, layers, layouts, scenes, and jobs for other tools."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.export.pictures import scene_colours
from smartmask.geometry import mask_box
from smartmask.guides import as_guides
from smartmask.image.files import save_png
from smartmask.image.photo import Photo
from smartmask.insertion.lay import Laid, Plan
from smartmask.insertion.paint import InsertResult, PaintOptions, crop_scene, request_for
from smartmask.io.files import save_json
from smartmask.io.package import VERSION
from smartmask.masks.results import mask_sheet
from smartmask.scene import Scene
from smartmask.scene.scene_file import save_scene


def save_plan(plan: Plan, photo: Photo, inpainters: Sequence[str], folder: Path) -> list[dict[str, Any]]:
    """Masks, layouts and scenes of a plan, into a staging folder; returns a record an object.

    ``mask_00.png``, ``visible_00.png``: whole and seen part of each object, in the order of requests;
    ``overlay_00.png``: its candidates, where masks were drawn; ``layout_before.png``, ``layout_after.png``;
    ``scene.json``; ``steps/scene_00.json``, ...: the scene before, and after each object.
    """
    final, indices = plan.after(), plan.stack()
    history = plan_history(plan, inpainters)
    records = []
    for number, laid in enumerate(plan.objects):
        index = indices.index(number)
        visible = final.visible(index)
        save_png(laid.mask, folder / f"mask_{number:02d}.png")
        save_png(visible, folder / f"visible_{number:02d}.png")
        record = _describe(laid, number, final, index, visible)
        if laid.output is not None:
            before = replace(plan.after(number), photo=photo.rgb())
            guides = as_guides(laid.request.guidance, final.height, final.width)
            record["candidates"] = f"overlay_{number:02d}.png"
            save_png(mask_sheet(laid.output, before, guides), folder / record["candidates"])
        records.append(record)
    save_png(scene_colours(plan.scene), folder / "layout_before.png")
    save_png(scene_colours(final), folder / "layout_after.png")
    save_scene(final, folder / "scene.json", history)
    (folder / "steps").mkdir()
    for count in range(len(plan.objects) + 1):
        save_scene(plan.after(count), folder / "steps" / f"scene_{count:02d}.json", history[:count])
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


def _describe(laid: Laid, number: int, scene: Scene, index: int, visible: np.ndarray) -> dict[str, Any]:
    guides = as_guides(laid.request.guidance, scene.height, scene.width)
    return {
        "object": laid.name,
        "context": laid.request.context,
        "guidance": [guide.describe() for guide in guides],
        "mask": f"mask_{number:02d}.png",
        "visible": f"visible_{number:02d}.png",
        "box": mask_box(laid.mask),
        "area": int(np.count_nonzero(laid.mask)),
        "visible_area": int(np.count_nonzero(visible)),
        "score": None if laid.score is None else round(laid.score, 6),
        "order": laid.order,
        "layer": index,
        "in_front_of": scene.layers[index - 1].name if index > 0 else None,
        "seed": laid.seed,
        "picked": laid.picked,
        "why": None if laid.output is None or laid.picked is None else laid.output.why[laid.picked],
    }


def save_painting(result: InsertResult, folder: Path, suffix: str = ".png") -> list[dict[str, Any]]:
    """``result.png`` and ``layers/``, RGBA at the photo's size from back to front; returns a record a layer."""
    result.photo.save(folder / f"result{suffix}")
    (folder / "layers").mkdir()
    records = []
    for number, layer in enumerate(result.layers):
        name = f"layers/{number:02d}_{slug(layer.name)}.png"
        Photo(layer.full(result.photo.height, result.photo.width)).save(folder / name)
        window = layer.window.as_list()
        records.append(
            {"file": name, "name": layer.name, "kind": layer.kind, "window": window, "in_result": layer.applied}
        )
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
        job.mkdir(parents=True)
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


def describe_photo(photo: Photo, result: InsertResult | None) -> dict[str, Any]:
    """The photo's form, and how much of it was painted (null where nothing was)."""
    record: dict[str, Any] = {
        "version": VERSION,
        "size": {"width": photo.width, "height": photo.height},
        "pixels": {"mode": photo.mode, "bits": photo.bits},
        "painted": None,
    }
    if result is not None:
        count = int(np.count_nonzero(result.mask))
        record["painted"] = {"pixels": count, "share": round(count / result.mask.size, 6)}
    return record


def run_notes(plan: Plan, suffix: str, request: Mapping[str, Any]) -> list[str]:
    """What a user should know of a run.

    Notes on the scene, how a phrase was read, the mask pipeline's notes, loss in the file, what is not kept.
    """
    notes = [*plan.notes, *request.get("phrase_notes", ())]
    notes += [note for laid in plan.objects if laid.output is not None for note in laid.output.notes]
    if suffix != ".png":
        notes.append(f"result{suffix} is compressed with loss; only a PNG keeps the untouched pixels bit for bit.")
    unmet = [r for r in request.get("relations", ()) if not r["met"]]
    notes += [f"Not met: {r['subject']} {r['relation']} {r['reference']}; another --seed may do." for r in unmet]
    return notes


def print_run(record: Mapping[str, Any], out: Path, suffix: str, as_json: bool) -> None:
    """The record of a run on stdout, as JSON or a line an object; its notes on stderr."""
    if as_json:
        print(json.dumps(record, indent=2))
        return
    for note in record["notes"]:
        print(f"smartmask: note: {note}", file=sys.stderr)
    for item in record["objects"]:
        place = "empty" if item["box"] is None else ",".join(f"{edge:g}" for edge in item["box"])
        behind = f"in front of {item['in_front_of']}" if item["in_front_of"] else "behind all"
        behind = behind if record["layers_before"] else "alone in its scene"
        score = "" if item["score"] is None else f"  score {item['score']:.3f}"
        print(f"{item['mask']}  {item['object']}{score}  box {place}  {behind}  seed {item['seed']}")
    if record["painted"]:
        share = 100 * record["painted"]["share"]
        print(f"result{suffix} in {out} after {record['timings']['total']:.1f} s; {share:.2f} % of it painted")


def slug(name: str) -> str:
    """A file name's part of a text: lower-case letters, digits and underscores, at most 30."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower())[:30].strip("_") or "object"
