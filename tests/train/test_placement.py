"""Training of placement and order: their samples and losses, real tiny runs, and all commands to a pipeline."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from drawn import block
from torch import nn
from typer.testing import CliRunner

from smartmask.data.pack import Pack, write_pack
from smartmask.data.registry import Record
from smartmask.geometry import mask_box
from smartmask.models.outline import OutlineNetwork
from smartmask.models.place_fit import FitConfig, FitNetwork
from smartmask.models.placement import PAIR, OrderConfig, OrderNetwork, PlacementConfig, PlacementNetwork
from smartmask.models.presets import OUTLINE_PRESETS, PRIOR_PRESETS, SHAPE_PRESETS, load_component, save_component
from smartmask.models.prior import ShapePrior
from smartmask.models.shape import ShapeNetwork
from smartmask.models.text import TextEncoder
from smartmask.pipelines.mask import SmartMaskPipeline
from smartmask.scene import Layer, Scene
from smartmask.train.cli import app
from smartmask.train.dataset import find_targets
from smartmask.train.mask import name_table
from smartmask.train.place_samples import draw_places, place_batches
from smartmask.train.placement import (
    PlacementTrainConfig,
    order_table,
    ordered_pairs,
    placement_loss,
    train_order,
    train_placement,
)


@pytest.fixture(scope="module")
def text(text_folder: Path) -> TextEncoder:
    return TextEncoder.from_pretrained(text_folder)


def config(**changes: Any) -> PlacementTrainConfig:
    settings = {"steps": 20, "batch": 8, "samples": 200, "learning_rate": 1e-3, "warmup": 5, "ema": 0.8, "workers": 0,
                "precision": "no", "save_every": 1000, "sample_every": 1000}  # fmt: skip
    return PlacementTrainConfig(**{**settings, **changes})


# --- the loss --------------------------------------------------------------------------------------


class Known(PlacementNetwork):
    """Says that the centre is in one cell with log-probability ``peak``, and sizes as it was initialised."""

    def __init__(self, cell: int, peak: float = -0.01) -> None:
        torch.manual_seed(0)
        super().__init__(PlacementConfig(width=8, depth=1, heads=1, cells=8))
        self.cell, self.peak = cell, peak

    def forward(self, ids: torch.Tensor, *rest: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        log = torch.full((len(ids), 64), -8.0)
        log[:, self.cell] = self.peak
        return log, torch.zeros(len(ids), 64, 16)


def loss_at(box: tuple[float, float, float, float], cell: int) -> float:
    batch = {"ids": torch.zeros(1, 1), "flags": None, "object": None, "context": None, "box": torch.tensor([box])}
    with torch.no_grad():
        return placement_loss(Known(cell), batch, torch.zeros(1)).item()  # type: ignore[arg-type]


def test_the_true_cell_costs_least() -> None:
    """The centre (0.69, 0.31) is in column 5, row 2; a miss by one cell costs less than one by far."""
    box = (0.59, 0.21, 0.79, 0.41)
    costs = [loss_at(box, cell) for cell in range(64)]
    assert int(np.argmin(costs)) == 2 * 8 + 5
    assert costs[2 * 8 + 4] < costs[2 * 8 + 1]


def test_a_centre_beyond_the_frame_is_pulled_to_its_rim() -> None:
    costs = [loss_at((0.9, -0.3, 1.4, 0.1), cell) for cell in range(64)]
    assert np.isfinite(costs).all()
    assert int(np.argmin(costs)) == 7


def test_sizes_are_learnt() -> None:
    """Gradient descent on one box makes its log density rise, and the network's own boxes of that size."""
    network = Known(27)
    batch = {"ids": torch.zeros(1, 1), "flags": None, "object": None, "context": None,
             "box": torch.tensor([[0.3375, 0.1875, 0.5375, 0.6875]])}  # fmt: skip
    optimizer = torch.optim.Adam(network.size.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        placement_loss(network, batch, torch.zeros(1)).backward()  # type: ignore[arg-type]
        optimizer.step()
    uniforms = torch.rand(50, 10, generator=torch.Generator().manual_seed(0))
    boxes, _ = network.place(torch.log_softmax(torch.eye(64)[27] * 50, 0), torch.zeros(64, 16), uniforms)
    np.testing.assert_allclose(np.median(boxes[:, 2:] - boxes[:, :2], axis=0), (0.2, 0.5), rtol=0.15)


# --- order -----------------------------------------------------------------------------------------


def pairs_of(*layers: tuple[np.ndarray, bool]) -> list[tuple[int, int]]:
    scene = Scene(60, 60, tuple(Layer("dog", mask, thing) for mask, thing in layers))
    return ordered_pairs(scene, [mask_box(layer.mask) for layer in scene.layers])


def square(x: int, y: int, size: int = 20) -> np.ndarray:
    return block(60, 60, x, y, x + size, y + size)


def test_who_holds_the_common_ground_is_in_front() -> None:
    one, two = square(5, 5), square(15, 15)
    assert pairs_of((one & ~two, True), (two, True)) == [(1, 0)]
    assert pairs_of((one, True), (two & ~one, True)) == [(0, 1)]
    shared = block(60, 60, 15, 15, 20, 25)
    assert pairs_of(((one & ~two) | shared, True), (two & ~shared, True)) == []  # half and half: nobody knows


def test_of_whole_masks_the_layers_own_order_tells() -> None:
    assert pairs_of((square(5, 5), True), (square(15, 15), True)) == [(1, 0)]


def test_only_things_that_meet_are_compared() -> None:
    assert pairs_of((square(5, 5), True), (square(35, 35), True)) == []
    assert pairs_of((square(5, 5), True), (square(15, 15), False)) == []
    assert pairs_of((square(5, 5), True), (np.zeros((60, 60), dtype=bool), True)) == []


def test_the_table_of_pairs(pack: Pack, text: TextEncoder) -> None:
    table = order_table(pack, "dev", text)
    count = len(table["front"])
    assert count == 2 * 4  # a dog before a cat in each of the four, both ways round
    assert table["pair"].shape == (count, PAIR)
    assert table["front"].tolist() == [1, 0] * 4
    np.testing.assert_array_equal(table["new"][0], text.encode("dog"))
    np.testing.assert_array_equal(table["other"][0], text.encode("cat"))
    np.testing.assert_array_equal(table["new"][1], text.encode("cat"))
    with pytest.raises(ValueError, match="no two things of known depth in its test split"):
        order_table(pack, "test", text)


def test_composed_pairs_follow_the_lower_edge(pack: Pack, text: TextEncoder) -> None:
    plain = order_table(pack, "train", text)
    table = order_table(pack, "train", text, composed=60, seed=1)
    known = len(plain["front"])
    assert len(table["front"]) > known
    torch.testing.assert_close(table["pair"][:known], plain["pair"])
    added = table["pair"][known:, 0], table["front"][known:] > 0.5
    level = added[0].abs() < 1e-6
    assert ((added[0] > 0) == added[1])[~level].all()
    again = order_table(pack, "train", text, composed=60, seed=1)
    torch.testing.assert_close(again["pair"], table["pair"])


# --- runs ------------------------------------------------------------------------------------------


def test_a_placement_run_learns(pack: Pack, text: TextEncoder, text_folder: Path, tmp_path: Path) -> None:
    folder = train_placement(pack.path, text_folder, tmp_path, config())
    assert folder == tmp_path / "placement"
    trained = load_component(folder, PlacementNetwork, PlacementConfig).eval()
    torch.manual_seed(0)
    untrained = PlacementNetwork(PlacementConfig()).eval()
    targets = find_targets(pack, "dev", ("voc", "coco_panoptic"))
    unseen = draw_places(pack, targets, text, config(samples=16, seed=99))
    batch = next(place_batches(unseen, config(batch=16), 0))
    _, vectors = name_table(pack, text)
    with torch.no_grad():
        before, after = (placement_loss(each, batch, vectors).mean().item() for each in (untrained, trained))
    assert after < before - 0.3


def test_an_order_run_tells_dogs_from_cats(pack: Pack, text_folder: Path, tmp_path: Path) -> None:
    figures = train_order(pack.path, text_folder, tmp_path, steps=60)
    assert figures["pairs"] == 8
    assert set(figures) == {"pairs", "order", "lower_edge", "smaller"}
    assert figures["order"] == 1  # here the dog is always in front
    network = load_component(tmp_path / "order", OrderNetwork, OrderConfig)
    assert isinstance(network, nn.Module)


def test_things_of_unknown_depth(text_folder: Path, tmp_path: Path) -> None:
    apart = Scene(60, 60, (Layer("dog", square(2, 2)), Layer("cat", square(35, 35))))
    write_pack([Record(key, "voc", apart) for key in ("9", "25")], tmp_path / "apart.parquet")
    with pytest.raises(ValueError, match=r"apart\.parquet has no two things of known depth in its train split"):
        train_order(tmp_path / "apart.parquet", text_folder, tmp_path, steps=1)
    assert not (tmp_path / "order").exists()


def test_from_components_to_a_pipeline(pack: Pack, tmp_path: Path) -> None:
    """``order`` and ``placement`` train, ``bundle`` joins them to a mask network, and the pipeline draws."""
    runner, data = CliRunner(), ["--data", str(pack.path)]
    result = runner.invoke(app, ["order", *data, "--out", str(tmp_path), "--steps", "5"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["pairs"] == 8
    line = ["placement", *data, "--out", str(tmp_path), "--steps", "1", "--batch", "2", "--samples", "4",
            "--precision", "no"]  # fmt: skip
    result = runner.invoke(app, line)
    assert result.exit_code == 0, result.output
    assert f"Trained: {tmp_path / 'placement'}" in result.stdout
    shape = ShapeNetwork(replace(SHAPE_PRESETS["tiny"], depth=1))
    save_component(tmp_path / "shape", shape, shape.config)
    prior = ShapePrior(PRIOR_PRESETS["tiny"])
    save_component(tmp_path / "prior", prior, prior.config)
    outline = OutlineNetwork(OUTLINE_PRESETS["tiny"])
    save_component(tmp_path / "outline", outline, outline.config)
    fit = FitNetwork(FitConfig())
    save_component(tmp_path / "fit", fit, fit.config)
    names = ("shape", "prior", "outline", "placement", "order", "fit")
    parts = [part for name in names for part in (f"--{name}", str(tmp_path / name))]
    result = runner.invoke(app, ["bundle", *parts, "--out", str(tmp_path / "whole")])
    assert result.exit_code == 0, result.output
    pipeline = SmartMaskPipeline.from_pretrained(tmp_path / "whole")
    out = pipeline(pack[0].scene, "dog", num_masks=2, num_inference_steps=1, generator=0)
    assert out.masks.shape == (2, 96, 128)
