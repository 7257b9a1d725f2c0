"""scene.json: a scene with its masks as run lengths, and the history of what was put into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from smartmask.io.checks import MAX_PIXELS
from smartmask.io.publish import save_json
from smartmask.io.reading import read_json
from smartmask.scene.layer_json import JsonRecord, layer_to_json, layers_from_json
from smartmask.scene.scene import Scene

FORMAT = "smartmask-scene"
VERSION = 1
History = list[dict[str, Any]]


def scene_to_dict(scene: Scene, history: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """A scene as JSON values: format, version, size, caption, source, layers back to front, history.

    Layers are as ``layer_to_json`` gives them. A history record has ``action``
    and ``name``, and where it applies ``order``, ``seed``, ``inpainter`` and ``was``, the layer that the step replaced
    with its order. The photo is not part of it.
    """
    return {
        "format": FORMAT,
        "version": VERSION,
        "width": scene.width,
        "height": scene.height,
        "caption": scene.caption,
        "source": scene.source,
        "layers": [layer_to_json(layer) for layer in scene.layers],
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
    return scene_from_dict(read_json(path, "scene", unique=True), f"The scene '{path}'")


def scene_from_dict(data: Any, what: str = "The scene") -> tuple[Scene, History]:
    """``scene_to_dict`` read back, every value checked; ``what`` begins the sentence of an error."""
    record = JsonRecord(data, what, "")
    if record.get("format", str) != FORMAT:
        raise record.error("format", f"'{FORMAT}'")
    if record.get("version", int) != VERSION:
        raise record.error("version", f"{VERSION}, all that this program knows")
    width, height = record.get("width", int), record.get("height", int)
    if not (width >= 1 and height >= 1 and width * height <= MAX_PIXELS):
        raise ValueError(f"{what} is {width}x{height}; it must have 1 to {MAX_PIXELS:,} pixels.")
    layers = layers_from_json(record.get("layers", list), what, width, height)
    history = [_step(item, what, i) for i, item in enumerate(record.get("history", list))]
    caption, source = record.get("caption", str, optional=True), record.get("source", str, optional=True)
    return Scene(height, width, layers, caption=caption, source=source), history


def _step(item: Any, what: str, index: int) -> dict[str, Any]:
    record = JsonRecord(item, what, f"history[{index}]")
    for key, kind, optional in (
        ("action", str, False),
        ("name", str, False),
        ("order", int, True),
        ("seed", int, True),
        ("inpainter", str, True),
        ("was", dict, True),
    ):
        record.get(key, kind, optional)
    if record.data.get("was") is not None:
        was = JsonRecord(record.data["was"], what, f"history[{index}].was")
        was.get("order", int)
        was.get("layer", dict)
    return dict(record.data)
