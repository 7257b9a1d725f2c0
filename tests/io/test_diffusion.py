"""Parts of Stable Diffusion folders: what is missing or damaged is named, and what is made wider answers as before."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny_diffusion import save_diffusion
from torch import nn

from smartmask.io.diffusion import (
    check_sd_folder,
    in_own_memory,
    load_scheduler_config,
    load_sd_parts,
    load_unet,
    read_index,
    widened,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_diffusion("sd", tmp_path_factory.mktemp("sd") / "base")


def test_a_whole_folder_is_read(folder: Path) -> None:
    check_sd_folder(folder)
    assert read_index(folder)["_class_name"] == "StableDiffusionPipeline"
    parts = load_sd_parts(folder)
    assert parts.scheduler["_class_name"] == "DDIMScheduler"
    assert parts.text_encoder.config.hidden_size == load_unet(folder / "unet").config.cross_attention_dim


def _without_index(folder: Path) -> None:
    (folder / "model_index.json").unlink()


def _another_model(folder: Path) -> None:
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "FluxPipeline"}))


def _not_finite(folder: Path) -> None:
    unet = load_unet(folder / "unet")
    unet.conv_in.bias.data[0] = float("nan")
    unet.save_pretrained(folder / "unet")


def _read(folder: Path) -> None:
    check_sd_folder(folder)
    load_unet(folder / "unet")
    load_sd_parts(folder)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_without_index, "has no model_index.json"),
        (_another_model, "is a FluxPipeline; give a Stable Diffusion 1 or 2 folder"),
        (lambda folder: shutil.rmtree(folder / "tokenizer"), "lacks tokenizer; give a Stable Diffusion"),
        (lambda folder: (folder / "unet" / "config.json").unlink(), "config.json is missing"),
        (lambda folder: (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink(), "U-Net in .* cannot be"),
        (_not_finite, "conv_in.bias holds numbers that are not finite"),
        (lambda folder: (folder / "vae" / "diffusion_pytorch_model.safetensors").unlink(), "A part of .* cannot be"),
        (lambda folder: (folder / "scheduler" / "scheduler_config.json").write_text("["), "cannot be read"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    folder: Path, tmp_path: Path, damage: Callable[[Path], object], says: str
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    damage(broken)
    with pytest.raises(ValueError, match=says) as told:
        _read(broken)
    assert "\n" not in str(told.value)


def test_a_schedulers_infinite_setting_is_read(tmp_path: Path) -> None:
    """The library writes -Infinity for DPM-Solver, which no JSON of ours may hold."""
    from diffusers import DPMSolverMultistepScheduler

    DPMSolverMultistepScheduler(beta_start=0.002).save_pretrained(tmp_path / "scheduler")
    assert "-Infinity" in (tmp_path / "scheduler" / "scheduler_config.json").read_text()
    assert load_scheduler_config(tmp_path)["beta_start"] == 0.002


def test_a_wider_convolution_answers_as_before() -> None:
    torch.manual_seed(0)
    narrow = nn.Conv2d(3, 5, 3, padding=1)
    wide = widened(narrow, extra_in=2, extra_out=1)
    seen = torch.randn(1, 5, 6, 6)
    assert torch.allclose(wide(seen)[:, :5], narrow(seen[:, :3]), atol=1e-6)
    assert not wide(seen)[:, 5].any()


def test_weights_in_memory_of_their_own_are_the_same() -> None:
    module = nn.Conv2d(2, 2, 3)
    before, where = module.weight.detach().clone(), module.weight.data_ptr()
    assert in_own_memory(module) is module
    assert torch.equal(module.weight, before)
    assert module.weight.data_ptr() != where
