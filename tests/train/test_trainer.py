"""The training loop on a toy: schedule, average, optimisers, stopping, and resuming as if nothing had happened."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from smartmask.train import checkpoint
from smartmask.train.trainer import Average, Batch, LoopConfig, Run, adam, make_accelerator, rate


class Toy(nn.Module):
    """A regression: a hidden layer and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(4, 4)
        self.head = nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.tanh(self.hidden(x)))


def config(**changes: Any) -> LoopConfig:
    settings = {"steps": 8, "batch": 16, "learning_rate": 1e-2, "warmup": 2, "precision": "no", "save_every": 3}
    return LoopConfig(**{**settings, **changes})


def batches(start: int, stop: int | None = None) -> Iterator[Batch]:
    """Batches that depend on their number alone; KeyboardInterrupt at number ``stop``."""
    number = start
    while number != stop:
        x = torch.randn(16, 4, generator=torch.Generator().manual_seed(number))
        yield {"x": x, "y": x.mean(1, keepdim=True)}
        number += 1
    raise KeyboardInterrupt


def squares(network: nn.Module, batch: Batch) -> torch.Tensor:
    return ((network(batch["x"]) - batch["y"]) ** 2).flatten(1).mean(1)


def start(out: Path, settings: LoopConfig) -> Run:
    return Run(make_accelerator(settings, out), Toy(), settings, out)


def fit(out: Path, settings: LoopConfig, stop: int | None = None) -> Run:
    run = start(out, settings)
    run.loop(batches(run.state["step"], stop), squares)
    return run


def state(run: Run) -> dict[str, torch.Tensor]:
    """Everything a run has learnt: weights, average, optimisers."""
    learnt = {f"network.{k}": v for k, v in run.network.state_dict().items()}
    learnt |= {f"average.{k}": v for k, v in run.average.network.state_dict().items()}
    learnt |= checkpoint.flatten_optimizer(run.optim.optimizer, "optimizer")
    return learnt


# --- parts -----------------------------------------------------------------------------------------


def test_the_rate_rises_stays_and_falls() -> None:
    settings = LoopConfig(warmup=10, decay=0.25)
    assert [rate(settings, step, 0) for step in (0, 4, 9, 500)] == [0.1, 0.5, 1, 1]
    assert [rate(settings, 500, progress) for progress in (0.5, 0.75, 0.875, 1, 1.2)] == [1, 1, 0.5, 0, 0]
    assert rate(LoopConfig(warmup=0), 0, 0) == 1


def test_the_average_trails_the_weights() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 0)
    average = Average(network, decay=0.9)
    nn.init.constant_(network.weight, 1)
    average.update(network, 1)
    assert average.network.weight.item() == pytest.approx(1 - 2 / 11)  # in the beginning it moves fast
    before = average.network.weight.item()
    average.update(network, 10_000)
    assert average.network.weight.item() == pytest.approx(0.9 * before + 0.1)
    assert not average.network.weight.requires_grad
    assert not average.network.training
    assert network.weight.item() == 1


def test_every_weight_is_optimised() -> None:
    network = Toy()
    held = [id(p) for group in adam(network, LoopConfig()).param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in network.parameters())


# --- runs ------------------------------------------------------------------------------------------


def test_it_learns(tmp_path: Path) -> None:
    settings = config(steps=60, save_every=1000, ema=0.9, learning_rate=3e-2)
    held_out = next(batches(9999))
    run = start(tmp_path, settings)
    before = squares(run.network, held_out).mean().item()
    average = run.loop(batches(0), squares)
    assert squares(average, held_out).mean().item() < 0.5 * before
    assert average is run.average.network
    assert run.state["step"] == 60
    assert run.state["samples"] == 60 * 16
    assert any((tmp_path / "log").rglob("events.out.tfevents*"))


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Weights, average and optimisers to the bit, as samples here depend on the step alone."""
    whole = fit(tmp_path / "whole", config())
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "parts", config(), stop=5)  # saved at 3
    assert "Resuming" not in capsys.readouterr().out
    parts = fit(tmp_path / "parts", config())
    assert "Resuming at step 3." in capsys.readouterr().out
    assert parts.state["step"] == whole.state["step"] == 8
    assert parts.state["samples"] == whole.state["samples"]
    one, two = state(whole), state(parts)
    assert one.keys() == two.keys()
    assert len(one) > 12
    for name in one:
        assert torch.equal(one[name], two[name]), name


def test_a_finished_run_does_nothing_more(tmp_path: Path) -> None:
    once = fit(tmp_path, config())
    again = start(tmp_path, config())
    again.loop(batches(0, stop=0), squares)  # would be interrupted if it asked for a sample
    for name, value in state(once).items():
        assert torch.equal(value, state(again)[name]), name


def test_a_damaged_checkpoint_is_told_and_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = fit(tmp_path, config())
    (tmp_path / "checkpoints" / "step_00000008" / "state.safetensors").write_bytes(b"broken")
    again = fit(tmp_path, config())
    printed = capsys.readouterr().out
    assert "step_00000008 is damaged" in printed
    assert "Resuming at step 6." in printed
    for name, value in state(whole).items():
        assert torch.equal(value, state(again)[name]), name


def test_checkpoints_come_in_time_and_at_the_end(tmp_path: Path) -> None:
    fit(tmp_path, config())
    names = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert names == ["step_00000003", "step_00000006", "step_00000008"]
    found = checkpoint.load_latest(tmp_path / "checkpoints")
    assert found is not None
    assert found[1]["config"]["learning_rate"] == 1e-2
    assert found[1]["seconds"] > 0


def test_a_time_budget_ends_the_run(tmp_path: Path) -> None:
    run = fit(tmp_path, config(steps=10_000_000, minutes=1e-9), stop=0)
    assert run.state["step"] == 0
    run = start(tmp_path / "other", config(steps=10, minutes=60))
    run.started -= 1800  # half an hour is gone
    assert run.progress() == pytest.approx(0.5, abs=0.01)
    run.state["step"] = 9
    assert run.progress() == 0.9


def test_a_watcher_sees_the_average(tmp_path: Path) -> None:
    seen: list[tuple[bool, int]] = []
    run = start(tmp_path, config(sample_every=4))

    def watch(network: nn.Module, step: int) -> dict[str, float]:
        seen.append((network is run.average.network, step))
        return {"figure": 1.0}

    run.loop(batches(0), squares, watch)
    assert seen == [(True, 4), (True, 8)]


def test_rates_reach_the_optimiser(tmp_path: Path) -> None:
    run = start(tmp_path, config(warmup=4))
    with pytest.raises(KeyboardInterrupt):
        run.loop(batches(0, stop=2), squares)
    assert run.optim.param_groups[0]["lr"] == pytest.approx(5e-3)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path, value: float) -> None:
    run = start(tmp_path, config())
    with pytest.raises(ValueError, match=rf"The loss is {value} at step 0; lower the learning rate"):
        run.loop(batches(0), lambda network, batch: squares(network, batch) * value)
    assert all(parameter.isfinite().all() for parameter in run.network.parameters())
    assert checkpoint.load_latest(tmp_path / "checkpoints") is None
