"""Result folders are all or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from smartmask.guides import Blob, Point, Scribble
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
