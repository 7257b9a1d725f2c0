"""SmartBrush's folders: loading, saving, and the start of a new network or from a Stable Diffusion folder."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from smartmask.insertion.smartbrush.conditions import ClipWords, PixelCodec, VAECodec, VocabularyWords
from smartmask.insertion.smartbrush.masked_diffusion import NoisePath, scheduler_path
from smartmask.insertion.smartbrush.network import (
    InpaintNetwork,
    Parts,
    build_unet,
    extend_unet,
    in_own_memory,
    inpaint_preset,
    load_unet,
    merge_lora,
)
from smartmask.insertion.smartbrush.settings import BrushParts, BrushSettings
from smartmask.io.hub import check_finite
from smartmask.io.integrity import SUMS, check_numbers, check_sums, settings_of, sums_of
from smartmask.io.limits import LIMITS
from smartmask.io.package import VERSION
from smartmask.io.publish import replacing_folder, save_json
from smartmask.io.reading import read_json
from smartmask.text.encoder import TextEncoder

INDEX = "model_index.json"
CLASS_NAME = "SmartBrushPipeline"
SD_PARTS = ("vae", "text_encoder", "tokenizer", "scheduler")  # taken over from a Stable Diffusion folder as they are
# of the settings in the index: a crop of 4,096 pixels a side is more than any such network was trained on
RANGES = {"side": (8, 4096), "patch": (0, 64), "steps": (1, LIMITS.steps), "guidance_scale": (0, LIMITS.scale)}
CLIP_PARTS = {"text_encoder": "CLIPTextModel", "tokenizer": "CLIPTokenizer"}


def new(preset: str, text: TextEncoder, parts: Parts | None = None) -> BrushParts:
    """The untrained parts of a pixel-space preset. ValueError for an unknown one."""
    chosen = inpaint_preset(preset)
    settings = BrushSettings(preset, chosen.side, chosen.patch, parts=parts or Parts())
    codec = PixelCodec(chosen.patch)
    network = InpaintNetwork(build_unet(chosen), codec.channels, codec.mask_channels)
    return BrushParts(network, codec, VocabularyWords(text), NoisePath(), settings)


def from_stable_diffusion(folder: Path, parts: Parts | None = None) -> BrushParts:
    """Parts that start from a Stable Diffusion text-to-image or inpainting folder.

    The U-Net is extended (see ``extend_unet``); VAE, CLIP text model and scheduler are taken over frozen.
    ValueError, naming the file, for a folder that is not one.
    """
    index = _read_index(folder)
    missing = [name for name in ("unet", *SD_PARTS) if not (folder / name).is_dir()]
    if missing or "StableDiffusion" not in str(index.get("_class_name")):
        what = f"lacks {', '.join(missing)}" if missing else f"is a {index.get('_class_name')}"
        raise ValueError(f"{folder} {what}; give a Stable Diffusion 1 or 2 folder in the diffusers format.")
    unet = load_unet(folder / "unet")
    extend_unet(unet)
    codec, words, path = _sd_parts(folder, None)
    side = int(unet.config.sample_size) * codec.factor
    settings = BrushSettings("sd", side, steps=30, guidance_scale=7.5, parts=parts or Parts())
    return BrushParts(InpaintNetwork(unet, codec.channels, 1), codec, words, path, settings)


def load(folder: Path, dtype: torch.dtype | None = None) -> BrushParts:
    """The parts of a folder that ``save`` wrote; ValueError names what is missing or damaged."""
    index = _read_index(folder)
    if index.get("_class_name") != CLASS_NAME:
        raise ValueError(f"{folder / INDEX} describes a {index.get('_class_name')}, not a SmartBrushPipeline.")
    settings = settings_of(BrushSettings, index.get("settings"), folder / INDEX, RANGES, "settings")
    check_sums(folder / INDEX, index)
    unet = load_unet(folder / "unet", dtype)
    codec: Any
    words: Any
    if settings.patch:
        try:
            words = VocabularyWords(TextEncoder.from_pretrained(folder / "text"))
        except FileNotFoundError as error:
            raise ValueError(str(error)) from None
        codec, path = PixelCodec(settings.patch), NoisePath()
    else:
        codec, words, path = _sd_parts(folder, dtype)
    network = InpaintNetwork(unet, codec.channels, codec.mask_channels)
    extra = network.channels if network.sees_masked_picture else 0
    if (unet.config.in_channels, unet.config.out_channels) != (
        network.channels + network.mask_channels + extra,
        network.channels + network.mask_channels,
    ):
        raise ValueError(f"The U-Net in {folder / 'unet'} does not fit {INDEX}; save the pipeline again.")
    return BrushParts(network, codec, words, path, settings)


def save(parts: BrushParts, folder: Path, half: bool = False) -> None:
    """Writes the pipeline's folder, as a whole; LoRA matrices are merged first."""
    merge_lora(parts.network.unet)
    unet = deepcopy(parts.network.unet).half() if half else parts.network.unet
    with replacing_folder(folder) as partial:
        unet.save_pretrained(partial / "unet", safe_serialization=True)
        index = _save_words(parts, partial)
        save_json({**index, SUMS: sums_of(partial)}, partial / INDEX, indent=1)


