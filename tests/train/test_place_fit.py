"""Training of the fit network: its contrasts, its samples, and a real tiny run that learns the ground."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn import block
from typer.testing import CliRunner

from smartmask.data.pack import Pack, write_pack
from smartmask.data.registry import Record
from smartmask.data.splits import split_of
from smartmask.models.place_fit import FitConfig, FitNetwork
from smartmask.models.presets import load_component
from smartmask.models.text import TextEncoder
from smartmask.scene import Layer, Scene
from smartmask.train.cli import app
from smartmask.train.dataset import find_targets
from smartmask.train.loop import Batch
from smartmask.train.mask import name_table
from smartmask.train.place_fit import Contrasts, FitTrainConfig, batches, fit_loss, train_fit
from smartmask.train.place_samples import draw_places

TRAIN = [str(n) for n in range(400) if split_of(str(n)) == "train"]
DEV = [str(n) for n in range(400) if split_of(str(n)) == "dev"]


@pytest.fixture(scope="module")
def text(text_folder: Path) -> TextEncoder:
    return TextEncoder.from_pretrained(text_folder)


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """Grass on one half of each picture, chosen by chance, water on the other; dogs on the grass alone."""
    rng = np.random.default_rng(0)
    records = []
    for key in [*TRAIN[:60], *DEV[:20]]:
        left = bool(rng.random() < 0.5)
        start = 0 if left else 64
        x, y = start + int(rng.integers(4, 40)), int(rng.integers(30, 60))
        dog = block(96, 128, x, y, x + 18, y + 14)
        grass = block(96, 128, start, 0, start + 64, 96)
        layers = (Layer("water", ~grass, False), Layer("grass", grass & ~dog, False), Layer("dog", dog))
        records.append(Record(key, "coco_panoptic", Scene(96, 128, layers)))
    path = tmp_path_factory.mktemp("fields") / "pack.parquet"
    write_pack(records, path)
    return Pack(path)


def config(**changes: int | float) -> FitTrainConfig:
    settings = {"samples": 200, "steps": 150, "workers": 0, "warmup": 5, "ema": 0.9, "contrasts": 7}
    return FitTrainConfig(**{**settings, **changes})  # type: ignore[arg-type]


def samples_of(pack: Pack, text: TextEncoder, split: str, count: int = 60) -> Batch:
    return draw_places(pack, find_targets(pack, split, ("coco_panoptic",)), text, config(samples=count, seed=5))


def test_contrasts_are_boxes_of_the_name() -> None:
    boxes = torch.tensor([[0.1, 0.1, 0.2, 0.2]] * 5 + [[0.4, 0.4, 0.9, 0.9]] * 5 + [[0.0, 0.0, 1.0, 1.0]])
    names = torch.tensor([0] * 5 + [1] * 5 + [2])
    order = torch.randperm(11, generator=torch.Generator().manual_seed(0))
    contrasts = Contrasts({"box": boxes[order], "name": names[order]})
    photos = np.array([[0.0, 0.0, 1.0, 1.0]] * 2)
    drawn = contrasts.draw(np.array([0, 1]), photos, 400, np.random.default_rng(0))
    assert drawn.shape == (2, 400, 4)
    sizes = np.median(drawn[..., 2:] - drawn[..., :2], axis=1)
    np.testing.assert_allclose(sizes, [[0.1, 0.1], [0.5, 0.5]], rtol=0.1)
    assert drawn.min() >= 0
    assert drawn.max() <= 1
    rare = contrasts.draw(np.array([2]), photos[:1], 400, np.random.default_rng(0))[0]
    assert np.median(rare[:, 2] - rare[:, 0]) < 0.7, "one box is no class: boxes of all names stand beside it"


def test_batches_hold_the_real_box_first(fields: Pack, text: TextEncoder) -> None:
    samples = samples_of(fields, text, "train", 30)
    batch = next(batches(samples, config(batch=8), 0))
    assert batch["boxes"].shape == (8, 8, 4)
    torch.testing.assert_close(batch["boxes"][:, 0], batch["box"], atol=1e-6, rtol=0)
    one, two, later = (next(batches(samples, config(batch=8), step)) for step in (0, 0, 3))
    torch.testing.assert_close(one["boxes"], two["boxes"])
    assert not torch.equal(one["boxes"], later["boxes"])


def test_a_run_learns_where_dogs_stand(fields: Pack, text: TextEncoder, text_folder: Path, tmp_path: Path) -> None:
    """On unseen pictures the box on grass is told from boxes of other pictures far better than by chance."""
    folder = train_fit(fields.path, text_folder, tmp_path, config())
    assert folder == tmp_path / "fit"
    network = load_component(folder, FitNetwork, FitConfig).eval()
    _, vectors = name_table(fields, text)
    with torch.no_grad():
        some = islice(batches(samples_of(fields, text, "dev"), config(batch=60), 0), 4)
        losses = torch.cat([fit_loss(network, batch, vectors) for batch in some])
    assert losses.mean() < np.log(8) - 0.4


def test_the_command(fields: Pack, tmp_path: Path) -> None:
    line = [
        "fit",
        "--data",
        str(fields.path),
        "--out",
        str(tmp_path),
        "--samples",
        "20",
        "--steps",
        "2",
        "--batch",
        "4",
    ]
    result = CliRunner().invoke(app, [*line, "--workers", "0"])
    assert result.exit_code == 0, result.output
    assert f"Trained: {tmp_path / 'fit'}" in result.stdout
    assert (tmp_path / "fit" / "model.safetensors").is_file()
