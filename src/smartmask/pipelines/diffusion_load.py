"""Stable Diffusion's families: what differs between them, and how their folders are checked and loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.hub import (
    ModelError,
    check_complete,
    check_files,
    check_weights,
    loading,
    model_folder,
    quiet,
    read_config,
)
from smartmask.pipelines.seg_control import seg_control_image
from smartmask.scene import Scene

CONTROL = "ControlNet"
DTYPES = ("float32", "float16", "bfloat16")
STEMS = ("diffusion_pytorch_model", "model")  # of weights in diffusers' and in transformers' folders
OPTIONAL = ("safety_checker", "feature_extractor", "image_encoder")  # parts that a folder may list and lack


@dataclass(frozen=True)
class Family:
    """What one family of models needs.

    pipeline, with_control: diffusers classes, without and with a ControlNet.  saved_as: names in
    model_index.json that belong to it.  side: pixels of the longer side, where the U-Net's config tells none.
    multiple: of both sides.  steps, guidance_scale: defaults.  strength: share of the noise levels gone
    through; at 1 nothing of what was inside the mask is left.  control_scale: weight of the ControlNet.
    control_colours: turns the crop's layout into what its ControlNets were trained on.
    width: of the text that its models attend to, for messages.
    """

    pipeline: str
    with_control: str
    saved_as: tuple[str, ...]
    side: int
    multiple: int
    steps: int
    guidance_scale: float
    strength: float
    control_scale: float
    control_colours: Callable[[Scene], np.ndarray]
    width: str


# Both families' segmentation ControlNets were trained on ADE20K's colours: seg_control_image.
# SDXL's inpainting U-Net was trained to start from a noised picture; its authors advise a strength below 1.
FAMILIES: dict[str, Family] = {
    "sd": Family(
        pipeline="StableDiffusionInpaintPipeline",
        with_control="StableDiffusionControlNetInpaintPipeline",
        saved_as=(
            "StableDiffusionInpaintPipeline", "StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline",
            "StableDiffusionControlNetInpaintPipeline", "StableDiffusionControlNetPipeline",
        ),
        side=512, multiple=8, steps=30, guidance_scale=7.5, strength=1.0,
        control_scale=0.8, control_colours=seg_control_image,
        width="768 for SD 1.5, 1024 for SD 2",
    ),
    "sdxl": Family(
        pipeline="StableDiffusionXLInpaintPipeline",
        with_control="StableDiffusionXLControlNetInpaintPipeline",
        saved_as=(
            "StableDiffusionXLInpaintPipeline", "StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline",
            "StableDiffusionXLControlNetInpaintPipeline", "StableDiffusionXLControlNetPipeline",
        ),
        side=1024, multiple=8, steps=30, guidance_scale=7.0, strength=0.99,
        control_scale=0.5, control_colours=seg_control_image,
        width="2048 for SDXL",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Task:
    """What a model is loaded for.

    what: its name in messages.  without: what works without it.  without_control: the same of its ControlNet.
    classes: of diffusers, a family's without and with a ControlNet.  plain: whether a U-Net that takes a masked
    photo beside the noise (9 channels) is no use.
    """

    what: str
    without: str
    without_control: str
    classes: dict[str, tuple[str, str]]
    plain: bool = False


INPAINT = Task(
    "inserter",
    "without it, 'paste' with a cut-out works",
    "without --controlnet the inserter works alone",
    {key: (family.pipeline, family.with_control) for key, family in FAMILIES.items()},
)
PICTURE = Task(
    "picture model",
    "the layout is complete without it",
    "the layout is complete without it",
    {
        "sd": ("StableDiffusionPipeline", "StableDiffusionControlNetPipeline"),
        "sdxl": ("StableDiffusionXLPipeline", "StableDiffusionXLControlNetPipeline"),
    },
    plain=True,
)


# --- folders -----------------------------------------------------------------------------------


def check_pipeline_folder(folder: Path, what: str) -> str:
    """The family of a local folder; ModelError of one sentence unless all that its index lists is there."""
    if not (folder / "model_index.json").is_file() and (folder / "config.json").is_file():
        raise ModelError(f"The {what} '{folder}' is one part of a pipeline; give the folder with model_index.json.")
    check_files(folder, what, "model_index.json")
    index = read_config(folder / "model_index.json", what)
    family = _family_of(str(index.get("_class_name")), folder, what)
    for part, entry in index.items():
        listed = isinstance(entry, list) and len(entry) == 2 and entry[0] is not None
        if part.startswith("_") or not listed or (part in OPTIONAL and not (folder / part).is_dir()):
            continue
        if not (folder / part).is_dir():
            raise ModelError(f"The {what} '{folder}' lacks the folder {part}; download the whole folder again.")
        if part.startswith("tokenizer"):
            check_files(folder / part, what, "tokenizer.json|vocab.json")
        elif part == "scheduler":
            check_files(folder / part, what, "scheduler_config.json")
        elif part != "feature_extractor":
            check_files(folder / part, what, "config.json")
            check_weights(folder / part, what, STEMS)
    return family


def check_controlnet_folder(folder: Path) -> None:
    """ModelError of one sentence unless a local folder holds a ControlNet."""
    check_files(folder, CONTROL, "config.json")
    kind = read_config(folder / "config.json", CONTROL).get("_class_name")
    if kind != "ControlNetModel":
        raise ModelError(f"The {CONTROL} '{folder}' holds {kind!r}; give the folder of a ControlNetModel.")
    check_weights(folder, CONTROL, STEMS)


def _family_of(class_name: str, name: str | Path, what: str) -> str:
    for key, family in FAMILIES.items():
        if class_name in family.saved_as:
            return key
    raise ModelError(
        f"The {what} '{name}' is a {class_name}; give a Stable Diffusion model of the kind 1.x, 2.x or SDXL."
    )


# --- loading -----------------------------------------------------------------------------------


def open_pipeline(
    name: str | Path,
    controlnet: str | Path | None,
    task: Task,
    device: str | None = None,
    dtype: str | None = None,
    offload: bool | str = False,
    slicing: bool = False,
    variant: str | None = None,
    side: int | None = None,
) -> tuple[Any, Family]:
    """A pipeline of a folder or hub name with its ControlNet, checked and put where it runs, and its family.

    The options are those of ``DiffusionInpainter.from_pretrained``, and so are the errors.
    """
    if offload not in (False, True, "model", "sequential"):
        raise ValueError(f"The offload is {offload!r}; use False, True, 'model' or 'sequential'.")
    if dtype is not None and dtype not in DTYPES:
        raise ValueError(f"The dtype is '{dtype}'; use {', '.join(DTYPES)}.")
    folder, control_folder = model_folder(name, task.what), None
    if folder is not None:
        known = check_pipeline_folder(folder, task.what)
        if side is not None:  # told before anything large is loaded
            check_side(side, FAMILIES[known])
    if controlnet is not None:
        control_folder = model_folder(controlnet, CONTROL)
        if control_folder is not None:
            check_controlnet_folder(control_folder)
    with loading(name, task.what, task.without):
        place = find_device(device, offload)
        numbers = find_dtype(dtype, place)
    control = None
    if controlnet is not None:
        with loading(controlnet, CONTROL, task.without_control), quiet("diffusers", bars=control_folder is None):
            control = load_controlnet(control_folder or controlnet, numbers)
    with loading(name, task.what, task.without), quiet("diffusers", "transformers", bars=folder is None):
        pipeline, family = load_pipeline(folder or str(name), control, numbers, variant, task)
        if task.plain and int(pipeline.unet.config.in_channels) != 4:
            raise ModelError(
                f"The {task.what} '{name}' is for inpainting (its U-Net takes {pipeline.unet.config.in_channels} "
                "channels); give a text-to-image model of the same family."
            )
        if control is not None:
            check_match(control, pipeline.unet, family, controlnet, name, task.what)
        settle(pipeline, place, offload, slicing)
    return pipeline, family


def find_device(device: str | None, offload: bool | str) -> Any:
    """The torch.device of a name, or the best there is; ModelError if it is not there or cannot offload."""
    import torch

    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        place = torch.device(device)
    except RuntimeError as error:
        raise ModelError(f"The device '{device}' is not known; use cpu, cuda, cuda:1 or mps.") from error
    if place.type == "cuda" and not torch.cuda.is_available():
        raise ModelError(f"The device '{device}' is not there; use cpu.")
    if offload and place.type == "cpu":
        raise ModelError("The device is the CPU, and offload moves parts between a GPU and the CPU; leave it out.")
    return place


def find_dtype(dtype: str | None, place: Any) -> Any:
    """The torch.dtype of one of DTYPES; None is float16, but on the CPU, where that is slow, float32."""
    import torch

    return getattr(torch, dtype or ("float32" if place.type == "cpu" else "float16"))


def load_controlnet(name: str | Path, dtype: Any) -> Any:
    """A ControlNetModel of a folder or hub name, from safetensors."""
    from diffusers import ControlNetModel

    control = ControlNetModel.from_pretrained(name, dtype=dtype, use_safetensors=True)
    _check_filled(control)
    return control


def load_pipeline(
    name: str | Path, control: Any, dtype: Any, variant: str | None, task: Task = INPAINT
) -> tuple[Any, Family]:
    """The task's pipeline of a folder or hub name, whatever task it was saved for, and its family."""
    import diffusers

    index = diffusers.DiffusionPipeline.load_config(name)
    family = FAMILIES[key := _family_of(str(index.get("_class_name")), name, task.what)]
    extra: dict[str, Any] = {} if control is None else {"controlnet": control}
    if isinstance(name, Path):
        variant = variant or _only_variant(name / "unet")
        absent = [part for part in OPTIONAL if index.get(part, [None])[0] and not (name / part).is_dir()]
        extra |= dict.fromkeys(absent)
    if index.get("safety_checker", [None])[0] is None or "safety_checker" in extra:
        extra |= {"safety_checker": None, "requires_safety_checker": False} if family is FAMILIES["sd"] else {}
    with_control = control is not None or index.get("controlnet", [None])[0] is not None  # one may be saved with it
    extra |= _text_encoders(name, index, dtype, variant)
    kind = getattr(diffusers, task.classes[key][with_control])
    pipeline = kind.from_pretrained(name, dtype=dtype, use_safetensors=True, variant=variant, **extra)
    _check_filled(pipeline)
    return pipeline, family


