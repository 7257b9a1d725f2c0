"""A latent model of Stable Diffusion's size with random weights: what training costs, without its base at hand."""

from __future__ import annotations

from typing import Any

import torch

from smartmask.image.codecs import VAECodec
from smartmask.masks.latent.network import LatentNetwork, build_unet
from smartmask.masks.latent.parts import LatentParts, LatentSettings, sampler
from smartmask.masks.latent.presets import LatentPreset, latent_preset
from smartmask.text.encoder import TextEncoder
from smartmask.text.states import ClipWords

# Of CLIP's text models, which both versions of Stable Diffusion read with: width -> layers, heads (a sixty-fourth).
CLIP_LAYERS = {768: 12, 1024: 23}
CLIP_WORDS = 49_408


def random_parts(name: str, text: TextEncoder, seed: int = 0) -> LatentParts:
    """Parts of a preset that has a base, built from their sizes alone. ValueError for one that starts from nothing."""
    from diffusers import AutoencoderKL

    preset = latent_preset(name)
    if preset.base is None:
        raise ValueError(f"The preset '{name}' starts from random weights anyway; leave --random-weights out.")
    torch.manual_seed(seed)
    vae = AutoencoderKL(**preset.vae)
    settings = LatentSettings(name, preset.side, True, 0, preset.defaults)
    network = LatentNetwork(build_unet(preset))
    return LatentParts(network, VAECodec(vae), _words(preset), text, sampler(preset.scheduler), settings)


def _words(preset: LatentPreset) -> ClipWords:
    """A CLIP text model of the preset's width, and a tokenizer of single bytes, of as many tokens a text."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    width = int(preset.unet["cross_attention_dim"])
    layers = CLIP_LAYERS.get(width, 2)  # another width is no Stable Diffusion's
    config: Any = CLIPTextConfig(
        vocab_size=CLIP_WORDS, hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers,
        num_attention_heads=max(1, width // 64), projection_dim=width,
    )  # fmt: skip
    marks = [chr(code) for code in (*range(33, 127), *range(161, 173), *range(174, 324))]  # CLIP's letters for bytes
    known = ["<|startoftext|>", "<|endoftext|>", *marks, *(f"{mark}</w>" for mark in marks)]
    tokenizer = CLIPTokenizer(vocab={word: at for at, word in enumerate(known)}, merges=[], model_max_length=77)
    return ClipWords(tokenizer, CLIPTextModel(config))
