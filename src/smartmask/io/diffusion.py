"""Parts of Stable Diffusion folders (diffusers' format): checked, loaded offline from safetensors, made wider."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smartmask.io.hub import check_finite
from smartmask.io.integrity import check_numbers
from smartmask.io.reading import read_json

if TYPE_CHECKING:
    import torch
    from torch import nn

INDEX = "model_index.json"
SD_PARTS = ("vae", "text_encoder", "tokenizer", "scheduler")  # beside the U-Net
CLIP_PARTS = {"text_encoder": "CLIPTextModel", "tokenizer": "CLIPTokenizer"}
SECOND_PARTS = {"text_encoder_2": "CLIPTextModelWithProjection", "tokenizer_2": "CLIPTokenizer"}  # SDXL's


@dataclass(frozen=True)
class SDParts:
    """What stands round a Stable Diffusion U-Net: AutoencoderKL, CLIP text model, tokenizer, and the scheduler's
    config as its file says it; SDXL's second text model and tokenizer, None in others."""

    vae: Any
    text_encoder: Any
    tokenizer: Any
    scheduler: dict[str, Any]
    text_encoder_2: Any = None
    tokenizer_2: Any = None


def read_index(folder: Path) -> dict[str, Any]:
    """``model_index.json`` of a folder. ValueError, naming the file, if it cannot be read."""
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; give one with a {INDEX}.")
    if not (folder / INDEX).exists():
        raise ValueError(f"{folder} has no {INDEX}; give a folder in the diffusers format.")
    index = read_json(folder / INDEX, "model index")
    if not isinstance(index, dict):
        raise ValueError(f"{folder / INDEX} is not a JSON object; restore it.")
    return index


def check_sd_folder(folder: Path, kinds: str = "1 or 2") -> None:
    """ValueError of one sentence unless a folder is a Stable Diffusion model with all its parts.

    kinds: those that are wanted, in words.
    """
    index = read_index(folder)
    second = tuple(SECOND_PARTS) if "StableDiffusionXL" in str(index.get("_class_name")) else ()
    missing = [name for name in ("unet", *SD_PARTS, *second) if not (folder / name).is_dir()]
    if missing or "StableDiffusion" not in str(index.get("_class_name")):
        what = f"lacks {', '.join(missing)}" if missing else f"is a {index.get('_class_name')}"
        raise ValueError(f"{folder} {what}; give a Stable Diffusion {kinds} folder in the diffusers format.")


def load_sd_parts(folder: Path, dtype: torch.dtype | None = None) -> SDParts:
    """The parts of a folder beside its U-Net. ValueError, naming the folder, for what is missing or damaged."""
    import torch
    from diffusers import AutoencoderKL
    from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

    pair = (folder / "text_encoder_2").is_dir()
    for part in ("vae", "text_encoder", *(["text_encoder_2"] if pair else [])):
        check_numbers(read_json(folder / part / "config.json", "config"), folder / part / "config.json")
    try:
        vae = AutoencoderKL.from_pretrained(
            folder / "vae", local_files_only=True, use_safetensors=True, torch_dtype=dtype
        )
        encoders, tokenizers = [], []
        for kind, number in ((CLIPTextModel, ""), (CLIPTextModelWithProjection, "_2"))[: 1 + pair]:
            where = folder / f"text_encoder{number}"
            encoders.append(
                kind.from_pretrained(where, local_files_only=True, use_safetensors=True, dtype=dtype or torch.float32)
            )
            where = folder / f"tokenizer{number}"
            tokenizers.append(CLIPTokenizer.from_pretrained(where, local_files_only=True))
        scheduler = load_scheduler_config(folder)
    except Exception as error:  # the libraries raise nearly anything on missing or damaged files
        raise ValueError(f"A part of {folder} cannot be loaded ({_reason(error)}); copy the folder again.") from None
    check_finite(vae, f"The weights in {folder / 'vae'}")
    for encoder, number in zip(encoders, ("", "_2"), strict=False):
        check_finite(encoder, f"The weights in {folder / f'text_encoder{number}'}")
    if dtype == torch.float16 and vae.config.get("force_upcast"):
        vae.float()  # SDXL's overflows
    first, *second = (in_own_memory(encoder) for encoder in encoders)
    return SDParts(in_own_memory(vae), first, tokenizers[0], scheduler, *second, *tokenizers[1:])


