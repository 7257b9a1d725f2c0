"""The realism commands on a small pack: what they ask, what they write, what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from smartmask.data.pack import Pack
from smartmask.evaluate.answers import answers
from smartmask.evaluate.baselines import BASELINES, Prediction
from smartmask.evaluate.benchmark import cases
from smartmask.evaluate.cli import app
from smartmask.evaluate.judge import load_judge
from smartmask.evaluate.memories import train_bank
from smartmask.evaluate.realism import REAL
from smartmask.evaluate.targets import Protocol, find_targets
from smartmask.guidance import Guide
from smartmask.scene import Scene

EVERY = Protocol(limit=None)


def nothing(scene: Scene, name: str, guide: Guide | None, n: int, seed: int) -> Prediction:
    """A system without an idea."""
    return Prediction(np.zeros((n, scene.height, scene.width), bool))


def test_answers_stand_in_rows_with_the_real_objects(pack: Pack) -> None:
    systems = {"box-fill": BASELINES["box-fill"](train_bank(pack, EVERY)), "nothing": nothing}
    found, empty = answers(cases(pack, find_targets(pack, EVERY), EVERY), systems, 0)
    assert {name: len(some) for name, some in found.items()} == {REAL: 16, "box-fill": 16, "nothing": 16}
    assert empty == {"box-fill": 0, "nothing": 16}
    bus = found[REAL].names == "bus"
    np.testing.assert_array_equal(found[REAL].pictures[bus], found["box-fill"].pictures[bus])  # buses are boxes
    assert (found[REAL].pictures[~bus] != found["box-fill"].pictures[~bus]).any()
    with pytest.raises(ValueError, match="no object"):
        answers([], systems, 0)


def test_realism_reports_floor_and_auc(pack: Pack, tiny_weights: Path, tmp_path: Path) -> None:
    common = ["realism", "--data", str(pack.path), "--weights", str(tiny_weights), "--folds", "2", "--steps", "3"]
    result = CliRunner().invoke(app, [*common, "--out", str(tmp_path), "--json"], catch_exceptions=False)
    report = json.loads(result.stdout)
    assert report["objects"] == 16
    assert set(report["auc"]) == {"pipeline", "retrieval", "ellipse"}
    assert report["distances"][REAL]["frechet_over_floor"] == 1
    assert (report["weights"], report["split"], report["folds"]) == (str(tiny_weights), "test", 2)
    page = (tmp_path / "realism.md").read_text()
    assert "real against real (floor)" in page
    assert str(tiny_weights) in page
    assert json.loads((tmp_path / "realism.json").read_text()) == report


def test_realism_refuses_unknown_systems(pack: Pack) -> None:
    result = CliRunner().invoke(app, ["realism", "--data", str(pack.path), "--systems", "magic"])
    assert isinstance(result.exception, ValueError)
    assert "magic" in str(result.exception)


def test_a_judge_is_trained_saved_and_read_back(pack: Pack, tmp_path: Path) -> None:
    command = ["judge", "--data", str(pack.path), "--least", "5", "--steps", "3", "--out", str(tmp_path), "--json"]
    report = json.loads(CliRunner().invoke(app, command, catch_exceptions=False).stdout)
    assert report["classes"] == ["ball", "bus"]
    assert report["trained_on"] == 28
    assert load_judge(tmp_path / "network").config.names == ("ball", "bus")
