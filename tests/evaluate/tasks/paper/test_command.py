"""``smartmask eval paper`` with the real class of every model, tiny and random: that it runs, not what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smartmask.cli import main as cli
from smartmask.evaluate.tasks.paper.main import TABLES

pytestmark = pytest.mark.slow


def test_every_table_from_a_folder_of_models(coco: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("diffusers")
    from tiny_papers import save_brush, save_models

    models = save_models(tmp_path / "models")
    save_brush(models / "brush-single-task", multi_task=False)
    (models / "brush-single-task" / "README.md").write_text("Random weights of a network without the second task.")
    capsys.readouterr()
    line = ["eval", "paper", "--models", str(models), "--data", str(coco), "--out", str(tmp_path / "out")]
    line += ["--num-masks", "2", "--limit", "5", "--shown", "1", "--steps", "2"]
    assert cli.main(line) == 0
    shown = capsys.readouterr().out
    report = json.loads((tmp_path / "out" / "paper.json").read_text("utf-8"))
    tables = {name: table["data"] for name, table in report["tables"].items()}
    assert list(tables) == list(TABLES)
    names = ["brush", "brush-single-task", "clip", "editor", "features", "inpaint", "picture", "picture, blended"]
    random = {model["name"]: model["random"] for model in report["models"]}
    assert random == {"SmartMask": False, **dict.fromkeys([*names, "picture, repaint", "sam"], True)}
    methods = {row["method"] for row in tables["table1"]["rows"]}
    assert {f"picture, {method} (random weights)" for method in ("blended", "repaint")} <= methods
    for row in tables["table1"]["rows"]:
        assert "random weights" in row["method"]
        assert row["local_fid"]["fid"] is None, "five pictures of six features"
        assert row["local_fid"]["kid"] is not None
        assert -1 <= row["clip"][0] <= 1
    assert "editor (random weights)" in tables["editors"]["rows"]
    assert "inpaint (random weights), then sam (random weights)" in tables["masks"]["rows"]
    assert "brush-single-task (random weights): without multi task" in shown
    assert len(tables["layouts"]["pictures"]) == 5
    for page in ("editors", "layouts", "figure"):
        assert (tmp_path / "out" / f"{page}.png").is_file()
    assert cli.main(line) == 0
    assert json.loads((tmp_path / "out" / "paper.json").read_text("utf-8"))["made"] == 0