def _text_encoders(name: str | Path, index: dict[str, Any], dtype: Any, variant: str | None) -> dict[str, Any]:
    """The text encoders, loaded here because the pipeline's own loader does not tell of weights that are missing."""
    import transformers

    found = {}
    for part in ("text_encoder", "text_encoder_2"):
        if index.get(part, [None])[0] == "transformers":
            kind = getattr(transformers, index[part][1])
            found[part], report = kind.from_pretrained(
                name, subfolder=part, dtype=dtype, variant=variant, use_safetensors=True, output_loading_info=True
            )
            check_complete(report)
    return found


def _check_filled(model: Any) -> None:
    """diffusers leaves a weight that a file lacks without data."""
    parts = model.components if hasattr(model, "components") else {"model": model}
    for part, network in parts.items():
        if hasattr(network, "named_parameters"):
            for key, value in network.named_parameters():
                if value.is_meta:
                    raise ValueError(f"the weights of its {part} lack {key}")


def _only_variant(folder: Path) -> str | None:
    """ "fp16" where a folder has no weights but ``diffusion_pytorch_model.fp16.safetensors``."""
    names = [path.name.split(".") for path in folder.glob(f"{STEMS[0]}*.safetensors")]
    variants = {parts[1] for parts in names if len(parts) == 3}
    return variants.pop() if len(variants) == 1 and all(len(parts) == 3 for parts in names) else None


