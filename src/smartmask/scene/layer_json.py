"""Layers as JSON values, masks as run lengths, every value checked when it is read."""

from __future__ import annotations

from typing import Any

from smartmask.geometry import WindowTooLargeError, rle_of_window, window_of_rle
from smartmask.io.checks import MAX_WINDOWS, check_layers, check_prompt
from smartmask.io.sentences import short_repr
from smartmask.scene.layer import Layer


def layers_from_json(items: list[Any], what: str, width: int, height: int) -> tuple[Layer, ...]:
    """The layers of a file, whose boxes together hold up to MAX_WINDOWS pixels; errors as of ``layer_from_json``."""
    check_layers(len(items), what)
    layers: list[Layer] = []
    room = MAX_WINDOWS
    for index, item in enumerate(items):
        layers.append(layer_from_json(item, what, index, width, height, room))
        x0, y0, x1, y1 = layers[-1].window.box
        room -= (x1 - x0) * (y1 - y0)
    return tuple(layers)


def layer_from_json(
    item: Any, what: str, index: int, width: int, height: int, room: int = MAX_WINDOWS
) -> Layer:  # fmt: skip
    """Layer ``index`` of a file, (height, width); ``what`` begins the sentence of an error (ValueError).

    room: pixels that its box may hold; known before they are allocated.
    """
    record = JsonRecord(item, what, f"layers[{index}]")
    rle = JsonRecord(record.get("mask", dict), what, f"layers[{index}].mask")
    size = rle.get("size", list)
    if size != [height, width]:
        raise rle.error("size", f"[{height}, {width}], the scene's height and width")
    try:
        window = window_of_rle({"size": size, "counts": rle.get("counts", str)}, room)
    except WindowTooLargeError:
        raise ValueError(
            f"{what} has layers whose boxes hold more than {MAX_WINDOWS:,} pixels together ({index + 1} of them, "
            f"{width}x{height}); scale it down, or give it fewer layers."
        ) from None
    except (ValueError, OverflowError) as error:
        if isinstance(error, ValueError) and str(error).startswith(what):
            raise
        raise rle.error("counts", f"a run-length code of {width}x{height} pixels") from error
    name = check_prompt(record.get("name", str), f"name of layers[{index}] in {what[0].lower()}{what[1:]}")
    return Layer(name, window, record.get("thing", bool))


class JsonRecord:
    """A JSON object whose values are fetched with their type; ``place`` says where in the file it stands."""

    def __init__(self, data: Any, what: str, place: str) -> None:
        self.what, self.place = what, place
        if not isinstance(data, dict):
            where = f"at {place}" if place else "as its content"
            raise ValueError(f"{what} has {short_repr(data, 40)} {where}; it must be an object.")
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
        found = short_repr(self.data[key], 40) if key in self.data else "nothing"
        return ValueError(f"{self.what} has {found} at {place}; it must be {wanted}.")


def layer_to_json(layer: Layer) -> dict[str, Any]:
    """``name``, ``thing``, ``mask`` (COCO compressed RLE of the amodal mask, column by column), and for readers
    ``box`` (x0, y0, x1, y1; null if empty) and ``area``."""
    box = layer.window.bounds
    return {
        "name": layer.name,
        "thing": layer.thing,
        "box": None if box is None else list(box),
        "area": layer.window.area,
        "mask": rle_of_window(layer.window),
    }
