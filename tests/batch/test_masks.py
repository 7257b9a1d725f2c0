"""``smartmask batch``: the same bits as 'smartmask masks' one at a time, from every kind of source."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smartmask.batch.masks import BatchJob
from smartmask.batch.sources import count_items, items_of
from smartmask.cli.main import main
from smartmask.image.files import save_png
from smartmask.scene.scene_file import save_scene

HEIGHT, WIDTH = 48, 64


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three photos of noise, one with a layout beside it and one in a folder below."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for number, name in enumerate(("a.png", "b.png", "more/c.png")):
        noise = np.random.default_rng(number).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        save_png(noise, folder / name)
    labels = np.ones((HEIGHT, WIDTH), dtype=np.uint8)
    labels[24:] = 2
    save_png(labels, folder / "a.layout.png")
    (folder / "a.names.json").write_text('{"1": "sky", "2": "grass"}')
    stroke = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    stroke[20:24, 10:50] = 255
    save_png(stroke, folder / "b.scribble.png")
    (folder / "b.json").write_text('{"object": ["dog"], "num_masks": 3, "seed": 5}')
    return folder


def contents(folder: Path) -> dict[str, Any]:
    """All files of a result; of its JSON what does not change with the clock."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
            if path.name == "result.json":
                told = json.loads(path.read_bytes())
                found[path.relative_to(folder).as_posix()] = {k: v for k, v in told.items() if k != "timings"}
    return found


def manifest(folder: Path, *lines: object) -> Path:
    file = folder / "manifest.jsonl"
    file.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return file


def run(source: Path, out: Path, weights: Path, **more: Any) -> Any:
    return BatchJob(source=source, out=out, weights=weights, **{"num_masks": 2} | more).run()


def test_a_manifest_gives_the_same_bits_as_single_calls(photos: Path, tiny_weights: Path, tmp_path: Path) -> None:
    file = manifest(
        tmp_path,
        {"id": "boxed", "image": "photos/a.png", "layout": "photos/a.layout.png", "names": "photos/a.names.json",
         "object": "dog", "box": [5, 5, 40, 40], "context": "a dog"},
        {"id": "two/objects", "image": "photos/b.png", "object": ["dog", "cat"], "box": ["5,5,30,30", "20,10,60,44"]},
        {"image": "photos/more/c.png", "object": "cat", "scribble": "photos/b.scribble.png", "not_box": [0, 0, 9, 9],
         "num_masks": 3, "seed": 4},
    )  # fmt: skip
    report = run(file, tmp_path / "out", tiny_weights, workers=2)
    assert (report.done, report.failed, report.counts) == (3, 0, {"masks": 9.0})
    a, b, c = (str(photos / name) for name in ("a.png", "b.png", "more/c.png"))
    lines = {
        "boxed": [a, "--layout", str(photos / "a.layout.png"), "--names", str(photos / "a.names.json"), "--object",
                  "dog", "--box", "5,5,40,40", "--context", "a dog", "-n", "2"],
        "two/objects": [b, "dog", "cat", "--box", "5,5,30,30", "--box", "20,10,60,44", "-n", "2"],
        "000003": [c, "cat", "--scribble", str(photos / "b.scribble.png"), "--not-box", "0,0,9,9", "-n", "3",
                   "--seed", "4"],
    }  # fmt: skip
    for name, line in lines.items():
        assert main(["masks", *line, "--weights", str(tiny_weights), "--out", str(tmp_path / "single")]) == 0
        assert contents(tmp_path / "out" / name) == contents(tmp_path / "single"), name


def test_a_folder_and_its_tar_give_the_same_masks(photos: Path, tiny_weights: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "shard.tar", "w") as archive:
        for path in sorted(photos.rglob("*")):
            if path.is_file():
                data = path.read_bytes()
                about = tarfile.TarInfo(path.relative_to(photos).as_posix())
                about.size = len(data)
                archive.addfile(about, io.BytesIO(data))
    options: dict[str, Any] = {"object": ("cat",), "box": ("5,5,40,40",), "num_masks": 2}
    told = {}
    for source in (photos, tmp_path / "shard.tar"):
        out = tmp_path / f"out_{source.stem}"
        assert run(source, out, tiny_weights, **options).done == 3
        found = {name: contents(out / name) for name in ("a", "b", "more/c")}
        told[source] = {name: one.pop("result.json") for name, one in found.items()}
        for name, one in found.items():
            assert one == told.setdefault(name, one), f"{source} has other masks of {name}"
        assert told[source]["a"]["layers"] == ["sky", "grass"]
        assert told[source]["b"]["object"] == "dog"
        assert (told[source]["b"]["num_masks"], told[source]["b"]["masks"][0]["seed"]) in {(3, 5), (3, 6), (3, 7)}
    assert told[photos]["a"]["image"] == str(photos / "a.png")
    assert told[tmp_path / "shard.tar"]["a"]["image"] == f"{tmp_path / 'shard.tar'}/a.png"


