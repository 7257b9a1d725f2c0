"""``smartmask layout`` as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smartmask.cli.main import main
from smartmask.scene import Scene
from smartmask.scene.scene_file import load_scene, save_scene


def test_layout_writes_files_that_agree(tmp_path: Path, tiny_weights: Path) -> None:
    out = tmp_path / "out"
    text = "a park with a bench, a man on the bench and a dog"
    command = [sys.executable, "-m", "smartmask", "layout", text, "--size", "96x72", "--out", str(out), "--json"]
    run = subprocess.run([*command, "--weights", str(tiny_weights), "-n", "1"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    record = json.loads(run.stdout)
    assert record == json.loads((out / "result.json").read_text())
    assert set(record["files"]) | {"result.json"} == {path.name for path in out.iterdir()}
    scene, history = load_scene(out / "scene.json")
    assert (scene.width, scene.height) == (96, 72)
    assert [layer.name for layer in scene.layers] == [item["name"] for item in record["layers"]]
    assert len(history) == len(scene.layers)
    labels = np.asarray(Image.open(out / "label_map.png"))
    assert (labels == scene.to_label_map()[0]).all()
    panoptic = json.loads((out / "panoptic.json").read_text())
    back = Scene.from_panoptic(
        np.asarray(Image.open(out / "panoptic.png")),
        panoptic["annotations"][0]["segments_info"],
        panoptic["categories"],
    )
    visible = {layer.name for i, layer in enumerate(scene.layers) if scene.visible(i).any()}
    assert {layer.name for layer in back.layers} == visible
    with Image.open(out / "steps.gif") as steps:
        assert steps.n_frames <= len(scene.layers)
    with Image.open(out / "colour.png") as picture:
        assert picture.size == (96, 72)
    assert record["relations"][0]["relation"] == "on"


def test_a_second_run_leaves_nothing_stale(tmp_path: Path, tiny_weights: Path) -> None:
    shared = ["--size", "48x32", "--out", str(tmp_path), "--weights", str(tiny_weights), "-n", "1"]
    assert main(["layout", "a dog", *shared]) == 0
    assert (tmp_path / "steps.gif").exists()
    assert main(["layout", "a dog", *shared, "--no-animation"]) == 0
    assert not (tmp_path / "steps.gif").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a dog", "--size", "512"], "WIDTHxHEIGHT"),
        (["a dog", "--size", "9x9"], "16 to"),
        (["", "--size", "64x48"], "scene text"),
        (["with and of", "--size", "64x48"], "No object or place is known in 'with and of'"),
        (["99 dogs", "--size", "64x48"], "at most 40"),
        (["a dog", "--seed", "-1"], "seed"),
    ],
)
def test_bad_input(arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["layout", *arguments, "--out", str(out)]) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()


def test_a_phrase_is_inserted_and_its_relations_told(tmp_path: Path, examples: Path, tiny_weights: Path) -> None:
    """Without an inserter the masks are laid, as for any insertion."""
    out = tmp_path / "out"
    code = main(
        ["insert", str(examples / "street.png"), "--layout", str(examples / "street_layout.png"), "--names",
         str(examples / "street_names.json"), "--objects", "cats, and a man in front of a bench", "--out", str(out),
         "--weights", str(tiny_weights), "-n", "1"]
    )  # fmt: skip
    assert code == 0
    record = json.loads((out / "result.json").read_text())
    assert sorted(item["object"] for item in record["objects"]) == ["bench", "cat", "cat", "man"]
    assert [(r["subject"], r["relation"], r["reference"]) for r in record["relations"]] == [
        ("man", "in front of", "bench")
    ]
    assert record["notes"][0] == "'cat' is a plural without a number; 2 are drawn."
    told = any(note.startswith("Not met") for note in record["notes"])
    assert told != record["relations"][0]["met"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--objects", "two dogs", "--object", "cat"], "--object is given beside --objects"),
        (["--objects", "two dogs", "--box", "1,1,9,9"], "--box is given beside"),
        (["--objects", "on the road"], "no object to insert"),
    ],
)
def test_bad_phrases(
    arguments: list[str], said: str, tmp_path: Path, examples: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = ["--layout", str(examples / "street_layout.png"), "--names", str(examples / "street_names.json")]
    assert main(["insert", str(examples / "street.png"), *layout, *arguments, "--out", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err


def test_plan_says_what_is_missing_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "a cup on a table in a kitchen", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert [item["name"] for item in record["next"] if item["wanted"]] == ["table", "cup"]
    assert all(item["why"] for item in record["next"])
    table = np.zeros((40, 60), bool)
    table[20:35, 10:50] = True
    save_scene(Scene.empty(40, 60).insert(table, "table"), tmp_path / "scene.json")
    assert main(["plan", "a cup on a table", "--scene", str(tmp_path / "scene.json"), "--planner", "given"]) == 0
    told = capsys.readouterr().out
    assert "cup" in told
    assert "The text asks for table" not in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["plan", "a dog", "--planner", "oracle"], "no planner 'oracle'"),
        (["plan", "a dog", "--planner", "endpoint:some-model"], "SMARTMASK_PLANNER_URL"),
        (["plan", "a dog", "--planner", "vision:nowhere"], "neither an existing folder nor a hub name"),
        (["plan", "a dog", "--scene", "nowhere.json"], "nowhere.json"),
        (["layout", "a dog", "--planner", "given", "--ideas", "2", "--out", "never"], "no ideas"),
    ],
)
def test_bad_planners(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SMARTMASK_PLANNER_URL", raising=False)
    assert main(arguments) == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
