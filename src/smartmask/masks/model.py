"""What a mask model is: a request and a scene in, suggestions out. The pipeline knows no more of a model than this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from pydantic import ValidationInfo, field_validator

from smartmask.geometry import BoxXYXY, MaskWindow, window_of
from smartmask.guides import Guide
from smartmask.io.checks import (
    check_distance,
    check_facing,
    check_prompt,
    check_scale,
    check_steps,
)
from smartmask.io.settings import internal, option, required
from smartmask.io.watch import Progress
from smartmask.masks.draws import Depth
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder

if TYPE_CHECKING:
    import torch

Facing = Literal["left", "right"]


class MaskOptions(Depth):
    """What Python, commands and services ask of a mask model alike, in words and numbers, beside the object."""

    context: str | None = option(None, "A sentence about the whole picture; its caption by default.", metavar="TEXT")
    facing: Facing | None = option(None, "Which way it faces.", metavar="left|right")
    like_distance: float = option(0.3, "How far variations of --like go: 0 near, 1 far.")
    diverse: bool = option(
        False, "Draw four times as many and keep those that are good and differ.", flags=("--diverse",)
    )
    guidance_scale: float | None = option(None, "How much name and scene count; 0: not, 1: as learnt.")
    context_guidance_scale: float | None = option(None, "How much the context sentence counts.")
    steps: int | None = option(None, "Denoising steps, for models that have them.")

    @field_validator("context")
    @classmethod
    def _context(cls, value: str | None) -> str | None:
        return None if value is None else check_prompt(value, "context prompt")

    @field_validator("guidance_scale", "context_guidance_scale")
    @classmethod
    def _scale(cls, value: float | None, info: ValidationInfo) -> float | None:
        return check_scale(value, str(info.field_name).replace("_", " "))

    @field_validator("facing", mode="before")
    @classmethod
    def _facing(cls, value: str | None) -> str | None:
        return check_facing(value)

    @field_validator("like_distance")
    @classmethod
    def _distance(cls, value: float) -> float:
        return check_distance(value)

    @field_validator("steps")
    @classmethod
    def _steps(cls, value: int | None) -> int | None:
        return check_steps(value)


class MaskRequest(MaskOptions):
    """What is asked of a mask model: the one form that Python's call, commands and services build.

    Guides and masks are checked against the scene by the pipeline, which knows its size.
    """

    object: str = required("What to insert: 'dog', 'a sitting man', 'two birds facing left'.", metavar="TEXT")
    guides: tuple[Guide, ...] = internal((), "Where it is: boxes, points, blobs, scribbles, polygons, painted masks.")
    not_here: tuple[Guide, ...] = internal((), "Guides that say where it is not.")
    like: Any = internal(None, "A mask (H, W) of the scene's size: suggestions are variations of it.")

    @field_validator("object")
    @classmethod
    def _object(cls, value: str) -> str:
        return check_prompt(value)


@dataclass(frozen=True, eq=False, init=False)
class Suggestion:
    """One mask that a model suggests.

    window: the mask, amodal, at the scene's size. box: of the whole object in pixel edges, also beyond the border.
    order: index in ``scene.layers``. seed: of this mask. score: [0, 1], plausibility.
    why: what it was made of, for people ("outline", "scene", "guide", ...).
    """

    window: MaskWindow
    box: BoxXYXY
    order: int
    seed: int
    score: float
    why: dict[str, Any]

    def __init__(
        self, mask: np.ndarray | MaskWindow, box: BoxXYXY, order: int, seed: int, score: float,
        why: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """mask: (H, W) bool, or its window."""
        values = {"window": window_of(mask), "box": box, "order": order, "seed": seed, "score": score, "why": why or {}}
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def mask(self) -> np.ndarray:
        """``(H, W)`` bool, read only, made when asked for."""
        return self.window.dense()


class MaskModel(Protocol):
    """A source of suggestions, swapped as a whole behind the pipeline. text: the vocabulary that it reads names by."""

    text: TextEncoder

    def suggest(
        self, scene: Scene, request: MaskRequest, seeds: Sequence[int], progress: Progress | None = None
    ) -> list[Suggestion]:
        """One suggestion a seed, in the seeds' order; each depends on the scene, the request and its own seed alone."""
        ...

    def notes(self, scene: Scene, request: MaskRequest) -> list[str]:
        """Sentences for the user: what of the request was guessed, borrowed or left out."""
        ...

    def to(self, device: str | torch.device | None = None, dtype: torch.dtype | None = None) -> Any:
        """Moves what can be moved; ValueError for a device that is not there."""
        ...

    def size(self, name: str) -> tuple[float, float]:
        """Height in metres at which pictures show things of a name, and width over height."""
        ...


@dataclass(frozen=True, eq=False)
class MaskOutput:
    """What the pipeline returns, best first.

    windows, seen: n masks, amodal and amodal minus what stands in front; ``masks`` and ``visible`` are the same as
    arrays of all pixels, ``mask(i)`` of one. scores: (n,) in [0, 1].
    orders: index in ``scene.layers`` of each (len(layers) is the front). seeds: the seed of each.
    boxes: of the whole objects, in pixel edges, also beyond the border. why: what each was made of.
    timings: seconds a stage. notes: sentences for the user.
    """

    windows: Sequence[MaskWindow]
    seen: Sequence[MaskWindow]
    scores: np.ndarray
    orders: list[int]
    seeds: list[int]
    boxes: list[BoxXYXY]
    why: list[dict[str, Any]]
    timings: dict[str, float]
    notes: list[str]

    @cached_property
    def masks(self) -> np.ndarray:
        """``(n, H, W)`` bool, the whole masks, made when first asked for: a byte a pixel and mask."""
        return np.stack([window.dense() for window in self.windows])

    @cached_property
    def visible(self) -> np.ndarray:
        """``(n, H, W)`` bool, what is seen of them, made when first asked for."""
        return np.stack([window.dense() for window in self.seen])

    def mask(self, index: int) -> np.ndarray:
        """``(H, W)`` bool, read only: one of ``masks``, without the others."""
        return self.windows[index].dense()
