"""scene.json: a scene with its masks as run lengths, and the history of what was put into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.geometry import mask_box, rle_decode, rle_encode
from smartmask.images import save_json
from smartmask.inputs import read_json
from smartmask.scene import MAX_PIXELS, Layer, Scene

FORMAT = "smartmask-scene"
VERSION = 1

History = list[dict[str, Any]]


def scene_to_dict(scene: Scene, history: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """A scene as JSON values: format, version, size, caption, source, layers back to front, history.

    A layer has ``name``, ``thing``, ``mask`` (COCO compressed RLE of the amodal mask, column by column),
    and for readers ``box`` (x0, y0, x1, y1; null if empty) and ``area``. A history record has ``action``
    and ``name``, and where it applies ``order``, ``seed`` and ``inpainter``. The photo is not part of it.
    """
    layers = [
        {
            "name": layer.name,
            "thing": layer.thing,
            "box": None if (box := mask_box(layer.mask)) is None else list(box),
            "area": int(np.count_nonzero(layer.mask)),
            "mask": rle_encode(layer.mask),
        }
        for layer in scene.layers
    ]
    return {
        "format": FORMAT,
        "version": VERSION,
        "width": scene.width,
        "height": scene.height,
        "caption": scene.caption,
        "source": scene.source,
        "layers": layers,
        "history": [dict(record) for record in history],
    }


def save_scene(scene: Scene, path: str | Path, history: Sequence[Mapping[str, Any]] = ()) -> None:
    """Write ``scene_to_dict`` beside its place, then move it there."""
    save_json(scene_to_dict(scene, history), path)


def load_scene(path: str | Path) -> tuple[Scene, History]:
    """``(scene, history)`` of a file that ``save_scene`` wrote; the scene has no photo.

    Raises ValueError of one sentence that names the file, the place in it and what should stand there.
    """
    path = Path(path)
    return scene_from_dict(read_json(path, "scene"), f"The scene '{path}'")


def scene_from_dict(data: Any, what: str = "The scene") -> tuple[Scene, History]:
    """``scene_to_dict`` read back, every value checked; ``what`` begins the sentence of an error."""
    record = _Record(data, what, "")
    if record.get("format", str) != FORMAT:
        raise record.error("format", f"'{FORMAT}'")
    if record.get("version", int) != VERSION:
        raise record.error("version", f"{VERSION}, all that this program knows")
    width, height = record.get("width", int), record.get("height", int)
    if not (width >= 1 and height >= 1 and width * height <= MAX_PIXELS):
        raise ValueError(f"{what} is {width}x{height}; it must have 1 to {MAX_PIXELS:,} pixels.")
    layers = [_layer(item, what, i, width, height) for i, item in enumerate(record.get("layers", list))]
    history = [_step(item, what, i) for i, item in enumerate(record.get("history", list))]
    caption, source = record.get("caption", str, optional=True), record.get("source", str, optional=True)
    return Scene(height, width, tuple(layers), caption=caption, source=source), history


def _layer(item: Any, what: str, index: int, width: int, height: int) -> Layer:
    record = _Record(item, what, f"layers[{index}]")
    rle = _Record(record.get("mask", dict), what, f"layers[{index}].mask")
    size = rle.get("size", list)
    if size != [height, width]:
        raise rle.error("size", f"[{height}, {width}], the scene's height and width")
    try:
        mask = rle_decode({"size": size, "counts": rle.get("counts", str)})
    except (ValueError, OverflowError, MemoryError) as error:
        if isinstance(error, ValueError) and str(error).startswith(what):
            raise
        raise rle.error("counts", f"a run-length code of {width}x{height} pixels") from error
    return Layer(record.get("name", str), mask, record.get("thing", bool))


def _step(item: Any, what: str, index: int) -> dict[str, Any]:
    record = _Record(item, what, f"history[{index}]")
    for key, kind, optional in (
        ("action", str, False),
        ("name", str, False),
        ("order", int, True),
        ("seed", int, True),
        ("inpainter", str, True),
    ):
        record.get(key, kind, optional)
    return dict(record.data)


class _Record:
    """A JSON object whose values are fetched with their type; ``place`` says where in the file it stands."""

    def __init__(self, data: Any, what: str, place: str) -> None:
        self.what, self.place = what, place
        if not isinstance(data, dict):
            where = f"at {place}" if place else "as its content"
            raise ValueError(f"{what} has {_short(data)} {where}; it must be an object.")
        self.data: dict[str, Any] = data

    def get(self, key: str, kind: type, optional: bool = False) -> Any:
        value = self.data.get(key)
        if value is None and optional:
            return None
        # True is an int to Python, but not to a reader of JSON.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            words = {str: "a text", int: "a whole number", list: "a list", dict: "an object", bool: "true or false"}
            raise self.error(key, words[kind])
        return value

    def error(self, key: str, wanted: str) -> ValueError:
        place = f"{self.place}.{key}" if self.place else key
        found = _short(self.data[key]) if key in self.data else "nothing"
        return ValueError(f"{self.what} has {found} at {place}; it must be {wanted}.")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
