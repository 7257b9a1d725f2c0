"""Notes on pictures with several frames, whichever they are, and hostile names of a panoptic map, by whole commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SIZE = 160, 120


def animated(path: Path, *frames: Image.Image) -> str:
    frames[0].save(path, save_all=True, append_images=frames[1:])
    return str(path)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "smartmask", *arguments], capture_output=True, text=True, check=False)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    Image.new("RGB", SIZE, (90, 90, 90)).save(tmp_path / "photo.png")
    ids = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    ids[:60, :, 0], ids[60:, :, 0] = 2, 1
    animated(tmp_path / "panoptic.png", Image.fromarray(ids), Image.new("RGB", SIZE))
    Image.fromarray(ids).save(tmp_path / "still.png")
    painted = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    painted[40:100, 50:110] = 255
    animated(tmp_path / "painted.png", Image.fromarray(painted), Image.new("L", SIZE))
    cutout = np.zeros((60, 40, 4), np.uint8)
    cutout[5:55, 5:35] = 200, 100, 50, 255
    animated(tmp_path / "cat.png", Image.fromarray(cutout), Image.new("RGBA", (40, 60), "red"))
    write_names(tmp_path / "panoptic.json", "grass")
    return tmp_path


def write_names(path: Path, name: str) -> None:
    segments = [{"id": 1, "category_id": 1}, {"id": 2, "category_id": 2}]
    categories = [{"id": 1, "name": name, "isthing": 0}, {"id": 2, "name": "sky", "isthing": 0}]
    annotations = [{"image_id": 1, "file_name": "panoptic.png", "segments_info": segments}]
    path.write_text(json.dumps({"annotations": annotations, "categories": categories}))


def test_masks_notes_frames(files: Path) -> None:
    layout = ["--layout", str(files / "panoptic.png"), "--panoptic", str(files / "panoptic.json")]
    asked = ["--object", "dog", "--scribble", str(files / "painted.png"), "-n", "1", "--out", str(files / "out")]
    ran = run("masks", str(files / "photo.png"), *layout, *asked)
    assert ran.returncode == 0, ran.stderr
    for what in (f"guide picture '{files / 'painted.png'}'", f"panoptic map '{files / 'panoptic.png'}'"):
        said = f"The {what} has several frames; the first one is used."
        assert ran.stderr.count(f"smartmask: note: {said}\n") == 1, ran.stderr
        assert json.loads((files / "out" / "result.json").read_text())["notes"].count(said) == 1


def test_insert_notes_frames(files: Path) -> None:
    asked = ["--object", "cat", "--mask", str(files / "painted.png"), "--cutout", str(files / "cat.png")]
    ran = run("insert", str(files / "photo.png"), *asked, "--out", str(files / "out"))
    assert ran.returncode == 0, ran.stderr
    for name in ("painted.png", "cat.png"):
        assert sum(name in line and "several frames" in line for line in ran.stderr.splitlines()) == 1, ran.stderr
    assert all(line.startswith("smartmask: note: ") for line in ran.stderr.splitlines())


@pytest.mark.parametrize(
    ("name", "says"),
    [("x" * 100_000, "has 100000 characters; at most 1000"), ("a\x1b[31mb", "control character U+001B"),
     ("a\0b", "control character U+0000"), ("a\u202eb", "control character U+202E"), (" ", "is empty")],
)  # fmt: skip
def test_names_of_panoptic_categories(files: Path, name: str, says: str) -> None:
    write_names(files / "panoptic.json", name)
    layout = ["--layout", str(files / "still.png"), "--panoptic", str(files / "panoptic.json")]
    ran = run("masks", str(files / "photo.png"), *layout, "--object", "dog", "--out", str(files / "out"))
    assert ran.returncode == 2
    assert ran.stderr.count("\n") == 1
    assert len(ran.stderr) < 400
    assert f"The name of category 1 in the panoptic JSON '{files / 'panoptic.json'}'" in ran.stderr
    assert says in ran.stderr
    assert ran.stderr.rstrip("\n").isprintable()
    assert not (files / "out").exists()
