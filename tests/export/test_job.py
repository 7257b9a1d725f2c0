"""``smartmask scene export``: what an insertion wrote, and saved scenes, as files; and the lines of docs/exports.md."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from layered import HEIGHT, WIDTH, a_photo, a_scene, disc, flattened, read_openraster
from PIL import Image

from smartmask.export.formats import FORMATS
from smartmask.export.job import SceneExport, painted_in
from smartmask.image.files import save_png
from smartmask.image.photo import Photo
from smartmask.scene.scene_file import load_scene, save_scene

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the lines of the documentation have been run."""
    place = tmp_path_factory.mktemp("lines")
    a_photo().save(place / "photo.png")
    save_png(disc(50, 30, 14), place / "mask.png")
    ball = np.zeros((20, 20, 4), np.uint8)
    ball[disc(10, 10, 8, 20, 20)] = (250, 120, 10, 255)
    Image.fromarray(ball).save(place / "ball.png")
    (block,) = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "exports.md").read_text(encoding="utf-8"), re.DOTALL)
    script = f'set -e\nsmartmask() {{ "{sys.executable}" -m smartmask "$@"; }}\n{block}'
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(["bash", "-c", script], cwd=place, env=environment, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return place


def test_the_lines_of_the_documentation(folder: Path) -> None:
    _, entries, picture = read_openraster((folder / "beach.ora").read_bytes())
    result = Photo.load(folder / "out" / "result.png").pixels
    assert (picture[..., :3] == result).all()
    assert np.abs(flattened(entries, HEIGHT, WIDTH)[..., :3].astype(int) - result).max() <= 1
    assert [one.name for one in entries] == ["photo", "ball"]
    assert (folder / "beach.psd").read_bytes()[:6] == b"8BPS\0\1"
    assert 'href="photo.png"' in (folder / "beach.svg").read_text()
    assert json.loads((folder / "beach.json").read_text())["categories"][0]["name"] == "ball"


def test_a_runs_layers_belong_to_its_scene(folder: Path) -> None:
    scene, _ = load_scene(folder / "out" / "scene.json")
    (ball,) = painted_in(folder / "out")
    assert ball.index is not None
    assert not (ball.layer.touched & ~scene.layers[ball.index].window.crop(*ball.layer.window.as_list())).any()


@pytest.mark.parametrize("name", FORMATS)
def test_a_scene_file_goes_into_every_format(name: str, tmp_path: Path) -> None:
    save_scene(a_scene(), tmp_path / "scene.json")
    a_photo().save(tmp_path / "photo.png")
    out = tmp_path / f"made{FORMATS[name].suffix}"  # type: ignore[index]
    request = SceneExport.of(scene=tmp_path / "scene.json", format=name, photo=tmp_path / "photo.png", out=out)
    assert request.run() == []
    assert out.stat().st_size > 100
    if name in ("png", "webp", "jpg"):
        assert Image.open(out).size == (WIDTH, HEIGHT)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "xcf"}, "xcf"),
        ({"out": "made.png"}, "must end in .ora"),
        ({"scene": "none.json"}, "none.json"),
        ({"photo": "small.png"}, "both must have one size"),
        ({"out": "photo.png", "format": "png"}, "photo.png"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_is_written(change: dict[str, str], words: str, tmp_path: Path) -> None:
    save_scene(a_scene(), tmp_path / "scene.json")
    a_photo().save(tmp_path / "photo.png")
    Photo(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "small.png")
    before = sorted(tmp_path.iterdir())
    given = {"scene": "scene.json", "format": "ora", "photo": "photo.png", "out": "made.ora"} | change
    paths = {key: value if key == "format" else str(tmp_path / value) for key, value in given.items()}
    with pytest.raises(ValueError, match=words):
        SceneExport.of(**paths).run()
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"file": "../photo.png"}, "a file in the folder"),
        ({"window": [0, 0, 10, 1000]}, "inside its picture"),
        ({"window": [5, 5, 5, 9]}, "four whole numbers"),
        ({"kind": "sky"}, "object, shadow or fill"),
        ({"in_result": 1}, "true or false"),
    ],
)
def test_a_result_is_not_trusted(folder: Path, change: dict[str, object], words: str, tmp_path: Path) -> None:
    record = json.loads((folder / "out" / "result.json").read_text())
    record["layers"][0] |= change
    (tmp_path / "layers").mkdir()
    for file in (folder / "out" / "layers").iterdir():
        (tmp_path / "layers" / file.name).write_bytes(file.read_bytes())
    (tmp_path / "result.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match=words):
        painted_in(tmp_path)


def test_masks_are_numbered_and_named(tmp_path: Path) -> None:
    save_scene(a_scene(), tmp_path / "scene.json")
    SceneExport.of(scene=tmp_path / "scene.json", format="masks", out=tmp_path / "masks.zip").run()
    scene = a_scene()
    with zipfile.ZipFile(tmp_path / "masks.zip") as archive:
        assert archive.namelist()[:2] == ["whole/00_sky.png", "visible/00_sky.png"]
        with archive.open("whole/02_dog_1.png") as whole, archive.open("visible/02_dog_1.png") as visible:
            assert ((np.asarray(Image.open(whole)) == 255) == scene.layers[2].mask).all()
            assert ((np.asarray(Image.open(visible)) == 255) == scene.visible(2)).all()
