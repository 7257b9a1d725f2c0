"""The latent model's folder: diffusers' and transformers' own formats, a subfolder a part, safetensors alone."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from smartmask.image.codecs import Codec, PixelCodec, VAECodec
from smartmask.io.components import load_component, save_component
from smartmask.io.diffusion import (
    CLIP_PARTS,
    INDEX,
    has_graph,
    load_asked_unet,
    load_scheduler_config,
    load_sd_parts,
    read_index,
)
from smartmask.io.hub import check_files, check_weights
from smartmask.io.integrity import SUMS, check_sums, settings_of, sums_of
from smartmask.io.package import VERSION
from smartmask.io.publish import replacing_folder, save_json
from smartmask.masks.latent.network import LatentNetwork, MarksConfig, TextMarks
from smartmask.masks.latent.parts import FEW_STEPS, LatentParts, LatentSettings, check_side, sampler
from smartmask.text.encoder import TextEncoder
from smartmask.text.states import ClipWords, VocabularyWords, Words

CLASS = "SmartMaskLatentModel"
WHAT = "mask model"
MARKS = "text_marks"
# of the settings: a canvas of 4,096 pixels is more than any such network was trained on
RANGES = {"side": (8, 4096), "patch": (0, 64), "frame": (0, 100), "folded": (0, 1000)}
STEM = "diffusion_pytorch_model"


def load(folder: Path) -> LatentParts:
    """The parts of a folder that ``save`` wrote. ValueError, naming the file, for what is missing or damaged; weights
    in pickles are refused."""
    settings = read_settings(folder)
    _check(folder, settings)
    unet = load_asked_unet(folder / "unet")
    network = LatentNetwork(unet, load_component(folder / MARKS, TextMarks, MarksConfig))
    try:
        text = TextEncoder.from_pretrained(folder / "text")
    except FileNotFoundError as error:
        raise ValueError(str(error)) from None
    codec, words = _frozen(folder, settings, text)
    scheduler = sampler(load_scheduler_config(folder), FEW_STEPS if settings.folded else None)
    parts = LatentParts(network, codec, words, text, scheduler, settings)
    _check_fit(parts, folder)
    return parts


def save(parts: LatentParts, folder: Path) -> None:
    """Writes the folder whole or not at all, with the checksums of its files."""
    codec: Any = parts.codec
    words: Any = parts.words
    network = parts.network
    index: dict[str, Any] = {
        "_class_name": CLASS, "_smartmask_version": VERSION,
        "unet": ["diffusers", "UNet2DConditionModel"], "scheduler": ["diffusers", type(parts.scheduler).__name__],
        "text": ["smartmask", "TextEncoder"], MARKS: ["smartmask", "TextMarks"],
    }  # fmt: skip
    with replacing_folder(folder) as partial:
        network.unet.save_pretrained(partial / "unet", safe_serialization=True)
        save_component(partial / MARKS, network.marks, network.marks.config, half=False)
        parts.scheduler.save_pretrained(partial / "scheduler")
        parts.text.save_pretrained(partial / "text")
        if not parts.settings.patch:
            codec.vae.save_pretrained(partial / "vae", safe_serialization=True)
            index["vae"] = ["diffusers", "AutoencoderKL"]
        if parts.settings.clip:
            words.text_encoder.save_pretrained(partial / "text_encoder", safe_serialization=True)
            words.tokenizer.save_pretrained(partial / "tokenizer")
            index |= {name: ["transformers", kind] for name, kind in CLIP_PARTS.items()}
        index |= {"settings": asdict(parts.settings), SUMS: sums_of(partial)}
        save_json(index, partial / INDEX, indent=1)


def read_settings(folder: Path) -> LatentSettings:
    """What a folder says of itself. ValueError if it is none of this model."""
    index = read_index(folder)
    if index.get("_class_name") != CLASS:
        raise ValueError(
            f"{folder / INDEX} describes a {index.get('_class_name')}, not a {CLASS}; give another folder."
        )
    settings = settings_of(LatentSettings, index.get("settings"), folder / INDEX, RANGES)
    if settings.clip == bool(settings.patch):
        raise ValueError(f"{folder / INDEX} is damaged: a patch belongs to a model without CLIP and VAE; restore it.")
    check_sums(folder / INDEX, index)
    return settings


def _check(folder: Path, settings: LatentSettings) -> None:
    """ModelError of one sentence unless all parts are there, their weights in safetensors."""
    networks = ["unet", *(["vae", "text_encoder"] if settings.clip else [])]
    for name in (*networks, MARKS, "scheduler", "text", *(["tokenizer"] if settings.clip else [])):
        if not (folder / name).is_dir():
            raise ValueError(f"The {WHAT} '{folder}' lacks the folder {name}; copy or train the whole folder again.")
    for name in networks[has_graph(folder / "unet") :]:
        check_files(folder / name, WHAT, "config.json")
        check_weights(folder / name, WHAT, (STEM, "model"))


def _frozen(folder: Path, settings: LatentSettings, text: TextEncoder) -> tuple[Codec, Words]:
    """What makes latents of pictures, and what reads texts."""
    if not settings.clip:
        return PixelCodec(settings.patch), VocabularyWords(text)
    parts = load_sd_parts(folder)
    return VAECodec(parts.vae), ClipWords(parts.tokenizer, parts.text_encoder)


def _check_fit(parts: LatentParts, folder: Path) -> None:
    """ValueError unless U-Net, VAE and canvas go together."""
    config, codec = parts.network.unet.config, parts.codec
    if (config.in_channels, config.out_channels) != (2 * codec.channels, codec.channels):
        raise ValueError(
            f"The U-Net in {folder / 'unet'} takes {config.in_channels} channels, but its latents have "
            f"{codec.channels}, of which it needs twice as many; save the model again."
        )
    check_side(parts, parts.settings.side, str(folder / INDEX))
