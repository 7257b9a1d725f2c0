"""What the user says about place and extent: guides, their map G, and the mixing rule of eq. 5.

A guide is evaluated at any continuous scene coordinates (pixel edges; the centre of pixel
(row, col) is (col + .5, row + .5)), so the same guide can be drawn on the whole scene or inside an
object's frame without resampling. G lies in [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from smartmask.geometry import BoxXYXY, mask_box

ALPHA = 0.7  # eq. 5 of arXiv 2312.05039
KINDS = ("none", "box", "point", "blob", "scribble", "mask")
POINT_SIGMA = 0.02  # standard deviation of a point's Gaussian, as a share of sqrt(H * W): our choice


def _finite(kind: str, *values: float) -> None:
    try:
        finite = all(math.isfinite(float(v)) for v in values)
    except (TypeError, ValueError):
        raise ValueError(f"The {kind} has a coordinate that is not a number: {tuple(values)}.") from None
    if not finite:
        raise ValueError(f"The {kind} has a coordinate that is not a finite number: {tuple(values)}.")


@dataclass(frozen=True)
class Box:
    """Box of the object: continuous pixel edges, ``x1, y1`` exclusive; may cross the border."""

    x0: float
    y0: float
    x1: float
    y1: float
    kind: ClassVar[str] = "box"

    def __post_init__(self) -> None:
        _finite("box", self.x0, self.y0, self.x1, self.y1)
        if self.x1 <= self.x0 or self.y1 <= self.y0:
            raise ValueError(
                f"The box {self.x0:g},{self.y0:g},{self.x1:g},{self.y1:g} has no area; x1 must exceed x0 and y1 y0."
            )

    def extent(self, height: int, width: int) -> BoxXYXY:
        """The rough box of the object that this guide speaks of."""
        return self.x0, self.y0, self.x1, self.y1

    def sample(self, x: np.ndarray, y: np.ndarray, height: int, width: int) -> np.ndarray:
        """G in [0, 1] at scene coordinates ``x, y`` (any one shape): 1 inside the box."""
        inside = (x >= self.x0) & (x < self.x1) & (y >= self.y0) & (y < self.y1)
        return inside.astype(np.float32)


@dataclass(frozen=True)
class Point:
    """A point on the object; drawn as a small Gaussian (our addition to the paper's kinds)."""

    x: float
    y: float
    kind: ClassVar[str] = "point"

    def __post_init__(self) -> None:
        _finite("point", self.x, self.y)

    def extent(self, height: int, width: int) -> BoxXYXY:
        return self.x - 0.5, self.y - 0.5, self.x + 0.5, self.y + 0.5

    def sample(self, x: np.ndarray, y: np.ndarray, height: int, width: int) -> np.ndarray:
        sigma = max(POINT_SIGMA * math.sqrt(height * width), 0.5)
        return np.exp(-((x - self.x) ** 2 + (y - self.y) ** 2) / (2 * sigma**2)).astype(np.float32)


@dataclass(frozen=True)
class Blob:
    """Rough place and size: a Gaussian with centre ``cx, cy`` and standard deviations ``sx, sy`` in pixels."""

    cx: float
    cy: float
    sx: float
    sy: float
    kind: ClassVar[str] = "blob"

    def __post_init__(self) -> None:
        _finite("blob", self.cx, self.cy, self.sx, self.sy)
        if self.sx <= 0 or self.sy <= 0:
            raise ValueError(f"The blob's standard deviations are {self.sx:g},{self.sy:g}; both must be above 0.")

    def extent(self, height: int, width: int) -> BoxXYXY:
        # A filled ellipse has standard deviations of half its semi-axes, so two of them reach its edge.
        return self.cx - 2 * self.sx, self.cy - 2 * self.sy, self.cx + 2 * self.sx, self.cy + 2 * self.sy

    def sample(self, x: np.ndarray, y: np.ndarray, height: int, width: int) -> np.ndarray:
        squared = ((x - self.cx) / self.sx) ** 2 + ((y - self.cy) / self.sy) ** 2
        return np.exp(-0.5 * squared).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Scribble:
    """A stroke through (x, y) points, or a list of strokes, drawn ``width`` pixels wide (None: 2 % of the scene)."""

    points: Sequence[Sequence[float]] | Sequence[Sequence[Sequence[float]]]
    width: float | None = None
    kind: ClassVar[str] = "scribble"

    def __post_init__(self) -> None:
        if not isinstance(self.points, Iterable):
            raise ValueError(f"The scribble is {self.points!r}; it is a list of (x, y) points.")
        given: Any = list(self.points)
        if not given:
            raise ValueError("The scribble is empty; give at least one (x, y) point.")
        try:
            nested = np.ndim(given[0][0]) > 0
            arrays = [np.asarray(stroke, dtype=np.float64) for stroke in (given if nested else [given])]
        except (IndexError, TypeError, ValueError):
            raise ValueError(f"The scribble starts with {given[0]!r}; it is a list of (x, y) points.") from None
        for array in arrays:
            if array.ndim != 2 or array.shape[1] != 2 or array.shape[0] == 0:
                raise ValueError(f"A scribble stroke has shape {array.shape}; it is a list of (x, y) points.")
            _finite("scribble", *array.ravel().tolist())
        if self.width is not None and not (math.isfinite(self.width) and self.width > 0):
            raise ValueError(f"The scribble's width is {self.width}; it must be above 0.")
        object.__setattr__(self, "points", arrays)

    def stroke_width(self, height: int, width: int) -> float:
        """Width in pixels: the user's, or 2 % of the scene's geometric mean side."""
        return float(self.width) if self.width is not None else max(0.02 * math.sqrt(height * width), 1.0)

    def extent(self, height: int, width: int) -> BoxXYXY:
        points = np.concatenate(list(self.points))  # type: ignore[arg-type]
        half = self.stroke_width(height, width) / 2
        (x0, y0), (x1, y1) = points.min(axis=0) - half, points.max(axis=0) + half
        return float(x0), float(y0), float(x1), float(y1)

    def sample(self, x: np.ndarray, y: np.ndarray, height: int, width: int) -> np.ndarray:
        half = self.stroke_width(height, width) / 2
        inside = np.zeros(np.shape(x), dtype=bool)
        for stroke in self.points:
            for start, end in _segments(np.asarray(stroke)):
                # Only what lies near the segment is measured: a long stroke has hundreds of short ones.
                low, high = np.minimum(start, end) - half, np.maximum(start, end) + half
                near = (x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1])
                inside[near] |= _distance(x[near], y[near], start, end) <= half
        return inside.astype(np.float32)