def test_scenes_without_photos(pack: Any, tiny_weights: Path, tmp_path: Path) -> None:
    """Of a pack, and saved ones: the same scene, the same masks."""
    scene = pack[3].scene
    (tmp_path / "scenes" / "one").mkdir(parents=True)
    save_scene(scene, tmp_path / "scenes" / "one" / "scene.json")
    save_png(np.zeros((9, 9, 3), np.uint8), tmp_path / "scenes" / "one" / "overlay.png")  # a result's, no photo
    report = run(tmp_path / "scenes", tmp_path / "saved", tiny_weights, object=("dog",))
    assert (report.done, report.tasks) == (1, 1)
    file = tmp_path / "one.parquet"
    from smartmask.data.pack import write_pack

    write_pack([pack[2], pack[3]], file)
    names = [item.id for item in items_of(file)]
    assert names[1] == f"000001_{pack[3].name}"
    assert run(file, tmp_path / "packed", tiny_weights, object=("dog",)).done == 2
    one, other = contents(tmp_path / "saved" / "one"), contents(tmp_path / "packed" / names[1])
    assert one.pop("result.json")["masks"] == other.pop("result.json")["masks"]
    assert one == other


def test_failures_are_collected_and_retried(
    photos: Path, tiny_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = {"id": "good", "image": "photos/a.png", "object": "dog"}
    lines = [good, {"id": "away", "image": "photos/z.png", "object": "dog"},
             {"id": "wrong", "image": "photos/b.png", "object": "dog", "box": [500, 5, 600, 9]},
             {"id": "number", "image": "photos/b.png", "object": "dog", "num_masks": "3"}]  # fmt: skip
    file = manifest(tmp_path, *lines)
    command = ["batch", str(file), "--out", str(tmp_path / "out"), "--weights", str(tiny_weights), "-n", "1"]
    assert main(command) == 1
    shown = capsys.readouterr()
    assert "1 items done" in shown.out
    assert "--retry does it again" in shown.out
    assert "z.png' does not exist" in shown.err
    failed = {row["id"]: row for row in map(json.loads, (tmp_path / "out" / "failed.jsonl").read_text().splitlines())}
    assert set(failed) == {"away", "wrong", "number"}
    assert "64x48" in failed["wrong"]["error"]
    assert failed["number"]["error"] == "The num masks is '3'; it must be a whole number."
    assert {row["code"] for row in failed.values()} == {2}
    assert not (tmp_path / "out" / "away").exists()
    # a line that was changed is done anew, a file that has come by --retry
    (photos / "a.png").rename(photos / "z.png")
    manifest(tmp_path, lines[0], lines[1], {**lines[2], "box": [5, 5, 40, 40]}, lines[3])
    assert main([*command, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["done"], report["already"], report["left"], report["failed"]) == (1, 1, 2, 0)
    manifest(tmp_path, lines[0], lines[1], {**lines[2], "box": [5, 5, 40, 40]})
    assert main([*command, "--retry"]) == 0
    assert (tmp_path / "out" / "away" / "mask_00.png").exists()


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["{"], "Line 1 of the manifest .* is not valid JSON"),
        (['{"image": "a.png", "objekt": "dog"}'], "Line 1 .* has the unknown key 'objekt'; the keys are"),
        (['{"image": "a.png", "out": "/tmp"}'], "unknown key 'out'"),
        (['{"image": "a.png", "weights": "/tmp"}'], "unknown key 'weights'"),
        (["[1]"], "Line 1 .* is \\[1\\]; give an object"),
        (["", '{"object": "dog"}'], "Line 2 .* has neither an image nor a scene"),
        (['{"image": 3}'], "has the image 3; it is the name of a file"),
        (['{"image": "a.png", "box": {"x": 1}}'], "has the box"),
        (['{"image": "a.png", "id": "../../a"}'], "has the id '../../a'"),
        (['{"image": "a.png", "id": "a"}'] * 2, "'a' occurs twice"),
        (['{"image": "a.png", "id": "a"}', '{"image": "a.png", "id": "a/b"}'], "a/b .* would lie in those of another"),
        (["", ""], "holds no photo and no scene"),
    ],
)
def test_wrong_manifests_are_told_before_any_work(lines: list[str], says: str, tmp_path: Path) -> None:
    file = manifest(tmp_path, *lines)
    with pytest.raises(ValueError, match=says):
        BatchJob(source=file, out=tmp_path / "out").run()


def test_wrong_sources_are_told(photos: Path, tmp_path: Path) -> None:
    for source, says in (
        (tmp_path / "away", "does not exist"),
        (photos / "a.names.json", "is no source"),
        (tmp_path / "empty", "holds no photo"),
    ):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(ValueError, match=says):
            count_items(source)
    with pytest.raises(ValueError, match="lies in the source"):
        BatchJob(source=photos, out=photos / "more" / "out", object=("dog",)).run()
    (photos / "a.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match="are both the image of 'a'"):
        count_items(photos)
    (tmp_path / "bad.tar").write_bytes(b"no tar" * 200)
    with pytest.raises(ValueError, match="it is no tar archive"):
        count_items(tmp_path / "bad.tar")
