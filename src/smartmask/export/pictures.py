"""Pictures of layouts for people: coloured scenes. The vision planner sees them too."""

from __future__ import annotations

import colorsys
import hashlib

import numpy as np

from smartmask.scene import Scene
from smartmask.scene.neighbours import plain_name

UNLABELED_COLOUR = (40, 40, 40)
# What fills the ground and back of pictures gets a colour near its own, pale, so that a layout reads at a glance.
NATURAL: dict[str, tuple[int, int, int]] = {
    "sky": (176, 211, 240), "cloud": (225, 232, 240), "sea": (92, 150, 196), "water": (112, 166, 206),
    "river": (112, 166, 206), "grass": (142, 186, 102), "tree": (86, 138, 82), "sand": (232, 214, 168),
    "snow": (236, 242, 247), "dirt": (171, 137, 104), "mountain": (150, 152, 148), "rock": (140, 132, 124),
    "gravel": (176, 168, 158), "road": (122, 124, 130), "pavement": (190, 186, 180), "platform": (196, 188, 176),
    "railroad": (148, 134, 122), "playingfield": (110, 170, 92), "building": (198, 164, 140), "house": (206, 172, 146),
    "fence": (176, 146, 108), "wall": (226, 216, 202), "ceiling": (242, 240, 234), "floor": (198, 162, 122),
    "floor-wood": (186, 144, 102), "window": (190, 222, 232), "cabinet": (170, 128, 92), "shelf": (180, 140, 104),
    "bridge": (164, 156, 148), "wall-tile": (214, 226, 226), "wall-brick": (188, 120, 100),
    "wall-wood": (190, 152, 112), "wall-stone": (176, 170, 160),
}  # fmt: skip


def name_colour(name: str) -> tuple[int, int, int]:
    """RGB in 0..255, the same for a name in every scene, run and machine."""
    name = name.strip().lower()
    plain = plain_name(name)
    if plain in NATURAL:
        return NATURAL[plain]
    digest = hashlib.sha1(name.encode()).digest()
    hue = int.from_bytes(digest[:2], "big") / 65536
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.45 + digest[2] / 255 * 0.45, 0.6 + digest[3] / 255 * 0.4)
    return round(red * 255), round(green * 255), round(blue * 255)


def scene_colours(scene: Scene, most: int | None = None) -> np.ndarray:
    """``(H, W, 3)`` uint8 RGB of what is visible: one colour a name, thin dark outlines between layers.

    most: the longer side beyond which a larger scene is drawn smaller, with as thin outlines.
    """
    palette = np.array([UNLABELED_COLOUR, *(name_colour(layer.name) for layer in scene.layers)], dtype=np.uint8)
    if most is None or max(scene.height, scene.width) <= most:
        top = scene.top(np.int16 if len(scene.layers) < 1 << 15 else np.int32)
    else:
        share = most / max(scene.height, scene.width)
        top = scene.top_at(*(_middles(side, max(1, round(side * share))) for side in (scene.height, scene.width)))
    picture = np.empty((*top.shape, 3), dtype=np.uint8)
    for rows, indices in zip(picture, top, strict=True):  # not at once, which takes 64-bit indices of the whole scene
        rows[:] = palette[indices + 1]
    edge = np.zeros(top.shape, dtype=bool)
    edge[:, 1:] |= top[:, 1:] != top[:, :-1]
    edge[1:] |= top[1:] != top[:-1]
    picture[edge] = picture[edge] // 3
    return picture


def _middles(side: int, count: int) -> np.ndarray:
    """``(count,)`` the pixels in the middle of ``count`` equal parts of a side."""
    return ((np.arange(count) + 0.5) * side / count).astype(np.intp)
