"""``smartmask masks`` for several objects: a folder each, one result, one sheet; one object as ever."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_pipeline import FakePipeline
from PIL import Image

from smartmask.cli import main as cli
from smartmask.guides import Box
from smartmask.image.files import load_photo, save_png

HEIGHT, WIDTH = 48, 64


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A photo and its layout: sky (1) above grass (2)."""
    labels = np.ones((HEIGHT, WIDTH), dtype=np.uint8)
    labels[24:] = 2
    save_png(labels, tmp_path / "layout.png")
    save_png(np.full((HEIGHT, WIDTH, 3), 128, dtype=np.uint8), tmp_path / "photo.png")
    (tmp_path / "names.json").write_text('{"1": "sky", "2": "grass"}')
    return tmp_path


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakePipeline:
    return FakePipeline().install(monkeypatch)


def line(files: Path, *words: str, out: str = "out") -> list[str]:
    layout = ["--layout", str(files / "layout.png"), "--names", str(files / "names.json")]
    return ["masks", str(files / "photo.png"), *layout, "--out", str(files / out), *words]


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def result_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "result.json").read_text("utf-8"))
    return found


def test_each_object_has_a_folder_of_its_own(
    files: Path, fake: FakePipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    places = ["--box", "2,20,20,40", "--box", "30,8,60,44"]
    assert cli.main(line(files, "dog", "a sitting cat", *places, "-n", "2", "--seed", "5")) == 0
    out = files / "out"
    own = ["mask_00.png", "mask_01.png", "overlay.png", "visible_00.png", "visible_01.png"]
    wanted = [f"{folder}/{name}" for folder in ("00_dog", "01_a_sitting_cat") for name in own]
    assert tree(out) == [*wanted, "overlay.png", "result.json"]
    assert [(call["prompt"], call["guidance"], call["seed"]) for call in fake.calls] == [
        ("dog", [Box(2, 20, 20, 40)], 5), ("a sitting cat", [Box(30, 8, 60, 44)], 1005),
    ]  # fmt: skip
    result = result_of(out)
    assert not {"object", "masks", "guidance"} & set(result)
    assert result["seed"] == 5
    dog, cat = result["objects"]
    assert (dog["object"], dog["seed"], cat["object"], cat["seed"]) == ("dog", 5, "a sitting cat", 1005)
    assert cat["guidance"] == [{"kind": "box", "x0": 30, "y0": 8, "x1": 60, "y1": 44}]
    assert [record["seed"] for record in cat["masks"]] == [1005, 1006]
    assert (cat["overlay"], cat["masks"][0]["mask"]) == ("01_a_sitting_cat/overlay.png", "01_a_sitting_cat/mask_00.png")
    with Image.open(out / cat["masks"][0]["mask"]) as picture:
        assert (np.asarray(picture) > 0).sum() == cat["masks"][0]["area"]
    printed = capsys.readouterr()
    assert "4 masks of 2 objects in" in printed.out
    assert printed.out.count("01_a_sitting_cat/mask_") == 2


def test_an_object_among_several_gets_the_masks_that_it_gets_alone(files: Path, fake: FakePipeline) -> None:
    assert cli.main(line(files, "dog", "cat", "-n", "2", "--seed", "5")) == 0
    assert cli.main(line(files, "--object", "dog", "-n", "2", "--seed", "5", out="dog")) == 0
    assert cli.main(line(files, "cat", "-n", "2", "--seed", "1005", out="cat")) == 0
    for alone, together in (("dog", "00_dog"), ("cat", "01_cat")):
        for name in ("mask_00.png", "visible_01.png", "overlay.png"):
            assert (files / alone / name).read_bytes() == (files / "out" / together / name).read_bytes()
    assert result_of(files / "dog")["masks"][0]["mask"] == "mask_00.png"
    assert "objects" not in result_of(files / "dog")


def test_one_object_by_argument_or_option_is_the_same(files: Path, fake: FakePipeline) -> None:
    assert cli.main(line(files, "dog", "-n", "2", out="a")) == 0
    assert cli.main(line(files, "--object", "dog", "-n", "2", out="b")) == 0
    assert tree(files / "a") == tree(files / "b")
    results = [result_of(files / name) for name in "ab"]
    assert {key: value for key, value in results[0].items() if key != "timings"} == {
        key: value for key, value in results[1].items() if key != "timings"
    }


def test_a_list_says_more_of_each(files: Path, fake: FakePipeline) -> None:
    listed = [{"object": "dog", "point": [9, 30], "order": 1, "seed": 77}, {"object": "cat", "context": "at night"}]
    (files / "objects.json").write_text(json.dumps(listed))
    assert cli.main(line(files, "--objects-json", str(files / "objects.json"), "-n", "1", "--context", "a lawn")) == 0
    dog, cat = fake.calls
    assert (dog["order"], dog["seed"], dog["context_prompt"]) == (1, 77, "a lawn")
    assert (cat["order"], cat["seed"], cat["context_prompt"]) == (None, 1000, "at night")
    assert [part["order"] for part in result_of(files / "out")["objects"]] == [1, None]


def test_the_common_sheet_shows_each_object_in_its_colour(files: Path, fake: FakePipeline) -> None:
    assert cli.main(line(files, "dog", "cat", "-n", "1", "--box", "2,20,20,40", "--box", "30,8,60,44")) == 0
    sheet = load_photo(files / "out" / "overlay.png").reshape(-1, 3)
    assert len(sheet)
    for colour in ((255, 38, 142), (38, 206, 255)):
        assert (sheet == colour).all(axis=1).any()


def test_what_one_object_alone_can_have(files: Path, fake: FakePipeline, capsys: pytest.CaptureFixture[str]) -> None:
    save_png(np.eye(HEIGHT, WIDTH, dtype=bool), files / "like.png")
    assert cli.main(line(files, "dog", "cat", "--like", str(files / "like.png"))) == 2
    assert "is a mask of one object, but there are 2; name one" in capsys.readouterr().err
    assert cli.main(line(files, "dog", "cat", "--order", "1")) == 2
    assert "--order 1 is given for 2 objects" in capsys.readouterr().err
    assert not (files / "out").exists()


def test_a_later_run_leaves_no_files_of_other_objects(files: Path, fake: FakePipeline) -> None:
    assert cli.main(line(files, "dog", "cat", "-n", "2")) == 0
    assert cli.main(line(files, "dog", "-n", "1")) == 0
    assert tree(files / "out") == ["mask_00.png", "overlay.png", "result.json", "visible_00.png"]


def test_notes_name_their_object(files: Path, fake: FakePipeline, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(line(files, "dog", "blorb", "-n", "1")) == 0
    assert "smartmask: note: blorb: unknown word 'blorb'" in capsys.readouterr().err
    assert [len(part["notes"]) for part in result_of(files / "out")["objects"]] == [0, 1]
