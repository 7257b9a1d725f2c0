"""Stable Diffusion's families: all that differs between them, in one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.errors import ModelError
from smartmask.insertion.stable_diffusion.seg_control import seg_control_image
from smartmask.scene import Scene


@dataclass(frozen=True)
class Task:
    """What a model is loaded for.

    key: in ``Family.classes``.  what: the model's name in messages.  without: what works without it.
    without_control: the same of its ControlNet.  plain: whether a U-Net that takes a masked photo beside the
    noise (9 channels) is no use.  needs_control: whether a ControlNet must be there.  control_scale: its weight;
    None for the family's.
    """

    key: str
    what: str
    without: str
    without_control: str
    plain: bool = False
    needs_control: bool = False
    control_scale: float | None = None


INPAINT = Task(
    "inpaint",
    "inserter",
    "without it, 'paste' with a cut-out works",
    "without --controlnet the inserter works alone",
)
PICTURE = Task(
    "picture",
    "picture model",
    "the layout is complete without it",
    "the layout is complete without it",
    plain=True,
    needs_control=True,
    control_scale=1.0,  # as the ControlNets were trained
)


@dataclass(frozen=True)
class Family:
    """What one family of models needs.

    classes: by a task's key, diffusers classes without and with a ControlNet.  saved_as: names in
    model_index.json that belong to it.  side: pixels of the longer side, where the U-Net's config tells none.
    multiple: of both sides.  steps, guidance_scale: defaults.  strength: share of the noise levels gone
    through; at 1 nothing of what was inside the mask is left.  control_scale: weight of the ControlNet.
    control_colours: turns a layout into what its ControlNets were trained on.  controlnet: such a one, for
    messages.  width: of the text that its models attend to, for messages.  unchecked: arguments of its classes
    where a folder has no safety checker.
    """

    classes: dict[str, tuple[str, str]]
    saved_as: tuple[str, ...]
    side: int
    multiple: int
    steps: int
    guidance_scale: float
    strength: float
    control_scale: float
    control_colours: Callable[[Scene], np.ndarray]
    controlnet: str
    width: str
    unchecked: dict[str, Any] = field(default_factory=dict)


# Both families' segmentation ControlNets were trained on ADE20K's colours: seg_control_image.
# SDXL's inpainting U-Net was trained to start from a noised picture; its authors advise a strength below 1.
FAMILIES: dict[str, Family] = {
    "sd": Family(
        classes={
            INPAINT.key: ("StableDiffusionInpaintPipeline", "StableDiffusionControlNetInpaintPipeline"),
            PICTURE.key: ("StableDiffusionPipeline", "StableDiffusionControlNetPipeline"),
        },
        saved_as=(
            "StableDiffusionInpaintPipeline", "StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline",
            "StableDiffusionControlNetInpaintPipeline", "StableDiffusionControlNetPipeline",
        ),
        side=512, multiple=8, steps=30, guidance_scale=7.5, strength=1.0,
        control_scale=0.8, control_colours=seg_control_image, controlnet="lllyasviel/control_v11p_sd15_seg",
        width="768 for SD 1.5, 1024 for SD 2", unchecked={"safety_checker": None, "requires_safety_checker": False},
    ),
    "sdxl": Family(
        classes={
            INPAINT.key: ("StableDiffusionXLInpaintPipeline", "StableDiffusionXLControlNetInpaintPipeline"),
            PICTURE.key: ("StableDiffusionXLPipeline", "StableDiffusionXLControlNetPipeline"),
        },
        saved_as=(
            "StableDiffusionXLInpaintPipeline", "StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline",
            "StableDiffusionXLControlNetInpaintPipeline", "StableDiffusionXLControlNetPipeline",
        ),
        side=1024, multiple=8, steps=30, guidance_scale=7.0, strength=0.99,
        control_scale=0.5, control_colours=seg_control_image, controlnet="one trained on ADE20K's colours",
        width="2048 for SDXL",
    ),
}  # fmt: skip


def family_of(class_name: str, name: str | Path, what: str) -> str:
    """The key in FAMILIES of a class in model_index.json; ModelError of one sentence for any other."""
    for key, family in FAMILIES.items():
        if class_name in family.saved_as:
            return key
    raise ModelError(
        f"The {what} '{name}' is a {class_name}; give a Stable Diffusion model of the kind 1.x, 2.x or SDXL."
    )


def check_side(side: int, family: Family) -> int:
    """The working side if it is one that the family can paint."""
    if side < family.multiple or side > 4096 or side % family.multiple:
        raise ModelError(f"The side is {side}; it must be a multiple of {family.multiple}, at most 4096.")
    return side


def working_size(height: int, width: int, side: int, multiple: int) -> tuple[int, int]:
    """(height, width) that a model paints for a picture: longer side ``side``, both multiples of ``multiple``."""
    factor = side / max(height, width)
    rows, cols = (max(1, round(edge * factor / multiple)) * multiple for edge in (height, width))
    return rows, cols
