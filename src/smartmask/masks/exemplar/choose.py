"""Which remembered outlines suit a scene: two towers, one that sees the scene round a box, one that sees an outline.

Trained to tell the true outline from others of the same name, set and like aspect (InfoNCE, van den Oord et al., arXiv
1807.03748, eq. 4), so a difference of two scores estimates ``log p(outline | scene) - log p(outline | name, box)``.
The inside of the box is hidden from it, as what lies there is what is asked for. Names enter as text vectors, so any
label set works; the user's sentence is one more vector.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from smartmask.geometry import BoxXYXY
from smartmask.masks.exemplar.memory import CELLS as OUTLINE_CELLS
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
    vectors: (N, text_dim) of the scenes' names. object, context: (B, text_dim).
    """

    ids: torch.Tensor
    flags: torch.Tensor
    far_ids: torch.Tensor
    far_flags: torch.Tensor
    geometry: torch.Tensor
    vectors: torch.Tensor
    object: torch.Tensor
    context: torch.Tensor


class Chooser(nn.Module):
    """Embeds scenes and outlines; their dot product is a score in nats, up to a constant of the scene."""

    def __init__(self, config: ChooserConfig) -> None:
        super().__init__()
        self.config = config
        w = config.width
        self.name = nn.Linear(config.text_dim, config.names)
        self.told = nn.Linear(config.text_dim, 2 * w)
        self.context = nn.Linear(config.text_dim, 2 * w, bias=False)
        self.scene = nn.Sequential(
            nn.Conv2d(config.names + FLAGS, w, 3, padding=1), nn.GELU(),
            nn.Conv2d(w, 2 * w, 3, stride=2, padding=1), nn.GELU(),
            nn.Conv2d(2 * w, 2 * w, 3, stride=2, padding=1), nn.GELU(),
        )  # fmt: skip
        self.far = nn.Sequential(
            nn.Conv2d(config.names + FLAGS, w, 3, stride=2, padding=1), nn.GELU(),
            nn.Conv2d(w, w, 3, stride=2, padding=1), nn.GELU(),
        )  # fmt: skip
        self.dropout = nn.Dropout(DROPOUT)
        seen = 2 * w * (SCENE_CELLS // 4) ** 2 + w * (FAR_CELLS // 4) ** 2
        self.scene_out = nn.Sequential(
            nn.Linear(seen + GEOMETRY + 4 * w, 4 * w), nn.GELU(), nn.Dropout(DROPOUT), nn.Linear(4 * w, config.size),
        )  # fmt: skip
        self.outline = nn.Sequential(
            nn.Conv2d(1, w // 2, 5, stride=2, padding=2), nn.GELU(),
            nn.Conv2d(w // 2, w, 3, stride=2, padding=1), nn.GELU(),
            nn.Conv2d(w, 2 * w, 3, stride=2, padding=1), nn.GELU(), nn.Flatten(),
        )  # fmt: skip
        self.outline_out = nn.Sequential(
            nn.Dropout(DROPOUT / 2), nn.Linear(2 * w * (OUTLINE_CELLS // 8) ** 2, config.size)
        )
        self.scale = nn.Parameter(torch.tensor(1.0))

    def embed_scenes(self, crop: SceneCrop) -> torch.Tensor:
        """``(B, size)``, of length ``exp(scale)``."""
        table = torch.cat([self.name.weight.new_zeros(1, self.config.names), self.name(crop.vectors)])
        near = torch.cat([table[crop.ids].permute(0, 3, 1, 2), crop.flags.to(table.dtype)], dim=1)
        far = torch.cat([table[crop.far_ids].permute(0, 3, 1, 2), crop.far_flags.to(table.dtype)], dim=1)
        told, context = nn.functional.gelu(self.told(crop.object)), self.context(crop.context)
        seen = self.dropout(torch.cat([self.scene(near).flatten(1), self.far(far).flatten(1)], dim=1))
        out = self.scene_out(torch.cat([seen, crop.geometry.to(seen.dtype), told, context], dim=1)).float()
        return nn.functional.normalize(out, dim=1) * self.scale.exp()

    def embed_outlines(self, cells: torch.Tensor) -> torch.Tensor:
        """``(B, size)`` of outlines (B, C, C) in [0, 1], each in its own box.

        Their aspects are not told: in training they would be those of the boxes, and give the answer away.
        """
        return nn.functional.normalize(self.outline_out(self.outline(cells[:, None] * 2 - 1)).float(), dim=1)


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
    maps = []
    for wider, side in ((WIDER, SCENE_CELLS), (FAR, FAR_CELLS)):
        top = np.stack([map_of(scene, box, wider, side) for box in boxes])
        ids, flags = cell_values(top, hidden_cells(every, grow, wider, side))
        flags[:, -1] = things[ids]
        maps += [torch.from_numpy(ids), torch.from_numpy(flags)]
    photo = (0.0, 0.0, float(scene.width), float(scene.height))
    geometry = np.stack([box_geometry(box, photo) for box in boxes])
    return SceneCrop(
        maps[0], maps[1], maps[2], maps[3], torch.from_numpy(geometry), torch.from_numpy(names),
        torch.from_numpy(told).expand(count, -1), torch.from_numpy(context).expand(count, -1),
    )  # fmt: skip


def cell_values(top: np.ndarray, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``(n, S, S)`` int64 ids and ``(n, FLAGS, S, S)`` float32 of maps; the last flag, thing, is the caller's."""
    outside = top == OUTSIDE
    ids = np.where(hidden | (top < 0), 0, top.astype(np.int64) + 1)
    unlabeled = (ids == 0) & ~hidden & ~outside
    flags = np.stack([hidden & ~outside, unlabeled, outside, np.zeros_like(hidden)], axis=1).astype(np.float32)
    return ids, flags


def to_bytes(embeddings: torch.Tensor) -> np.ndarray:
    """Embeddings of length 1 as int8, 127 to the unit."""
    return torch.round(embeddings * 127).clamp(-127, 127).to(torch.int8).numpy()


def score_units(scene: np.ndarray, embeddings: np.ndarray) -> np.ndarray:
    """``(n,)`` int64 scores in UNITS a nat. scene: (size,) float32; embeddings: (n, size) int8.

    The scene's vector is rounded to 1/512 first: products and sums of whole numbers are the same on any processor.
    """
    whole = np.round(scene.astype(np.float64) * 512).astype(np.int64)
    return (embeddings.astype(np.int64) @ whole) * UNITS // (127 * 512)
