"""Stable Diffusion's families: what differs between them, and how their folders are checked and loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.hub import ModelError, check_complete, check_files, check_weights, read_config
from smartmask.pipelines.seg_control import seg_control_image
from smartmask.scene import Scene

WHAT = "inserter"
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


# --- folders -----------------------------------------------------------------------------------


def check_pipeline_folder(folder: Path) -> str:
    """The family of a local folder; ModelError of one sentence unless all that its index lists is there."""
    if not (folder / "model_index.json").is_file() and (folder / "config.json").is_file():
        raise ModelError(f"The {WHAT} '{folder}' is one part of a pipeline; give the folder with model_index.json.")
    check_files(folder, WHAT, "model_index.json")
    index = read_config(folder / "model_index.json", WHAT)
    family = _family_of(str(index.get("_class_name")), folder)
    for part, entry in index.items():
        listed = isinstance(entry, list) and len(entry) == 2 and entry[0] is not None
        if part.startswith("_") or not listed or (part in OPTIONAL and not (folder / part).is_dir()):
            continue
        if not (folder / part).is_dir():
            raise ModelError(f"The {WHAT} '{folder}' lacks the folder {part}; download the whole folder again.")
        if part.startswith("tokenizer"):
            check_files(folder / part, WHAT, "tokenizer.json|vocab.json")
        elif part == "scheduler":
            check_files(folder / part, WHAT, "scheduler_config.json")
        elif part != "feature_extractor":
            check_files(folder / part, WHAT, "config.json")
            check_weights(folder / part, WHAT, STEMS)
    return family


def check_controlnet_folder(folder: Path) -> None:
    """ModelError of one sentence unless a local folder holds a ControlNet."""
    check_files(folder, CONTROL, "config.json")
    kind = read_config(folder / "config.json", CONTROL).get("_class_name")
    if kind != "ControlNetModel":
        raise ModelError(f"The {CONTROL} '{folder}' holds {kind!r}; give the folder of a ControlNetModel.")
    check_weights(folder, CONTROL, STEMS)


def _family_of(class_name: str, name: str | Path) -> str:
    for key, family in FAMILIES.items():
        if class_name in family.saved_as:
            return key
    raise ModelError(
        f"The {WHAT} '{name}' is a {class_name}; give a Stable Diffusion model of the kind 1.x, 2.x or SDXL."
    )


# --- loading -----------------------------------------------------------------------------------


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


def load_pipeline(name: str | Path, control: Any, dtype: Any, variant: str | None) -> tuple[Any, Family]:
    """The inpainting pipeline of a folder or hub name, whatever task it was saved for, and its family."""
    import diffusers

    index = diffusers.DiffusionPipeline.load_config(name)
    family = FAMILIES[_family_of(str(index.get("_class_name")), name)]
    extra: dict[str, Any] = {} if control is None else {"controlnet": control}
    if isinstance(name, Path):
        variant = variant or _only_variant(name / "unet")
        absent = [part for part in OPTIONAL if index.get(part, [None])[0] and not (name / part).is_dir()]
        extra |= dict.fromkeys(absent)
    if index.get("safety_checker", [None])[0] is None or "safety_checker" in extra:
        extra |= {"safety_checker": None, "requires_safety_checker": False} if family is FAMILIES["sd"] else {}
    with_control = control is not None or index.get("controlnet", [None])[0] is not None  # one may be saved with it
    extra |= _text_encoders(name, index, dtype, variant)
    kind = getattr(diffusers, family.with_control if with_control else family.pipeline)
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


def check_match(control: Any, unet: Any, family: Family, controlnet: Any, name: Any) -> None:
    """ModelError unless a ControlNet's blocks and text width are those of the U-Net that it steers."""
    for key, what in (("cross_attention_dim", "text width"), ("block_out_channels", "channels")):
        mine, theirs = control.config.get(key), unet.config.get(key)
        same = list(mine) == list(theirs) if key == "block_out_channels" else mine == theirs
        if not same:
            raise ModelError(
                f"The {CONTROL} '{controlnet}' has {what} {mine}, but the {WHAT} '{name}' has {theirs}; "
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


def check_side(side: int, family: Family) -> int:
    """The working side if it is one that the family can paint."""
    if side < family.multiple or side > 4096 or side % family.multiple:
        raise ModelError(f"The side is {side}; it must be a multiple of {family.multiple}, at most 4096.")
    return side
