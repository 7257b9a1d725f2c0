"""What a latent model is made of, and how its parts come to be: new, or from a Stable Diffusion folder."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from smartmask.image.codecs import Codec, PixelCodec, VAECodec
from smartmask.io.diffusion import check_sd_folder, load_sd_parts, load_unet
from smartmask.masks.latent.network import LatentNetwork, build_unet, widen_unet
from smartmask.masks.latent.presets import Defaults, LatentPreset, latent_preset
from smartmask.text.encoder import TextEncoder
from smartmask.text.states import ClipWords, VocabularyWords, Words

PREDICTIONS = ("epsilon", "v_prediction", "sample")
SAMPLERS = ("DPMSolverMultistepScheduler", "DDIMScheduler")  # deterministic ones; others are replaced by the first
FEW_STEPS = "LCMScheduler"  # of consistency models (arXiv 2310.04378): adds noise between its few steps

UNCLIPPED = {"clip_sample": False, "thresholding": False}  # latents are no pictures: they go beyond 1


@dataclass(frozen=True)
class LatentSettings:
    """What a folder says of itself. preset: that it was made by; side: of the canvas in pixels; clip: whether a CLIP
    model reads its texts, else the vocabulary; patch: pixels folded into channels, 0 with a VAE.

    frame: how many times the longer side of a guide the canvas spans; 0: the whole scene, as published.
    folded: the two guidance weights that a model of few steps was distilled with, which it cannot change any more;
    empty for any other.
    """

    preset: str
    side: int
    clip: bool
    patch: int = 0
    defaults: Defaults = field(default_factory=Defaults)
    frame: float = 0.0
    folded: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.folded) not in (0, 2):
            raise ValueError(f"it has {len(self.folded)} folded weights, not 2 or none")
        if 0 < self.frame < 1:
            raise ValueError(f"its frame spans {self.frame:g} times a guide, less than the guide")


@dataclass(frozen=True, eq=False)
class LatentParts:
    """network: U-Net and text marks. codec: the VAE, frozen, or folded pixels. words: what reads texts, frozen.
    text: the vocabulary, which gives names their colours. scheduler: a sampler, whose config also is the training's."""

    network: LatentNetwork
    codec: Codec
    words: Words
    text: TextEncoder
    scheduler: Any
    settings: LatentSettings


def new(preset: str, text: TextEncoder, seed: int = 0) -> LatentParts:
    """Untrained parts of a preset that starts from nothing. ValueError for any other preset."""
    chosen = latent_preset(preset)
    if chosen.base is not None:
        raise ValueError(
            f"The preset '{preset}' starts from a Stable Diffusion model such as {chosen.base}; give its folder."
        )
    torch.manual_seed(seed)
    network = LatentNetwork(build_unet(chosen))
    torch.nn.init.normal_(network.marks.marks, std=0.1)
    settings = LatentSettings(preset, chosen.side, False, chosen.patch, chosen.defaults)
    codec = PixelCodec(chosen.patch)
    return LatentParts(network, codec, VocabularyWords(text), text, sampler(chosen.scheduler), settings)


def from_stable_diffusion(
    folder: Path, text: TextEncoder, preset: str = "sd15", dtype: torch.dtype | None = None
) -> LatentParts:
    """Parts that start from a Stable Diffusion 1 or 2 text-to-image folder: its U-Net widened by zero channels for the
    layout, so that at first it answers as before; VAE, CLIP model and scheduler as they are.

    ValueError, naming the file, for a folder that is not one.
    """
    chosen = latent_preset(preset)
    check_sd_folder(folder)
    unet = load_unet(folder / "unet", dtype)
    widen_unet(unet)
    parts = load_sd_parts(folder, dtype)
    _check_width(unet, parts.text_encoder, folder)
    codec = VAECodec(parts.vae)
    settings = LatentSettings(preset, int(unet.config.sample_size) * codec.factor, True, 0, chosen.defaults)
    words = ClipWords(parts.tokenizer, parts.text_encoder)
    return LatentParts(LatentNetwork(unet), codec, words, text, sampler(parts.scheduler), settings)


def _check_width(unet: Any, text_encoder: Any, folder: Path) -> None:
    theirs, own = int(unet.config.cross_attention_dim), int(text_encoder.config.hidden_size)
    if theirs != own:
        raise ValueError(f"The U-Net in {folder} attends to {theirs} numbers, but its text encoder gives {own}.")


def check_side(parts: LatentParts, side: int, whose: str = "The run") -> None:
    """ValueError unless codec and U-Net can halve a canvas of ``side`` pixels as often as they do."""
    blocks = parts.codec.factor * 2 ** (len(parts.network.unet.config.block_out_channels) - 1)
    if side < 1 or side % blocks:
        raise ValueError(f"{whose} has a canvas of {side} pixels; it must be a multiple of {blocks}.")


def sampler(config: dict[str, Any], kind: str | None = None) -> Any:
    """The sampler of a scheduler's config: of ``kind``, else of the class that it names where that is one of SAMPLERS.

    ValueError if the scheduler predicts what is not known here.
    """
    import diffusers

    named = str(config.get("_class_name"))
    known = getattr(diffusers, kind or (named if named in SAMPLERS else SAMPLERS[0]))
    takes = inspect.signature(known.__init__).parameters  # diffusers warns of others, at each call
    made = known.from_config({name: value for name, value in {**config, **UNCLIPPED}.items() if name in takes})
    if made.config.prediction_type not in PREDICTIONS:
        raise ValueError(f"The scheduler predicts '{made.config.prediction_type}'; {', '.join(PREDICTIONS)} are known.")
    return made


def describe(preset: LatentPreset) -> dict[str, int]:
    """Numbers of weights of a preset's networks, counted without memory: U-Net (widened), VAE (where it has one)."""
    from diffusers import AutoencoderKL

    with torch.device("meta"):
        made = {"unet": build_unet(preset), **({} if preset.patch else {"vae": AutoencoderKL(**preset.vae)})}
    return {name: _weights(module) for name, module in made.items()}


def _weights(module: torch.nn.Module) -> int:
    return sum(value.numel() for value in module.parameters())
