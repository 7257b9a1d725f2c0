"""``POST /v1/export``: a scene, its photo and what was painted, as one file for other programs."""

from __future__ import annotations

import time
from typing import Any

from smartmask.export.formats import FORMATS, Export, export
from smartmask.export.stack import Drawn
from smartmask.image.composition import PaintedLayer, Window
from smartmask.image.photo import Photo, to_8_bit
from smartmask.io.package import VERSION
from smartmask.io.sentences import slug
from smartmask.scene.scene_file import scene_from_dict
from smartmask.studio.answers import Shelf
from smartmask.studio.bodies import ExportBody, PaintedBody
from smartmask.studio.tasks.masks import read_scene
from smartmask.studio.tasks.service import Call, Service


def run(call: Call, body: ExportBody) -> dict[str, Any]:
    """Reads the scene and all pictures, writes one file."""
    start = time.perf_counter()
    with call.job.watch("reading"):
        scene, notes = read_scene(call, body)
        photo = None if body.photo is None else call.inputs.photo(body.photo)
        history = [] if body.scene is None else scene_from_dict(body.scene)[1]
        drawn = tuple(_drawn(call, one, number) for number, one in enumerate(body.painted))
        name = "photo.png" if body.photo is None else call.inputs.picture(body.photo, "photo").name
        given = Export(scene, photo, drawn, history, name, "embed" if body.embed else "none")
    with call.job.watch("writing"):
        said: list[str] = []
        shelf = Shelf(call.inputs.session, body.inline)
        file = shelf.put(
            f"{slug(body.name)}{FORMATS[body.format].suffix}",
            lambda handle: said.extend(export(given, body.format, handle)),
        )
    return {
        "version": VERSION, "format": body.format, "file": file, "layers": [layer.name for layer in scene.layers],
        "notes": [*notes, *said], "timings": {"total": round(time.perf_counter() - start, 4)},
    }  # fmt: skip


def _drawn(call: Call, one: PaintedBody, number: int) -> Drawn:
    pixels = to_8_bit(Photo.load(call.inputs.picture(one.picture, f"picture of '{one.name}'").path, "layer").pixels)
    if pixels.shape[2] != 4:
        raise ValueError(f"The picture of '{one.name}' (painted[{number}]) has no transparency; give a PNG with RGBA.")
    window = Window(one.x, one.y, one.x + pixels.shape[1], one.y + pixels.shape[0])
    return Drawn(PaintedLayer(one.name, one.kind, window, pixels, one.visible), one.layer)


SERVICE = Service(
    "export", "A scene, its photo and painted layers as one file: a picture, masks, COCO, OpenRaster, PSD, SVG.",
    ExportBody, run, ("photo", "layout"), {"size": [64, 48], "format": "svg"},
)  # fmt: skip
