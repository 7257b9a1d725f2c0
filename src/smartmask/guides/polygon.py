"""A polygon, whose outline is followed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import cv2
import numpy as np

from smartmask.geometry import BoxXYXY
from smartmask.guides.guide import Guide, Promise, point_arrays, points_of
from smartmask.guides.hand import box_of
from smartmask.guides.segments import meets
from smartmask.io.sentences import short_repr

LEAST = 0.05  # of the object: parts smaller than that are not drawn by a hand
COARSE = (0.015, 0.04)  # of the root of the area: how far from the outline the sides of drawn polygons go
SHAKE = 0.008  # of the root of the area: how far corners are off (a standard deviation); both our choice
FLAT = 1e-12  # height over length below which a ring is a line


@dataclass(frozen=True, eq=False)
class Polygon(Guide):
    """(x, y) corners of the object's rough outline, closed; or a list of such rings, one inside another being a hole.

    What lies in an odd number of rings is inside.
    """

    points: Sequence[Sequence[float]] | Sequence[Sequence[Sequence[float]]]
    kind: ClassVar[str] = "polygon"
    promise: ClassVar[Promise] = Promise(rough=1, inside=0.5, covers=0.5, mass=1, outline=1)
    number: ClassVar[int] = 6
    form: ClassVar[str] = "x,y;x,y;..."
    about: ClassVar[str] = "Corners of a rough outline; | between rings."

    def __post_init__(self) -> None:
        rings = point_arrays(self.points, "polygon", "ring")
        for ring in rings:
            if not _has_area(ring):
                corners = ";".join(f"{x:g},{y:g}" for x, y in ring[:4]) + (";..." if len(ring) > 4 else "")
                raise ValueError(f"The polygon {corners} has no area; give three corners or more, not on one line.")
        object.__setattr__(self, "points", rings)

    def count(self) -> int:
        return sum(map(len, self.points))

    def rings(self) -> list[np.ndarray]:
        """The corners of each ring, (n, 2) x, y."""
        return [np.asarray(ring) for ring in self.points]

    def extent(self, height: int, width: int) -> BoxXYXY:
        points = np.concatenate(self.rings())
        (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
        return float(x0), float(y0), float(x1), float(y1)

    def sample(self, x: np.ndarray, y: np.ndarray, height: int, width: int) -> np.ndarray:
        """1 inside, by the even-odd rule: a ray to the left crosses the sides an odd number of times."""
        inside = np.zeros(np.shape(x), dtype=bool)
        for start, end in self._sides():
            if start[1] == end[1]:
                continue
            low, high = sorted((start[1], end[1]))
            rows = (y >= low) & (y < high)
            inside[rows] ^= x[rows] >= start[0] + (y[rows] - start[1]) / (end[1] - start[1]) * (end[0] - start[0])
        return inside.astype(np.float32)

    def outside(self, height: int, width: int) -> bool:
        low, high = np.zeros(2), np.array([width, height], np.float64)
        if any(meets(start, end, low, high) for start, end in self._sides()):
            return False
        middle = self.sample(np.array([width / 2]), np.array([height / 2]), height, width)
        return not middle.any()  # no side crosses the scene: all of it is inside, or none

    def _sides(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return [side for ring in self.rings() for side in zip(ring, np.roll(ring, -1, axis=0), strict=True)]

    @classmethod
    def parse(cls, text: str) -> Guide:
        """Corners "x,y;x,y;...", rings separated by "|"."""
        if not text.strip():
            raise ValueError(f"The polygon is empty ({short_repr(text)}); give corners {cls.form}.")
        return cls(points_of(text, cls.kind, cls.form, "ring"))

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "rings": [ring.tolist() for ring in self.rings()]}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        return cls(**{"points" if name == "rings" else name: value for name, value in fields.items()})

    @classmethod
    def simulated(cls, mask: np.ndarray, rng: np.random.Generator, exact: bool) -> Self:
        """The corners of the object's larger parts, as few as a hand would click."""
        x0, y0, x1, y1 = (int(edge) for edge in box_of(mask))
        twice = np.repeat(np.repeat(mask[y0:y1, x0:x1].astype(np.uint8), 2, 0), 2, 1)  # a quarter pixel off the edges
        size = math.sqrt(float(twice.sum()))
        coarse, shake = rng.uniform(*COARSE), 0.0 if exact else SHAKE
        rings = []
        for contour in cv2.findContours(twice, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]:
            ring = cv2.approxPolyDP(contour, coarse * size, True)[:, 0].astype(np.float64)
            if len(ring) > 2 and cv2.contourArea(contour) >= LEAST * size**2:
                ring += rng.normal(0, 1, ring.shape) * shake * size
                rings.append(((ring + 0.5) / 2 + (x0, y0)).tolist())
        return cls(rings or [(x0, y0), (x1, y0), (x1, y1), (x0, y1)])


def _has_area(ring: np.ndarray) -> bool:
    """Whether the corners (n, 2) of a ring lie on more than one line; a ring that crosses itself has an area, too."""
    largest = float(np.abs(ring).max())
    x, y = ((ring - ring[0]) / (largest or 1.0)).T
    far = int((x**2 + y**2).argmax())
    return bool((np.abs(x * y[far] - y * x[far]) > FLAT * (x[far] ** 2 + y[far] ** 2)).any())