def check_match(control: Any, unet: Any, family: Family, controlnet: Any, name: Any, what: str) -> None:
    """ModelError unless a ControlNet's blocks and text width are those of the U-Net that it steers."""
    for key, kind in (("cross_attention_dim", "text width"), ("block_out_channels", "channels")):
        mine, theirs = control.config.get(key), unet.config.get(key)
        same = list(mine) == list(theirs) if key == "block_out_channels" else mine == theirs
        if not same:
            raise ModelError(
                f"The {CONTROL} '{controlnet}' has {kind} {mine}, but the {what} '{name}' has {theirs}; "
                f"both must be of one family ({family.width})."
            )


def settle(pipeline: Any, place: Any, offload: bool | str, slicing: bool) -> None:
    """Puts a loaded pipeline where it runs, with the switches that save memory."""
    pipeline.set_progress_bar_config(disable=True)
    if offload == "sequential":
        pipeline.enable_sequential_cpu_offload(device=place)
    elif offload:
        pipeline.enable_model_cpu_offload(device=place)
    else:
        pipeline.to(place)
    if slicing:
        pipeline.enable_attention_slicing()
        pipeline.vae.enable_slicing()
        pipeline.vae.enable_tiling()


def own_side(pipeline: Any, family: Family) -> int:
    """Pixels of the longer side that a loaded model was made for."""
    return int(pipeline.unet.config.sample_size or 0) * int(pipeline.vae_scale_factor) or family.side


def working_size(height: int, width: int, side: int, multiple: int) -> tuple[int, int]:
    """(height, width) that a model paints for a picture: longer side ``side``, both multiples of ``multiple``."""
    factor = side / max(height, width)
    rows, cols = (max(1, round(edge * factor / multiple)) * multiple for edge in (height, width))
    return rows, cols


def check_side(side: int, family: Family) -> int:
    """The working side if it is one that the family can paint."""
    if side < family.multiple or side > 4096 or side % family.multiple:
        raise ModelError(f"The side is {side}; it must be a multiple of {family.multiple}, at most 4096.")
    return side
