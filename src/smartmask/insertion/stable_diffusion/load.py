"""Folders and hub names of models in diffusers' format: checked, loaded, and put where they run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

from smartmask.errors import ModelError
from smartmask.insertion.stable_diffusion.adapters import add_ip_adapter, add_loras
from smartmask.insertion.stable_diffusion.families import FAMILIES, INPAINT, Family, Task, check_side, family_of
from smartmask.insertion.stable_diffusion.samplers import set_sampler
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
# parts that a folder may list and lack
OPTIONAL = ("safety_checker", "feature_extractor", "image_encoder", "text_encoder_3", "tokenizer_3")
TEXT_PARTS = ("text_encoder", "text_encoder_2", "text_encoder_3")


@dataclass(frozen=True)
class Opening:
    """How a pipeline is loaded; the fields are described at ``DiffusionModel.from_pretrained``."""

    controlnet: str | Path | None = None
    device: str | None = None
    dtype: str | None = None
    offload: bool | str = False
    slicing: bool = False
    side: int | None = None
    variant: str | None = None
    lora: Sequence[str | Path] = ()
    sampler: str | None = None
    ip_adapter: str | Path | None = None
    reference_scale: float | None = None

    def __post_init__(self) -> None:
        if self.offload not in (False, True, "model", "sequential"):
            raise ValueError(f"The offload is {self.offload!r}; use False, True, 'model' or 'sequential'.")
        if self.dtype is not None and self.dtype not in DTYPES:
            raise ValueError(f"The dtype is '{self.dtype}'; use {', '.join(DTYPES)}.")


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
            check_files(folder / part, what, "tokenizer.json|vocab.json|spiece.model")
        elif part == "processor":
            check_files(folder / part, what, "preprocessor_config.json|processor_config.json")
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


def open_pipeline(name: str | Path, task: Task, opening: Opening) -> tuple[Any, Family]:
    """A pipeline of a folder or hub name with all that goes into it, checked and put where it runs, and its family.

    The errors are those of ``DiffusionModel.from_pretrained``.
    """
    folder, control_folder, controlnet = model_folder(name, task.what), None, opening.controlnet
    if folder is not None:
        known = check_pipeline_folder(folder, task.what)
        check_use(FAMILIES[known], known, name, task, controlnet)
        if opening.side is not None:  # told before anything large is loaded
            check_side(opening.side, FAMILIES[known])
    if controlnet is not None:
        control_folder = model_folder(controlnet, CONTROL)
        if control_folder is not None:
            check_controlnet_folder(control_folder)
    with loading(name, task.what, task.without), quiet("diffusers", "transformers", bars=folder is None):
        index = read_index(folder or str(name))
        key = family_of(str(index.get("_class_name")), name, task.what)
        family = FAMILIES[key]
        check_use(family, key, name, task, controlnet)
        place = find_device(opening.device, opening.offload)
        numbers = find_dtype(opening.dtype, place, family)
    control = None
    if controlnet is not None:
        with loading(controlnet, CONTROL, task.without_control), quiet("diffusers", bars=control_folder is None):
            control = load_controlnet(control_folder or controlnet, numbers)
    with loading(name, task.what, task.without), quiet("diffusers", "transformers", bars=folder is None):
        pipeline = load_pipeline(folder or str(name), index, family, control, numbers, opening.variant, task)
        network = getattr(pipeline, family.denoises)
        if task.plain and int(network.config.in_channels) != 4:
            raise ModelError(
                f"The {task.what} '{name}' is for inpainting (its U-Net takes {network.config.in_channels} "
                "channels); give a text-to-image model of the same family."
            )
        if control is not None:
            check_match(control, network, family, controlnet, name, task.what)
        if opening.sampler is not None:
            set_sampler(pipeline, opening.sampler, family, str(name))
        add_loras(pipeline, opening.lora, name)
        if opening.ip_adapter is not None:
            add_ip_adapter(pipeline, opening.ip_adapter, opening.reference_scale, family, name)
        check_filled(pipeline)
        settle(pipeline, place, opening)
    return pipeline, family


def check_use(family: Family, key: str, name: str | Path, task: Task, controlnet: str | Path | None) -> None:
    """ModelError of one sentence for a family that has no class for a task, or none with a ControlNet."""
    known = [other for other, one in FAMILIES.items() if task.key in one.classes]
    if key not in known:
        raise ModelError(f"The {task.what} '{name}' is of the kind {key}; give one of the kind {' or '.join(known)}.")
    if controlnet is not None and not family.classes[task.key][1]:
        known = [other for other in known if FAMILIES[other].classes[task.key][1]]
        raise ModelError(
            f"The {CONTROL} '{controlnet}' is for models of the kind {' or '.join(known)}, and '{name}' is of the "
            f"kind {key}; leave it out."
        )


def read_index(name: str | Path) -> dict[str, Any]:
    """model_index.json of a folder or hub name."""
    import diffusers

    return dict(diffusers.DiffusionPipeline.load_config(name))


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


def find_dtype(dtype: str | None, place: Any, family: Family) -> Any:
    """The torch.dtype of one of DTYPES; None is the family's own, but on the CPU, where that is slow, float32."""
    import torch

    return getattr(torch, dtype or ("float32" if place.type == "cpu" else family.dtype))


