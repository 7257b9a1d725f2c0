"""What a mask model is: a request and a scene in, suggestions out. The pipeline knows no more of a model than this."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from smartmask.geometry import BoxXYXY
from smartmask.guides import Guide
from smartmask.io.checks import check_distance, check_facing, check_prompt, check_scale, check_steps
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder

Progress = Callable[[int, int], None]  # (done, all): called as a model goes on; may raise to stop it
Facing = Literal["left", "right"]


class MaskRequest(BaseModel):
    """What is asked of a mask model: the one form that Python's call, commands and services build.

    Guides and masks are checked against the scene by the pipeline, which knows its size.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, frozen=True, extra="forbid")

    object: str = Field(description="What to insert: 'dog', 'a sitting man', 'two birds facing left'.")
    context: str | None = Field(None, description="A sentence about the whole picture; its caption by default.")
    guides: tuple[Any, ...] = Field(
        (), description="Where it is: boxes, points, blobs, scribbles, painted masks, polygons."
    )
    not_here: tuple[Any, ...] = Field((), description="Guides that say where it is not.")
    order: int | None = Field(None, ge=0, description="Depth asked for: an index in the scene's layers.")
    guidance_scale: float | None = Field(None, description="How much the scene's fit counts; 1 by default, 0: not.")
    context_guidance_scale: float | None = Field(None, description="How much the context sentence counts.")
    steps: int | None = Field(None, description="Denoising steps, for models that have them.")
    facing: Facing | None = Field(None, description="Which way it faces: left or right.")
    like: Any = Field(None, description="A mask of the scene's size: suggestions are variations of it.")
    like_distance: float = Field(0.3, description="How far variations go: 0 near, 1 far.")
    diverse: bool = Field(False, description="Spread the suggestions as far as they stay plausible.")

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
    def _scale(cls, value: float | None) -> float | None:
        return check_scale(value)

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

    @property
    def drawn(self) -> tuple[Guide, ...]:
        """The guides, typed."""
        return self.guides


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

    def size(self, name: str) -> tuple[float, float]:
        """Height in metres at which pictures show things of a name, and width over height."""
        ...
