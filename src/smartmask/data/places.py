"""Training samples of where objects stand: a scene with one object taken out without a trace, and its box.

The hole is filled from what surrounds a region that does not depend on the object's shape, and
like regions elsewhere are filled the same way, so that a filled region does not give the place away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from smartmask.data.guides import draw_guide
from smartmask.data.hiding import degrade, hidden_region
from smartmask.data.view import UNLABELED, View
from smartmask.geometry import BoxXYXY, mask_box
from smartmask.guidance import Guide
from smartmask.scene import Scene

SIDE = 128  # long side of the map that samples are made on; the network sees 64 cells of it


@dataclass(frozen=True, eq=False)
class Place:
    """A scene without the object and where it stood: box in the view's pixel edges, guides likewise.

    filled: (H, W) bool, the regions that were emptied, the object's own and the decoys.
    """

    view: View
    name: str
    box: BoxXYXY
    guides: tuple[Guide, ...]
    filled: np.ndarray


def make_place(
    scene: Scene,
    index: int,
    rng: np.random.Generator,
    others: list[BoxXYXY],
    kinds: dict[str, float] | None = None,
    augment: bool = True,
) -> Place | None:
    """The placement sample of layer ``index``; None if cropping loses the object.

    others: boxes of the same kind of object in other scenes, in shares of their scene (x0, y0, x1, y1);
    decoys are drawn from them, so that place and size of the emptied regions tell nothing.
    """
    layer = scene.layers[index]
    scale = SIDE / max(scene.height, scene.width)
    size = max(round(scene.width * scale), 4), max(round(scene.height * scale), 4)
    top = cv2.resize(scene.remove(index).top().astype(np.int16), size, interpolation=cv2.INTER_NEAREST)
    mask = cv2.resize(layer.mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST).astype(bool)
    if augment:
        if rng.random() < 0.5:
            top, mask = top[:, ::-1], mask[:, ::-1]
        top, mask = _crop(top, mask, rng)
        if rng.random() < 0.3:
            top = degrade(np.ascontiguousarray(top), rng)
    box = mask_box(mask)
    if box is None:
        return None
    height, width = mask.shape
    filled = hidden_region(box, mask.shape, rng)
    for _ in range(int(rng.integers(1, 4))):
        x0, y0, x1, y1 = others[int(rng.integers(len(others)))] if others else (0.3, 0.3, 0.6, 0.6)
        # the size in the uncropped picture: cropping makes the object no smaller, so neither the decoys
        w, h = (x1 - x0) * size[0], (y1 - y0) * size[1]
        x = float(np.clip((x0 + x1) / 2 * width - w / 2, 0, max(width - w, 0)))
        y = float(np.clip((y0 + y1) / 2 * height - h / 2, 0, max(height - h, 0)))
        filled |= hidden_region((x, y, x + w, y + h), mask.shape, rng)
    kinds = kinds or {"none": 0.7, "point": 0.3}
    kind = str(rng.choice(list(kinds), p=np.array(list(kinds.values())) / sum(kinds.values())))
    guide = draw_guide(mask, kind, rng)
    names = tuple(other.name for i, other in enumerate(scene.layers) if i != index)
    things = tuple(other.thing for i, other in enumerate(scene.layers) if i != index)
    view = View(fill(top, filled), np.zeros(mask.shape, dtype=bool), names, things, (0.0, 0.0, width, height))
    return Place(view, layer.name, box, () if guide is None else (guide,), filled)


def fill(top: np.ndarray, region: np.ndarray) -> np.ndarray:
    """The index map with each pixel of ``region`` given the index of the nearest pixel outside it."""
    if region.all():
        return np.full_like(top, UNLABELED)
    _, nearest = cv2.distanceTransformWithLabels(
        region.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    value_of = np.zeros(nearest.max() + 1, dtype=top.dtype)
    value_of[nearest[~region]] = top[~region]
    return value_of[nearest]


def _crop(top: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A random window of 60 to 100 % a side that keeps most of the object."""
    box = mask_box(mask)
    if box is None or rng.random() < 0.4:
        return top, mask
    height, width = mask.shape
    share = rng.uniform(0.6, 1.0)
    h, w = max(math.ceil(height * share), 4), max(math.ceil(width * share), 4)
    y, x = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
    window = np.s_[y : y + h, x : x + w]
    if mask[window].sum() < 0.9 * mask.sum():
        return top, mask
    return top[window], mask[window]
