"""Which remembered outlines suit a scene: two towers, one that sees the scene round a box, one that sees an outline.

Trained to tell the true outline from others of the same name, set and like aspect (InfoNCE, van den Oord et al., arXiv
1807.03748, eq. 4), so a difference of two scores estimates ``log p(outline | scene) - log p(outline | name, box)``.
The inside of the box is hidden from it, as what lies there is what is asked for. Names enter as text vectors, so any
label set works; the user's sentence is one more vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from smartmask.geometry import BoxXYXY
from smartmask.masks.exemplar.memory import CELLS as OUTLINE_CELLS
from smartmask.networks.layers import gelu, unit
from smartmask.networks.network import Network, Shapes, conv_shapes, linear_shapes
from smartmask.scene import Scene
from smartmask.scene.view import OUTSIDE

SCENE_CELLS = 24  # a side of the map round the box
FAR_CELLS = 16  # a side of the second map, which sees further
WIDER, FAR = 2.4, 7.0  # the maps' sides over the box's
HIDE = 0.06  # of the box's longer side: how far beyond it the layout is hidden
HIDE_LEAST = 6.0  # pixels, the same at least; void rings of annotations end there
GEOMETRY = 12
FLAGS = 4  # hidden, unlabeled, outside, thing
DROPOUT = 0.4
UNITS = 32  # steps a nat is rounded to, so that no choice hangs on the last bits of a sum


@dataclass(frozen=True)
class ChooserConfig:
    """width: channels of the convolutions; size: of the embeddings; text_dim: of a name's vector."""

    width: int = 24
    size: int = 32
    names: int = 16
    text_dim: int = 128


@dataclass(frozen=True, eq=False)
class SceneCrop:
    """What the scene tower sees of B boxes.

    ids: (B, S, S) int64, 0 hidden, unlabeled or outside, else index into ``vectors`` plus 1. flags: (B, FLAGS, S, S).
    far_ids, far_flags: the same of the wider map, (B, F, F). geometry: (B, GEOMETRY).
    vectors: (N, text_dim) of the scenes' names. object, context: (B, text_dim). numpy's arrays, in training torch's.
    """

    ids: Any
    flags: Any
    far_ids: Any
    far_flags: Any
    geometry: Any
    vectors: Any
    object: Any
    context: Any


