"""A point on the object."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from smartmask.geometry import BoxXYXY
from smartmask.guides.guide import Guide, Promise, finite
from smartmask.guides.hand import inner_points

SIGMA = 0.02  # standard deviation of a point's Gaussian, as a share of sqrt(H * W): our choice


@dataclass(frozen=True)
class Point(Guide):
    """A point on the object; drawn as a small Gaussian (our addition to the paper's kinds)."""

    x: float
    y: float
    kind: ClassVar[str] = "point"
    promise: ClassVar[Promise] = Promise(inside=1)
    number: ClassVar[int] = 4
    share: ClassVar[float] = 0.08
    form: ClassVar[str] = "x,y"
    about: ClassVar[str] = "A point on the object."

    def __post_init__(self) -> None:
        finite(self, "x", "y")

    def extent(self, height: int, width: int) -> BoxXYXY:
        return self.x - 0.5, self.y - 0.5, self.x + 0.5, self.y + 0.5

    def sample(self, x: np.ndarray, y: np.ndarray, height: int, width: int) -> np.ndarray:
        sigma = max(SIGMA * math.sqrt(height * width), 0.5)
        return np.exp(-((x - self.x) ** 2 + (y - self.y) ** 2) / (2 * sigma**2)).astype(np.float32)

    def spots(self, height: int, width: int) -> np.ndarray:
        return np.array([(self.x, self.y)], np.float64)

    def outside(self, height: int, width: int) -> bool:
        return not (0 <= self.x < width and 0 <= self.y < height)

    def whereabouts(self, height: int, width: int) -> Sequence[float]:
        return self.x, self.y

    @classmethod
    def simulated(cls, mask: np.ndarray, rng: np.random.Generator, exact: bool) -> Self:
        x, y = inner_points(mask, 1, rng)[0]
        return cls(float(x), float(y))
