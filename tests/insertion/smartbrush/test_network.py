"""SmartBrush's network: what its channels mean, and that an extended Stable Diffusion U-Net answers as before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_diffusion import save_diffusion

from smartmask.image.codecs import PixelCodec
from smartmask.insertion.smartbrush.network import (
    InpaintNetwork,
    build_unet,
    extend_unet,
    inpaint_preset,
    new_layers,
    precision_features,
)
from smartmask.io.diffusion import add_lora, load_unet, merge_lora


@pytest.fixture(scope="module")
def sd(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Folders by their U-Net's input channels."""
    folder = tmp_path_factory.mktemp("sd")
    return {4: save_diffusion("sd", folder / "4"), 9: save_diffusion("sd-inpaint", folder / "9")}


def latents(channels: int = 4, batch: int = 2, seed: int = 0) -> torch.Tensor:
    return torch.randn(batch, channels, 8, 8, generator=torch.Generator().manual_seed(seed))


def told(unet: Any, batch: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    """Times and words."""
    words = torch.randn(batch, 3, unet.config.cross_attention_dim, generator=torch.Generator().manual_seed(9))
    return torch.full((batch,), 400), words


@pytest.mark.parametrize("channels", [4, 9])
def test_an_extended_unet_answers_as_its_base_whatever_mask_and_precision(sd: dict[int, Path], channels: int) -> None:
    base, unet = load_unet(sd[channels] / "unet"), load_unet(sd[channels] / "unet")
    extend_unet(unet)
    network = InpaintNetwork(unet, 4, 1).eval()
    noisy, masked = latents(), latents(seed=1)
    mask = (latents(1, seed=2) > 0).float()
    time, words = told(unet)
    before = base.eval()(torch.cat([noisy, mask, masked], 1) if channels == 9 else noisy, time, words).sample
    for precision in (0.0, 1.0):
        after, logits = network(noisy, time, mask, torch.full((2,), precision), words, masked)
        assert torch.allclose(after, before, atol=1e-6)
        assert (logits == 0).all()
    assert unet.config.in_channels == {4: 5, 9: 9}[channels]


@pytest.mark.parametrize("channels", [4, 9])
def test_the_new_weights_receive_gradients(sd: dict[int, Path], channels: int) -> None:
    unet = load_unet(sd[channels] / "unet")
    extend_unet(unet)
    network = InpaintNetwork(unet, 4, 1)
    time, words = told(unet)
    out, logits = network(latents(), time, torch.ones(2, 1, 8, 8), torch.ones(2), words, latents(seed=1))
    (out.pow(2).mean() + logits.sum()).backward()
    assert unet.conv_out.weight.grad[4].abs().sum() > 0
    assert unet.time_embedding.cond_proj.weight.grad.abs().sum() > 0
    assert unet.conv_in.weight.grad[:, 4].abs().sum() > 0


def test_other_unets_are_refused(sd: dict[int, Path]) -> None:
    unet = load_unet(sd[4] / "unet")
    extend_unet(unet)
    with pytest.raises(ValueError, match="5 channels in and 5 out"):
        extend_unet(unet)


def test_lora_trains_little_and_merges_into_the_weights(sd: dict[int, Path]) -> None:
    unet = load_unet(sd[4] / "unet")
    extend_unet(unet)
    names = set(unet.state_dict())
    add_lora(unet, 2, new_layers(unet))
    trained = {name for name, parameter in unet.named_parameters() if parameter.requires_grad}
    assert all("lora" in n or n.startswith(("conv_in", "conv_out", "time_embedding.cond_proj")) for n in trained)
    with torch.no_grad():
        for name, parameter in unet.named_parameters():
            if "lora" in name:
                parameter.normal_(0, 0.3)
    network = InpaintNetwork(unet, 4, 1).eval()
    time, words = told(unet)
    ask = (latents(), time, torch.ones(2, 1, 8, 8), torch.ones(2), words)
    before, _ = network(*ask)
    plain, _ = InpaintNetwork(_extended(sd[4]), 4, 1).eval()(*ask)
    merge_lora(unet)
    after, _ = network(*ask)
    assert set(unet.state_dict()) == names
    assert torch.allclose(before, after, atol=1e-5)
    assert not torch.allclose(before, plain, atol=1e-3)


def _extended(folder: Path) -> Any:
    unet = load_unet(folder / "unet")
    extend_unet(unet)
    return unet


@pytest.mark.parametrize("name", ["tiny", "small"])
def test_presets_build_and_use_all_they_are_told(name: str) -> None:
    preset = inpaint_preset(name)
    torch.manual_seed(0)
    codec = PixelCodec(preset.patch)
    network = InpaintNetwork(build_unet(preset), codec.channels, codec.mask_channels).eval()
    cells = preset.side // preset.patch
    noisy = torch.randn(1, codec.channels, cells, cells)
    mask, words = torch.zeros(1, codec.mask_channels, cells, cells), torch.randn(1, 2, 128)
    half, one = torch.full((1,), 500.0), torch.ones(1)
    with torch.no_grad():
        out, logits = network(noisy, half, mask, one, words)
        assert out.shape == noisy.shape
        assert logits.shape == mask.shape
        others = [(half / 2, mask, one, words), (half, mask + 1, one, words), (half, mask, one * 0, words),
                  (half, mask, one, words * 0)]  # fmt: skip
        for other in others:
            assert not torch.equal(network(noisy, *other)[0], out)


def test_unknown_presets_are_named() -> None:
    with pytest.raises(ValueError, match="no preset 'huge'; use tiny, small, or sd"):
        inpaint_preset("huge")


def test_precisions_are_told_apart() -> None:
    features = precision_features(torch.linspace(0, 1, 9))
    distances = torch.cdist(features, features) + torch.eye(9) * 9
    assert distances.min() > 0.5
