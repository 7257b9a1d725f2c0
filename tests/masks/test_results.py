"""Result folders are all or nothing; overlays show what they should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smartmask.export.overlays import overlay
from smartmask.guides import Blob, Box, Point, Scribble
from smartmask.io.publish import staging


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_files_appear_when_the_block_ends(tmp_path: Path) -> None:
    out = tmp_path / "a" / "b"
    with staging(out) as folder:
        (folder / "mask_00.png").write_text("x")
        (folder / "layers").mkdir()
        (folder / "layers" / "0.png").write_text("x")
        assert not (out / "mask_00.png").exists()
    assert tree(out) == ["layers/0.png", "mask_00.png"]
    assert sorted(path.name for path in out.iterdir()) == ["layers", "mask_00.png"]


def test_a_failed_block_removes_only_what_it_made(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()

    def fail_late() -> None:
        with staging(tmp_path / "mine" / "new") as folder:
            (folder / "mask_00.png").write_text("x")
            raise KeyError

    with pytest.raises(KeyError):
        fail_late()
    assert list((tmp_path / "mine").iterdir()) == []


def test_earlier_result_cannot_name_files_elsewhere(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "mask_00.png").write_text("mine")
    (out / "photo.png").write_text("mine")
    (out / "mask_01.png").write_text("old")
    names = '["../mask_00.png", "/etc/passwd", "mask_01.png", "mask_02.png"]'
    (out / "result.json").write_text(f'{{"image": "photo.png", "masks": [{{"mask": {names}}}]}}')
    with staging(out) as folder:
        (folder / "result.json").write_text("{}")
    assert tree(tmp_path) == ["mask_00.png", "out/photo.png", "out/result.json"]


def test_guides_as_json() -> None:
    assert Point(1, 2).describe() == {"kind": "point", "x": 1, "y": 2}
    assert Blob(1, 2, 3, 4).describe() == {"kind": "blob", "cx": 1, "cy": 2, "sx": 3, "sy": 4}
    assert Scribble([(1, 2), (3, 4)], width=2).describe() == {
        "kind": "scribble",
        "strokes": [[[1.0, 2.0], [3.0, 4.0]]],
        "width": 2,
    }


def test_overlay_tints_inside_and_keeps_outside() -> None:
    picture = np.full((60, 80, 3), 100, dtype=np.uint8)
    mask = np.zeros((60, 80), dtype=bool)
    mask[20:40, 20:60] = True
    visible = mask & (np.arange(80) < 40)
    drawn = overlay(picture, mask, visible, colour=(255, 0, 0), side=80)
    assert drawn.shape == (60, 80, 3)
    assert (drawn[:15] == 100).all()
    assert drawn[30, 30, 0] > drawn[30, 50, 0] > 100, "the hidden part has a fainter tint"
    assert (picture == 100).all(), "the picture itself stays as it was"


def test_overlay_shows_hair_thin_masks_and_guides_in_large_pictures() -> None:
    picture = np.zeros((1500, 2000, 3), dtype=np.uint8)
    mask = np.zeros((1500, 2000), dtype=bool)
    mask[700, 300:900] = True
    assert (overlay(picture, mask, colour=(255, 0, 0), side=256)[..., 0] == 255).any()
    drawn = overlay(picture, guides=[Box(-50, -50, 1000, 800)], side=256)
    assert drawn.shape == (192, 256, 3)
    yellow = (drawn == (255, 230, 0)).all(axis=2)
    assert yellow[50, 126:130].any()
    assert not yellow[110:].any()


def test_overlay_of_an_empty_mask() -> None:
    picture = np.full((4, 4, 3), 9, dtype=np.uint8)
    assert (overlay(picture, np.zeros((4, 4), dtype=bool), side=16) == 9).all()