def _distance(x: np.ndarray, y: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Distance of each point to the segment from start to end, all (x, y)."""
    delta = end - start
    length = float(delta @ delta)
    along = ((x - start[0]) * delta[0] + (y - start[1]) * delta[1]) / length if length else np.zeros_like(x)
    along = np.clip(along, 0.0, 1.0)
    return np.hypot(x - start[0] - along * delta[0], y - start[1] - along * delta[1])


def _segments(stroke: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    if len(stroke) == 1:
        return [(stroke[0], stroke[0])]
    return list(pairwise(stroke))


@dataclass(frozen=True, eq=False)
class MaskGuide:
    """A coarse mask or painted scribble: ``(H, W)``, bool or in [0, 1], at the scene's size."""

    mask: np.ndarray
    kind: ClassVar[str] = "mask"

    def __post_init__(self) -> None:
        mask = np.asarray(self.mask)
        if mask.ndim != 2:
            raise ValueError(f"The mask guide has shape {mask.shape}; it is a (height, width) array.")
        mask = mask.astype(np.float32)
        if not np.isfinite(mask).all():
            raise ValueError("The mask guide has values that are not finite numbers.")
        if mask.min(initial=0.0) < 0 or mask.max(initial=0.0) > 1:
            raise ValueError(f"The mask guide has values from {mask.min():g} to {mask.max():g}; use 0 to 1.")
        if not (mask > 0.5).any():
            raise ValueError("The mask guide is empty; paint at least one pixel.")
        object.__setattr__(self, "mask", mask)

    def extent(self, height: int, width: int) -> BoxXYXY:
        box = mask_box(self.mask > 0.5)
        if box is None:
            raise ValueError("The mask guide is empty; paint at least one pixel.")
        return box

    def sample(self, x: np.ndarray, y: np.ndarray, height: int, width: int) -> np.ndarray:
        """G in [0, 1] at ``x, y`` (any one shape): the mask, linear between pixel centres, 0 beyond its border."""
        rows, cols = self.mask.shape
        padded = np.pad(self.mask, 1)
        u, v = np.clip(x + 0.5, 0, cols + 1), np.clip(y + 0.5, 0, rows + 1)
        c, r = np.minimum(u.astype(int), cols), np.minimum(v.astype(int), rows)
        right, low = u - c, v - r
        above = padded[r, c] * (1 - right) + padded[r, c + 1] * right
        below = padded[r + 1, c] * (1 - right) + padded[r + 1, c + 1] * right
        return (above * (1 - low) + below * low).astype(np.float32)


Guide = Box | Point | Blob | Scribble | MaskGuide
Guidance = Guide | Sequence[Guide] | None


def as_guides(guidance: Guidance, height: int, width: int) -> tuple[Guide, ...]:
    """The guides as a tuple, each checked against the scene's size.

    Raises ValueError, naming the size, for a guide wholly outside the scene or a mask of another size.
    One partly outside is kept: it asks for an object that the border cuts.
    """
    if guidance is None:
        return ()
    guides = tuple(guidance) if isinstance(guidance, (list, tuple)) else (guidance,)
    for guide in guides:
        if not isinstance(guide, Guide):
            raise ValueError(
                f"{guide!r} is not a guide; use Box, Point, Blob, Scribble, MaskGuide, a list of them or None."
            )
        if isinstance(guide, MaskGuide) and guide.mask.shape != (height, width):
            h, w = guide.mask.shape
            raise ValueError(f"The mask guide is {w}x{h}, but the scene is {width}x{height}.")
        if _outside(guide, height, width):
            where = (guide.x, guide.y) if isinstance(guide, Point) else guide.extent(height, width)
            numbers = ",".join(f"{value:g}" for value in where)
            raise ValueError(f"The {guide.kind} at {numbers} lies outside the scene, which is {width}x{height}.")
    return guides


def _outside(guide: Guide, height: int, width: int) -> bool:
    if isinstance(guide, Point):
        return not (0 <= guide.x < width and 0 <= guide.y < height)
    if isinstance(guide, Scribble):
        half = guide.stroke_width(height, width) / 2
        low, high = np.array([-half, -half]), np.array([width + half, height + half])
        return not any(_meets(a, b, low, high) for stroke in guide.points for a, b in _segments(np.asarray(stroke)))
    x0, y0, x1, y1 = guide.extent(height, width)
    return x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height


def _meets(start: np.ndarray, end: np.ndarray, low: np.ndarray, high: np.ndarray) -> bool:
    """Whether the segment from start to end has a point inside the box from low to high, all (x, y)."""
    delta = end - start
    between = (start > low) & (start < high)
    with np.errstate(divide="ignore", invalid="ignore"):
        to_low, to_high = (low - start) / delta, (high - start) / delta
    enter = np.where(delta == 0, np.where(between, -np.inf, np.inf), np.minimum(to_low, to_high))
    leave = np.where(delta == 0, np.inf, np.maximum(to_low, to_high))
    return bool(max(enter.max(), 0.0) < min(leave.min(), 1.0))


def draw(guides: Sequence[Guide], height: int, width: int) -> np.ndarray:
    """G of all guides combined by maximum: ``(H, W)`` float32 in [0, 1]; zeros without guides."""
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return sample(guides, x, y, height, width)


def sample(guides: Sequence[Guide], x: np.ndarray, y: np.ndarray, height: int, width: int) -> np.ndarray:
    """G of all guides, combined by maximum, at scene coordinates ``x, y``: float32 of their shape."""
    combined = np.zeros(np.shape(x), dtype=np.float32)
    for guide in guides:
        combined = np.maximum(combined, guide.sample(x, y, height, width))
    return combined


def extent(guides: Sequence[Guide], height: int, width: int) -> BoxXYXY | None:
    """Rough box of the object the guides speak of: an exact Box wins, else the union of extents."""
    boxes: list[Guide] = [g for g in guides if isinstance(g, Box)] or list(guides)
    if not boxes:
        return None
    corners = np.array([g.extent(height, width) for g in boxes])
    low, high = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def mix(layout: np.ndarray, guide_map: np.ndarray, alpha: float = ALPHA) -> np.ndarray:
    """Eq. 5 of arXiv 2312.05039 on a rendered layout: ``S~ = S (1 - alpha G) + alpha G``.

    layout: (H, W, C) in [0, 1]; guide_map: (H, W) in [0, 1].
    """
    weight = alpha * guide_map[..., None]
    return layout * (1 - weight) + weight