def _save_words(parts: BrushParts, partial: Path) -> dict[str, Any]:
    """Writes all but the U-Net into a folder that is being staged; the folder's index."""
    from diffusers import DDPMScheduler

    index: dict[str, Any] = {
        "_class_name": CLASS_NAME,
        "_smartmask_version": VERSION,
        "unet": ["diffusers", "UNet2DConditionModel"],
        "settings": asdict(parts.settings),
    }
    codec: Any = parts.codec
    words: Any = parts.words
    if parts.settings.patch:
        words.text.save_pretrained(partial / "text")
        return index | {"text": ["smartmask", "TextEncoder"]}
    codec.vae.save_pretrained(partial / "vae", safe_serialization=True)
    words.text_encoder.save_pretrained(partial / "text_encoder", safe_serialization=True)
    words.tokenizer.save_pretrained(partial / "tokenizer")
    DDPMScheduler.from_config(parts.path.config).save_pretrained(partial / "scheduler")
    index |= {"vae": ["diffusers", "AutoencoderKL"], "scheduler": ["diffusers", "DDPMScheduler"]}
    return index | {name: ["transformers", kind] for name, kind in CLIP_PARTS.items()}


def _sd_parts(folder: Path, dtype: torch.dtype | None) -> tuple[VAECodec, ClipWords, NoisePath]:
    from diffusers import AutoencoderKL
    from transformers import CLIPTextModel, CLIPTokenizer

    known: dict[str, Any] = {"local_files_only": True, "use_safetensors": True, "torch_dtype": dtype}
    for part in ("vae", "text_encoder"):
        check_numbers(read_json(folder / part / "config.json", "config"), folder / part / "config.json")
    try:
        vae = AutoencoderKL.from_pretrained(folder / "vae", **known)
        text_encoder = CLIPTextModel.from_pretrained(
            folder / "text_encoder", local_files_only=True, use_safetensors=True, dtype=dtype or torch.float32
        )
        tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
        scheduler = read_json(folder / "scheduler" / "scheduler_config.json")
    except Exception as error:  # the libraries raise nearly anything on missing or damaged files
        reason = str(error).strip().split("\n")[0].rstrip(".")
        raise ValueError(f"A part of {folder} cannot be loaded ({reason}); copy the folder again.") from None
    check_finite(vae, f"The weights in {folder / 'vae'}")
    check_finite(text_encoder, f"The weights in {folder / 'text_encoder'}")
    return VAECodec(in_own_memory(vae)), ClipWords(tokenizer, in_own_memory(text_encoder)), scheduler_path(scheduler)


def _read_index(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; give one with a {INDEX}.")
    if not (folder / INDEX).exists():
        raise ValueError(f"{folder} has no {INDEX}; give a folder in the diffusers format.")
    index = read_json(folder / INDEX, "model index")
    if not isinstance(index, dict):
        raise ValueError(f"{folder / INDEX} is not a JSON object; restore it.")
    return index
