"""Runs that end anywhere and go on with another number of processes: the same samples in the same order."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

SCRIPT = Path(__file__).parents[1] / "forked_training.py"
KILL = {"how": "draw", "at": 35}  # of 16 or 8 samples a step: in the third or fifth
ONE, PARTS, TWO = {"batch": 16}, {"batch": 4, "accumulate": 4}, {"batch": 8, "ranks": 2}
SHARED = {**TWO, "shard": True}


def run(*jobs: dict[str, Any]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), json.dumps(jobs)], capture_output=True, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    told = [line for line in done.stdout.splitlines() if line.startswith("JOBS ")]
    assert told, done.stderr
    return json.loads(told[0].removeprefix("JOBS "))


def rank(out: Path, number: int = 0) -> dict[str, Any]:
    return json.loads((out / f"rank_{number}.json").read_text())


def order(out: Path, ranks: int, accumulate: int = 1) -> list[int]:
    """The samples of the last run in a folder, as they count."""
    every = [rank(out, number)["drawn"] for number in range(ranks)]
    steps = [np.stack([np.array_split(part, accumulate) for part in step], axis=1) for step in zip(*every, strict=True)]
    return np.concatenate([step.ravel() for step in steps]).tolist()


def assert_like(one: Path, two: Path) -> None:
    """Same weights, as far as sums in another order can be the same."""
    left, right = (load_file(out / "blocks.safetensors") for out in (one, two))
    assert left.keys() == right.keys()
    for name, value in left.items():
        assert torch.allclose(value, right[name], atol=1e-5), name


def test_two_processes_that_share_weights_are_killed_and_one_goes_on(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    told = run(
        {"out": str(whole), **ONE},
        {"out": str(parts), **SHARED, "ending": {"rank": 1, **KILL}},
        {"out": str(parts), **PARTS},
    )
    assert told[0]["codes"] == told[2]["codes"] == [0]
    assert told[1]["codes"][1] == -9
    assert told[1]["codes"][0] != 0, "nobody goes on alone"
    files = {path.name for path in (parts / "checkpoints" / "blocks" / "step_00000004").iterdir()}
    assert files == {"state.json", "shard_00000_00000.safetensors", "shard_00001_00000.safetensors"}
    assert rank(parts)["first"] == 4
    assert order(whole, 1) == list(range(8 * 16))
    assert order(parts, 1) == list(range(4 * 16, 8 * 16))
    assert np.allclose(rank(parts)["losses"], rank(whole)["losses"][4:], rtol=1e-6)
    assert_like(whole, parts)


@pytest.mark.slow
def test_however_a_step_is_cut_it_is_the_same(tmp_path: Path) -> None:
    """One process, one that accumulates, two, two that share weights out; and from each to each other."""
    ways = {"one": ONE, "parts": PARTS, "two": TWO, "shared": SHARED}
    jobs = [{"out": str(tmp_path / name), **way} for name, way in ways.items()]
    changes = [(first, then) for first in ways for then in ways if first != then]
    for first, then in changes:
        out = {"out": str(tmp_path / f"{first}_{then}")}
        fifth = 4 * 16 // ways[first].get("ranks", 1) + 1
        jobs += [{**out, **ways[first], "ending": {"how": "draw", "at": fifth, "number": 15}}, {**out, **ways[then]}]
    told = run(*jobs)
    assert [set(one["codes"]) for one in told] == [{0}] * len(ways) + [{143}, {0}] * len(changes)
    for name, way in ways.items():
        out = tmp_path / name
        assert order(out, way.get("ranks", 1), way.get("accumulate", 1)) == list(range(8 * 16))
        assert np.allclose(rank(out)["losses"], rank(tmp_path / "one")["losses"], rtol=1e-6)
        assert_like(out, tmp_path / "one")
    assert [rank(tmp_path / "two", number)["held"] for number in (0, 1)] == [212, 212]
    held = [rank(tmp_path / "shared", number)["held"] for number in (0, 1)]
    assert sum(held) == 212 + 1, "weights in halves, the buffer twice"
    assert max(held) < 0.6 * 212
    for first, then in changes:
        out = tmp_path / f"{first}_{then}"
        assert rank(out)["first"] == 5
        assert order(out, ways[then].get("ranks", 1), ways[then].get("accumulate", 1)) == list(range(80, 128))
        assert_like(out, tmp_path / "one")


@pytest.mark.slow
@pytest.mark.parametrize("way", ["two", "shared"])
def test_one_of_two_is_asked_to_end_and_both_save(tmp_path: Path, way: str) -> None:
    ways = {"two": TWO, "shared": SHARED}
    ask = {"rank": 1, "how": "draw", "at": 20, "number": 15}  # in the third step
    whole, parts = {"out": str(tmp_path / "whole"), **ways[way]}, {"out": str(tmp_path / "parts"), **ways[way]}
    told = run(whole, {**parts, "ending": ask}, parts)
    assert [one["codes"] for one in told] == [[0, 0], [143, 143], [0, 0]]
    assert rank(tmp_path / "parts")["first"] == 3
    saved = [(tmp_path / name / "blocks.safetensors").read_bytes() for name in ("whole", "parts")]
    assert saved[0] == saved[1]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("kills", "way"), [(100, ONE), (20, SHARED)], ids=["one", "shared"])
def test_killed_again_and_again_it_ends_the_same(tmp_path: Path, kills: int, way: dict[str, Any]) -> None:
    """By SIGKILL, in the middle of steps and in the middle of saving."""
    whole, killed = ({"out": str(tmp_path / name), "steps": 400, **way} for name in ("whole", "killed"))
    told = run(whole, {**killed, "kills": kills})
    assert told[1]["killed"] == kills
    assert not any(told[0]["codes"] + told[1]["codes"])
    assert rank(tmp_path / "killed")["first"] > 10
    saved = [(tmp_path / name / "blocks.safetensors").read_bytes() for name in ("whole", "killed")]
    assert saved[0] == saved[1]
    left = {path.name for path in (tmp_path / "killed" / "checkpoints" / "blocks").iterdir()}
    assert left == {"step_00000396", "step_00000398", "step_00000400"}, "nothing of the dead is left"


@pytest.mark.slow
def test_what_is_another_run_is_refused(tmp_path: Path) -> None:
    out = {"out": str(tmp_path / "run")}
    told = run({**out, **TWO, "steps": 2}, {**out, "batch": 8}, {**out, "ema": 0.5, **ONE})
    assert [one["codes"] for one in told] == [[0, 0], [1], [1]]
