"""The trainer on a toy: average, stopping, keeping, and resuming as if nothing had happened."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from toy_training import Toy, make, plain, settings, squares, toy

from smartmask.errors import BusyError
from smartmask.train import checkpoint
from smartmask.train.schedules import OneCycle, Plateau
from smartmask.train.task import Batch, Losses, Sample, Samples, Stream, Tensors
from smartmask.train.trainer import Trainer

SCRIPT = Path(__file__).parents[1] / "toy_training.py"


def fit(out: Path | None, task: Any = None, **changes: Any) -> Trainer:
    run = Trainer(task or toy(), settings(**changes), out)
    run.fit()
    return run


def state(run: Trainer) -> dict[str, torch.Tensor]:
    """Everything a run has learnt: weights, average, optimiser."""
    learnt = {f"network.{k}": v for k, v in run.network.state_dict().items()}
    if run.average is not None:
        learnt |= {f"average.{k}": part.local for k, part in run.average.parts.items()}
    return learnt | {k: part.local for k, part in checkpoint.optimizer_parts(run.optimizer, "optimizer").items()}


def assert_same(one: Trainer, two: Trainer) -> None:
    left, right = state(one), state(two)
    assert left.keys() == right.keys()
    assert len(left) > 12
    for name, value in left.items():
        assert torch.equal(value, right[name]), name
    assert one.figures == two.figures


def stopping(calls: int) -> Any:
    """The toy's loss, interrupted at a call."""
    count = 0

    def loss(network: nn.Module, batch: Tensors) -> Losses:
        nonlocal count
        count += 1
        if count == calls:
            raise KeyboardInterrupt
        return squares(network, batch)

    return loss


# --- parts -----------------------------------------------------------------------------------------


def test_groups_have_rates_of_their_own() -> None:
    network = Toy()
    groups = [{"params": network.hidden.parameters()}, {"params": network.head.parameters(), "lr": 5.0}]
    run = Trainer(replace(toy(), network=network, groups=groups), settings(), None)
    run._one_step(0.0)
    assert [group["lr"] for group in run.optimizer.param_groups] == pytest.approx([5e-3, 2.5e-2])  # half warm


# --- runs ------------------------------------------------------------------------------------------


def test_it_learns(tmp_path: Path) -> None:
    def error(network: nn.Module) -> float:
        batch = make(np.random.default_rng(99), 0).tensors
        return (network(batch["x"]) - batch["y"]).square().mean().item()

    task = toy(loss=lambda network, b: {"loss": (network(b["x"]) - b["y"]).square().mean()})
    before = error(task.network.eval())
    run = Trainer(task, settings(steps=60, save_every=1000, learning_rate=3e-2), tmp_path)
    average = run.fit()
    assert error(average) < 0.5 * before
    assert average is run.network
    assert run.average is not None
    assert torch.equal(average.head.weight, run.average.parts["head.weight"].local)
    assert not average.training
    assert any((tmp_path / "log").rglob("events.out.tfevents*"))
    assert (tmp_path / "toy.safetensors").is_file()


def test_accumulated_batches_are_one_large_one() -> None:
    """Gradients of two batches of 16 are those of one of 32."""

    def double(rng: Any, number: int) -> Batch:
        parts = [make(np.random.default_rng([0, 0, 2 * number + i]), 0).tensors for i in (0, 1)]
        return Batch([], {key: torch.cat([part[key] for part in parts]) for key in ("x", "y")})

    small = fit(None, toy(loss=plain), accumulate=2, steps=3)
    large = fit(None, replace(toy(loss=plain), stream=Stream(double, 0)), steps=3)
    for one, two in zip(small.network.parameters(), large.network.parameters(), strict=True):
        assert torch.allclose(one, two, atol=1e-6)
    assert small.task.stream.position == 6


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_a_resumed_run_ends_where_an_uninterrupted_one_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], ema: float
) -> None:
    """Weights, average and optimiser to the bit, though dropout and three generators make noise."""
    whole = fit(tmp_path / "whole", ema=ema)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "parts", toy(loss=stopping(6)), ema=ema)  # saved at 3
    assert "Resuming" not in capsys.readouterr().out
    torch.manual_seed(123)  # whatever happened in between
    parts = fit(tmp_path / "parts", ema=ema)
    assert "Resuming at step 3." in capsys.readouterr().out
    assert parts.step == 8
    assert_same(whole, parts)
    weights = [(tmp_path / run / "toy.safetensors").read_bytes() for run in ("whole", "parts")]
    assert weights[0] == weights[1]


def test_looks_at_the_development_split_change_nothing(tmp_path: Path) -> None:
    seen: list[tuple[bool, int]] = []

    def look(network: nn.Module, step: int) -> dict[str, float]:
        seen.append((network.training, step))
        return {"figure": float(torch.rand(1))}

    looked = Trainer(toy(validate=look), settings(sample_every=4), tmp_path)
    looked.fit()
    assert seen == [(False, 4), (False, 8)]
    assert_same(looked, fit(None))  # which has a part that is left out by chance, in training alone


