"""The request ``scene export``: a saved scene, or what ``insert`` wrote, as one file of another program's format."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from smartmask.export.formats import FORMATS, Export, FormatName, PhotoInSvg, export
from smartmask.export.stack import Drawn
from smartmask.image.composition import LayerKind, PaintedLayer, Window
from smartmask.image.photo import Photo
from smartmask.io.publish import RESULT, output_file, replacing
from smartmask.io.reading import read_json
from smartmask.io.sentences import short_repr
from smartmask.io.settings import Settings, argument, option, required
from smartmask.scene.layer_json import JsonRecord
from smartmask.scene.scene_file import load_scene


class SceneExport(Settings):
    """Writes a scene, its photo and what was painted as a file for other programs."""

    scene: Path = argument("A scene.json, or a folder that 'insert' or 'layout' wrote.", metavar="SCENE")
    format: FormatName = required(
        "png, jpg, webp: the picture; masks: a ZIP of PNGs; coco: instances; panoptic: a ZIP of map and JSON; ora, "
        "psd: layers; svg: outlines; scene: scene.json.",
        metavar="FORMAT",
    )  # fmt: skip
    photo: Path | None = option(None, "The photo, as it was before something was inserted.", metavar="PHOTO")
    svg_photo: PhotoInSvg = option("embed", "Of svg: embed the picture, link the photo, or none.", metavar="HOW")
    out: Path = required("The file to write, with the suffix of its format.", metavar="FILE")

    def run(self) -> list[str]:
        """Reads and writes; notes on what the file does not hold. Raises ValueError of one sentence for bad input."""
        target = output_file(self.out, FORMATS[self.format].suffix)
        given = self._read()
        with replacing(target) as handle:
            return export(given, self.format, handle)

    def _read(self) -> Export:
        is_folder = self.scene.is_dir()
        scene, history = load_scene(self.scene / "scene.json" if is_folder else self.scene)
        drawn = painted_in(self.scene) if is_folder else ()
        photo = None if self.photo is None else Photo.load(self.photo)
        name = "photo.png" if self.photo is None else self.photo.name
        return Export(scene, photo, drawn, history, name, self.svg_photo)


def painted_in(folder: Path) -> tuple[Drawn, ...]:
    """What an insertion has painted, back to front, as its ``result.json`` lists it; nothing where nothing was.

    Raises ValueError of one sentence for a record that is none, or that names a file outside the folder.
    """
    path = folder / RESULT
    what = f"The result '{path}'"
    if not path.exists():
        return ()
    record = JsonRecord(read_json(path, "result"), what, "")
    if record.get("command", str) not in ("insert", "remove"):
        return ()
    objects = [JsonRecord(item, what, f"objects[{i}]") for i, item in enumerate(record.get("objects", list))]
    indices = sorted(item.get("layer", int) for item in objects)  # layers are painted from back to front
    found: list[Drawn] = []
    for number, item in enumerate(record.get("layers", list)):
        layer = _painted(JsonRecord(item, what, f"layers[{number}]"), folder)
        own = layer.kind != "shadow" and indices
        found.append(Drawn(layer, indices.pop(0) if own else None))
    return tuple(found)


def _painted(record: JsonRecord, folder: Path) -> PaintedLayer:
    """A layer of ``layers/``: the part in its window of a picture of the photo's size."""
    file, kind = record.get("file", str), record.get("kind", str)
    path = folder / file
    if not path.resolve().is_relative_to(folder.resolve()):
        raise record.error("file", "a file in the folder")
    if kind not in ("object", "shadow", "fill"):
        raise record.error("kind", "object, shadow or fill")
    pixels, window = Photo.load(path, "layer").pixels, _window(record)
    if pixels.shape[2] != 4 or pixels.dtype != "uint8":
        raise ValueError(f"The layer '{path}' is no 8-bit RGBA picture; give a folder as 'insert' wrote it.")
    if window.x1 > pixels.shape[1] or window.y1 > pixels.shape[0]:
        raise record.error("window", f"inside its picture of {pixels.shape[1]}x{pixels.shape[0]}")
    return PaintedLayer(
        record.get("name", str),
        cast(LayerKind, kind),
        window,
        pixels[window.slices].copy(),
        record.get("in_result", bool),
    )


def _window(record: JsonRecord) -> Window:
    edges: list[Any] = record.get("window", list)
    whole = len(edges) == 4 and all(isinstance(edge, int) and not isinstance(edge, bool) for edge in edges)
    if not whole or not (0 <= edges[0] < edges[2] and 0 <= edges[1] < edges[3]):
        raise record.error("window", f"four whole numbers x0, y0, x1, y1, not {short_repr(edges)}")
    return Window(*edges)