class Chooser(Network):
    """Embeds scenes and outlines; their dot product is a score in nats, up to a constant of the scene.

    ``train/networks/chooser.py`` is the same in torch, with dropout.
    """

    Config = ChooserConfig

    @staticmethod
    def shapes(config: ChooserConfig) -> Shapes:
        """Of each weight."""
        w, seen = config.width, config.names + FLAGS
        flat = 2 * w * (SCENE_CELLS // 4) ** 2 + w * (FAR_CELLS // 4) ** 2 + GEOMETRY + 4 * w
        return (
            linear_shapes("name", config.text_dim, config.names) | linear_shapes("told", config.text_dim, 2 * w)
            | linear_shapes("context", config.text_dim, 2 * w, bias=False)
            | conv_shapes("scene.0", seen, w, 3) | conv_shapes("scene.2", w, 2 * w, 3)
            | conv_shapes("scene.4", 2 * w, 2 * w, 3)
            | conv_shapes("far.0", seen, w, 3) | conv_shapes("far.2", w, w, 3)
            | linear_shapes("scene_out.0", flat, 4 * w) | linear_shapes("scene_out.3", 4 * w, config.size)
            | conv_shapes("outline.0", 1, w // 2, 5) | conv_shapes("outline.2", w // 2, w, 3)
            | conv_shapes("outline.4", w, 2 * w, 3)
            | linear_shapes("outline_out.1", 2 * w * (OUTLINE_CELLS // 8) ** 2, config.size) | {"scale": ()}
        )  # fmt: skip

    def embed_scenes(self, crop: SceneCrop) -> np.ndarray:
        """``(B, size)`` float64, of length ``exp(scale)``."""
        table = np.concatenate([np.zeros((1, self.config.names)), self.linear("name", crop.vectors)])
        near = np.concatenate([table[crop.ids].transpose(0, 3, 1, 2), crop.flags], axis=1)
        far = np.concatenate([table[crop.far_ids].transpose(0, 3, 1, 2), crop.far_flags], axis=1)
        near = self._convolved(near, "scene.0", "scene.2", "scene.4", first=1)
        far = self._convolved(far, "far.0", "far.2")
        told, context = gelu(self.linear("told", crop.object)), self.linear("context", crop.context)
        seen = np.concatenate([near, far, crop.geometry, told, context], axis=1)
        out = self.linear("scene_out.3", gelu(self.linear("scene_out.0", seen)))
        return unit(out) * np.exp(self.weight("scale"))

    def embed_outlines(self, cells: np.ndarray) -> np.ndarray:
        """``(B, size)`` float64 of outlines (B, C, C) in [0, 1], each in its own box.

        Their aspects are not told: in training they would be those of the boxes, and give the answer away.
        """
        maps = cells[:, None].astype(np.float64) * 2 - 1
        return unit(self.linear("outline_out.1", self._convolved(maps, "outline.0", "outline.2", "outline.4")))

    def _convolved(self, maps: np.ndarray, *layers: str, first: int = 2) -> np.ndarray:
        """``(B, n)`` of maps (B, C, S, S): layers of stride 2, the first of stride ``first``, and all laid flat."""
        for number, layer in enumerate(layers):
            maps = gelu(self.conv(layer, maps, 2 if number else first))
        return maps.reshape(len(maps), -1)


def map_region(box: BoxXYXY, wider: float = WIDER) -> BoxXYXY:
    """The part of the scene that a map round a box shows: the box, ``wider`` times as wide and high."""
    x0, y0, x1, y1 = box
    dx, dy = (x1 - x0) * (wider - 1) / 2, (y1 - y0) * (wider - 1) / 2
    # a thin box sees a third as far across as along
    least = (x1 - x0 + 2 * dx) / 3, (y1 - y0 + 2 * dy) / 3
    dx, dy = max(dx, (least[1] - (x1 - x0)) / 2), max(dy, (least[0] - (y1 - y0)) / 2)
    return x0 - dx, y0 - dy, x1 + dx, y1 + dy


def map_of(scene: Scene, box: BoxXYXY, wider: float = WIDER, side: int = SCENE_CELLS) -> np.ndarray:
    """``(side, side)`` int16: the layer seen at each cell of a map round a box, OUTSIDE beyond the photo.

    Pixels are those that OpenCV's warpAffine takes for the nearest, in its steps of 1/1024 of a pixel.
    """
    x0, y0, x1, y1 = map_region(box, wider)
    steps, (sx, sy) = np.arange(side), ((x1 - x0) / side, (y1 - y0) / side)
    columns = _whole(sx * steps) + _whole(x0 + 0.5 * sx - 0.5) + 512 >> 10
    rows = _whole(sy * steps + (y0 + 0.5 * sy - 0.5)) + 512 >> 10
    top = scene.top_at(rows, columns).astype(np.int16)
    top[(rows < 0) | (rows >= scene.height)] = OUTSIDE
    top[:, (columns < 0) | (columns >= scene.width)] = OUTSIDE
    return top


def _whole(pixels: np.ndarray | float) -> np.ndarray:
    return np.rint(np.asarray(pixels) * 1024).astype(np.int64)


def hidden_cells(boxes: np.ndarray, grow: np.ndarray, wider: float = WIDER, side: int = SCENE_CELLS) -> np.ndarray:
    """``(n, side, side)`` bool: cells of maps that meet their boxes (n, 4) grown by ``grow`` (n,) pixels a side."""
    regions = np.array([map_region(tuple(box), wider) for box in boxes.tolist()])  # type: ignore[arg-type]
    cells = np.arange(side)

    def span(low: int, high: int) -> np.ndarray:
        size = (regions[:, high] - regions[:, low]) / side
        first = (boxes[:, low] - grow - regions[:, low]) / size
        last = (boxes[:, high] + grow - regions[:, low]) / size
        return (cells + 1 > first[:, None]) & (cells < last[:, None])

    return span(1, 3)[:, :, None] & span(0, 2)[:, None, :]


def growth(box: BoxXYXY, share: float = HIDE, least: float = HIDE_LEAST) -> float:
    """Pixels by which the hidden region exceeds a box."""
    return max(share * max(box[2] - box[0], box[3] - box[1]), least)


def box_geometry(box: BoxXYXY, photo: BoxXYXY) -> np.ndarray:
    """``(GEOMETRY,)`` float32: where in the photo a box lies, its log size and aspect, and the borders it meets."""
    px0, py0, px1, py1 = photo
    width, height = max(px1 - px0, 1.0), max(py1 - py0, 1.0)
    x0, y0, x1, y1 = (box[0] - px0) / width, (box[1] - py0) / height, (box[2] - px0) / width, (box[3] - py0) / height
    w, h = max(x1 - x0, 1e-3), max(y1 - y0, 1e-3)
    aspect = np.log((box[2] - box[0]) / max(box[3] - box[1], 1e-6))
    near = 0.006
    meets = [x0 <= near, y0 <= near, x1 >= 1 - near, y1 >= 1 - near]
    values = [(x0 + x1) / 2, y0, y1, w, h, np.log(w) / 3, np.log(h) / 3, aspect, *map(float, meets)]
    return np.clip(np.array(values, np.float32), -3, 3)


def crop_scene(
    scene: Scene, boxes: list[BoxXYXY], names: np.ndarray, told: np.ndarray, context: np.ndarray
) -> SceneCrop:  # fmt: skip
    """What the scene tower sees for boxes in a scene. names: (layers, text_dim); told, context: (text_dim,)."""
    things = np.array([False, *(layer.thing for layer in scene.layers)])
    count, every = len(boxes), np.array(boxes, np.float64)
    grow = np.array([growth(box) for box in boxes])
    maps: list[np.ndarray] = []
    for wider, side in ((WIDER, SCENE_CELLS), (FAR, FAR_CELLS)):
        top = np.stack([map_of(scene, box, wider, side) for box in boxes])
        ids, flags = cell_values(top, hidden_cells(every, grow, wider, side))
        flags[:, -1] = things[ids]
        maps += [ids, flags]
    photo = (0.0, 0.0, float(scene.width), float(scene.height))
    geometry = np.stack([box_geometry(box, photo) for box in boxes])
    return SceneCrop(
        maps[0], maps[1], maps[2], maps[3], geometry, names, np.tile(told, (count, 1)), np.tile(context, (count, 1))
    )


def cell_values(top: np.ndarray, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``(n, S, S)`` int64 ids and ``(n, FLAGS, S, S)`` float32 of maps; the last flag, thing, is the caller's."""
    outside = top == OUTSIDE
    ids = np.where(hidden | (top < 0), 0, top.astype(np.int64) + 1)
    unlabeled = (ids == 0) & ~hidden & ~outside
    flags = np.stack([hidden & ~outside, unlabeled, outside, np.zeros_like(hidden)], axis=1).astype(np.float32)
    return ids, flags


def to_bytes(embeddings: np.ndarray) -> np.ndarray:
    """Embeddings of length 1 as int8, 127 to the unit."""
    return np.clip(np.round(embeddings * 127), -127, 127).astype(np.int8)


def score_units(scene: np.ndarray, embeddings: np.ndarray) -> np.ndarray:
    """``(n,)`` int64 scores in UNITS a nat. scene: (size,); embeddings: (n, size) int8.

    The scene's vector is rounded to 1/512 first: products and sums of whole numbers are the same on any processor.
    """
    whole = np.round(scene.astype(np.float64) * 512).astype(np.int64)
    return (embeddings.astype(np.int64) @ whole) * UNITS // (127 * 512)
