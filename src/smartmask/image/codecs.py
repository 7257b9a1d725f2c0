"""Pictures as a network's channels: pixels folded into channels, which needs nothing, or a frozen VAE's latents."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch.nn import functional as F


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
