"""The sheet of first suggestions, its blind pages, and the counting of free answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_pipeline import FakePipeline
from typer.testing import CliRunner

from smartmask.cli.evaluate import app
from smartmask.data.pack import Pack, write_pack
from smartmask.data.record import Record
from smartmask.data.shapes import OutlineItem, Outlines
from smartmask.data.splits import split_of
from smartmask.data.targets import Protocol
from smartmask.evaluate.memories import whole_outlines
from smartmask.evaluate.tasks.sheet.blind import (
    REAL,
    SUGGESTED,
    Item,
    folder_items,
    is_right,
    key_of,
    pages,
    real_items,
    score,
    score_lines,
    shuffled,
    silhouette_tile,
)
from smartmask.evaluate.tasks.sheet.spots import POOL, SOURCES, find_spots, names_of_seed, sheet_picture, suggest
from smartmask.geometry import box_mask
from smartmask.image.files import save_png
from smartmask.scene import Layer, Scene

EVERY = Protocol(limit=None)


def disk(height: int = 40, width: int = 60) -> np.ndarray:
    y, x = np.mgrid[:height, :width] + 0.5
    return (x / width * 2 - 1) ** 2 + (y / height * 2 - 1) ** 2 <= 1


def some_outlines(*names: str) -> Outlines:
    return Outlines.of([OutlineItem(name, np.packbits(disk(64, 64)), 1.5) for name in names], "drawn ones")


def test_names_come_by_the_seed_and_hold_the_asked_ones() -> None:
    assert {"bus", "cup", "couch"} <= set(POOL)
    first = names_of_seed(0, 12)
    assert len(set(first)) == 12
    assert first == names_of_seed(0, 12)
    assert first != names_of_seed(1, 12)
    assert names_of_seed(0, 6) == first[:6]
    with pytest.raises(ValueError, match="shows 99 names"):
        names_of_seed(0, 99)


def test_spots_are_boxes_of_real_unseen_objects_with_everything_hidden(pack: Pack) -> None:
    spots = find_spots(pack, ["ball", "bus"], 0, whole_outlines(pack, EVERY, "train"), min_area=0.01)
    assert [spot.name for spot in spots] == ["ball", "bus"]
    for spot in spots:
        assert spot.real
        box = box_mask(spot.guide.extent(1, 1), spot.scene.height, spot.scene.width)
        assert not any((layer.mask & box).any() for layer in spot.scene.layers)
    again = find_spots(pack, ["bus"], 0, whole_outlines(pack, EVERY, "train"), min_area=0.01)
    assert again[0].guide == spots[1].guide


def ground_pack(folder: Path) -> Pack:
    """Test scenes of sky over grass, or of sky alone."""
    records, number = [], 0
    while len(records) < 4:
        number += 1
        if split_of(str(number)) == "test":
            grass = box_mask((0, 60 if len(records) % 2 else 119, 160, 120), 120, 160)
            layers = (Layer("sky", ~grass, thing=False), Layer("grass", grass, thing=False))
            records.append(Record(str(number), SOURCES[0], Scene(120, 160, layers)))
    write_pack(records, folder / "ground.parquet")
    return Pack(folder / "ground.parquet")


def test_a_name_without_example_stands_on_the_ground(tmp_path: Path) -> None:
    pack = ground_pack(tmp_path)
    (spot,) = find_spots(pack, ["unicorn"], 0, some_outlines("unicorn"))
    assert not spot.real
    assert (spot.guide.x1 - spot.guide.x0) / (spot.guide.y1 - spot.guide.y0) == pytest.approx(1.5, abs=0.05)
    assert spot.scene.layers[-1].name == "grass"
    assert spot.scene.layers[-1].mask[70, 2], "not a scene of sky alone"
    with pytest.raises(ValueError, match="no outline named 'dragon'"):
        find_spots(pack, ["dragon"], 0, some_outlines("unicorn"))


def test_the_sheet_shows_a_row_a_name(pack: Pack) -> None:
    spots = find_spots(pack, ["ball", "bus"], 0, whole_outlines(pack, EVERY, "train"), min_area=0.01)
    pipe = FakePipeline()
    shown = suggest(pipe, spots, 5)
    assert [call["num_masks"] for call in pipe.calls] == [5, 5]
    picture = sheet_picture(shown, 3)
    assert picture.ndim == 3
    assert picture.dtype == np.uint8


def test_silhouettes_are_of_one_size_whatever_the_mask() -> None:
    small, large = np.zeros((50, 50), bool), np.zeros((500, 700), bool)
    small[5:25, 5:35] = disk(20, 30)
    large[100:300, 200:500] = disk(200, 300)
    tiles = [silhouette_tile(mask) for mask in (small, large)]
    assert tiles[0].shape == tiles[1].shape
    assert set(np.unique(tiles[0])) == {0, 255}
    assert (tiles[0] != tiles[1]).mean() < 0.02
    with pytest.raises(ValueError, match="empty"):
        silhouette_tile(np.zeros((4, 4), bool))


def test_real_ones_are_shared_out_among_the_names() -> None:
    candidates = [("cup", disk(), f"cup {i}") for i in range(5)] + [("bus", disk(), "bus 0"), ("tv", disk(), "tv 0")]
    found = real_items(candidates, ["cup", "bus"], 4, 0)
    assert sorted(item.name for item in found) == ["bus", "cup", "cup", "cup"]
    assert {item.group for item in found} == {REAL}
    assert real_items(candidates[::-1], ["cup", "bus"], 4, 0)[0].about == found[0].about
    assert len(real_items(candidates, ["cup", "bus"], 99, 0)) == 6


def test_shuffled_pages_keep_their_key() -> None:
    items = [Item(disk(20, 20 + i), "cup", SUGGESTED, i) for i in range(50)]
    mixed = shuffled(items, 3)
    assert {id(item) for item in mixed} == {id(item) for item in items}
    assert mixed != items
    assert len(pages(mixed)) == 2
    key = key_of(mixed)
    assert [entry["number"] for entry in key] == list(range(1, 51))
    assert key[4]["rank"] == mixed[4].rank


def test_answers_are_right_by_synonym_and_by_the_vocabulary() -> None:
    assert is_right("couch", "Sofa")
    assert is_right("cup", "mug")
    assert not is_right("cup", "bottle")
    assert not is_right("dog", "")
    assert is_right("dog", "hound", lambda word: {"hound": "dog"}.get(word, word))


def answered() -> tuple[list[dict[str, Any]], dict[str, str]]:
    names = [("cup", SUGGESTED, 0), ("cup", SUGGESTED, 1), ("dog", SUGGESTED, 0), ("cup", REAL, -1), ("dog", "old", 0)]
    key = [{"number": i, "name": n, "group": g, "rank": r, "about": ""} for i, (n, g, r) in enumerate(names, 1)]
    return key, {"1": "cup", "2": "cup ?", "3": "horse", "4": "mug", "5": ""}


def test_clear_and_arguable_answers_are_counted_a_group() -> None:
    found = score(*answered())
    assert found["groups"][SUGGESTED]["all"] == {"items": 3, "clear": 1, "arguable": 1}
    assert found["groups"][SUGGESTED]["first"] == {"items": 2, "clear": 1, "arguable": 0}
    assert found["groups"][REAL] == {"all": {"items": 1, "clear": 1, "arguable": 0}}
    assert found["of_real"] == {SUGGESTED: round(1 / 3, 4), "old": 0}
    assert found["clear_by_name"] == {"cup": [1, 2], "dog": [0, 1]}
    page = "\n".join(score_lines(found))
    assert "| suggested, first of each name | 2 | 1 | 0 | 0.50 | - |" in page
    key, said = answered()
    with pytest.raises(ValueError, match="lacks number 2"):
        score(key, {n: a for n, a in said.items() if n != "2"})
    with pytest.raises(ValueError, match="number 9, which the key lacks"):
        score(key, said | {"9": "cup"})


def test_folders_of_masks_are_named_by_what_they_show(tmp_path: Path) -> None:
    save_png(disk(), tmp_path / "potted plant_3.png")
    (item,) = folder_items(tmp_path, "old")
    assert (item.name, item.rank, item.group) == ("potted plant", 3, "old")
    assert item.mask.dtype == bool
    save_png(disk(), tmp_path / "dog.png")
    with pytest.raises(ValueError, match="not named"):
        folder_items(tmp_path, "old")
    with pytest.raises(ValueError, match="no PNG"):
        folder_items(tmp_path / "nowhere", "old")


def test_the_commands_write_and_score(pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FakePipeline().install(monkeypatch)
    (tmp_path / "old").mkdir()
    save_png(disk(), tmp_path / "old" / "ball_0.png")
    out = tmp_path / "out"
    command = ["sheet", "--data", str(pack.path), "--names", "ball,bus", "--shown", "2", "--real", "3", "--blind"]
    command += ["--extra", f"old={tmp_path / 'old'}", "--out", str(out)]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert files == {
        "sheet.png", "sheet.json", "blind_1.png", "blind_key.json", "blind_answers.json",
        "masks/ball_0.png", "masks/ball_1.png", "masks/bus_0.png", "masks/bus_1.png",
    }  # fmt: skip
    key = json.loads((out / "blind_key.json").read_text())["items"]
    groups = [entry["group"] for entry in key]
    assert {group: groups.count(group) for group in set(groups)} == {SUGGESTED: 4, REAL: 3, "old": 1}
    answers = {str(entry["number"]): entry["name"] for entry in key}
    (out / "blind_answers.json").write_text(json.dumps(answers))
    monkeypatch.undo()  # the vocabulary lies beside the real pipeline
    command = ["sheet-score", str(out / "blind_key.json"), str(out / "blind_answers.json"), "--json"]
    report = json.loads(CliRunner().invoke(app, command, catch_exceptions=False).stdout)
    assert report["of_real"] == {SUGGESTED: 1, "old": 1}
    wrong = CliRunner().invoke(app, ["sheet-score", str(out / "sheet.json"), str(out / "blind_answers.json")])
    assert "is no key" in str(wrong.exception)
    bad = CliRunner().invoke(app, ["sheet", "--data", str(pack.path), "--extra", "old", "--out", str(out)])
    assert "LABEL=DIR" in str(bad.exception)
