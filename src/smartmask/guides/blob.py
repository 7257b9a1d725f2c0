"""A coarse blob: where the object's mass is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from smartmask.geometry import BoxXYXY
from smartmask.guides.guide import Guide, Promise, finite

LEAST = 0.01  # pixels: below, squares of distances leave what floating point holds


@dataclass(frozen=True)
class Blob(Guide):
    """Rough place and size: a Gaussian with centre ``cx, cy`` and standard deviations ``sx, sy`` in pixels."""

    cx: float
    cy: float
    sx: float
    sy: float
    kind: ClassVar[str] = "blob"
    promise: ClassVar[Promise] = Promise(rough=1, covers=0.5, mass=1)
    number: ClassVar[int] = 1
    share: ClassVar[float] = 0.1
    form: ClassVar[str] = "cx,cy,sx,sy"
    about: ClassVar[str] = "Rough place: a Gaussian's centre and deviations."

    def __post_init__(self) -> None:
        finite(self, "cx", "cy", "sx", "sy")
        if min(self.sx, self.sy) < LEAST:
            raise ValueError(
                f"The blob's standard deviations are {self.sx:g},{self.sy:g}; both must be {LEAST} pixels or more."
            )

    def extent(self, height: int, width: int) -> BoxXYXY:
        # A filled ellipse has standard deviations of half its semi-axes, so two of them reach its edge.
        return self.cx - 2 * self.sx, self.cy - 2 * self.sy, self.cx + 2 * self.sx, self.cy + 2 * self.sy

    def sample(self, x: np.ndarray, y: np.ndarray, height: int, width: int) -> np.ndarray:
        squared = ((x - self.cx) / self.sx) ** 2 + ((y - self.cy) / self.sy) ** 2
        return np.exp(-0.5 * squared).astype(np.float32)

    def moments(self) -> tuple[float, float, float, float]:
        return self.cx, self.cy, self.sx, self.sy

    @classmethod
    def simulated(cls, mask: np.ndarray, rng: np.random.Generator, exact: bool) -> Self:
        rows, cols = np.nonzero(mask)
        sx, sy = float(cols.std()) + 0.3, float(rows.std()) + 0.3
        cx, cy = float(cols.mean()) + 0.5, float(rows.mean()) + 0.5
        if not exact:
            cx, cy = cx + rng.normal(0, 0.15) * sx, cy + rng.normal(0, 0.15) * sy
            sx, sy = sx * math.exp(rng.normal(0, 0.12)), sy * math.exp(rng.normal(0, 0.12))
        return cls(cx, cy, sx, sy)
