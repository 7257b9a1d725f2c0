"""The trainer on two processes that talk by gloo, as ``torchrun`` starts them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from toy_training import plain, settings, toy

from smartmask.train.trainer import Trainer

SCRIPT = Path(__file__).parents[1] / "toy_training.py"
RANKS = ("rank_0", "rank_1")


def launch(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(SCRIPT)]
    command += map(str, arguments)
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


def held(out: Path) -> list[dict[str, torch.Tensor]]:
    return [load_file(out / f"{rank}.safetensors") for rank in RANKS]


def steps(out: Path) -> list[str]:
    return sorted(path.name for path in (out / "checkpoints" / "toy").iterdir())


@pytest.mark.slow
def test_gradients_are_of_both_processes_batches(tmp_path: Path) -> None:
    """The weights are those of one process that takes all batches."""
    done = launch(tmp_path, "PLAIN")
    assert done.returncode == 0, done.stderr
    assert steps(tmp_path) == ["step_00000003", "step_00000006", "step_00000008"]

    alone = Trainer(toy(loss=plain), settings(accumulate=4), None)
    alone.fit()
    for rank in held(tmp_path):
        for name, value in alone.network.state_dict().items():
            assert torch.allclose(rank[name], value, atol=1e-6), name


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ends_of_all_kinds_and_the_same_bits(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    done = launch(whole)
    assert done.returncode == 0, done.stderr
    one, two = held(whole)
    for name in set(one) - {"chance", "writes"}:
        assert torch.equal(one[name], two[name]), "weights are the same"
    assert not torch.equal(one["chance"], two["chance"]), "chance is each batch's own"
    assert one["writes"] > 5
    assert two["writes"] == 0, "only the main process writes"

    done = launch(parts, "TERM", "7")  # one of them is asked to end in the fourth step, and both leave
    assert done.returncode != 0
    assert "stopped after step 4; it is saved in" in done.stderr
    assert steps(parts) == ["step_00000003", "step_00000004"]

    done = launch(parts, "NAN", "2")  # no number in one of them: both stop
    assert "The loss is nan at step 4" in done.stderr
    told = json.loads((parts / "bad_batch.json").read_text())
    assert told["batches"] == [{"rank": 1, "loss": "nan", "ids": ["batch 19"]}]  # the tenth of the second process
    assert steps(parts) == ["step_00000003", "step_00000004"]

    done = launch(parts, "KILL", "6")  # in the seventh step
    assert done.returncode != 0
    assert steps(parts) == ["step_00000003", "step_00000004", "step_00000006"]

    done = launch(parts)
    assert done.returncode == 0, done.stderr
    assert "Resuming at step 6." in done.stdout
    for mine, theirs in zip(held(parts), held(whole), strict=True):
        for name in set(mine) - {"writes"}:
            assert torch.equal(mine[name], theirs[name]), name
    saved = [(run / "toy.safetensors").read_bytes() for run in (whole, parts)]
    assert saved[0] == saved[1]
    state = parts / "checkpoints" / "toy" / "step_00000006" / "state.json"
    assert json.loads(state.read_text())["stream"] == {"position": 12}
    with pytest.raises(ValueError, match="holds a run with samples_a_step 64, not 32"):
        Trainer(toy(), settings(accumulate=2), parts)
    assert Trainer(toy(), settings(accumulate=4), parts).step == 8, "one process for two"
