"""The frame's round trip, measured on drawn objects."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from smartmask.data.pack import Pack
from smartmask.evaluate.cli import app
from smartmask.evaluate.frame import frame_report, frame_scores
from smartmask.evaluate.targets import Protocol, find_targets


def test_smooth_shapes_come_back_nearly_whole(pack: Pack) -> None:
    targets = find_targets(pack, Protocol(limit=None))
    ticks: list[int] = []
    ious, outlines = frame_scores(pack, targets, lambda: ticks.append(1))
    assert len(ious) == len(outlines) == len(ticks) == len(targets)
    assert ious.min() > 0.9
    assert outlines.mean() > 0.99


def test_the_report_has_quantiles_by_size(pack: Pack) -> None:
    targets = find_targets(pack, Protocol(limit=None))
    ious = np.linspace(0.9, 1, len(targets))
    report = frame_report(targets, ious, np.ones(len(targets)))
    assert report["all"]["objects"] == sum(part["objects"] for part in report["by_size"].values()) == len(targets)
    assert report["all"]["iou"][0] == pytest.approx(0.95)
    assert report["all"]["iou_quantiles"]["10%"] == pytest.approx(0.91)
    assert report["all"]["iou_worst"] == 0.9


def test_the_command(pack: Pack, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["frame", "--data", str(pack.path), "--out", str(tmp_path), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == json.loads((tmp_path / "frame.json").read_text())
    table = CliRunner().invoke(app, ["frame", "--data", str(pack.path)])
    assert "| all | 16 |" in table.stdout
