"""Training of the outline network: what the critic learns, what stays, and a real tiny run that stops and goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator

from smartmask.data.pack import Pack
from smartmask.frame import BOX_SIDE
from smartmask.models.outline import OutlineConfig, OutlineNetwork
from smartmask.models.presets import load_component, prior_preset, save_component
from smartmask.models.prior import GEOMETRY, ShapePrior
from smartmask.pipelines.shapes import Defaults
from smartmask.train.loop import Batch
from smartmask.train.outline import LAZY, Critic, Duel, OutlineTrainConfig, batches, drawn_by, train_outline
from smartmask.train.prior import LEVELS


def config(**changes: Any) -> OutlineTrainConfig:
    settings = {"preset": "tiny", "samples": 120, "steps": 6, "batch": 8, "warmup": 1, "workers": 0,
                "precision": "no", "save_every": 3}  # fmt: skip
    return OutlineTrainConfig(**{**settings, **changes})


def jagged_and_round(count: int) -> Batch:
    """Real shapes are discs with teeth, told by name and geometry alike."""
    grid = torch.linspace(-1, 1, BOX_SIDE)
    y, x = torch.meshgrid(grid, grid, indexing="ij")
    teeth = 0.9 + 0.1 * torch.sign(torch.sin(14 * torch.atan2(y, x)))
    shape = ((teeth - torch.sqrt(x**2 + y**2)) * 4).clamp(-1, 1).flatten()
    return {
        "shape": (shape * LEVELS).round().to(torch.int8).expand(count, -1).contiguous(),
        "object": torch.ones(count, 128) / 11,
        "geometry": torch.zeros(count, GEOMETRY),
        "guide": torch.zeros(count, 256, dtype=torch.uint8),
    }


@pytest.fixture
def prior() -> ShapePrior:
    """One that knows discs: the mean shape, and components that change little."""
    built = ShapePrior(prior_preset("tiny")).eval()
    grid = torch.linspace(-1, 1, BOX_SIDE)
    y, x = torch.meshgrid(grid, grid, indexing="ij")
    with torch.no_grad():
        built.mean.copy_(((0.9 - torch.sqrt(x**2 + y**2)) * 4).clamp(-1, 1).flatten())
        built.basis.copy_(torch.linalg.qr(torch.randn(BOX_SIDE**2, 16))[0].T)
        built.scale.fill_(0.5)
    return built


def test_each_side_learns_against_the_other(prior: ShapePrior, tmp_path: Path) -> None:
    """A critic learns to tell discs from toothed ones; the network then learns to pass, and keeps the coarse shape."""
    torch.manual_seed(0)
    samples = jagged_and_round(64)
    drawn = drawn_by(prior, samples, Defaults(), seed=0)
    duel = Duel(Accelerator(cpu=True), prior, config(learning_rate=0.0, critic_rate=2e-3), tmp_path)
    source = batches(samples, drawn, duel.config, 0)
    first = [duel.step(next(source), 1.0) for _ in range(25)]
    assert first[-1]["critic"] < 1.0, "one that knows nothing stands at 1.39"
    duel.config.learning_rate, duel.config.critic_rate = 2e-3, 0.0
    second = [duel.step(next(source), 1.0) for _ in range(25)]
    assert second[-1]["fooled"] < 0.7 * second[0]["fooled"]
    assert second[-1]["coarse"] < 0.02


def test_the_critic_sees_shape_and_name() -> None:
    torch.manual_seed(0)
    critic = Critic()
    shapes, told, place = torch.randn(2, BOX_SIDE, BOX_SIDE), torch.randn(2, 128), torch.randn(2, GEOMETRY)
    scores = critic(shapes, told, place)
    assert scores.shape == (2,)
    assert not torch.allclose(scores, critic(shapes.flip(2), told, place))
    assert not torch.allclose(scores, critic(shapes, told.flip(0), place))


def test_the_replay_is_bounded(prior: ShapePrior, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smartmask.train.outline.REPLAY", 24)
    samples = jagged_and_round(16)
    duel = Duel(Accelerator(cpu=True), prior, config(), tmp_path)
    source = batches(samples, samples["shape"], duel.config, 0)
    for _ in range(LAZY):
        duel.step(next(source), 1.0)
    assert sum(len(part) for part in duel.replay[::3]) == 24


def test_a_run_stops_and_goes_on(pack: Pack, text_folder: Path, tmp_path: Path) -> None:
    prior = ShapePrior(prior_preset("tiny"))
    save_component(tmp_path / "prior", prior, prior.config)
    out = tmp_path / "run"
    train_outline(pack.path, text_folder, tmp_path / "prior", out, config(steps=3))
    folder = train_outline(pack.path, text_folder, tmp_path / "prior", out, config())
    assert sorted(path.name for path in (out / "checkpoints").iterdir()) == ["step_00000003", "step_00000006"]
    assert isinstance(load_component(folder, OutlineNetwork, OutlineConfig), OutlineNetwork)


def test_a_loss_that_is_no_number(prior: ShapePrior, tmp_path: Path) -> None:
    samples = jagged_and_round(16)
    duel = Duel(Accelerator(cpu=True), prior, config(), tmp_path)
    with torch.no_grad():
        duel.network.outlet.bias.fill_(float("nan"))  # type: ignore[union-attr]
    with pytest.raises(ValueError, match="loss is nan at step 0; lower the learning rate"):
        duel.step(next(batches(samples, samples["shape"], duel.config, 0)), 1.0)
