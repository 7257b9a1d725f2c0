"""How well a box suits an object in a scene, beside what is usual for objects of its name.

Learnt by telling real boxes from boxes of the same class in other scenes (noise-contrastive estimation, Gutmann and
Hyvarinen, AISTATS 2010), so its answer estimates ``log p(box | scene) - log p(box | name)``. A ratio of few
weights generalises from few labelled scenes, where a density of the box itself does not (docs/decisions.md).
It sees what lies below, in and beside the box, and how the size agrees with those of the scene's things.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from smartmask.data.places import SIDE
from smartmask.data.view import View
from smartmask.frame import Frame
from smartmask.geometry import mask_box
from smartmask.models.layout import CELLS, FLAGS
from smartmask.models.typical import EVENNESS

THINGS = 12  # of a scene whose sizes are looked at, the largest ones
SEEN = ("unlabeled", "outside", "thing")  # flags of the rendered scene that a region is told by, beside its names
REGIONS = 5  # below the box, its lower and its upper half, left and right of it
SCALARS = 13
STRIP = 0.12  # height of the region below a box, as a share of the box's
DROPOUT = 0.05
LEAST_CELLS = 4  # of a map of SIDE pixels: smaller things do not count
LEAST = 1e-3  # of the frame: no side counts as smaller

TypicalSize = Callable[[str], tuple[float, float]]  # name -> height in metres, width over height


@dataclass(frozen=True)
class FitConfig:
    """width: numbers that a region's or the object's name becomes; hidden: of the two hidden layers."""

    width: int = 8
    hidden: int = 64
    text_dim: int = 128


@dataclass(frozen=True, eq=False)
class FitScenes:
    """What the network sees of B scenes.

    ids (B, C, C) int64, flags (B, 7, C, C): rendered scenes. object (B, text_dim). typical (B, 2): the object's
    usual log height in metres and log aspect. things (B, THINGS, 5): boxes in frame units and usual log heights;
    present (B, THINGS) bool.
    """

    ids: torch.Tensor
    flags: torch.Tensor
    object: torch.Tensor
    typical: torch.Tensor
    things: torch.Tensor
    present: torch.Tensor


def scene_things(
    view: View, frame: Frame, typical: TypicalSize, without: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """``(THINGS, 5)`` float32 and ``(THINGS,)`` bool: the largest things as ``FitScenes`` has them.

    without: (H, W) bool, pixels that do not count.
    """
    top = view.top if without is None else np.where(without, np.int16(-1), view.top)
    least = max(LEAST_CELLS, LEAST_CELLS * (frame.side / SIDE) ** 2)  # as on the small maps of training
    found = []
    for index, (name, thing) in enumerate(zip(view.names, view.things, strict=True)):
        mask = top == index if thing else None
        box = mask_box(mask) if mask is not None else None
        if mask is not None and box is not None and np.count_nonzero(mask) >= least:
            found.append((np.count_nonzero(mask), (*frame.to_frame(box), np.log(typical(name)[0]))))
    found.sort(key=lambda item: -item[0])
    things, present = np.zeros((THINGS, 5), np.float32), np.zeros(THINGS, bool)
    for row, (_, values) in enumerate(found[:THINGS]):
        things[row], present[row] = values, True
    return things, present


def fit_size(name: str, typical: TypicalSize) -> np.ndarray:
    """``(2,)`` float32: ``FitScenes.typical`` of a name."""
    return np.log(np.array(typical(name), dtype=np.float32))


class FitNetwork(nn.Module):
    """(scene, object, boxes) -> how much likelier each box is here than elsewhere."""

    def __init__(self, config: FitConfig) -> None:
        super().__init__()
        self.config = config
        width, hidden = config.width, config.hidden
        self.region = nn.Linear(config.text_dim, width)
        self.unlabeled = nn.Parameter(torch.zeros(width))
        self.object = nn.Linear(config.text_dim, width)
        inputs = REGIONS * (width + len(SEEN)) + width + width**2 + SCALARS
        self.head = nn.Sequential(
            nn.LayerNorm(inputs), nn.Dropout(DROPOUT), nn.Linear(inputs, hidden), nn.GELU(),
            nn.Dropout(DROPOUT), nn.Linear(hidden, hidden), nn.GELU(), nn.Linear(hidden, 1),
        )  # fmt: skip

    def forward(self, scenes: FitScenes, names: torch.Tensor, boxes: torch.Tensor) -> torch.Tensor:
        """``(B, n)`` log ratios for boxes (B, n, 4) in frame units; names (N, text_dim), into which ids point, plus 1.

        They are known up to a constant of the scene.
        """
        regions = _means(self._map(scenes, names), _regions(boxes))
        told = self.object(scenes.object)[:, None].expand(-1, boxes.shape[1], -1)
        below = regions[:, :, 0, : self.config.width]  # what it stands on matters by what it is
        both = (below[..., :, None] * told[..., None, :]).flatten(-2)
        return self.head(torch.cat([regions.flatten(-2), told, both, _scalars(scenes, boxes)], dim=-1))[..., 0]

    def _map(self, scenes: FitScenes, names: torch.Tensor) -> torch.Tensor:
        table = torch.cat([self.unlabeled[None], self.region(names)])
        flags = scenes.flags[:, [FLAGS.index(name) for name in SEEN]]
        return torch.cat([table[scenes.ids].permute(0, 3, 1, 2), flags], dim=1)


def _regions(boxes: torch.Tensor) -> torch.Tensor:
    """``(B, n, REGIONS, 4)`` regions about boxes (B, n, 4)."""
    x0, y0, x1, y1 = boxes.unbind(-1)
    middle, side = (y0 + y1) / 2, 0.25 * (x1 - x0)
    strip = (STRIP * (y1 - y0)).clamp_min(1.5 / CELLS)
    around = [(x0, y1, x1, y1 + strip), (x0, middle, x1, y1), (x0, y0, x1, middle), (x0 - side, y0, x0, y1),
              (x1, y0, x1 + side, y1)]  # fmt: skip
    return torch.stack([torch.stack(region, dim=-1) for region in around], dim=2)


def _means(cells: torch.Tensor, regions: torch.Tensor) -> torch.Tensor:
    """``(B, n, REGIONS, channels)`` means of cells (B, channels, C, C) over regions, of whole cells, at least one."""
    count, channels = cells.shape[:2]
    sums = cells.new_zeros(count, channels, CELLS + 1, CELLS + 1)
    sums[:, :, 1:, 1:] = cells.cumsum(2).cumsum(3)
    flat = sums.flatten(2)
    scaled = regions.flatten(1, 2) * CELLS
    first = scaled[..., :2].floor().clamp(0, CELLS - 1).long()
    last = torch.maximum(scaled[..., 2:].ceil().clamp(1, CELLS).long(), first + 1)
    (x0, y0), (x1, y1) = first.unbind(-1), last.unbind(-1)

    def total(y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return flat.gather(2, (y * (CELLS + 1) + x)[:, None].expand(-1, channels, -1))

    inside = total(y1, x1) - total(y0, x1) - total(y1, x0) + total(y0, x0)
    return (inside / ((x1 - x0) * (y1 - y0))[:, None]).transpose(1, 2).unflatten(1, regions.shape[1:3])


def _scalars(scenes: FitScenes, boxes: torch.Tensor) -> torch.Tensor:
    """``(B, n, SCALARS)``: place and size of boxes, their size beside the things', and overlap with these."""
    x0, y0, x1, y1 = boxes.unbind(-1)
    width, height = (x1 - x0).clamp_min(LEAST), (y1 - y0).clamp_min(LEAST)
    metres, aspect = (value[:, None].expand_as(x0) for value in scenes.typical.unbind(-1))
    things, there = scenes.things, scenes.present
    relative = (things[..., 3] - things[..., 1]).clamp_min(LEAST).log() - EVENNESS * things[..., 4] - things[..., 3]
    usual = torch.where(there, relative, torch.nan).nanmedian(dim=1).values.nan_to_num(0.0)
    some = there.any(dim=1).float()[:, None]
    larger = (height.log() - EVENNESS * metres - y1 - usual[:, None]) * some
    across = torch.minimum(x1[..., None], things[:, None, :, 2]) - torch.maximum(x0[..., None], things[:, None, :, 0])
    down = torch.minimum(y1[..., None], things[:, None, :, 3]) - torch.maximum(y0[..., None], things[:, None, :, 1])
    common = across.clamp_min(0) * down.clamp_min(0) * there[:, None]
    own = (width * height)[..., None]
    other = ((things[..., 2] - things[..., 0]) * (things[..., 3] - things[..., 1]))[:, None]
    union = (common / (own + other - common).clamp_min(1e-4)).amax(-1)
    smaller = (common / torch.minimum(own, other).clamp_min(1e-4)).amax(-1)
    values = [width.log(), height.log(), (x0 + x1) / 2, y0, y1, larger, larger.abs(), some.expand_as(x0), union,
              smaller, metres, aspect, (width / height).log() - aspect]  # fmt: skip
    return torch.stack(values, dim=-1)


def inside_photo(boxes: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """``(..., 4)`` boxes cut to photos' boxes (..., 4), all in frame units; at least a fiftieth of the frame a side."""
    cut = np.clip(boxes, photo[..., [0, 1, 0, 1]], photo[..., [2, 3, 2, 3]])
    return np.concatenate([cut[..., :2], np.maximum(cut[..., 2:], cut[..., :2] + 0.02)], axis=-1)