def load_scheduler_config(folder: Path) -> dict[str, Any]:
    """``scheduler/scheduler_config.json`` of a folder. ValueError, naming it, if it cannot be read.

    By the library's own reader: some of its schedulers have an infinite number among their settings, which is no JSON.
    """
    from diffusers import DDPMScheduler

    try:
        return dict(DDPMScheduler.load_config(folder / "scheduler", local_files_only=True))
    except Exception as error:  # it raises nearly anything on missing or damaged files
        where = folder / "scheduler" / "scheduler_config.json"
        raise ValueError(f"{where} cannot be read ({_reason(error)}); copy the folder again.") from None


def load_unet(folder: Path, dtype: torch.dtype | None = None) -> Any:
    """The U-Net of a ``unet`` folder (config.json, safetensors); ValueError names what is missing or damaged.

    An ONNX graph there (``onnx_unet.py``) is refused: ``load_asked_unet`` takes both.
    """
    from diffusers import UNet2DConditionModel

    if not (folder / "config.json").is_file():
        raise ValueError(f"{folder / 'config.json'} is missing; give a folder with a U-Net in the diffusers format.")
    check_numbers(read_json(folder / "config.json", "config"), folder / "config.json")
    try:
        unet = UNet2DConditionModel.from_pretrained(
            folder, torch_dtype=dtype, use_safetensors=True, local_files_only=True
        )
    except Exception as error:  # diffusers and safetensors raise nearly anything on damaged files
        raise ValueError(
            f"The U-Net in {folder} cannot be loaded ({_reason(error)}); copy or train the weights again."
        ) from None
    check_finite(unet, f"The weights in {folder}")
    return in_own_memory(unet)


def load_asked_unet(folder: Path, dtype: torch.dtype | None = None) -> Any:
    """The U-Net of a folder to be asked, not trained: an ONNX graph where there is one, else as ``load_unet``."""
    if not has_graph(folder):
        return load_unet(folder, dtype)
    from smartmask.io.onnx_unet import OnnxUNet

    return OnnxUNet(folder)


def has_graph(folder: Path) -> bool:
    """Whether a ``unet`` folder holds an ONNX graph instead of weights."""
    return (folder / "model.onnx").is_file()


def check_conditions(unet: Any, *known: str) -> None:
    """ValueError of one sentence if a base U-Net is conditioned on more than text and time.

    known: kinds of further conditions that the caller can give, as ``addition_embed_type`` names them.
    """
    kind = unet.config.addition_embed_type
    if unet.config.time_cond_proj_dim is not None:
        raise ValueError(
            "The base U-Net is told its guidance scale (a consistency model, LCM); start from the model that it was "
            "distilled from."
        )
    if kind is not None and kind not in known:
        bases = "Stable Diffusion 1 or 2, or SDXL" if known else "Stable Diffusion 1 or 2"
        raise ValueError(f"The base U-Net has conditions besides text ('{kind}', as SDXL's); start from {bases}.")


def in_own_memory(module: Any) -> Any:
    """The module with every parameter and buffer copied to memory of torch's own, in place; also returned.

    Weights mapped from a safetensors file begin at any multiple of their item size; torch's allocator gives
    multiples of 64 bytes. Some processors' kernels round a product by the address of its factors, so without the
    copy a loaded network would answer other last bits than the one that was saved.
    """
    import torch

    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            tensor.data = tensor.data.clone()
    return module


def widened(old: nn.Conv2d, extra_in: int = 0, extra_out: int = 0) -> nn.Conv2d:
    """A 3 x 3 convolution with more channels, the new ones zero: its answers to the old ones stay."""
    import torch
    from torch import nn

    new = nn.Conv2d(old.in_channels + extra_in, old.out_channels + extra_out, 3, padding=1).to(old.weight)
    with torch.no_grad():
        for own, given in ((new.weight, old.weight), (new.bias, old.bias)):
            if own is not None and given is not None:
                own.zero_()
                own[tuple(slice(n) for n in given.shape)] = given
    return new


def add_lora(unet: Any, rank: int, trained: Sequence[nn.Module]) -> None:
    """Freezes a U-Net but for LoRA matrices in its attention (Hu et al., arXiv 2106.09685; peft) and some layers."""
    from peft import LoraConfig

    unet.requires_grad_(False)
    targets = ["to_q", "to_k", "to_v", "to_out.0"]
    unet.add_adapter(LoraConfig(r=rank, lora_alpha=rank, init_lora_weights="gaussian", target_modules=targets))
    for module in trained:
        module.requires_grad_(True)


def merge_lora(unet: Any) -> None:
    """Adds LoRA matrices, where there are any, to the weights they belong to, in place."""
    if getattr(unet, "peft_config", None):
        unet.fuse_lora()
        unet.unload_lora()


def _reason(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".")
