"""Folders of the latent model: what is saved answers the same when loaded, and what is wrong is said in a sentence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from smartmask.guides import Box
from smartmask.masks.latent import parts
from smartmask.masks.latent.model import SmartMaskLatentModel
from smartmask.masks.model import MaskRequest
from smartmask.masks.pipeline import SmartMaskPipeline
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder

REQUEST = MaskRequest(object="dog", context="a dog on a beach", guides=(Box(10, 10, 50, 40),), steps=2)
SCENE = Scene.empty(64, 64)


@pytest.fixture(scope="module")
def saved(model: SmartMaskLatentModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("latent") / "model"
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def clip_model(sd_folder: Path, text: TextEncoder) -> SmartMaskLatentModel:
    """From a Stable Diffusion folder, with marks that are not zero."""
    made = SmartMaskLatentModel.from_stable_diffusion(sd_folder, text=text)
    torch.nn.init.normal_(made.parts.network.marks.marks)
    return made


def masks(model: SmartMaskLatentModel) -> np.ndarray:
    return np.stack([one.mask for one in model.suggest(SCENE, REQUEST, (0, 1))])


def test_a_loaded_model_answers_as_the_saved_one(model: SmartMaskLatentModel, saved: Path) -> None:
    loaded = SmartMaskLatentModel.from_pretrained(saved)
    assert loaded.parts.settings == model.parts.settings
    assert np.array_equal(masks(loaded), masks(model))
    for name, value in model.parts.network.state_dict().items():
        assert torch.equal(loaded.parts.network.state_dict()[name], value)
    assert loaded.parts.scheduler.config.prediction_type == "sample"


def test_the_pipeline_loads_it_by_its_index_and_saves_it_again(saved: Path, tmp_path: Path) -> None:
    pipe = SmartMaskPipeline.from_pretrained(saved)
    assert isinstance(pipe.model, SmartMaskLatentModel)
    pipe.save_pretrained(tmp_path / "again")
    names = {str(p.relative_to(saved)) for p in saved.rglob("*") if p.is_file()}
    again = {str(p.relative_to(tmp_path / "again")) for p in (tmp_path / "again").rglob("*") if p.is_file()}
    assert names == again
    unet = "unet/diffusion_pytorch_model.safetensors"
    assert (saved / unet).read_bytes() == (tmp_path / "again" / unet).read_bytes()


def test_a_stable_diffusion_folder_becomes_a_model_that_is_saved_whole(
    clip_model: SmartMaskLatentModel, tmp_path: Path
) -> None:
    assert clip_model.parts.settings.side == 64
    assert clip_model.parts.settings.clip
    clip_model.save_pretrained(tmp_path / "own")
    index = json.loads((tmp_path / "own" / "model_index.json").read_text())
    assert index["text_encoder"] == ["transformers", "CLIPTextModel"]
    loaded = SmartMaskLatentModel.from_pretrained(tmp_path / "own")
    assert np.array_equal(masks(loaded), masks(clip_model))
    shutil.rmtree(tmp_path / "own" / "tokenizer")
    with pytest.raises(ValueError, match="lacks the folder tokenizer"):
        SmartMaskLatentModel.from_pretrained(tmp_path / "own")


def test_a_folder_that_cannot_be_a_base_is_told(sd_folder: Path, text: TextEncoder, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(sd_folder, broken)
    shutil.rmtree(broken / "vae")
    with pytest.raises(ValueError, match="lacks vae; give a Stable Diffusion 1 or 2 folder"):
        SmartMaskLatentModel.from_stable_diffusion(broken, text=text)
    with pytest.raises(ValueError, match="neither an existing folder nor a hub name"):
        SmartMaskLatentModel.from_stable_diffusion(tmp_path / "not there", text=text)
    with pytest.raises(ValueError, match="'sd15' starts from a Stable Diffusion model"):
        parts.new("sd15", text)


def _pickle(folder: Path) -> None:
    (folder / "unet" / "diffusion_pytorch_model.safetensors").rename(folder / "unet" / "diffusion_pytorch_model.bin")


def _other_class(folder: Path) -> None:
    _edit(folder, _class_name="FluxPipeline")


def _edit(folder: Path, **changes: object) -> None:
    path = folder / "model_index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def _other_sizes(folder: Path) -> None:
    path = folder / "unet" / "config.json"
    path.write_text(path.read_text().replace('"in_channels": 96', '"in_channels": 12'))


def _cut(folder: Path) -> None:
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])


def _unsummed(damage: Callable[[Path], object]) -> Callable[[Path], object]:
    """The same to a folder that holds no checksums."""

    def both(folder: Path) -> None:
        damage(folder)
        _edit(folder, sha256={})

    return both


TINY = {"preset": "tiny", "side": 64, "clip": False, "patch": 4}
DAMAGES: list[tuple[Callable[[Path], object], str]] = [
    (_pickle, "only pickled weights .diffusion_pytorch_model.bin."),
    (_other_class, "is of 'FluxPipeline', which is no mask model"),
    (_cut, "diffusion_pytorch_model.safetensors is damaged: its checksum"),
    (_unsummed(_cut), "U-Net in .* cannot be loaded"),
    (_unsummed(_other_sizes), "U-Net in .* cannot be loaded"),
    (lambda folder: shutil.rmtree(folder / "text_marks"), "lacks the folder text_marks"),
    (lambda folder: shutil.rmtree(folder / "scheduler"), "lacks the folder scheduler"),
    (lambda folder: (folder / "unet" / "config.json").unlink(), "lacks config.json"),
    (lambda folder: (folder / "text" / "config.json").unlink(), "lacks config.json"),
    (lambda folder: _edit(folder, settings={"side": 128}), "damaged .*missing 2 required"),
    (
        lambda folder: _edit(folder, settings={"preset": "tiny", "side": 128, "clip": False}),
        "a patch belongs to a model",
    ),
    (
        lambda folder: _edit(folder, settings={"preset": "tiny", "side": 100, "clip": False, "patch": 4}),
        "canvas of 100 pixels; it must be a multiple of 16",
    ),
    (
        lambda folder: _edit(folder, settings={"preset": "tiny", "side": "128", "clip": False, "patch": 4}),
        "its side is '128', not a whole number",
    ),
    (
        lambda folder: _edit(folder, settings={**TINY, "folded": [3.0]}),
        "damaged .it has 1 folded weights, not 2 or none",
    ),
    (lambda folder: _edit(folder, settings={**TINY, "frame": 0.4}), "damaged .its frame spans 0.4 times a guide"),
    (
        lambda folder: (folder / "scheduler" / "scheduler_config.json").write_text("{"),
        "scheduler_config.json is damaged: its checksum",
    ),
    (
        _unsummed(lambda folder: (folder / "scheduler" / "scheduler_config.json").write_text("{")),
        "scheduler_config.json cannot be read",
    ),
]


@pytest.mark.parametrize(("damage", "says"), DAMAGES, ids=[says for _, says in DAMAGES])
def test_what_is_wrong_with_a_folder_is_one_sentence(
    saved: Path, tmp_path: Path, damage: Callable[[Path], object], says: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(saved, folder)
    damage(folder)
    with pytest.raises(ValueError, match=says) as told:
        SmartMaskPipeline.from_pretrained(folder)
    assert "\n" not in str(told.value)
