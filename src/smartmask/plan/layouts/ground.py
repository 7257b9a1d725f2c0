"""What the surfaces of a scene say about places: where things can stand, and the camera that sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from smartmask.plan.language import grammar, relations
from smartmask.plan.layouts.sizes import EYE, Camera, SceneSizes
from smartmask.plan.layouts.surfaces import GROUND
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder
from smartmask.text.typical import Sizes, typical_size
from smartmask.text.words import word_set

WATER = frozenset(["sea", "water", "river"])
BY_THE_WALL = word_set("couch sofa bed refrigerator oven stove sink cabinet dresser shelf bookcase tv piano")
CLOSE = 0.6  # metres of a thing below which it is shown smaller than the largest things are
ROOM = 0.24  # of the picture's width: a metre at the back wall of a room, before zooming


@dataclass(frozen=True, eq=False)
class Ground:
    """What the surfaces of a scene say about places: (H, W) maps and the camera.

    solid, water, sky, wall: bool maps of what is seen. road: where wheels belong. top: row where the ground begins.
    horizon: row, may lie outside. camera: what says how large things are; that of the surfaces, or of a scene's things.
    sizes: of names; None: the typical ones.
    """

    solid: np.ndarray
    water: np.ndarray
    sky: np.ndarray
    wall: np.ndarray
    road: np.ndarray
    top: float
    indoor: bool
    horizon: float
    camera: Camera | SceneSizes
    surfaces: dict[str, np.ndarray] = field(default_factory=dict)  # what is seen of each, by name
    sizes: Sizes | None = None

    @property
    def size(self) -> tuple[int, int]:
        return self.solid.shape[0], self.solid.shape[1]


def read_ground(scene: Scene) -> Ground:
    """Ground, water, sky and walls of a scene by the names of its surfaces, and a camera that fits them."""
    height, width = scene.height, scene.width
    top_layer = scene.top()

    def where(words: frozenset[str]) -> np.ndarray:
        found = [i for i, layer in enumerate(scene.layers) if not layer.thing and surface_name(layer.name) in words]
        return np.isin(top_layer, found) if found else np.zeros((height, width), bool)

    ground, water = where(frozenset(GROUND)), where(WATER)
    walls = frozenset(["wall", "wall-tile", "wall-brick", "wall-wood", "wall-stone", "curtain", "window"])
    indoor = bool(where(walls | {"ceiling"}).any()) and not where(frozenset(["sky"])).any()
    if not ground.any():
        ground = np.zeros((height, width), bool)
        ground[int(0.45 * height) :] = top_layer[int(0.45 * height) :] < 0
    rows = ground.argmax(axis=0)[ground.any(axis=0)]
    top = float(np.quantile(rows, 0.25)) if rows.size else 0.45 * height
    top = min(top, 0.85 * height)
    horizon = top - (EYE * ROOM * width if indoor else 0.03 * height)
    wheels = where(frozenset(["road"]))
    wheels = wheels if wheels.any() else where(frozenset(["pavement", "dirt", "gravel"]))
    seen = {layer.name: top_layer == i for i, layer in enumerate(scene.layers) if not layer.thing}
    return Ground(ground & ~water, water, where(frozenset(["sky"])), where(walls), wheels, top, indoor, horizon,
                  Camera(horizon), seen)  # fmt: skip


def surface_name(name: str) -> str:
    words = [word for word in name.lower().split() if word not in ("other", "merged", "stuff")]
    name = " ".join(words).replace("-merged", "").replace("-other", "")
    return grammar.SURFACE_NAMES.get(name, name)


def fit_zoom(ground: Ground, names: Sequence[str], text: TextEncoder) -> Ground:
    """The ground with a camera so near that the largest of the named things fills a good part of the picture."""
    height, width = ground.size
    share = 0.55 if len(names) < 6 else 0.48
    largest = []
    for name in set(names):
        metres, aspect = typical_size(name, text)
        noun = name.split()[-1]
        if noun in relations.FLAT or noun in grammar.AIRBORNE:
            continue
        near = 0.2 if noun in BY_THE_WALL and ground.indoor else 0.6
        foot = ground.top + near * (height - ground.top)
        high = Camera(ground.horizon).pixels(metres, foot)
        crowd = min(names.count(name), 5) ** 0.5
        part = share * float(np.clip((metres / CLOSE) ** 0.5, 0.4, 1))  # a bottle by itself does not fill the beach
        largest.append(min(part * height / high, part * width / (high * aspect * crowd)))
    zoom = float(np.clip(min(largest), 0.4, 7.0)) if largest else 1.0
    return replace(ground, camera=Camera(ground.horizon, zoom=zoom))
