"""SmartBrush's folders: loading, saving, and the start of a new network or from a Stable Diffusion folder."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from smartmask.image.codecs import PixelCodec, VAECodec
from smartmask.insertion.smartbrush.masked_diffusion import NoisePath, scheduler_path
from smartmask.insertion.smartbrush.network import (
    InpaintNetwork,
    Parts,
    build_unet,
    extend_unet,
    inpaint_preset,
)
from smartmask.insertion.smartbrush.settings import BrushParts, BrushSettings
from smartmask.io.diffusion import (
    CLIP_PARTS,
    INDEX,
    SECOND_PARTS,
    check_sd_folder,
    load_asked_unet,
    load_sd_parts,
    load_unet,
    merge_lora,
    read_index,
)
from smartmask.io.integrity import SUMS, check_sums, settings_of, sums_of
from smartmask.io.limits import LIMITS
from smartmask.io.package import VERSION
from smartmask.io.publish import replacing_folder, save_json
from smartmask.text.encoder import TextEncoder
from smartmask.text.states import ClipPairWords, ClipWords, VocabularyWords

CLASS_NAME = "SmartBrushPipeline"
# of the settings in the index: a crop of 4,096 pixels a side is more than any such network was trained on
RANGES = {"side": (8, 4096), "patch": (0, 64), "steps": (1, LIMITS.steps), "guidance_scale": (0, LIMITS.scale)}


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
    check_sd_folder(folder, "1, 2 or XL")
    unet = load_unet(folder / "unet")
    extend_unet(unet)
    codec, words, path = _sd_parts(folder, None)
    side = int(unet.config.sample_size) * codec.factor
    settings = BrushSettings("sd", side, steps=30, guidance_scale=7.5, parts=parts or Parts())
    if isinstance(words, ClipPairWords):
        check_sizes(unet, words, folder)
    return BrushParts(InpaintNetwork(unet, codec.channels, 1, codec.factor), codec, words, path, settings)


def load(folder: Path, dtype: torch.dtype | None = None) -> BrushParts:
    """The parts of a folder that ``save`` wrote; ValueError names what is missing or damaged."""
    index = read_index(folder)
    if index.get("_class_name") != CLASS_NAME:
        raise ValueError(f"{folder / INDEX} describes a {index.get('_class_name')}, not a SmartBrushPipeline.")
    settings = settings_of(BrushSettings, index.get("settings"), folder / INDEX, RANGES, "settings")
    check_sums(folder / INDEX, index)
    unet = load_asked_unet(folder / "unet", dtype)
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
    network = InpaintNetwork(unet, codec.channels, codec.mask_channels, codec.factor)
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
    kept = CLIP_PARTS | (SECOND_PARTS if isinstance(words, ClipPairWords) else {})
    for name in kept:
        getattr(words, name).save_pretrained(partial / name)
    DDPMScheduler.from_config(parts.path.config).save_pretrained(partial / "scheduler")
    index |= {"vae": ["diffusers", "AutoencoderKL"], "scheduler": ["diffusers", "DDPMScheduler"]}
    return index | {name: ["transformers", kind] for name, kind in kept.items()}


def _sd_parts(folder: Path, dtype: torch.dtype | None) -> tuple[VAECodec, ClipWords | ClipPairWords, NoisePath]:
    parts = load_sd_parts(folder, dtype)
    words: ClipWords | ClipPairWords = ClipWords(parts.tokenizer, parts.text_encoder)
    if parts.text_encoder_2 is not None:
        words = ClipPairWords((parts.tokenizer, parts.tokenizer_2), (parts.text_encoder, parts.text_encoder_2))
    return VAECodec(parts.vae), words, scheduler_path(parts.scheduler)


def check_sizes(unet: Any, words: ClipPairWords, folder: Path) -> None:
    """ValueError unless an SDXL U-Net is told six numbers and the pooled text; its refiner is told other ones."""
    config, pooled = unet.config, int(words.text_encoder_2.config.projection_dim)
    if config.projection_class_embeddings_input_dim != 6 * config.addition_time_embed_dim + pooled:
        raise ValueError(f"{folder} is told other sizes than SDXL's base model (a refiner is); start from the base.")
