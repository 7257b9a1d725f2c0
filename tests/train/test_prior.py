"""Training of the shape prior: its samples, and a real tiny run that learns, stops and goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from smartmask.data.pack import Pack
from smartmask.data.pairs import make_pair
from smartmask.frame import BOX_SIDE
from smartmask.geometry import mask_iou
from smartmask.models.presets import load_component
from smartmask.models.prior import GEOMETRY, GUIDE_CELLS, PriorConfig, ShapeAsk, ShapePrior
from smartmask.models.text import TextEncoder
from smartmask.train.cli import app
from smartmask.train.prior import (
    LEVELS,
    PriorTrainConfig,
    draw_samples,
    kept_samples,
    prior_loss,
    prior_sample,
    train_prior,
)


def config(**changes: Any) -> PriorTrainConfig:
    settings = {"preset": "tiny", "samples": 300, "steps": 60, "batch": 64, "learning_rate": 3e-3, "warmup": 5,
                "ema": 0.9, "workers": 0, "precision": "no", "save_every": 1000, "sample_every": 1000}  # fmt: skip
    return PriorTrainConfig(**{**settings, **changes})


@pytest.fixture(scope="module")
def text(text_folder: Path) -> TextEncoder:
    return TextEncoder.from_pretrained(text_folder)


def test_a_sample_of_an_exact_box(pack: Pack, text: TextEncoder) -> None:
    scene = pack[0].scene
    index = next(i for i, layer in enumerate(scene.layers) if layer.name == "ball")
    pair = make_pair(scene, index, np.random.default_rng(1), kind="none")
    sample = prior_sample(pair, text, np.random.default_rng(0))
    shape = sample["shape"].reshape(BOX_SIDE, BOX_SIDE)
    x, y = np.meshgrid(np.arange(BOX_SIDE) + 0.5, np.arange(BOX_SIDE) + 0.5)
    disk = (x - 32) ** 2 + (y - 32) ** 2 <= 32**2
    assert mask_iou(shape > 0, disk) > 0.85  # an ellipse, a little bent by the augmentation
    assert sample["geometry"].shape == (GEOMETRY,)
    assert sample["rough"] == 0
    assert not sample["guide"].any()
    np.testing.assert_array_equal(sample["object"], text.encode("ball"))


@pytest.mark.parametrize("kind", ["blob", "scribble", "mask"])
def test_a_sample_of_a_rough_guide_knows_the_box(pack: Pack, text: TextEncoder, kind: str) -> None:
    scene = pack[0].scene
    index = next(i for i, layer in enumerate(scene.layers) if layer.name == "ball")
    pair = make_pair(scene, index, np.random.default_rng(6), kind=kind)
    sample = prior_sample(pair, text, np.random.default_rng(0))
    assert sample["rough"] == 1
    assert sample["guide"].any()
    assert sample["extent_guide"].shape == (GUIDE_CELLS**2,)
    x0, y0, x1, y1 = pair.guides[0].extent(*[round(v) for v in (pair.view.photo[3] - pair.view.photo[1],
                                                                pair.view.photo[2] - pair.view.photo[0])])  # fmt: skip
    half = max(x1 - x0, y1 - y0) / 2
    back = [(x0 + x1) / 2 + sample["edges"][0] * half, (y0 + y1) / 2 + sample["edges"][3] * half]
    assert back == pytest.approx([pair.box[0], pair.box[3]], abs=1e-3)


def test_drawn_samples(pack: Pack, text: TextEncoder) -> None:
    samples = draw_samples(pack, text, config(samples=70))
    assert {len(value) for value in samples.values()} == {70}
    assert samples["shape"].dtype == torch.int8
    assert 0.2 < samples["rough"].mean() < 0.5
    assert (samples["shape"] > 0).float().mean() > 0.3


def test_the_loss_of_a_perfect_prediction_is_none() -> None:
    class Oracle(torch.nn.Module):
        def __init__(self, clean: torch.Tensor) -> None:
            super().__init__()
            self.clean = clean

        def forward(self, noisy: torch.Tensor, time: torch.Tensor, ask: ShapeAsk, keep: torch.Tensor) -> torch.Tensor:
            return self.clean

        def guess_box(self, ask: ShapeAsk) -> tuple[torch.Tensor, torch.Tensor]:
            return torch.zeros(len(ask), 4), torch.zeros(len(ask), 4)

    clean = torch.randn(6, 16)
    batch = {"clean": clean, "object": torch.randn(6, 128), "geometry": torch.zeros(6, GEOMETRY),
             "guide": torch.zeros(6, GUIDE_CELLS**2), "extent_geometry": torch.zeros(6, GEOMETRY),
             "extent_guide": torch.zeros(6, GUIDE_CELLS**2), "edges": torch.ones(6, 4),
             "rough": torch.tensor([0.0, 0, 0, 1, 1, 1])}  # fmt: skip
    loss = prior_loss(Oracle(clean), batch, torch.ones(16), config())
    torch.testing.assert_close(loss, torch.tensor([0.0, 0, 0, 0.1, 0.1, 0.1]))  # 0.05 * 4 edges * 1 / 2
    assert (prior_loss(Oracle(clean + 1), batch, torch.ones(16), config()) > loss + 0.9).all()


def test_a_run_learns_and_goes_on(pack: Pack, text_folder: Path, tmp_path: Path) -> None:
    folder = train_prior(pack.path, text_folder, tmp_path / "short", config(steps=1))
    first = load_component(folder, ShapePrior, PriorConfig).eval()
    folder = train_prior(pack.path, text_folder, tmp_path / "long", config(steps=120))
    trained = load_component(folder, ShapePrior, PriorConfig).eval()

    samples = draw_samples(pack, TextEncoder.from_pretrained(text_folder), config(samples=200), split="dev")
    clean = trained.to_components(samples["shape"].float() / LEVELS)
    batch = {**samples, "clean": clean, "rough": samples["rough"] * 0}
    losses = []
    for network in (first, trained):
        torch.manual_seed(0)
        losses.append(prior_loss(network, batch, torch.ones(16), config()).mean().item())
    assert losses[1] < 0.6 * losses[0]

    again = train_prior(pack.path, text_folder, tmp_path / "short", config(steps=30))  # resumes after one step
    assert not torch.equal(load_component(again, ShapePrior, PriorConfig).head.weight, first.head.weight)


def test_samples_are_kept_and_drawn_again_for_another_recipe(pack: Pack, text: TextEncoder, tmp_path: Path) -> None:
    first = kept_samples(pack, text, config(samples=40), tmp_path)
    stamp = (tmp_path / "samples.safetensors").stat().st_mtime_ns
    again = kept_samples(pack, text, config(samples=40), tmp_path)
    assert (tmp_path / "samples.safetensors").stat().st_mtime_ns == stamp
    assert all(torch.equal(first[key], again[key]) for key in first)
    other = kept_samples(pack, text, config(samples=40, seed=1), tmp_path)
    assert not torch.equal(first["shape"], other["shape"])
    assert [path.name for path in tmp_path.iterdir()] == ["samples.safetensors"]


def test_no_source(pack: Pack, text_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no object to train on"):
        train_prior(pack.path, text_folder, tmp_path / "out", config(sources=["idd"]))


def test_the_command(pack: Pack, tmp_path: Path) -> None:
    line = ["prior", "--data", str(pack.path), "--out", str(tmp_path), "--preset", "tiny", "--samples", "80",
            "--steps", "3", "--batch", "16", "--workers", "0", "--precision", "no"]  # fmt: skip
    done = CliRunner().invoke(app, line)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "prior" / "model.safetensors").is_file()
