"""Edits of a saved scene: move, scale, remove, reorder, rename, undo. Each is a request that yields the changed scene.

A step of the history keeps what it replaced, so that the last one can be undone as often as there are steps.
"""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pydantic import field_validator

from smartmask.io.checks import check_prompt
from smartmask.io.sentences import few_of, short_repr
from smartmask.io.settings import Settings, argument, option, required
from smartmask.scene.layer import Layer
from smartmask.scene.layer_json import layer_from_json, layer_to_json
from smartmask.scene.scene import Scene
from smartmask.scene.scene_file import History, load_scene, save_scene

SMALLEST, LARGEST = 0.05, 20.0  # factors of scale
UNDONE = ("insert", "move", "scale", "remove", "reorder", "rename")  # actions that undo takes back


class SceneEdit(Settings):
    """What all edits have: the file, and where the result goes, which may be the file itself."""

    outputs = ("scene", "out")

    scene: Path = argument("A scene.json of 'insert' or 'layout'.", metavar="SCENE")
    out: Path | None = option(None, "The file to write; by default SCENE itself, replaced as a whole.", metavar="JSON")

    def run(self) -> tuple[Scene, History]:
        """Reads, changes and writes the file; ``(scene, history)``. Raises ValueError of one sentence for bad input."""
        scene, history = self.edited(*load_scene(self.scene))
        save_scene(scene, self.out or self.scene, history)
        return scene, history

    @abstractmethod
    def edited(self, scene: Scene, history: History) -> tuple[Scene, History]:
        """The changed scene and its history with one step more (or, by undo, one less)."""


class LayerEdit(SceneEdit):
    """An edit of one layer."""

    layer: str = required("Which layer: its name, or its index, 0 at the back.", metavar="LAYER")

    def edited(self, scene: Scene, history: History) -> tuple[Scene, History]:
        at = find_layer(scene, self.layer)
        to, layer = self.changed(scene, at)
        there = scene.remove(at)
        if layer is not None:
            there = there.insert(layer.window, layer.name, to, layer.thing)
        step = {
            "action": type(self).__name__.lower(), "name": (layer or scene.layers[at]).name,
            "order": None if layer is None else to, "was": {"order": at, "layer": layer_to_json(scene.layers[at])},
        }  # fmt: skip
        return there, [*history, step]

    @abstractmethod
    def changed(self, scene: Scene, at: int) -> tuple[int, Layer | None]:
        """The layer's new index and what becomes of it; None if nothing does."""


class Move(LayerEdit):
    """Moves a layer. What passes the border is lost to it, until the step is undone."""

    by: str = required("How far, in pixels to the right and down.", metavar="dx,dy")

    def changed(self, scene: Scene, at: int) -> tuple[int, Layer | None]:
        try:
            dx, dy = (float(part) for part in self.by.split(","))
            if not np.isfinite([dx, dy]).all():
                raise ValueError
        except ValueError:
            raise ValueError(
                f"The way {short_repr(self.by)} is not dx,dy; give two numbers of pixels such as 40,-10."
            ) from None
        return at, _warped(scene, at, np.array([[1, 0, dx], [0, 1, dy]]), f"moved by {self.by}")


class Scale(LayerEdit):
    """Makes a layer larger or smaller; the middle of its lower edge stays."""

    factor: float = required("How many times as large.", metavar="FACTOR", ge=SMALLEST, le=LARGEST)

    def changed(self, scene: Scene, at: int) -> tuple[int, Layer | None]:
        box = scene.layers[at].window.bounds
        x, y = (0.0, 0.0) if box is None else ((box[0] + box[2]) / 2, box[3])
        matrix = np.array([[self.factor, 0, x * (1 - self.factor)], [0, self.factor, y * (1 - self.factor)]])
        return at, _warped(scene, at, matrix, f"scaled by {self.factor:g}")


class Remove(LayerEdit):
    """Takes a layer away; what it hid is seen."""

    def changed(self, scene: Scene, at: int) -> tuple[int, Layer | None]:
        return at, None


class Reorder(LayerEdit):
    """Gives a layer another depth."""

    order: int = required("Its new index: 0 is the back.", metavar="INDEX", ge=0)

    def changed(self, scene: Scene, at: int) -> tuple[int, Layer | None]:
        if self.order >= len(scene.layers):
            raise ValueError(f"Order {self.order} is outside 0..{len(scene.layers) - 1}; the last is the front.")
        return self.order, scene.layers[at]


class Rename(LayerEdit):
    """Gives a layer another name."""

    name: str = required("Its new name.", metavar="TEXT")

    def changed(self, scene: Scene, at: int) -> tuple[int, Layer | None]:
        layer = scene.layers[at]
        return at, Layer(self.name, layer.window, layer.thing)

    @field_validator("name")
    @classmethod
    def _name(cls, value: str) -> str:
        return check_prompt(value, "new name")


class Undo(SceneEdit):
    """Takes the last step of the history back."""

    def edited(self, scene: Scene, history: History) -> tuple[Scene, History]:
        if not history:
            raise ValueError(f"The scene '{self.scene}' has no history; there is nothing to undo.")
        step = history[-1]
        if step["action"] not in UNDONE:
            action, name = short_repr(step["action"]), short_repr(step["name"])
            raise ValueError(f"A step {action} cannot be undone; remove the layer {name} instead.")
        there, order, was = scene, step.get("order"), step.get("was")
        if order is not None:
            if not 0 <= order < len(there.layers):
                raise ValueError(
                    f"The last step speaks of layer {order}, but the scene has {len(there.layers)} layers."
                )
            there = there.remove(order)
        if was is not None:
            what = f"The history of '{self.scene}'"
            layer = layer_from_json(was["layer"], what, len(history) - 1, scene.width, scene.height)
            there = there.insert(layer.window, layer.name, was["order"], layer.thing)
        return there, history[:-1]


def find_layer(scene: Scene, layer: str) -> int:
    """The index of a layer by index or name. Raises ValueError if there is none, or several of that name."""
    names = [known.name for known in scene.layers]
    if layer.strip().isdecimal():
        if len(layer.strip()) > 9 or int(layer) >= len(names):
            index = short_repr(layer.strip())[1:-1]
            raise ValueError(f"Layer {index} does not exist; the scene has {len(names)} layers, from 0 at the back.")
        return int(layer)
    found = [index for index, name in enumerate(names) if name == layer.strip()]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"There are {len(found)} layers {short_repr(layer)} ({few_of(found)}); give an index.")
    raise ValueError(f"There is no layer {short_repr(layer)}; the layers are {few_of(names)}.")


def _warped(scene: Scene, at: int, matrix: np.ndarray, how: str) -> Layer:
    layer = scene.layers[at]
    size = scene.width, scene.height
    # Centres of pixels are at .5: the matrix speaks of pixel edges, OpenCV of centres.
    shifted: Any = matrix.astype(np.float64).copy()
    shifted[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    drawn = cv2.warpAffine(layer.mask.astype(np.uint8) * 255, shifted, size, flags=cv2.INTER_LINEAR) > 127
    if not drawn.any():
        raise ValueError(f"Nothing of '{layer.name}' would be left in the picture, {how}; give less.")
    return Layer(layer.name, drawn, layer.thing)
