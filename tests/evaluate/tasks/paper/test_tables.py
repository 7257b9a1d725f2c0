"""The papers' tables with painters that are known: what each row says, that a killed run goes on, and what is blank."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smartmask.cli import main as cli
from smartmask.evaluate.tasks.paper.main import TABLES
from smartmask.evaluate.tasks.paper.published import SMARTMASK_TABLE_1
from smartmask.insertion import load
from smartmask.insertion.inpainter import Painting, PaintRequest


class Upper:
    """Paints grey; sees its object in the upper half of the mask's rows. Counts its calls, and can break at one."""

    name, side = "upper", None
    calls = 0
    breaks: int | None = None

    def __call__(self, request: PaintRequest) -> Painting:
        type(self).calls += 1
        if type(self).calls == type(self).breaks:
            raise KeyboardInterrupt
        rows = np.flatnonzero(request.mask.any(axis=1))
        alpha = np.zeros(request.mask.shape, dtype=np.float32)
        alpha[rows[: len(rows) // 2]] = 1
        return Painting(np.full((*request.mask.shape, 3), 200, np.uint8), alpha)


@pytest.fixture
def painter(monkeypatch: pytest.MonkeyPatch) -> type[Upper]:
    Upper.calls, Upper.breaks = 0, None
    monkeypatch.setattr(load, "load_inpainter", lambda name, **options: Upper())
    return Upper


@pytest.fixture
def models(tmp_path: Path, tiny_weights: Path) -> Path:
    """Two inserters, one of SmartBrush's class whose card says that it is random, and the tiny mask model."""
    for name, kind in (("plain", "StableDiffusionInpaintPipeline"), ("brush", "SmartBrushPipeline")):
        folder = tmp_path / "models" / name
        folder.mkdir(parents=True)
        parts = {"mask_noise": True, "multi_task": False}
        (folder / "model_index.json").write_text(json.dumps({"_class_name": kind, "settings": {"parts": parts}}))
    (tmp_path / "models" / "brush" / "README.md").write_text("A brush with random weights.")
    file = tmp_path / "models" / "models.yaml"
    content = {"inserters": {"plain": "plain", "brush": "brush"}, "masks": {"ours": str(tiny_weights)}}
    file.write_text(json.dumps(content))
    return file


def line(models: Path, coco: Path, out: Path, only: str, *more: str) -> list[str]:
    start = ["eval", "paper", "--models", str(models), "--data", str(coco), "--out", str(out), "--only", only]
    return [*start, "--num-masks", "2", "--limit", "0", "--shown", "2", *more]


def report_of(out: Path) -> Any:
    return json.loads((out / "paper.json").read_text("utf-8"))


def test_table_1_has_every_inserter_with_each_mask_and_the_published_rows(
    models: Path, coco: Path, tmp_path: Path, painter: type[Upper], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert cli.main(line(models, coco, out, "table1", "--pictures")) == 0
    shown = capsys.readouterr().out
    assert shown == (out / "paper.md").read_text("utf-8")
    assert "| SmartMask | - | 19.21 | - | 0.261 | 0.098 |" in shown
    assert "weights are random" in shown.split("| model |")[0], "said before any figure"
    rows = report_of(out)["tables"]["table1"]["data"]["rows"]
    assert [(row["method"], row["mask"]) for row in rows] == [
        ("plain", "box"), ("plain", "ours"),
        ("brush (random weights)", "box"), ("brush (random weights)", "inserter's own mask"),
        ("brush (random weights)", "ours"),
    ]  # fmt: skip
    by_mask = {row["mask"]: row["l2_background"][0] for row in rows if "brush" in row["method"]}
    assert by_mask["inserter's own mask"] < by_mask["box"], "half of the box is not repainted"
    assert all(row["objects"] == 7 for row in rows)
    assert all(row["clip"] is None for row in rows), "no judge, no figure"
    assert len(SMARTMASK_TABLE_1) == 6
    # what the study takes
    folders = sorted(path for path in (out / "pictures").iterdir() if path.is_dir())
    assert [path.name for path in folders] == ["brush-box", "brush-inserter-s-own-mask", "brush-ours", "plain-box",
                                               "plain-ours", "real"]  # fmt: skip
    assert {len(list(path.iterdir())) for path in folders} == {7}
    study = ["eval", "study", "make", *map(str, folders[:3]), "--photos", str(folders[-1]), "--questions", "6"]
    assert cli.main([*study, "--labels", str(out / "pictures" / "labels.json"), "--out", str(tmp_path / "s")]) == 0


def test_a_killed_run_goes_on(
    models: Path, coco: Path, tmp_path: Path, painter: type[Upper], capsys: pytest.CaptureFixture[str]
) -> None:
    whole, again = tmp_path / "whole", tmp_path / "again"
    assert cli.main(line(models, coco, whole, "table1,smartbrush")) == 0
    calls = painter.calls
    painter.calls, painter.breaks = 0, 9
    assert cli.main(line(models, coco, again, "table1,smartbrush")) == 130
    assert not (again / "paper.md").exists()
    painter.breaks = None
    assert cli.main(line(models, coco, again, "table1,smartbrush")) == 0
    assert painter.calls == calls + 1, "only the picture that was being painted is painted anew"
    assert report_of(again)["tables"] == report_of(whole)["tables"]
    painter.breaks = painter.calls + 1
    assert cli.main(line(models, coco, again, "table1,smartbrush,figure")) == 0, "nothing is left to paint"
    assert report_of(again)["made"] == 0
    shutil.rmtree(again / "cache")
    assert cli.main(line(models, coco, again, "table1")) == 130


def test_the_masks_beside_inpaint_then_segment_and_baselines(
    models: Path, coco: Path, tmp_path: Path, painter: type[Upper]
) -> None:
    out = tmp_path / "out"
    assert cli.main(line(models, coco, out, "masks")) == 0
    rows = report_of(out)["tables"]["masks"]["data"]["rows"]
    baselines = ["box", "ellipse", "class-mean", "retrieval", "cover"]
    assert list(rows) == ["ours", *baselines, "brush (random weights), own mask", "exact"]
    assert rows["exact"]["iou"] == rows["exact"]["boundary_f"] == [1.0] * 3
    assert rows["box"]["area"] == [1.0] * 3
    own = rows["brush (random weights), own mask"]
    assert own["area"][0] == pytest.approx(0.5, abs=0.05)
    assert own["iou"][0] < rows["box"]["iou"][0]
    assert all(row["auc"] is None for row in rows.values()), "seven objects teach a critic nothing"
    assert painter.calls == 7, "only the brush says where its object is, and no segmenter is among the models"


def test_precision_and_how_the_object_fills(models: Path, coco: Path, tmp_path: Path, painter: type[Upper]) -> None:
    out = tmp_path / "out"
    assert cli.main(line(models, coco, out, "precision")) == 0
    rows = report_of(out)["tables"]["precision"]["data"]["rows"]
    assert [row["s"] for row in rows] == [0, 2, 4, 6, 8]
    assert rows[0]["fills"] == rows[0]["iou_own"] == [1.0] * 3, "the exact outline is the object"
    assert rows[0]["l2_background"] == [0.0] * 3
    given = [row["iou_given"][0] for row in rows]
    assert given == sorted(given, reverse=True), "coarser masks are further from the object"
    assert rows[-1]["fills"][0] == pytest.approx(0.5, abs=0.05)


def test_the_ablation_says_what_a_folder_was_trained_without(
    models: Path, coco: Path, tmp_path: Path, painter: type[Upper], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(line(models, coco, tmp_path / "out", "ablation")) == 0
    shown = capsys.readouterr().out
    assert "- brush (random weights): without multi task" in shown
    assert "| SmartBrush, as published | exact | - | - | - | - | - | - |" in shown, "blank where no figure is at hand"
    assert "not at hand" in shown


def test_mask_free_insertion_leaves_the_rest_alone(
    models: Path, coco: Path, tmp_path: Path, painter: type[Upper], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert cli.main(line(models, coco, out, "editors")) == 0
    rows = report_of(out)["tables"]["editors"]["data"]["rows"]
    assert list(rows) == ["the photograph itself", "plain, mask-free ours", "brush (random weights), mask-free ours"]
    assert rows["the photograph itself"]["changed"] == rows["the photograph itself"]["outside"] == [0.0] * 3
    assert rows["plain, mask-free ours"]["outside"] == [0.0] * 3
    assert rows["plain, mask-free ours"]["changed"][0] > 0
    assert rows["plain, mask-free ours"]["photographs"] == 1, "only one photograph lacks what the others have"
    assert "No editor is among the models" in capsys.readouterr().out
    assert (out / "editors.png").is_file()


def test_layouts_stand_beside_scribbled_ones(models: Path, coco: Path, tmp_path: Path, painter: type[Upper]) -> None:
    out = tmp_path / "out"
    assert cli.main(line(models, coco, out, "layouts")) == 0
    rows = report_of(out)["tables"]["layouts"]["data"]["layouts"]
    assert list(rows) == ["real layout", "ours", "scribbled", "ellipses", "boxes"]
    assert rows["real layout"]["iou"] == [1.0] * 3
    assert rows["boxes"]["iou"][0] < rows["scribbled"]["iou"][0] < 1
    assert (rows["ours"]["scenes"], rows["ours"]["things"]) == (4, 7)
    assert painter.calls == 0


def test_tables_and_settings_that_are_not_there_are_told(
    models: Path, coco: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(line(models, coco, tmp_path / "out", "table1,table9")) == 2
    assert f"There is no table 'table9'; use some of {', '.join(TABLES)}." in capsys.readouterr().err
    assert cli.main(line(tmp_path / "none.yaml", coco, tmp_path / "out", "table1")) == 2
    assert not (tmp_path / "out").exists()
