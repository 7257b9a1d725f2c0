"""Stable Diffusion's families: all that differs between them, in one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
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
# A text-to-image model whose own steps an inserter takes, as Blended Latent Diffusion and RePaint do.
TEXT_TO_IMAGE = replace(INPAINT, key=PICTURE.key, plain=True)


@dataclass(frozen=True)
class Pace:
    """How fast a model paints: steps, and the weight of the text."""

    steps: int
    guidance_scale: float


@dataclass(frozen=True)
class Family:
    """What one family of models needs.

    classes: by a task's key, diffusers classes without and with a ControlNet ("" where there is none).
    saved_as: names in model_index.json that belong to it.  side: pixels of the longer side, where the network's config
    tells none.  multiple: of both sides.  steps, guidance_scale: defaults.  strength: share of the noise levels gone
    through; at 1 nothing of what was inside the mask is left.  denoises: the part of a pipeline that does.
    dtype: on a GPU.
    scale: the argument that weighs the text.  negative: what the painting should not show, where nothing is said;
    None where the classes take no such text.  reference: the argument for a reference picture, None where they
    take none; "ip_adapter_image" needs an IP-Adapter.  wording: of the text, with ``{}`` for what to paint.
    always: arguments of every call.  few: the pace of those of its models that were distilled (``samplers.pace_of``).
    control_scale: weight of the ControlNet.  control_colours: turns a layout into what its segmentation ControlNets
    were trained on.  controlnet: such a one, for messages.  width: of the text that its models attend to, for messages.
    unchecked: arguments of its classes where a folder has no safety checker.
    """

    classes: dict[str, tuple[str, str]]
    saved_as: tuple[str, ...]
    side: int
    multiple: int
    steps: int
    guidance_scale: float
    strength: float = 1.0
    denoises: str = "transformer"
    dtype: str = "bfloat16"
    scale: str = "guidance_scale"
    negative: str | None = ""
    reference: str | None = None
    wording: str = "{}"
    always: Callable[[int, int], dict[str, Any]] = lambda height, width: {}
    few: Pace | None = None
    control_scale: float = 1.0
    control_colours: Callable[[Scene], np.ndarray] = seg_control_image
    controlnet: str = ""
    width: str = ""
    unchecked: dict[str, Any] = field(default_factory=dict)


def _flow(name: str, *also: str, inpaint: str | None = None, **settings: Any) -> Family:
    """A family of transformers: its classes are named ``NAMEPipeline``, ``NAMEInpaintPipeline`` and so on."""
    painter = inpaint or f"{name}InpaintPipeline"
    return Family(
        {INPAINT.key: (painter, "")}, tuple({painter, *(f"{name}{kind}Pipeline" for kind in also)}), **settings
    )


# Steps and guidance are the defaults of the class, or of its own example, in diffusers 0.42 unless a comment says more.
# Strength is 1, since an object is to come where something else is: the classes that were made to vary a picture
# have .6 (SD 3, FLUX, Qwen-Image) or .8 (FLUX.2 klein), which leaves much of what was there.
# SDXL's inpainting U-Net was trained to start from a noised picture; its authors advise a strength below 1.
# Both Stable Diffusion families' segmentation ControlNets were trained on ADE20K's colours: seg_control_image.
# The other families' text encoders (T5 above all) overflow in float16; bfloat16 is what their authors run.
FAMILIES: dict[str, Family] = {
    "sd": Family(
        classes={
            INPAINT.key: ("StableDiffusionInpaintPipeline", "StableDiffusionControlNetInpaintPipeline"),
            PICTURE.key: ("StableDiffusionPipeline", "StableDiffusionControlNetPipeline"),
        },
        saved_as=(
            "StableDiffusionInpaintPipeline", "StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline",
            "StableDiffusionControlNetInpaintPipeline", "StableDiffusionControlNetPipeline",
            "LatentConsistencyModelPipeline", "LatentConsistencyModelImg2ImgPipeline",
        ),
        side=512, multiple=8, steps=30, guidance_scale=7.5, denoises="unet", dtype="float16",
        reference="ip_adapter_image",
        few=Pace(4, 8.5),  # of a consistency model that is told its guidance scale: the class's
        control_scale=0.8, controlnet="lllyasviel/control_v11p_sd15_seg",
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
        side=1024, multiple=8, steps=30, guidance_scale=7.0, strength=0.99, denoises="unet", dtype="float16",
        reference="ip_adapter_image", few=Pace(4, 8.5), control_scale=0.5,
        controlnet="one trained on ADE20K's colours", width="2048 for SDXL",
    ),
    "sd3": _flow(
        "StableDiffusion3", "", "Img2Img", side=1024, multiple=16, steps=28, guidance_scale=7.0,  # its model card's
    ),
    "flux": _flow(
        "Flux", "", "Img2Img", side=1024, multiple=16, steps=28, guidance_scale=7.0, negative=None,
        few=Pace(4, 0.0),  # FLUX.1 schnell, which is told no guidance scale: its model card's
    ),
    "flux-fill": _flow("Flux", inpaint="FluxFillPipeline", side=1024, multiple=16, steps=50, guidance_scale=30.0,
                       negative=None),
    "flux-kontext": _flow(
        "FluxKontext", "", side=1024, multiple=16, steps=28, guidance_scale=3.5, negative=None,
        reference="image_reference", wording="Add {}",  # it follows instructions
        # its own choice among sizes near 1024 x 1024 would overrule ``side``
        always=lambda height, width: {"_auto_resize": False, "max_area": height * width},
    ),
    "flux2-klein": _flow(
        "Flux2Klein", "", side=1024, multiple=16, steps=50, guidance_scale=4.0, negative=None,
        reference="image_reference", few=Pace(4, 1.0),  # what is_distilled in its index says; its model card's
    ),
    "qwen-image": _flow(
        "QwenImage", "", "Img2Img", side=1024, multiple=16, steps=50, guidance_scale=4.0, scale="true_cfg_scale",
        negative=" ",  # without any, the class leaves guidance out
    ),
    "z-image": _flow("ZImage", "", "Img2Img", side=1024, multiple=16, steps=8, guidance_scale=0.0),  # Z-Image-Turbo's
}  # fmt: skip

# Classes that people will try, and why they are not in the table.
REFUSED: dict[str, str] = {
    **dict.fromkeys(
        ("QwenImageEditPipeline", "QwenImageEditPlusPipeline", "QwenImageEditInpaintPipeline"),
        "its processor reads videos by torchvision, which must not be there",
    ),
    **dict.fromkeys(
        ("ChromaPipeline", "ChromaImg2ImgPipeline", "ChromaInpaintPipeline"),
        "diffusers 0.42's class for inpainting asks Chroma's transformer for a setting that it does not have",
    ),
    **dict.fromkeys(
        ("KandinskyV22InpaintPipeline", "KandinskyV22InpaintCombinedPipeline", "KandinskyInpaintPipeline"),
        "it paints from what a second pipeline, its prior, makes of the text",
    ),
    "FluxControlPipeline": "it paints from a control picture, and is not for inpainting",
}


def family_of(class_name: str, name: str | Path, what: str) -> str:
    """The key in FAMILIES of a class in model_index.json; ModelError of one sentence for any other."""
    for key, family in FAMILIES.items():
        if class_name in family.saved_as:
            return key
    why = f" ({REFUSED[class_name]})" if class_name in REFUSED else ""
    raise ModelError(
        f"The {what} '{name}' is a {class_name}{why}; give a Stable Diffusion model (1.x, 2.x, SDXL or 3) or one of "
        f"{', '.join(key for key in FAMILIES if not key.startswith('sd'))}."
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
