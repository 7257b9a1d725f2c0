"""What every inserter is: a function from a crop of the photo to painted pixels, and how one is loaded by name.

Inserters never see the whole photo and never decide what stays: they paint a crop at a size of their
own choosing, and ``composition`` copies only what lies inside the mask, so the background is exact
whatever an inserter does.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from smartmask.scene import Scene

StepCallback = Callable[[int, int], None]


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
    callback: StepCallback | None = None


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


def load_inpainter(name: str | Path, **options: Any) -> Inpainter:
    """The inserter of a name or folder; ``options`` (device, dtype, controlnet, cutout, ...) go to its loader.

    "paste" pastes a cut-out of the user's own. Anything else is a folder or hub name; its
    ``model_index.json`` tells SmartBrush's own format from that of diffusers.
    Raises ValueError for what cannot be an inserter, in one sentence.
    """
    if str(name) == "paste":
        from smartmask.pipelines.paste import PasteInpainter

        return PasteInpainter(**options)
    if _class_name(Path(name)) == "SmartBrushPipeline":
        from smartmask.pipelines.smartbrush import SmartBrushPipeline

        return SmartBrushPipeline.from_pretrained(name, **options)
    from smartmask.pipelines.diffusion_inpaint import DiffusionInpainter

    return DiffusionInpainter.from_pretrained(name, **options)


def _class_name(folder: Path) -> str | None:
    """``_class_name`` of a local folder's model_index.json; None for a hub name, or where it cannot be read."""
    try:
        return str(json.loads((folder / "model_index.json").read_text(encoding="utf-8"))["_class_name"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
