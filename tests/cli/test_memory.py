"""``smartmask memory``: add, list, show, remove; exit codes, one sentence for bad input."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from outlined import lump, made_weights
from PIL import Image

from smartmask.cli import main as cli
from smartmask.image.files import load_photo, save_png


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of weights: 12 open outlines of four names, one dog of a shut set."""
    return made_weights(tmp_path_factory.mktemp("weights") / "made")


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The standard folder of the user's sets, not there yet."""
    monkeypatch.setenv("SMARTMASK_MEMORY", str(tmp_path / "memory"))
    return tmp_path / "memory"


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """A folder with two dogs, a gizmo and an empty mask."""
    root = tmp_path / "pets"
    root.mkdir()
    for number, name in enumerate(("dog_1", "dog_2", "gizmo")):
        save_png(np.pad(lump(number), 9), root / f"{name}.png")
    save_png(np.zeros((40, 40), dtype=bool), root / "dog_3.png")
    return root


def run(*arguments: str | Path) -> int:
    return cli.main(["memory", *map(str, arguments)])


def printed(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Any:
    """The JSON that a command prints, alone on stdout."""
    capsys.readouterr()
    assert run(*arguments, "--json") == 0
    out, err = capsys.readouterr()
    assert err == ""
    return json.loads(out)


def told(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The one sentence with which a command refuses bad input."""
    capsys.readouterr()
    assert run(*arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("smartmask: ")
    assert err.count("\n") == 1
    return err


def test_add_list_show_remove(
    weights: Path, memory: Path, pets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    added = printed(capsys, "add", pets, "--weights", weights)
    assert (added["set"], added["licence"], added["outlines"]) == ("pets", "own", 3)
    assert added["names"] == {"dog": 2, "gizmo": 1}
    assert added["left_out"] == {"empty": 1}
    assert added["file"] == str(memory / "pets.safetensors")
    assert len(added["notes"]) == 2

    rows = {row["set"]: row for row in printed(capsys, "list", "--weights", weights)["sets"]}
    assert {name: (row["tier"], row["outlines"]) for name, row in rows.items()} == {
        "made": ("open", 12), "shut": ("research", 1), "pets": ("own", 3),
    }  # fmt: skip
    assert rows["made"]["names"] == {"dog": 3, "cat": 3, "table": 3, "cup": 3}
    assert rows["pets"]["licence"] == "own"

    out = tmp_path / "sheets" / "dog.png"
    shown = printed(capsys, "show", "dogs", "--out", out, "--weights", weights)
    assert (shown["name"], shown["outlines"], shown["shown"]) == ("dog", 6, 6)
    assert shown["sets"] == {"made": 3, "pets": 2, "shut": 1}
    sheet = load_photo(out)
    assert (sheet == 255).all(axis=2).mean() > 0.2
    assert (sheet == 0).all(axis=2).mean() > 0.2

    assert printed(capsys, "remove", "pets")["removed"] == "pets"
    assert len(printed(capsys, "list", "--weights", weights)["sets"]) == 2


def test_the_users_own_come_first(
    weights: Path, memory: Path, pets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("add", pets, "--weights", weights)
    run("show", "dog", "--most", "1", "--out", tmp_path / "first.png", "--weights", weights)
    run("show", "dog", "--most", "1", "--out", tmp_path / "other.png", "--weights", weights, "--licences", "open")
    assert "1 of 5 outlines" in capsys.readouterr().out
    first, other = (Image.open(tmp_path / f"{name}.png") for name in ("first", "other"))
    assert first.size == other.size
    assert np.array_equal(np.asarray(first), np.asarray(other))
    run("remove", "pets")
    run("show", "dog", "--most", "1", "--out", tmp_path / "other.png", "--weights", weights)
    assert not np.array_equal(np.asarray(first), load_photo(tmp_path / "other.png"))


def test_open_licences(weights: Path, memory: Path, pets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("add", pets, "--weights", weights, "--licence", "all rights reserved")
    found = printed(capsys, "list", "--weights", weights, "--licences", "open")
    assert [row["set"] for row in found["sets"]] == ["made"]


def test_sentences_for_people(weights: Path, memory: Path, pets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("add", pets, "--weights", weights) == 0
    out, err = capsys.readouterr()
    assert out == f"3 outlines remembered as 'pets' in {memory}: dog 2, gizmo 1\n"
    assert "smartmask: note: Left out: 1 empty." in err
    assert run("list", "--weights", weights) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["made", "open", "12", "CC0:", "cat,", "cup,", "dog,", "table"]
    assert lines[-1] == "16 outlines in 3 sets"
    assert run("remove", "pets") == 0
    assert capsys.readouterr().out == f"'pets' is forgotten ({memory / 'pets.safetensors'})\n"


def test_the_card_counts_sets_and_names(
    weights: Path, memory: Path, pets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("add", pets, "--weights", weights)
    capsys.readouterr()
    assert run("list", "--card", "--weights", weights) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("| open | made | 12 | ") and line.endswith(" | 4 | CC0 |") for line in lines)
    assert any(line.startswith("| research | shut | 1 | ") for line in lines)
    assert not any("pets" in line for line in lines)
    told = {line.split(" | ")[0]: line for line in lines[lines.index("") :] if line}
    assert told["| all"].startswith("| all | 13 | 4 | ")
    assert told["| open"].startswith("| open | 12 | 4 | ")
    assert run("list", "--card", "--weights", weights, "--licences", "open") == 0
    assert "research" not in capsys.readouterr().out


def test_another_folder(
    weights: Path, memory: Path, pets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "there"
    assert "does not exist" in told(capsys, "list", "--weights", weights, "--memory", there)
    assert printed(capsys, "add", pets, "--weights", weights, "--memory", there)["file"].startswith(str(there))
    assert not memory.exists()
    assert len(printed(capsys, "list", "--weights", weights)["sets"]) == 2
    assert len(printed(capsys, "list", "--weights", weights, "--memory", there)["sets"]) == 3


def test_bad_input_in_one_sentence(
    weights: Path, memory: Path, pets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "not_coco.json").write_text('{"images": []}')
    (tmp_path / "blank").mkdir()
    save_png(np.zeros((40, 40), dtype=bool), tmp_path / "blank" / "dog.png")
    sheet = tmp_path / "sheet.png"
    cases = {
        "is no COCO instances JSON": ["add", tmp_path / "not_coco.json", "--weights", weights],
        "has no usable outline (1 empty)": ["add", tmp_path / "blank", "--weights", weights],
        "'nowhere' does not exist": ["add", "nowhere", "--weights", weights],
        "The set's name is": ["add", pets, "--set", "../x", "--weights", weights],
        "The licences are 'free'; use 'all' or 'open'": ["list", "--licences", "free", "--weights", weights],
        "is not a folder of SmartMask weights": ["list", "--weights", tmp_path / "none"],
        "No outline of 'unicycle'": ["show", "unicycle", "--out", sheet, "--weights", weights],
        "The name is empty": ["show", " ", "--out", sheet, "--weights", weights],
        "must end in .png": ["show", "dog", "--out", tmp_path / "sheet.jpg", "--weights", weights],
        "There is no set 'made' of your own": ["remove", "made"],
    }  # fmt: skip
    for sentence, arguments in cases.items():
        assert sentence in told(capsys, *arguments)
    assert told(capsys, "show", "dog", "--out", sheet, "--licences", "mine", "--weights", weights)
    assert not memory.exists()
    assert not sheet.exists()


def test_a_damaged_set_is_listed_told_and_removed(
    weights: Path, memory: Path, pets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("add", pets, "--weights", weights)
    (memory / "pets.safetensors").write_bytes(b"damaged")
    found = printed(capsys, "list", "--weights", weights)
    assert len(found["sets"]) == 2
    assert "pets.safetensors' is damaged" in found["notes"][0]
    assert "is damaged" in told(capsys, "show", "dog", "--out", tmp_path / "dog.png", "--weights", weights)
    assert "exists" in told(capsys, "add", pets, "--weights", weights)
    assert run("add", pets, "--weights", weights, "--replace") == 0
    (memory / "pets.safetensors").write_bytes(b"damaged")
    assert run("remove", "pets") == 0
    assert printed(capsys, "list", "--weights", weights)["notes"] == []


def test_a_damaged_bundled_memory(
    weights: Path, tmp_path: Path, memory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(weights, broken)
    file = broken / "memory" / "open.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    assert f"The memory of outlines '{file}' is damaged" in told(capsys, "list", "--weights", broken)
    file.unlink()
    assert f"'{file}' does not exist" in told(capsys, "show", "dog", "--out", tmp_path / "x.png", "--weights", broken)
