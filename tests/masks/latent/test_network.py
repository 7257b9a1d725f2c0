"""The U-Net of eq. 2: widened by zeros it answers as its base, and its presets are the real networks' sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_diffusion import save_diffusion

from smartmask.io.diffusion import load_unet
from smartmask.masks.latent.network import LatentNetwork, widen_unet
from smartmask.masks.latent.parts import describe
from smartmask.masks.latent.presets import PRESETS, latent_preset


def latents(seed: int, batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, 4, 8, 8, generator=torch.Generator().manual_seed(seed))


def states(unet: Any, seed: int, batch: int = 2) -> torch.Tensor:
    width = unet.config.cross_attention_dim
    return torch.randn(batch, 5, width, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def test_at_first_a_widened_unet_answers_as_its_base(sd_folder: Path) -> None:
    """Whatever the layout; the states are both texts' one behind the other, unmarked yet.

    To the last bit where kernels add channels in order; a processor may group them otherwise, hence the tolerance.
    """
    base, unet = load_unet(sd_folder / "unet"), load_unet(sd_folder / "unet")
    widen_unet(unet)
    network = LatentNetwork(unet)
    objects, contexts = states(unet, 1), states(unet, 2)
    wanted = base(latents(0), 400, torch.cat([objects, contexts], 1)).sample
    for layout in (torch.zeros(2, 4, 8, 8), latents(3), 1e3 * latents(4)):
        found = network(latents(0), layout, torch.tensor(400), objects, contexts)
        assert torch.allclose(found, wanted, rtol=0, atol=1e-5)
    assert unet.config.in_channels == 8


def test_the_new_channels_learn_from_the_first_step(sd_folder: Path) -> None:
    unet = load_unet(sd_folder / "unet")
    widen_unet(unet)
    network = LatentNetwork(unet)
    answer = network(latents(0), latents(1), torch.tensor(9), states(unet, 1), states(unet, 2))
    answer.square().mean().backward()
    assert float(unet.conv_in.weight.grad[:, 4:].abs().max()) > 0
    marks = network.marks.marks.grad
    assert marks is not None
    assert float(marks.abs().max()) > 0


@torch.no_grad()
def test_the_marks_tell_the_texts_apart(sd_folder: Path) -> None:
    """Without them cross-attention is blind to which text is which; with them it is not."""
    unet = load_unet(sd_folder / "unet")
    widen_unet(unet)
    network = LatentNetwork(unet)

    def answers() -> tuple[torch.Tensor, torch.Tensor]:
        one, two = states(unet, 1), states(unet, 2)
        time = torch.tensor(300)
        return network(latents(0), latents(1), time, one, two), network(latents(0), latents(1), time, two, one)

    assert torch.allclose(*answers(), atol=1e-4)
    network.marks.marks[0] = 2.0
    assert not torch.allclose(*answers(), atol=1e-2)


def test_bases_that_are_no_text_to_image_models_are_refused(tmp_path: Path) -> None:
    inpainting = load_unet(save_diffusion("sd-inpaint", tmp_path / "nine") / "unet")
    with pytest.raises(ValueError, match="9 channels in and 4 out"):
        widen_unet(inpainting)
    sdxl = load_unet(save_diffusion("sdxl", tmp_path / "xl") / "unet")
    with pytest.raises(ValueError, match="conditions besides text"):
        widen_unet(sdxl)


@pytest.mark.parametrize(("preset", "base_weights"), [("sd15", 859_520_964), ("sd21", 865_910_724)])
def test_presets_are_the_published_networks(preset: str, base_weights: int) -> None:
    """The numbers of weights that Stable Diffusion 1.5's and 2.1's U-Nets and VAEs have, and the layout's channels."""
    chosen = latent_preset(preset)
    assert describe(chosen) == {"unet": base_weights + 4 * 9 * 320, "vae": 83_653_863}
    assert chosen.side == chosen.unet["sample_size"] * chosen.factor == 512


def test_tiny_is_a_few_million_weights() -> None:
    found = describe(PRESETS["tiny"])
    assert 3e6 < found["unet"] < 5e6
    assert set(found) == {"unet"}
    with pytest.raises(ValueError, match="no preset 'huge'; use sd15, sd21, tiny"):
        latent_preset("huge")
