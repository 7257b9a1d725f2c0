"""An untrained latent model of preset tiny, and a small Stable Diffusion folder: real classes with random weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_diffusion import save_diffusion

from smartmask.io.package import BUNDLED_TEXT
from smartmask.masks.latent import parts
from smartmask.masks.latent.model import SmartMaskLatentModel
from smartmask.text.encoder import TextEncoder


@pytest.fixture(scope="session")
def text() -> TextEncoder:
    """The bundled vocabulary."""
    return TextEncoder.from_pretrained(BUNDLED_TEXT)


@pytest.fixture(scope="session")
def model(text: TextEncoder) -> SmartMaskLatentModel:
    """Preset tiny, untrained, on a canvas of 64 pixels, with answers so large that its noise has all colours."""
    made = parts.new("tiny", text)
    with torch.no_grad():
        made.network.unet.conv_out.weight.mul_(30)
    return SmartMaskLatentModel(replace(made, settings=replace(made.settings, side=64)))


@pytest.fixture(scope="session")
def sd_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Stable Diffusion folder of random weights; pictures are 64 pixels wide."""
    return save_diffusion("sd", tmp_path_factory.mktemp("sd") / "base")
