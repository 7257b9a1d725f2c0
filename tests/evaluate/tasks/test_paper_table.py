"""The papers' table: published rows as printed, ours from reports, and what differs said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smartmask.cli import main as cli
from smartmask.evaluate.tasks.paper_table import PUBLISHED, differences, our_rows, paper_table, read_report


def report(painted: bool = True, **more: Any) -> dict[str, Any]:
    drawn = {
        "l2_background": [0.1234, 0.1, 0.2],
        "clip": [0.25, 0.2, 0.3],
        "local_fid": 12.345,
        "feature_set": {"pictures": 100, "features": 768},
    }
    results = {name: {"objects": 100, "pictures": drawn if painted else {}} for name in ("smartmask", "box", "exact")}
    return {
        "benchmark": "insertion", "inpainter": "models/painter-one", "features": "some/vit", "clip": "some/clip",
        "objects": 100, "images": 80, "protocol": {"split": "test"}, "results": results, **more,
    }  # fmt: skip


def test_the_published_rows() -> None:
    lines = paper_table([])
    assert lines[0] == "| method | objects | Local-FID (lower) | CLIP score (higher) | Norm. L2-BG (lower) |"
    assert "| SmartMask | - | 19.21 | 0.261 | 0.098 |" in lines
    assert "| SmartBrush | - | 17.94 | 0.262 | 0.304 |" in lines
    assert "| Adobe Gen-Fill | - | - | 0.268 | 0.289 |" in lines
    assert len(PUBLISHED) == 6
    assert "No row is ours" in lines[-1]


def test_our_rows_stand_below_and_say_what_differs() -> None:
    lines = paper_table([report()], ["smartmask", "box"])
    assert lines[8:10] == [
        "| painter-one, SmartMask, this project | 100 | 12.35 | 0.250 | 0.123 |",
        "| painter-one, mask: box | 100 | 12.35 | 0.250 | 0.123 |",
    ]
    text = "\n".join(lines)
    for said in (
        "do not say what they divide by",
        "100 objects of 80 photographs, test split",
        "some/vit",
        "some/clip",
    ):
        assert said in text
    assert "100 pictures with 768 features: biased" in text


def test_what_was_not_measured_is_a_dash_and_is_said() -> None:
    bare = report(features=None, clip=None)
    for part in bare["results"].values():
        part["pictures"] = {"l2_background": [0.1, 0.1, 0.1]}
    assert "| painter-one, mask: box | 100 | - | - | 0.100 |" in paper_table([bare])
    text = "\n".join(differences([bare]))
    assert "no feature network was given" in text
    assert "no CLIP model was given" in text


def test_a_report_without_paint_adds_no_row() -> None:
    assert our_rows(report(painted=False)) == []
    assert "No row is ours" in paper_table([report(painted=False)])[-1]


def test_inception_features_are_not_called_different() -> None:
    assert not any("not of the Inception" in line for line in differences([report(features="x/Inception-v3")]))


def test_unknown_masks_and_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no masks of 'nobody'"):
        our_rows(report(), ["nobody"])
    with pytest.raises(ValueError, match="does not exist"):
        read_report(tmp_path / "none.json")
    for text in ("{", "[]", '{"benchmark": "masks", "results": {}}'):
        (tmp_path / "insertion.json").write_text(text)
        with pytest.raises(ValueError, match=r"insertion\.json"):
            read_report(tmp_path)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "insertion.json").write_text(json.dumps(report()))
    out = tmp_path / "out"
    assert cli.main(["eval", "paper-table", str(tmp_path), "--masks", "smartmask", "--out", str(out)]) == 0
    shown = capsys.readouterr().out
    assert "SmartMask, this project" in shown
    assert "mask: box" not in shown
    assert (out / "paper_table.md").read_text("utf-8") == shown
    assert len(json.loads((out / "paper_table.json").read_text("utf-8"))["rows"]) == 7
    assert cli.main(["eval", "paper-table", str(tmp_path / "no"), "--json"]) == 2
    assert "does not exist" in capsys.readouterr().err
