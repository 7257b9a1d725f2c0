"""What the guides ask for: compiled once a call into a box, strokes and small maps that candidates are held against."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from smartmask.geometry import BoxXYXY, signed_distance
from smartmask.guides import Blob, Box, Guide, MaskGuide, Point, Scribble, extent, sample
from smartmask.masks.exemplar.beyond import SIDE, Hidden, Sides, window_grid

ROOM = 0.25  # of the longer side: how far the window goes beyond the guides' extent
GROWN = 0.025  # of the root of its area: by how much a hand paints an outline too large (docs/decisions.md)
THIN = 1.0  # cells farther than the rim from what is left of the paint without it: a part of its own
REACH = 1.0  # scenes: how far beyond the border a rough guide's extent counts


@dataclass(frozen=True, eq=False)
class Asked:
    """Guides as arrays.

    exact: the user's box, or None. region: the rough extent of all guides, or None without any (or with points only).
    points: (k, 2) x, y that lie on the object. window: the square of the scene that the maps show.
    strokes, painted, avoid: (SIDE, SIDE) float32 in [0, 1] of that window, or None.
    moments: (cx, cy, sx, sy), where a blob or a painted mask has its mass.
    unknown: (SIDE, SIDE) bool of the window, where the paint stops at what hides the rest, or None. reach: how far
    that goes beyond the region, in pixels: left, up, right, down. behind: the layers that hide it.
    """

    exact: BoxXYXY | None
    region: BoxXYXY | None
    points: np.ndarray
    window: BoxXYXY
    strokes: np.ndarray | None
    painted: np.ndarray | None
    avoid: np.ndarray | None
    moments: tuple[float, float, float, float] | None
    unknown: np.ndarray | None = None
    reach: Sides = (0.0, 0.0, 0.0, 0.0)
    behind: tuple[int, ...] = ()

    def coarse(self) -> Asked:
        """The same with maps of half as many cells a side."""

        def halved(cells: np.ndarray | None) -> np.ndarray | None:
            return None if cells is None else cells.astype(np.float32).reshape(SIDE // 2, 2, -1, 2).mean(axis=(1, 3))

        unknown = halved(self.unknown)
        return replace(
            self, strokes=halved(self.strokes), painted=halved(self.painted), avoid=halved(self.avoid),
            unknown=None if unknown is None else unknown >= 0.5,
        )  # fmt: skip

    @property
    def rough(self) -> bool:
        """Whether there is an extent, but no exact box."""
        return self.exact is None and self.region is not None


def compile_guides(
    guides: Sequence[Guide],
    not_here: Sequence[Guide],
    height: int,
    width: int,
    like: np.ndarray | None = None,
    fronts: Mapping[int, np.ndarray] | None = None,
) -> Asked:
    """The guides of a call on a (height, width) scene; ``like``: a mask (H, W) whose variations are wanted.

    fronts: {layer: mask (H, W)} of what stands in front of the object.
    """
    if like is not None and not any(isinstance(g, (Box, MaskGuide)) for g in guides):
        guides = [*guides, MaskGuide(like)]
    boxes = [guide for guide in guides if isinstance(guide, Box)]
    exact = extent(boxes, height, width) if boxes else None
    rough = [guide for guide in guides if not isinstance(guide, (Box, Point))]
    region = exact or (_within_reach(extent([*guides], height, width), height, width) if rough else None)
    window = _window(region, guides, height, width)
    paints = [guide for guide in guides if isinstance(guide, MaskGuide)]
    hidden = Hidden.at(paints, fronts or {}, window, height, width) if paints and like is None else None
    x, y = window_grid(window)

    def drawn(some: Sequence[Guide]) -> np.ndarray | None:
        return sample(some, x, y, height, width) if some else None

    strokes = drawn([guide for guide in guides if isinstance(guide, Scribble)])
    painted = drawn(paints)
    painted = None if painted is None else _shrunk(painted)
    unknown = None if hidden is None or painted is None else hidden.cells(x, y) & (painted < 0.5)
    points = np.array([(g.x, g.y) for g in guides if isinstance(g, Point)], np.float64).reshape(-1, 2)
    if strokes is not None and not strokes.any():  # thinner than the cells
        strokes = _thin(guides, window)
    reach = (0.0, 0.0, 0.0, 0.0) if hidden is None or region is None else hidden.reach(region)
    return Asked(
        exact, region, points, window, strokes, painted, drawn(list(not_here)), _moments(guides, painted, x, y),
        unknown, reach, () if hidden is None else tuple(hidden.fronts),
    )  # fmt: skip


def seen_in(window: BoxXYXY, cells: np.ndarray, boxes: np.ndarray, count: int = SIDE) -> np.ndarray:
    """``(n, count, count)`` bool: pictures (n, C, C), each filling its box (n, 4) of the scene, seen in a window."""
    side = cells.shape[1]
    x0, y0, x1, y1 = window
    steps = (np.arange(count) + 0.5) / count
    u = (x0 + steps * (x1 - x0) - boxes[:, 0:1]) / np.maximum(boxes[:, 2:3] - boxes[:, 0:1], 1e-6) * side
    v = (y0 + steps * (y1 - y0) - boxes[:, 1:2]) / np.maximum(boxes[:, 3:4] - boxes[:, 1:2], 1e-6) * side
    inside = ((v >= 0) & (v < side))[:, :, None] & ((u >= 0) & (u < side))[:, None, :]
    column, row = np.clip(u, 0, side - 1).astype(np.int64), np.clip(v, 0, side - 1).astype(np.int64)
    return cells[np.arange(len(cells))[:, None, None], row[:, :, None], column[:, None, :]] & inside


def _within_reach(region: BoxXYXY | None, height: int, width: int) -> BoxXYXY | None:
    if region is None:
        return None
    x0, y0, x1, y1 = region
    far_x, far_y = REACH * width, REACH * height
    return max(x0, -far_x), max(y0, -far_y), min(x1, width + far_x), min(y1, height + far_y)


def _window(region: BoxXYXY | None, guides: Sequence[Guide], height: int, width: int) -> BoxXYXY:
    x0, y0, x1, y1 = region or (0.0, 0.0, float(width), float(height))
    if region is None:
        return x0, y0, x1, y1
    room = ROOM * max(x1 - x0, y1 - y0, 2.0)
    return x0 - room, y0 - room, x1 + room, y1 + room


def _thin(guides: Sequence[Guide], window: BoxXYXY) -> np.ndarray:
    """Strokes thinner than a cell, by the cells that their points lie in."""
    picture = np.zeros((SIDE, SIDE), np.uint8)
    x0, y0, x1, y1 = window
    for guide in guides:
        if isinstance(guide, Scribble):
            for stroke in guide.points:
                cells = (np.asarray(stroke) - (x0, y0)) / (x1 - x0, y1 - y0) * SIDE
                cv2.polylines(picture, [np.clip(cells, -SIDE, 2 * SIDE).astype(np.int32)], False, 1)
    return picture.astype(np.float32)


def _shrunk(painted: np.ndarray) -> np.ndarray:
    """A painted mask (SIDE, SIDE) without the rim that hands add; parts that are too thin for that stay."""
    inside = painted >= 0.5
    rim = GROWN * math.sqrt(max(float(inside.sum()), 1.0))
    kept = signed_distance(np.pad(inside, 1))[1:-1, 1:-1] > rim
    thin = inside & (signed_distance(kept) < -rim - THIN)
    return (kept | thin).astype(np.float32)


def _moments(
    guides: Sequence[Guide], painted: np.ndarray | None, x: np.ndarray, y: np.ndarray
) -> tuple[float, float, float, float] | None:
    blobs = [guide for guide in guides if isinstance(guide, Blob)]
    if painted is None and len(blobs) == 1:
        return blobs[0].cx, blobs[0].cy, blobs[0].sx, blobs[0].sy
    if painted is None and not blobs:
        return None
    weight = np.zeros(x.shape) if painted is None else (painted >= 0.5).astype(np.float64)
    for blob in blobs:
        inside = ((x - blob.cx) / blob.sx) ** 2 + ((y - blob.cy) / blob.sy) ** 2 <= 4
        weight = np.maximum(weight, inside)
    total = float(weight.sum())
    if total <= 0:
        return None
    cx, cy = float((weight * x).sum() / total), float((weight * y).sum() / total)
    sx = math.sqrt(float((weight * (x - cx) ** 2).sum() / total) + 1e-6)
    sy = math.sqrt(float((weight * (y - cy) ** 2).sum() / total) + 1e-6)
    return cx, cy, sx, sy
