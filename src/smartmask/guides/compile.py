"""Guides of a call as arrays: a box, points, and small maps of a window, decided by what each kind promises."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from smartmask.geometry import BoxXYXY, signed_distance
from smartmask.guides.guide import PROMISE, Guide, extent, sample

SIDE = 64  # cells a side of the window in which masks meet the guides
ROOM = 0.25  # of the longer side: how far the window goes beyond the guides' extent
GROWN = 0.025  # of the root of its area: by how much a hand paints an outline too large (docs/decisions.md)
THIN = 1.0  # cells farther than the rim from what is left of the paint without it: a part of its own
REACH = 1.0  # scenes: how far beyond the border a rough guide's extent counts


@dataclass(frozen=True, eq=False)
class Compiled:
    """Guides as arrays.

    exact: the user's box, or None. region: the rough extent of all guides, or None without any (or with points only).
    points: (k, 2) x, y that lie on the object. window: the square of the scene that the maps show.
    strokes, painted, avoid: (SIDE, SIDE) float32 in [0, 1] of that window, or None: what lies on the object, what has
    its outline, what it keeps clear of. moments: (cx, cy, sx, sy), where a guide has its mass.
    promises: (guides, PROMISE) float32, the embedding of each guide's kind.
    """

    exact: BoxXYXY | None
    region: BoxXYXY | None
    points: np.ndarray
    window: BoxXYXY
    strokes: np.ndarray | None
    painted: np.ndarray | None
    avoid: np.ndarray | None
    moments: tuple[float, float, float, float] | None
    promises: np.ndarray

    @classmethod
    def of(cls, guides: Sequence[Guide], not_here: Sequence[Guide], height: int, width: int) -> Self:
        """The guides of a call on a (height, width) scene. not_here: guides to where the object is not."""
        exact = extent(bounding, height, width) if (bounding := promising(guides, "bounds")) else None
        rough = _within_reach(extent(guides, height, width), height, width) if promising(guides, "rough") else None
        region = exact or rough
        window = _window(region, height, width)
        x, y = window_grid(window)
        spots = [guide.spots(height, width) for guide in promising(guides, "inside", without="rough")]
        marks = [guide for guide in promising(guides, "inside") if guide.promise.rough > 0.5]
        strokes = _drawn(marks, x, y, height, width)
        if strokes is not None and not strokes.any():  # thinner than the cells
            strokes = _thin(guides, window)
        painted = _painted(promising(guides, "outline"), x, y, height, width)
        return cls(
            exact, region, np.concatenate([np.empty((0, 2)), *spots]), window, strokes, painted,
            _drawn(not_here, x, y, height, width), _moments(guides, painted, x, y, (height, width)),
            np.array([guide.promise.vector() for guide in guides], np.float32).reshape(-1, PROMISE),
        )  # fmt: skip


def promising(guides: Sequence[Guide], what: str, without: str | None = None) -> list[Guide]:
    """The guides whose kind promises something ("bounds", "outline", ...), without those that promise another thing."""
    return [
        guide
        for guide in guides
        if getattr(guide.promise, what) > 0.5 and not (without and getattr(guide.promise, without) > 0.5)
    ]


def window_grid(window: BoxXYXY) -> tuple[np.ndarray, np.ndarray]:
    """Scene coordinates ``x, y`` of the centres of a window's cells, two (SIDE, SIDE) arrays."""
    x0, y0, x1, y1 = window
    steps = (np.arange(SIDE) + 0.5) / SIDE
    x, y = np.meshgrid(x0 + steps * (x1 - x0), y0 + steps * (y1 - y0))
    return x, y


def _within_reach(region: BoxXYXY | None, height: int, width: int) -> BoxXYXY | None:
    if region is None:
        return None
    x0, y0, x1, y1 = region
    far_x, far_y = REACH * width, REACH * height
    return max(x0, -far_x), max(y0, -far_y), min(x1, width + far_x), min(y1, height + far_y)


def _window(region: BoxXYXY | None, height: int, width: int) -> BoxXYXY:
    if region is None:
        return 0.0, 0.0, float(width), float(height)
    x0, y0, x1, y1 = region
    room = ROOM * max(x1 - x0, y1 - y0, 2.0)
    return x0 - room, y0 - room, x1 + room, y1 + room


def _drawn(guides: Sequence[Guide], x: np.ndarray, y: np.ndarray, height: int, width: int) -> np.ndarray | None:
    return sample(guides, x, y, height, width) if guides else None


def _painted(outlines: Sequence[Guide], x: np.ndarray, y: np.ndarray, height: int, width: int) -> np.ndarray | None:
    """What has the object's outline, without the rim that brushes add."""
    rimmed = _drawn(promising(outlines, "rim"), x, y, height, width)
    sharp = _drawn(promising(outlines, "outline", without="rim"), x, y, height, width)
    parts = [part for part in (None if rimmed is None else _shrunk(rimmed), sharp) if part is not None]
    return np.maximum.reduce(parts) if parts else None


def _thin(guides: Sequence[Guide], window: BoxXYXY) -> np.ndarray:
    """Strokes thinner than a cell, by the cells that their points lie in."""
    picture = np.zeros((SIDE, SIDE), np.uint8)
    x0, y0, x1, y1 = window
    for stroke in (line for guide in promising(guides, "lines") for line in guide.lines()):
        cells = (stroke - (x0, y0)) / (x1 - x0, y1 - y0) * SIDE
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
    guides: Sequence[Guide], painted: np.ndarray | None, x: np.ndarray, y: np.ndarray, size: tuple[int, int]
) -> tuple[float, float, float, float] | None:
    """Where the mass of the guides that promise it lies: a single one's own numbers, else those of all together."""
    blobs = promising(guides, "mass", without="outline")
    if painted is None and len(blobs) == 1 and (own := blobs[0].moments()) is not None:
        return own
    if painted is None and not blobs:
        return None
    weight = np.zeros(x.shape) if painted is None else (painted >= 0.5).astype(np.float64)
    for blob in blobs:
        weight = np.maximum(weight, _body(blob, x, y, size))
    total = float(weight.sum())
    if total <= 0:
        return None
    cx, cy = float((weight * x).sum() / total), float((weight * y).sum() / total)
    sx = math.sqrt(float((weight * (x - cx) ** 2).sum() / total) + 1e-6)
    sy = math.sqrt(float((weight * (y - cy) ** 2).sum() / total) + 1e-6)
    return cx, cy, sx, sy


def _body(guide: Guide, x: np.ndarray, y: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bool: the ellipse that has the guide's moments, or where its G passes one half."""
    moments = guide.moments()
    if moments is None:
        return guide.sample(x, y, *size) >= 0.5
    cx, cy, sx, sy = moments
    return ((x - cx) / sx) ** 2 + ((y - cy) / sy) ** 2 <= 4