def test_a_finished_run_does_nothing_more(tmp_path: Path) -> None:
    once = fit(tmp_path)
    assert_same(once, fit(tmp_path, toy(loss=stopping(1))))


def test_a_finished_run_goes_on_if_its_rate_allows_it(tmp_path: Path) -> None:
    fit(tmp_path)
    assert fit(tmp_path, steps=10).step == 10
    with pytest.raises(ValueError, match=r"holds a run with steps 10, not 9; give that, or another --out"):
        fit(tmp_path, steps=9)
    fit(tmp_path / "cycle", toy(schedule=OneCycle()))
    with pytest.raises(ValueError, match=r"holds a run with steps 8, not 10"):
        fit(tmp_path / "cycle", toy(schedule=OneCycle()), steps=10)


def test_another_run_is_not_gone_on_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit(tmp_path)
    with pytest.raises(
        ValueError, match=r"holds a run with seed 0, not 1; give that, or another --out, or --no-resume"
    ):
        fit(tmp_path, seed=1)
    with pytest.raises(ValueError, match=r"holds a run with scenes None, not 7"):
        fit(tmp_path, toy(facts={"scenes": 7}))
    with pytest.raises(ValueError, match="holds the run of another network"):
        fit(tmp_path, replace(toy(), network=nn.Linear(4, 1)))
    anew = fit(tmp_path, seed=1, resume=False, steps=3)
    assert "Resuming" not in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "checkpoints" / "toy").iterdir()] == ["step_00000003"]
    assert anew.step == 3


def test_a_damaged_checkpoint_is_told_and_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = fit(tmp_path)
    (tmp_path / "checkpoints" / "toy" / "step_00000008" / "shard_00000_00000.safetensors").write_bytes(b"broken")
    again = fit(tmp_path)
    printed = capsys.readouterr().out
    assert "step_00000008 is damaged" in printed
    assert "Resuming at step 6." in printed
    assert_same(whole, again)


def test_checkpoints_come_in_time_and_at_the_end(tmp_path: Path) -> None:
    fit(tmp_path)
    names = sorted(path.name for path in (tmp_path / "checkpoints" / "toy").iterdir())
    assert names == ["step_00000003", "step_00000006", "step_00000008"]
    found = checkpoint.load_latest(tmp_path / "checkpoints" / "toy")
    assert found is not None
    assert found.meta["settings"]["learning_rate"] == 1e-2
    assert found.meta["seconds"] > 0


def test_frozen_weights_are_not_kept(tmp_path: Path) -> None:
    task = toy()
    task.network.hidden.requires_grad_(False)
    before = task.network.hidden.weight.clone()
    fit(tmp_path, task)
    found = checkpoint.load_latest(tmp_path / "checkpoints" / "toy")
    assert found is not None
    assert {name for name in found.names if "hidden" in name} == set()
    assert torch.equal(before, task.network.hidden.weight)
    again = toy()
    again.network.hidden.requires_grad_(False)
    assert fit(tmp_path, again).step == 8


def test_a_time_budget_ends_the_run(tmp_path: Path) -> None:
    assert fit(tmp_path, steps=10_000_000, minutes=1e-9).step == 0
    run = Trainer(toy(), settings(steps=10, minutes=60), tmp_path / "other")
    run.started -= 1800  # half an hour is gone
    assert run.progress == pytest.approx(0.5, abs=0.01)
    run.step = 9
    assert run.progress == 0.9


def test_without_a_folder_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    steps: list[int] = []
    run = Trainer(toy(), settings(), None, on_step=lambda: steps.append(run.step))
    run.fit()
    assert steps == list(range(1, 9))
    assert not list(tmp_path.iterdir())


# --- ends --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path, value: float) -> None:
    run = Trainer(toy(loss=lambda n, b: {"loss": squares(n, b)["loss"] * value}), settings(), tmp_path)
    with pytest.raises(ValueError, match=rf"The loss is {value} at step 0; lower the learning rate, or look at the"):
        run.fit()
    assert all(parameter.isfinite().all() for parameter in run.network.parameters())
    assert checkpoint.load_latest(tmp_path / "checkpoints" / "toy") is None
    told = json.loads((tmp_path / "bad_batch.json").read_text())
    assert told == {"task": "toy", "step": 0, "batches": [{"rank": 0, "loss": str(value), "ids": ["batch 0"]}]}


def test_what_needs_more_is_told() -> None:
    with pytest.raises(ValueError, match="One process alone has nobody to share weights with; leave --shard out"):
        fit(None, shard=True)
    with pytest.raises(
        ValueError, match="network of 'toy' has no blocks that can be recomputed; leave --gradient-check"
    ):
        fit(None, gradient_checkpointing=True)


def test_a_profile_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profiled = fit(tmp_path, profile=True, accumulate=2)
    assert_same(profiled, fit(None, accumulate=2))
    told = json.loads((tmp_path / "profile.json").read_text())
    assert told["samples_a_step"] == 32
    assert told["steps_measured"] == 6
    assert "32 samples (median of 6)" in capsys.readouterr().out


def test_half_precision_needs_a_gpu() -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ValueError, match="fp16 needs a GPU, and there is none; use bf16 or no"):
        fit(None, precision="fp16")


