"""Inserters for tests: they paint flat colours or noise at once, and one can fail."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from smartmask.insertion.inpainter import Painting, PaintRequest


@dataclass
class FlatPainter:
    """Paints the whole crop, far beyond the mask, in one colour a call; keeps the requests.

    fail: the number of the call that raises ``error``. alpha: a share of the mask's rows that it narrows to.
    """

    side: int | None = None
    colours: tuple[tuple[int, int, int], ...] = ((255, 0, 0), (0, 0, 255), (255, 255, 0))
    fail: int | None = None
    error: BaseException = field(default_factory=lambda: RuntimeError("the painter ran out of paint"))
    alpha: float | None = None
    name: str = "flat"
    requests: list[PaintRequest] = field(default_factory=list)

    def __call__(self, request: PaintRequest) -> Painting:
        number = len(self.requests)
        self.requests.append(request)
        if number == self.fail:
            raise self.error
        if request.callback is not None:
            request.callback(1, 1)
        height, width = request.mask.shape
        image = np.empty((height, width, 3), dtype=np.uint8)
        image[:] = self.colours[number % len(self.colours)]
        alpha = None
        if self.alpha is not None:
            alpha = np.zeros((height, width), dtype=np.float32)
            rows = np.flatnonzero(request.mask.any(axis=1))
            alpha[rows[: round(len(rows) * self.alpha)]] = 1
        return Painting(image, alpha)


class NoisePainter:
    """Paints noise drawn from the request's seed."""

    name = "noise"

    def __init__(self, side: int | None = None) -> None:
        self.side = side

    def __call__(self, request: PaintRequest) -> Painting:
        rng = np.random.default_rng(request.seed)
        shape = request.mask.shape
        return Painting(rng.integers(0, 256, (*shape, 3), dtype=np.uint8), rng.uniform(0, 1, shape).astype(np.float32))
