"""Options of painting that ``insert``, ``remove`` and ``layout --paint`` share: how it paints, and on which machine."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import field_validator

from smartmask.image.composition import FEATHER, feather_weights
from smartmask.io.checks import check_prompt, check_scale, check_steps, check_strength
from smartmask.io.settings import Settings, option

Shadow = Literal["none", "layer", "paint"]
Fit = Literal["keep", "stretch"]


class Given(Settings):
    """Options whose defaults stand where they are used: only those given are passed on."""

    def given(self, group: type[Settings]) -> dict[str, Any]:
        """The options of a group that have a value; a switch that is off has none."""
        values = {name: getattr(self, name) for name in group.model_fields}
        fields = group.model_fields
        off = (None, ())
        return {n: v for n, v in values.items() if v not in off and not (v is False and fields[n].default is False)}


class PaintSteps(Given):
    """How a model paints."""

    steps: int | None = option(None, "Steps of painting; the inserter's own by default.")
    guidance_scale: float | None = option(None, "Weight of the text in painting.")

    @field_validator("steps")
    @classmethod
    def _steps(cls, value: int | None) -> int | None:
        return check_steps(value)

    @field_validator("guidance_scale")
    @classmethod
    def _scale(cls, value: float | None) -> float | None:
        return check_scale(value)


class PaintOptions(PaintSteps):
    """How objects are painted and pasted.

    shadow: "layer" is a file beside the result, "paint" is in the result too. color_match: None is for cut-outs, which
    bring another light with them, and not for what a model painted into the picture's own.
    """

    feather: float = option(FEATHER, "Pixels over which edges fade, inside the mask.")
    color_match: bool | None = option(
        None, "Colours as the light is there; by default for cut-outs alone.", flags=("--color-match/--no-color-match",)
    )
    shadow: Shadow = option("none", "Contact shadow: none, layer (a file only) or paint (in the photo).", metavar="HOW")
    precision: float = option(0.0, "How exact masks are: 0 outlines, to 1 boxes (SmartBrush's s / S).")

    @field_validator("feather")
    @classmethod
    def _feather(cls, value: float) -> float:
        feather_weights(np.zeros((1, 1), dtype=bool), value)
        return value

    @field_validator("precision")
    @classmethod
    def _precision(cls, value: float) -> float:
        if not 0 <= value <= 1:
            raise ValueError(f"The precision is {value}; it must be from 0 (exact outline) to 1 (box).")
        return value


class ModelOptions(Given):
    """Options for the loader of any model that paints."""

    heading: ClassVar[str] = "A model that paints"

    device: str | None = option(None, "Where the inserter runs: cpu, cuda, cuda:1, mps.")
    dtype: str | None = option(None, "Its numbers: float32, float16 or bfloat16.")
    offload: str | None = option(
        None, "Keep in the GPU's memory only the part at work (model) or its layer (sequential).", metavar="HOW"
    )
    slicing: bool = option(False, "Attention and VAE in slices: slower, less memory.", flags=("--slicing",))
    side: int | None = option(None, "Longer side of what the model paints; its own by default.", metavar="PIXELS")
    controlnet: str | None = option(None, "Its ControlNet: for segmentation, or see --control.", metavar="NAME")
    control_scale: float | None = option(None, "Weight of the ControlNet.")
    negative_prompt: str | None = option(None, "What the painting should not show.", metavar="TEXT")
    lora: tuple[str, ...] = option((), "A LoRA: folder, file or hub name; may be repeated.", metavar="NAME[:SCALE]")
    sampler: str | None = option(
        None, "Scheduler: ddim, dpm, euler, unipc; lcm or tcd with a LoRA for few steps.", metavar="NAME"
    )

    @field_validator("negative_prompt")
    @classmethod
    def _negative(cls, value: str | None) -> str | None:
        return None if value is None else check_prompt(value, "negative prompt")

    @field_validator("control_scale")
    @classmethod
    def _control(cls, value: float | None) -> float | None:
        return check_scale(value, "control scale")


class InserterOptions(Given):
    """Further options for the loader of a model that paints into a photo."""

    heading: ClassVar[str] = ModelOptions.heading

    method: str | None = option(
        None, "How a text-to-image model paints in a mask: blended (latents) or repaint.", metavar="NAME"
    )
    jump_length: int | None = option(None, "For repaint: levels that a jump back takes; 10 by default.")
    resamples: int | None = option(None, "For repaint: how often each stretch is gone through; 10 by default.")
    control: str | None = option(
        None,
        "What the ControlNet sees: seg (layout) or inpaint (the hole); by default as its name says.",
        metavar="KIND",
    )
    strength: float | None = option(None, "Share of the noise levels gone through; 1 keeps nothing inside the mask.")

    @field_validator("strength")
    @classmethod
    def _strength(cls, value: float | None) -> float | None:
        return None if value is None else check_strength(value)


class ReferenceOptions(Given):
    """Options for the loader of a model that is shown a picture of the object."""

    heading: ClassVar[str] = ModelOptions.heading

    ip_adapter: str | None = option(
        None, "IP-Adapter that shows the model --reference: folder, file or hub name.", metavar="NAME"
    )
    reference_scale: float | None = option(None, "Weight of the reference picture.")

    @field_validator("reference_scale")
    @classmethod
    def _reference(cls, value: float | None) -> float | None:
        return check_scale(value, "reference scale")


class PasteOptions(Given):
    """Options for the loader of 'paste'."""

    heading: ClassVar[str] = "Pasting"

    fit: Fit | None = option(
        None, "For paste: keep (own aspect, the default) or stretch to the mask's box.", metavar="HOW"
    )
    mirror: bool | None = option(None, "For paste; by default where it agrees better.", flags=("--mirror/--no-mirror",))
    defringe: float | None = option(
        None, "Edge of the cut-out that takes the colours inside; 2, but 0 with an alpha of its own.", metavar="PIXELS"
    )


def flags(names: list[str] | dict[str, Any]) -> str:
    """Names of settings as the command line spells them."""
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)
