"""Folders and hub names of Stable Diffusion models: checked, loaded, and put where they run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smartmask.errors import ModelError
from smartmask.insertion.stable_diffusion.families import FAMILIES, INPAINT, Family, Task, check_side, family_of
from smartmask.io.hub import (
    check_complete,
    check_files,
    check_finite,
    check_weights,
    loading,
    model_folder,
    quiet,
    read_config,
)

CONTROL = "ControlNet"
DTYPES = ("float32", "float16", "bfloat16")
STEMS = ("diffusion_pytorch_model", "model")  # of weights in diffusers' and in transformers' folders
OPTIONAL = ("safety_checker", "feature_extractor", "image_encoder")  # parts that a folder may list and lack


# --- folders -----------------------------------------------------------------------------------


def check_pipeline_folder(folder: Path, what: str) -> str:
    """The family of a local folder; ModelError of one sentence unless all that its index lists is there."""
    if not (folder / "model_index.json").is_file() and (folder / "config.json").is_file():
        raise ModelError(f"The {what} '{folder}' is one part of a pipeline; give the folder with model_index.json.")
    check_files(folder, what, "model_index.json")
    index = read_config(folder / "model_index.json", what)
    family = family_of(str(index.get("_class_name")), folder, what)
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

    The options are those of ``DiffusionModel.from_pretrained``, and so are the errors.
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
    family = FAMILIES[family_of(str(index.get("_class_name")), name, task.what)]
    extra: dict[str, Any] = {} if control is None else {"controlnet": control}
    if isinstance(name, Path):
        variant = variant or _only_variant(name / "unet")
        absent = [part for part in OPTIONAL if index.get(part, [None])[0] and not (name / part).is_dir()]
        extra |= dict.fromkeys(absent)
    if index.get("safety_checker", [None])[0] is None or "safety_checker" in extra:
        extra |= family.unchecked
    with_control = control is not None or index.get("controlnet", [None])[0] is not None  # one may be saved with it
    extra |= _text_encoders(name, index, dtype, variant)
    kind = getattr(diffusers, family.classes[task.key][with_control])
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
    """diffusers leaves a weight that a file lacks without data, and takes one that is not finite."""
    parts = model.components if hasattr(model, "components") else {"model": model}
    for part, network in parts.items():
        if hasattr(network, "named_parameters"):
            for key, value in network.named_parameters():
                if value.is_meta:
                    raise ValueError(f"the weights of its {part} lack {key}")
            check_finite(network, f"the weights of its {part}")


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
