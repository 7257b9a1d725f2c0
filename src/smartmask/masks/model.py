"""What a mask model is: a request and a scene in, suggestions out. The pipeline knows no more of a model than this."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from pydantic import ValidationInfo, field_validator

from smartmask.geometry import BoxXYXY
from smartmask.guides import Guide
from smartmask.io.checks import (
    check_distance,
    check_facing,
    check_prompt,
    check_scale,
    check_steps,
)
from smartmask.io.settings import Settings, internal, option, required
from smartmask.io.watch import Progress
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder

if TYPE_CHECKING:
    import torch

Facing = Literal["left", "right"]


class MaskOptions(Settings):
    """What Python, commands and services ask of a mask model alike, in words and numbers."""

    object: str = required("What to insert: 'dog', 'a sitting man', 'two birds facing left'.", metavar="TEXT")
    context: str | None = option(None, "A sentence about the whole picture; its caption by default.", metavar="TEXT")
    order: int | None = option(None, "Depth: 0 is behind all layers; the model's own choice by default.")
    facing: Facing | None = option(None, "Which way it faces.", metavar="left|right")
    like_distance: float = option(0.3, "How far variations of --like go: 0 near, 1 far.")
    diverse: bool = option(
        False, "Draw four times as many and keep those that are good and differ.", flags=("--diverse",)
    )
    guidance_scale: float | None = option(None, "How much name and scene count; 0: not, 1: as learnt.")
    context_guidance_scale: float | None = option(None, "How much the context sentence counts.")
    steps: int | None = option(None, "Denoising steps, for models that have them.")

    @field_validator("object")
    @classmethod
    def _object(cls, value: str) -> str:
        return check_prompt(value)

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

    guides: tuple[Guide, ...] = internal((), "Where it is: boxes, points, blobs, scribbles, polygons, painted masks.")
    not_here: tuple[Guide, ...] = internal((), "Guides that say where it is not.")
    like: Any = internal(None, "A mask (H, W) of the scene's size: suggestions are variations of it.")


@dataclass(frozen=True, eq=False)
class Suggestion:
    """One mask that a model suggests.

    mask: (H, W) bool, amodal, at the scene's size. box: of the whole object in pixel edges, also beyond the border.
    order: index in ``scene.layers``. seed: of this mask. score: [0, 1], plausibility.
    why: what it was made of, for people ("outline", "scene", "guide", ...).
    """

    mask: np.ndarray
    box: BoxXYXY
    order: int
    seed: int
    score: float
    why: dict[str, Any] = field(default_factory=dict)


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

    masks, visible: (n, H, W) bool, amodal and amodal minus what stands in front. scores: (n,) in [0, 1].
    orders: index in ``scene.layers`` of each (len(layers) is the front). seeds: the seed of each.
    boxes: of the whole objects, in pixel edges, also beyond the border. why: what each was made of.
    timings: seconds a stage. notes: sentences for the user.
    """

    masks: np.ndarray
    visible: np.ndarray
    scores: np.ndarray
    orders: list[int]
    seeds: list[int]
    boxes: list[BoxXYXY]
    why: list[dict[str, Any]]
    timings: dict[str, float]
    notes: list[str]
