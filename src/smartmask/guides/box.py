"""A box of the object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from smartmask.geometry import BoxXYXY
from smartmask.guides.guide import Guide, Promise, finite
from smartmask.guides.hand import box_of


@dataclass(frozen=True)
class Box(Guide):
    """Box of the object: continuous pixel edges, ``x1, y1`` exclusive; may cross the border."""

    x0: float
    y0: float
    x1: float
    y1: float
    kind: ClassVar[str] = "box"
    promise: ClassVar[Promise] = Promise(bounds=1, rough=1, covers=1)
    number: ClassVar[int] = 0
    share: ClassVar[float] = 0.45
    form: ClassVar[str] = "x0,y0,x1,y1"
    about: ClassVar[str] = "A box of the object, in pixels."

    def __post_init__(self) -> None:
        finite(self, "x0", "y0", "x1", "y1")
        if self.x1 <= self.x0 or self.y1 <= self.y0:
            raise ValueError(
                f"The box {self.x0:g},{self.y0:g},{self.x1:g},{self.y1:g} has no area; x1 must exceed x0 and y1 y0."
            )

    def extent(self, height: int, width: int) -> BoxXYXY:
        return self.x0, self.y0, self.x1, self.y1

    def sample(self, x: np.ndarray, y: np.ndarray, height: int, width: int) -> np.ndarray:
        """1 inside the box."""
        inside = (x >= self.x0) & (x < self.x1) & (y >= self.y0) & (y < self.y1)
        return inside.astype(np.float32)

    @classmethod
    def simulated(cls, mask: np.ndarray, rng: np.random.Generator, exact: bool) -> Self:
        x0, y0, x1, y1 = box_of(mask)
        if exact or rng.random() < 0.7:
            return cls(x0, y0, x1, y1)
        # a hand-drawn box: each side off by a few percent of its length, seldom more
        dx, dy = rng.normal(0, 0.03, 2) * (x1 - x0), rng.normal(0, 0.03, 2) * (y1 - y0)
        return cls(x0 + dx[0], y0 + dy[0], max(x1 + dx[1], x0 + dx[0] + 1), max(y1 + dy[1], y0 + dy[0] + 1))
