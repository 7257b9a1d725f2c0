"""A scribble: strokes drawn into the object."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from smartmask.geometry import BoxXYXY
from smartmask.guides.guide import Guide, Promise, point_arrays, points_of
from smartmask.guides.hand import along_axis, inner_points, spread_points
from smartmask.guides.mask import PICTURE_SUFFIXES, MaskGuide
from smartmask.guides.segments import distance, meets, segments
from smartmask.io.checks import real
from smartmask.io.sentences import short_repr


@dataclass(frozen=True, eq=False)
class Scribble(Guide):
    """A stroke through (x, y) points, or a list of strokes, drawn ``width`` pixels wide (None: 2 % of the scene)."""

    points: Sequence[Sequence[float]] | Sequence[Sequence[Sequence[float]]]
    width: float | None = None
    kind: ClassVar[str] = "scribble"
    promise: ClassVar[Promise] = Promise(rough=0.6, inside=1, lines=1)
    number: ClassVar[int] = 2
    share: ClassVar[float] = 0.1
    form: ClassVar[str] = "PNG or x,y;x,y;..."
    about: ClassVar[str] = "A painted scribble, or a stroke's points; | between strokes."

    def __post_init__(self) -> None:
        arrays = point_arrays(self.points, "scribble", "stroke")
        if self.width is not None:
            width = real(self.width)
            if width is None or width <= 0:
                raise ValueError(f"The scribble's width is {short_repr(self.width)}; it must be a number above 0.")
            object.__setattr__(self, "width", width)
        object.__setattr__(self, "points", arrays)

    def lines(self) -> list[np.ndarray]:
        return [np.asarray(stroke) for stroke in self.points]

    def line_width(self, height: int, width: int) -> float:
        return self.stroke_width(height, width)

    def stroke_width(self, height: int, width: int) -> float:
        """Width in pixels: the user's, or 2 % of the scene's geometric mean side."""
        return float(self.width) if self.width is not None else max(0.02 * math.sqrt(height * width), 1.0)

    def extent(self, height: int, width: int) -> BoxXYXY:
        points = np.concatenate(self.lines())
        half = self.stroke_width(height, width) / 2
        (x0, y0), (x1, y1) = points.min(axis=0) - half, points.max(axis=0) + half
        return float(x0), float(y0), float(x1), float(y1)

    def sample(self, x: np.ndarray, y: np.ndarray, height: int, width: int) -> np.ndarray:
        half = self.stroke_width(height, width) / 2
        inside = np.zeros(np.shape(x), dtype=bool)
        for stroke in self.lines():
            for start, end in segments(stroke):
                # Only what lies near the segment is measured: a long stroke has hundreds of short ones.
                low, high = np.minimum(start, end) - half, np.maximum(start, end) + half
                near = (x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1])
                inside[near] |= distance(x[near], y[near], start, end) <= half
        return inside.astype(np.float32)

    def misfit(self, height: int, width: int) -> str | None:
        if self.width is not None and self.width > max(height, width):
            return (
                f"The scribble's width is {self.width:g} pixels, but the scene is {width}x{height}; "
                f"use at most {max(height, width)}."
            )
        return super().misfit(height, width)

    def count(self) -> int:
        return sum(map(len, self.points))

    def outside(self, height: int, width: int) -> bool:
        half = self.stroke_width(height, width) / 2
        low, high = np.array([-half, -half]), np.array([width + half, height + half])
        return not any(meets(a, b, low, high) for stroke in self.lines() for a, b in segments(stroke))

    @classmethod
    def parse(cls, text: str) -> Guide:
        """A stroke "x,y;x,y;...", strokes separated by "|", or the name of a painted picture."""
        if not text.strip():
            raise ValueError(f"The scribble is empty ({short_repr(text)}); give points x,y;x,y;... or a painted PNG.")
        if text.lower().endswith(PICTURE_SUFFIXES) or ("," not in text and _is_there(text)):
            return MaskGuide.parse(text)
        return cls(points_of(text, "scribble", "x,y;x,y;... or a painted PNG", "stroke"))

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "strokes": [stroke.tolist() for stroke in self.lines()], "width": self.width}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        return cls(**{"points" if name == "strokes" else name: value for name, value in fields.items()})

    @classmethod
    def simulated(cls, mask: np.ndarray, rng: np.random.Generator, exact: bool) -> Self:
        """A stroke in order along the object's longer axis: through a few inner points, or from end to end.

        People do both: one draws a line into the body, another draws a stick figure of the whole.
        """
        if rng.random() < 0.5:
            points = inner_points(mask, int(rng.integers(2, 7)), rng)
            points = points[np.argsort(along_axis(points))]
        else:
            points = spread_points(mask, int(rng.integers(3, 8)), rng)
        width = math.sqrt(mask.sum()) * rng.uniform(0.03, 0.15)
        return cls(points.tolist(), width=max(float(width), 1.0))


def _is_there(text: str) -> bool:
    try:
        return Path(text).exists()
    except (OSError, ValueError):  # longer than any name of a file
        return False
