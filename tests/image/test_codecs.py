"""Pictures as a network's channels: folded pixels exactly, a VAE's latents in Stable Diffusion's scale."""

from __future__ import annotations

from pathlib import Path

import torch
from tiny_diffusion import SIDE, save_diffusion

from smartmask.image.codecs import PixelCodec, VAECodec
from smartmask.io.diffusion import load_sd_parts


def test_the_pixel_codec_is_exact() -> None:
    codec = PixelCodec(4)
    picture = torch.randint(0, 256, (2, 3, 16, 24)).float() / 127.5 - 1
    assert torch.equal(codec.decode(codec.encode(picture)), picture)
    mask = torch.rand(2, 1, 16, 24) > 0.5
    cells = codec.encode_mask(mask)
    assert torch.equal(codec.decode_mask(cells.float()) > 0.5, mask)
    hidden = codec.decode(codec.encode(picture) * ~cells.repeat(1, 3, 1, 1))
    assert torch.equal(hidden, picture * ~mask), "a mask's channels lie under the picture's"


def test_a_vae_is_frozen_scaled_and_tells_its_shapes(tmp_path: Path) -> None:
    codec = VAECodec(load_sd_parts(save_diffusion("sd", tmp_path / "sd")).vae)
    assert (codec.factor, codec.channels, codec.mask_channels) == (8, 4, 1)
    picture = torch.rand(2, 3, SIDE, SIDE) * 2 - 1
    latent = codec.encode(picture)
    assert latent.shape == (2, 4, SIDE // 8, SIDE // 8)
    assert torch.allclose(
        latent / codec.vae.config.scaling_factor, codec.vae.encode(picture).latent_dist.mean, atol=1e-6
    )
    assert codec.decode(latent).shape == picture.shape
    assert not any(value.requires_grad for value in codec.vae.parameters())
    mask = torch.zeros(1, 1, SIDE, SIDE, dtype=torch.bool)
    mask[0, 0, 9, 17] = True
    assert codec.encode_mask(mask).nonzero().tolist() == [[0, 0, 1, 2]]  # a cell that holds any pixel
