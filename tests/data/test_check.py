"""smartmask data check and pack on every published format at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from set_writers import (
    OPEN_ID,
    ade20k,
    cityscapes,
    coco,
    cocoa,
    kins,
    lvis,
    open_images,
    scene_parse150,
    shards,
)

from smartmask.cli.main import main
from smartmask.data.check import CheckJob, kind_of
from smartmask.data.pack import Pack


def everything(root: Path) -> Path:
    """All sets in folders of their usual names."""
    for name, write in (
        ("coco", coco), ("COCOA", cocoa), ("lvis", lvis), ("KINS", kins), ("ADE20K_2021_17_01", ade20k),
        ("ADEChallengeData2016", scene_parse150), ("OpenImages", open_images), ("cityscapes", cityscapes),
        ("laion", shards),
    ):  # fmt: skip
        (root / name).mkdir(parents=True)
        write(root / name)  # type: ignore[operator]
    return root


def test_each_set_is_found_by_itself_and_counted(tmp_path: Path) -> None:
    found = {one.format: one for one in CheckJob(root=everything(tmp_path)).run().sets}
    assert list(found) == [
        "cocoa", "coco_panoptic", "coco_instances", "lvis", "kins", "ade20k", "scene_parse150", "open_images",
        "cityscapes", "shards",
    ]  # fmt: skip
    assert not any(one.problems for one in found.values())
    assert {name for name, one in found.items() if one.amodal == 1} == {"cocoa", "kins", "ade20k"}
    assert {name for name, one in found.items() if one.ordered == 1} == {"cocoa", "kins", "ade20k", "cityscapes"}
    assert (found["ade20k"].layers, found["ade20k"].things, found["ade20k"].parts) == (3, 2, 2)
    assert (found["open_images"].whole, found["open_images"].cut) == (1, 1)
    assert (found["coco_panoptic"].scenes, found["coco_panoptic"].photos, found["coco_panoptic"].captions) == (2, 2, 2)
    assert (found["shards"].layer_captions, found["shards"].empty) == (1, 1)
    assert found["lvis"].top == {"car": 1, "bow": 1}
    assert sum(found["kins"].splits.values()) == 1


def test_pack_takes_them_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "pack", str(everything(tmp_path / "sets")), "--out", str(tmp_path / "p.parquet")]) == 0
    kept = {record.source: record for record in Pack(tmp_path / "p.parquet")}
    assert kept["cocoa"].key == kept["lvis"].key == "9"
    assert not kept["kins"].modal
    assert len(kept["ade20k"].scene.layers) == 3
    assert "coco_instances" not in kept, "COCOA and COCO's panoptic annotations have these pictures"
    assert capsys.readouterr().out.startswith("cocoa")


def test_problems_are_counted_by_kind_and_stop_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = everything(tmp_path)
    (root / f"OpenImages/train/{OPEN_ID}.jpg").write_bytes(b"no picture")
    (root / "coco/annotations/panoptic_train2017/000000000009.png").unlink()
    (root / "coco/annotations/panoptic_val2017/000000000139.png").unlink()
    (root / "KINS/update_train_2020.json").write_text('{"a_segm": "a_segm", "images": [')
    assert main(["data", "check", str(root), "--json", "--examples", "1"]) == 0
    found = {one["format"]: one for one in json.loads(capsys.readouterr().out)["sets"]}
    (problem,) = found["coco_panoptic"]["problems"]
    assert (problem["count"], len(problem["examples"])) == (2, 1)
    assert "000000000009.png' does not exist" in problem["examples"][0]
    assert "is not valid JSON" in found["kins"]["problems"][0]["kind"]
    assert found["open_images"]["problems"][0]["count"] == 1
    assert main(["data", "check", str(root), "--scenes", "1"]) == 0
    text = capsys.readouterr().out
    assert "100% of scenes amodal, 100% in order of depth" in text
    assert "1 problems" in text


def test_nothing_readable_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "check"]) == 2
    assert "There is nothing to check" in capsys.readouterr().err
    (tmp_path / "a.json").write_text('{"a_segm": 1}')
    assert main(["data", "check", "--source", f"kins={tmp_path / 'a.json'}"]) == 2
    assert "has no 'images'" in capsys.readouterr().err


def test_kinds_leave_out_what_differs() -> None:
    first = kind_of("/data/a/x.json: annotation 7 of image 12 has category 9, which the categories do not list.")
    second = kind_of("/data/b/y.json: annotation 123 of image 4 has category 77, which the categories do not list.")
    assert first == second == "… annotation … of image … has category … which the categories do not list."