def load_controlnet(name: str | Path, dtype: Any) -> Any:
    """A ControlNetModel of a folder or hub name, from safetensors."""
    from diffusers import ControlNetModel

    control = ControlNetModel.from_pretrained(name, dtype=dtype, use_safetensors=True)
    check_filled(control)
    return control


def load_pipeline(
    name: str | Path, index: dict[str, Any], family: Family, control: Any, dtype: Any, variant: str | None,
    task: Task = INPAINT,
) -> Any:  # fmt: skip
    """The task's pipeline of a folder or hub name with this model_index.json, whatever task it was saved for."""
    import diffusers

    extra: dict[str, Any] = {} if control is None else {"controlnet": control}
    if isinstance(name, Path):
        variant = variant or _only_variant(name / family.denoises)
        listed = [part for part in OPTIONAL if index.get(part, [None])[0]]
        extra |= dict.fromkeys(part for part in listed if not (name / part).is_dir())
    if index.get("safety_checker", [None])[0] is None or "safety_checker" in extra:
        extra |= family.unchecked
    with_control = control is not None or index.get("controlnet", [None])[0] is not None  # one may be saved with it
    extra |= _text_encoders(name, index, dtype, variant)
    kind = getattr(diffusers, family.classes[task.key][with_control])
    # Stable Diffusion 3 without its largest text encoder has to be told so
    lacks = [part for part in OPTIONAL if index.get(part, [None])[0] is None]
    extra |= dict.fromkeys(part for part in lacks if part in signature(kind.__init__).parameters)
    return kind.from_pretrained(name, dtype=dtype, use_safetensors=True, variant=variant, **extra)


def _text_encoders(name: str | Path, index: dict[str, Any], dtype: Any, variant: str | None) -> dict[str, Any]:
    """The text encoders, loaded here because the pipeline's own loader does not tell of weights that are missing."""
    import transformers

    found = {}
    for part in TEXT_PARTS:
        lies = not isinstance(name, Path) or (name / part).is_dir()
        if index.get(part, [None])[0] == "transformers" and lies:
            kind = getattr(transformers, index[part][1])
            found[part], report = kind.from_pretrained(
                name, subfolder=part, dtype=dtype, variant=variant, use_safetensors=True, output_loading_info=True
            )
            check_complete(report)
    return found


def check_filled(model: Any) -> None:
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


def settle(pipeline: Any, place: Any, opening: Opening) -> None:
    """Puts a loaded pipeline where it runs, with the switches that save memory."""
    pipeline.set_progress_bar_config(disable=True)
    if opening.offload == "sequential":
        pipeline.enable_sequential_cpu_offload(device=place)
    elif opening.offload:
        pipeline.enable_model_cpu_offload(device=place)
    else:
        pipeline.to(place)
    if opening.slicing:
        if opening.ip_adapter is None:  # attention in slices would take the place of the attention to the picture
            pipeline.enable_attention_slicing()
        pipeline.vae.enable_slicing()
        pipeline.vae.enable_tiling()
