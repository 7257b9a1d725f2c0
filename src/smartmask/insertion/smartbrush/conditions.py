"""What stands round SmartBrush's network: pictures as its channels, masks in their shape, texts as its words.

Two of each: pixels folded into channels and our own vocabulary, which need nothing, and the frozen VAE and
CLIP text model of a Stable Diffusion folder.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from torch.nn import functional as F

from smartmask.text.encoder import TextEncoder


class Codec(Protocol):
    """Pictures to latents and back. ``factor``: pixels a latent cell, ``channels`` C, ``mask_channels`` M."""

    factor: int
    channels: int
    mask_channels: int

    def encode(self, picture: torch.Tensor) -> torch.Tensor:
        """``(B, 3, H, W)`` in [-1, 1] -> ``(B, C, H / factor, W / factor)``."""
        ...

    def decode(self, latent: torch.Tensor) -> torch.Tensor:
        """The other way, clipped to [-1, 1]."""
        ...

    def encode_mask(self, mask: torch.Tensor) -> torch.Tensor:
        """``(B, 1, H, W)`` bool -> ``(B, M, h, w)`` bool: cells that hold any pixel of it."""
        ...

    def decode_mask(self, probable: torch.Tensor) -> torch.Tensor:
        """``(B, M, h, w)`` in [0, 1] -> ``(B, 1, H, W)``."""
        ...


class PixelCodec:
    """A patch of pixels is a cell: exact both ways, and so are masks."""

    def __init__(self, patch: int) -> None:
        self.factor, self.channels, self.mask_channels = patch, 3 * patch**2, patch**2

    def encode(self, picture: torch.Tensor) -> torch.Tensor:
        return F.pixel_unshuffle(picture, self.factor)

    def decode(self, latent: torch.Tensor) -> torch.Tensor:
        return F.pixel_shuffle(latent, self.factor).clamp(-1, 1)

    def encode_mask(self, mask: torch.Tensor) -> torch.Tensor:
        return F.pixel_unshuffle(mask.float(), self.factor) > 0.5

    def decode_mask(self, probable: torch.Tensor) -> torch.Tensor:
        return F.pixel_shuffle(probable, self.factor)


class VAECodec:
    """A frozen diffusers AutoencoderKL, scaled as its Stable Diffusion expects."""

    def __init__(self, vae: Any) -> None:
        self.vae = vae.eval().requires_grad_(False)
        self.factor = 2 ** (len(vae.config.block_out_channels) - 1)
        self.channels, self.mask_channels = int(vae.config.latent_channels), 1

    @torch.no_grad()
    def encode(self, picture: torch.Tensor) -> torch.Tensor:
        return self.vae.encode(picture.to(self.vae.dtype)).latent_dist.mean.float() * self.vae.config.scaling_factor

    @torch.no_grad()
    def decode(self, latent: torch.Tensor) -> torch.Tensor:
        scaled = (latent / self.vae.config.scaling_factor).to(self.vae.dtype)
        return self.vae.decode(scaled).sample.float().clamp(-1, 1)

    def encode_mask(self, mask: torch.Tensor) -> torch.Tensor:
        return F.max_pool2d(mask.float(), self.factor) > 0.5

    def decode_mask(self, probable: torch.Tensor) -> torch.Tensor:
        return F.interpolate(probable, scale_factor=self.factor, mode="bilinear", align_corners=False)


class Words(Protocol):
    """Texts to what the network attends to, in two steps: tokens are made while data is read, states beside
    the network. An empty name and caption stand for no text at all."""

    def tokens(self, name: str, caption: str = "") -> np.ndarray:
        """Tokens of an object's name, alone or with a sentence about the picture."""
        ...

    def states(self, tokens: torch.Tensor) -> torch.Tensor:
        """``(B, ...)`` tokens -> ``(B, words, width)``."""
        ...


class VocabularyWords:
    """Two words from our vocabulary: the name's vector and the caption's; zeros for what is not said."""

    def __init__(self, text: TextEncoder) -> None:
        self.text = text

    def tokens(self, name: str, caption: str = "") -> np.ndarray:
        """``(2, 128)`` float32."""
        vector = self.text.encode(name) if name.strip() else np.zeros(128, dtype=np.float32)
        return np.stack([vector, self.text.encode_context(caption)]).astype(np.float32)

    def states(self, tokens: torch.Tensor) -> torch.Tensor:
        return tokens


class ClipWords:
    """The frozen CLIP text model of a Stable Diffusion folder; it reads "NAME, CAPTION"."""

    def __init__(self, tokenizer: Any, text_encoder: Any) -> None:
        self.tokenizer, self.text_encoder = tokenizer, text_encoder.eval().requires_grad_(False)

    def tokens(self, name: str, caption: str = "") -> np.ndarray:
        """``(length,)`` int64 ids, padded to the model's length."""
        said = ", ".join(part.strip() for part in (name, caption) if part.strip())
        length = min(self.tokenizer.model_max_length, self.text_encoder.config.max_position_embeddings)
        ids = self.tokenizer(said, padding="max_length", max_length=length, truncation=True)["input_ids"]
        return np.array(ids, dtype=np.int64)

    @torch.no_grad()
    def states(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.text_encoder(tokens.to(self.text_encoder.device))[0]