def test_bf16_is_used_in_the_network_and_not_for_its_weights() -> None:
    kinds = set()

    def loss(network: nn.Module, batch: Tensors) -> Losses:
        kinds.add(network.hidden(batch["x"]).dtype)
        return squares(network, batch)

    run = fit(None, toy(loss=loss), precision="bf16")
    assert kinds == {torch.bfloat16}
    assert {value.dtype for value in run.network.parameters()} == {torch.float32}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_asked_to_end_it_finishes_the_step_saves_and_leaves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    calls = 0

    def loss(network: nn.Module, batch: Tensors) -> Losses:
        nonlocal calls
        calls += 1
        if calls == 5:
            os.kill(os.getpid(), number)
        return squares(network, batch)

    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as left:
        fit(tmp_path / "parts", toy(loss=loss))
    assert left.value.code == 128 + number
    assert signal.getsignal(number) is before
    assert "Asked to end, the training stopped after step 5; it is saved in" in capsys.readouterr().err
    assert not (tmp_path / "parts" / "toy.safetensors").exists()
    parts = fit(tmp_path / "parts")
    assert "Resuming at step 5." in capsys.readouterr().out
    assert_same(fit(None), parts)


def test_two_runs_in_one_folder(tmp_path: Path) -> None:
    """The second is refused at once, also one that would begin anew."""
    told: list[str] = []

    def loss(network: nn.Module, batch: Tensors) -> Losses:
        for more in ({}, {"resume": False}):
            with pytest.raises(BusyError) as caught:
                fit(tmp_path, **more)
            told.append(str(caught.value))
        return squares(network, batch)

    fit(tmp_path, toy(loss=loss), steps=1)
    assert told
    assert all(f"writing to the folder '{tmp_path / 'checkpoints' / 'toy'}'" in sentence for sentence in told)


def test_a_killed_process_loses_nothing_but_time(tmp_path: Path) -> None:
    """Really killed, by SIGKILL, in the middle of a step; what is left behind goes on to the same bits."""
    command = [sys.executable, str(SCRIPT), str(tmp_path / "killed"), "KILL", "11"]  # two losses a step: in the sixth
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert [p.name for p in (tmp_path / "killed" / "checkpoints" / "toy").iterdir()] == ["step_00000003"]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        gone_on, whole = fit(tmp_path / "killed", accumulate=2), fit(None, accumulate=2)
    finally:
        torch.set_num_threads(threads)
    assert_same(gone_on, whole)


# --- streams -----------------------------------------------------------------------------------------


def test_processes_take_turns_and_go_on_by_position() -> None:
    def taken(rank: int, count: int, ranks: int = 2, first: int = 0) -> list[Batch]:
        stream = Stream(make, 0)
        stream.start(rank, ranks)
        stream.load_state_dict({"position": first})
        batches = [next(stream) for _ in range(count)]
        assert stream.state_dict() == {"position": first + count}
        return batches

    alone, first, second = taken(0, 8, 1), taken(0, 4), taken(1, 4)
    assert [batch.ids[0] for batch in first + second] == [f"batch {i}" for i in (0, 2, 4, 6, 1, 3, 5, 7)]
    for one, two in zip(alone, (batch for pair in zip(first, second, strict=True) for batch in pair), strict=True):
        assert torch.equal(one.tensors["x"], two.tensors["x"]), "whoever makes it, it is the same"
    for one, two in zip(first[2:], taken(0, 2, first=2), strict=True):
        assert torch.equal(one.tensors["x"], two.tensors["x"])


def test_samples_are_the_same_however_batches_are_cut() -> None:
    def draw(rng: np.random.Generator, number: int) -> Sample:
        return Sample(str(number), {"x": rng.normal(size=2)})

    def taken(batch: int, rank: int, ranks: int, count: int, workers: int = 0) -> list[Batch]:
        stream = Samples(draw, batch, 5, workers)
        stream.start(rank, ranks)
        batches = [next(stream) for _ in range(count)]
        stream.close()
        return batches

    (eight,) = taken(8, 0, 1, 1)
    for cut in ([*taken(4, 0, 2, 1), *taken(4, 1, 2, 1)], taken(2, 0, 1, 4), taken(2, 0, 1, 4, workers=2)):
        assert [name for batch in cut for name in batch.ids] == eight.ids
        for name in ("x", "chance"):
            assert torch.equal(torch.cat([batch.tensors[name] for batch in cut]), eight.tensors[name])
    assert len(set(eight.tensors["chance"].tolist())) == 8


def test_workers_change_neither_batches_nor_chance() -> None:
    torch.manual_seed(5)
    plain, ahead = Stream(make, 3), Stream(make, 3, workers=2)
    for stream in (plain, ahead):
        stream.load_state_dict({"position": 1})
    state = torch.get_rng_state()
    for _ in range(3):
        assert torch.equal(next(plain).tensors["x"], next(ahead).tensors["x"])
    assert torch.equal(torch.get_rng_state(), state)
    assert ahead.position == 4
    ahead.close()


def test_the_toys_rate_is_the_plateaus() -> None:
    assert toy().schedule == Plateau(warmup=2)
