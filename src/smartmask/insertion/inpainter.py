"""What every inserter is: a function from a crop of the photo to painted pixels, and how one is loaded by name.

Inserters never see the whole photo and never decide what stays: they paint a crop at a size of their
own choosing, and ``composition`` copies only what lies inside the mask, so the background is exact
whatever an inserter does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from smartmask.io.watch import Progress
from smartmask.scene import Scene


@dataclass(frozen=True, eq=False)
class PaintRequest:
    """One object to paint into one crop.

    image: (H, W, 3) uint8 RGB, the crop of the photo.
    mask: (H, W) bool, where paint may go: the object's visible part.
    amodal: (H, W) bool, the whole object within the crop.
    scene: the crop's layout (H, W), the new object included at index ``order``.
    prompt, context: the object's name and a sentence about the picture ("" if there is none).
    seed: of all chance in the painting.  steps, guidance_scale: None for the inserter's own.
    precision: how exact ``mask`` is, from 0 (exact outline) to 1 (its bounding box); SmartBrush's s / S.
    reference: (h, w, 3) uint8 RGB of any size, a picture of what to paint; for models that take one.
    callback: called as (step, steps); it may raise to stop.
    """

    image: np.ndarray
    mask: np.ndarray
    amodal: np.ndarray
    scene: Scene
    order: int
    prompt: str
    context: str = ""
    seed: int = 0
    steps: int | None = None
    guidance_scale: float | None = None
    precision: float = 0.0
    reference: np.ndarray | None = None
    callback: Progress | None = None


@dataclass(frozen=True, eq=False)
class Painting:
    """What an inserter answers, at the request's size.

    image: (H, W, 3) uint8 RGB, the painted crop; only the part inside the mask is ever used.
    alpha: (H, W) float32 in [0, 1] or None; narrows the mask: a cut-out's own transparency, or the
    object mask that SmartBrush predicts inside a coarse one.
    outline: (H, W) bool or None; the whole (amodal) shape where an inserter brings its own, as paste does:
    it takes the place of the request's ``amodal``, and what stands in front is taken off it again.
    """

    image: np.ndarray
    alpha: np.ndarray | None = None
    outline: np.ndarray | None = None


class Inpainter(Protocol):
    """Anything that paints objects. ``name`` goes into results; ``side`` is the working size in pixels of the
    crop's longer side (None: any size as it is); the caller hands in crops at their own resolution."""

    name: str
    side: int | None

    def __call__(self, request: PaintRequest) -> Painting: ...
