"""``smartmask insert`` and ``remove``: files in, files out, exit codes, and nothing half written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_pipeline import FakePipeline
from painters import FlatPainter
from pictures import exif, packet, rotated_jpeg, save_with_notes
from PIL import Image
from tiny_segmenters import save_segmenter

from smartmask.cli import main as cli
from smartmask.image.files import load_photo, save_png
from smartmask.image.photo import Photo
from smartmask.image.sheets import rank_colour
from smartmask.insertion import paint
from smartmask.scene import segment
from smartmask.scene.panoptic import MergeRule
from smartmask.scene.scene_file import load_scene

HEIGHT, WIDTH = 48, 64
PHOTO = np.random.default_rng(0).integers(0, 200, (HEIGHT, WIDTH, 3), dtype=np.uint8)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A photo, its layout (sky above grass, a person), a finished mask, a cut-out, and one without alpha."""
    labels = np.ones((HEIGHT, WIDTH), dtype=np.uint8)
    labels[24:] = 2
    labels[16:40, 8:16] = 3
    save_png(labels, tmp_path / "layout.png")
    save_png(PHOTO, tmp_path / "photo.png")
    (tmp_path / "names.json").write_text('{"1": "sky", "2": "grass-merged", "3": "person"}')
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[20:40, 30:50] = True
    save_png(mask, tmp_path / "mask.png")
    save_png(mask & False, tmp_path / "black.png")
    dog = np.zeros((20, 20, 4), dtype=np.uint8)
    dog[2:18, 4:16] = (250, 120, 10, 255)
    Image.fromarray(dog).save(tmp_path / "dog.png")
    Image.fromarray(dog[..., :3]).save(tmp_path / "solid.png")
    (tmp_path / "objects.json").write_text('[{"object": "dog", "box": [30, 20, 50, 40], "cutout": "dog.png"}]')
    return tmp_path


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakePipeline:
    return FakePipeline().install(monkeypatch)


def layout(files: Path) -> list[str]:
    return ["--layout", str(files / "layout.png"), "--names", str(files / "names.json")]


def line(files: Path, *more: str, command: str = "insert") -> list[str]:
    return [command, str(files / "photo.png"), "--out", str(files / "out"), *more]


def paste(files: Path, *more: str) -> list[str]:
    return line(files, *layout(files), "--object", "dog", "--cutout", str(files / "dog.png"), *more)


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def use(painter: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make every named inserter this one."""
    monkeypatch.setattr(paint, "load_inpainter", lambda name, **options: painter)
    return painter


# --- successful runs -----------------------------------------------------------------------------


def test_paste_into_a_found_mask(files: Path, fake: FakePipeline, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(paste(files, "--box", "20,10,60,44", "--shadow", "layer", "-n", "3", "--seed", "5")) == 0
    out = files / "out"
    assert tree(out) == [
        "layers/00_dog_shadow.png", "layers/01_dog.png", "layout_after.png", "layout_before.png", "mask_00.png",
        "overlay_00.png", "result.json", "result.png", "scene.json", "steps/scene_00.json", "steps/scene_01.json",
        "visible_00.png",
    ]  # fmt: skip
    record = json.loads((out / "result.json").read_text("utf-8"))
    assert (record["command"], record["status"], record["inpainter"]) == ("insert", "painted", "paste")
    assert record["files"] == [name for name in tree(out) if name != "result.json"]
    (item,) = record["objects"]
    assert (item["object"], item["seed"], item["picked"], item["layer"]) == ("dog", 5, 0, 3)
    assert item["guidance"][0]["kind"] == "box"
    mask = np.asarray(Image.open(out / "mask_00.png")) > 0
    result = load_photo(out / "result.png")
    np.testing.assert_array_equal(result[~mask], PHOTO[~mask])
    assert (result[mask] != PHOTO[mask]).any(axis=-1).mean() > 0.9
    assert record["painted"]["pixels"] == mask.sum() == item["area"]
    scene, history = load_scene(out / "scene.json")
    assert [layer.name for layer in scene.layers][-1] == "dog"
    np.testing.assert_array_equal(scene.layers[-1].mask, mask)
    assert history == [{"action": "insert", "name": "dog", "order": 3, "seed": 5, "inpainter": "paste"}]
    assert len(load_scene(out / "steps" / "scene_00.json")[0].layers) == 3
    layer = np.asarray(Image.open(out / "layers" / "01_dog.png"))
    assert layer.shape == (HEIGHT, WIDTH, 4)
    np.testing.assert_array_equal(layer[..., 3] > 0, mask)
    assert "result.png in" in capsys.readouterr().out


def test_a_finished_mask_needs_neither_layout_nor_model(files: Path, fake: FakePipeline) -> None:
    more = ["--object", "dog", "--mask", str(files / "mask.png"), "--inpainter", "paste", "--fit", "stretch"]
    assert cli.main(line(files, *more, "--cutout", str(files / "dog.png"))) == 0
    assert fake.calls == []
    mask = np.asarray(Image.open(files / "out" / "mask_00.png")) > 0
    np.testing.assert_array_equal(mask, np.asarray(Image.open(files / "mask.png")) > 0)
    assert "overlay_00.png" not in tree(files / "out")


@pytest.mark.parametrize("by", ["option", "json"])
def test_a_cutout_of_a_photo_and_its_mask(files: Path, fake: FakePipeline, by: str) -> None:
    """What the picture's own alpha gives, by a mask and without an alpha."""
    place = ["--box", "30,20,50,40", "--no-mirror"]
    assert cli.main(line(files, *layout(files), "--object", "dog", "--cutout", str(files / "dog.png"), *place)) == 0
    wanted = load_photo(files / "out" / "result.png")
    save_png(np.asarray(Image.open(files / "dog.png"))[..., 3] > 0, files / "keep.png")
    if by == "option":
        more = ["--object", "dog", "--cutout", str(files / "solid.png"), "--cutout-mask", str(files / "keep.png")]
    else:
        spec = {"object": "dog", "box": [30, 20, 50, 40], "cutout": "solid.png", "cutout_mask": "keep.png"}
        (files / "objects.json").write_text(json.dumps([spec]))
        more, place = ["--objects-json", str(files / "objects.json")], ["--no-mirror"]
    assert cli.main(line(files, *layout(files), *more, *place)) == 0
    np.testing.assert_array_equal(load_photo(files / "out" / "result.png"), wanted)


def test_several_objects(files: Path, fake: FakePipeline) -> None:
    objects = [
        {"object": "cat", "box": [35, 25, 45, 35], "seed": 9, "order": 2, "context": "at night"},
        {"object": "dog", "scribble": [[30, 20], [40, 30]], "cutout": "dog.png"},
        {"object": "ball", "mask": "mask.png", "cutout": "dog.png"},
    ]
    (files / "more.json").write_text(json.dumps(objects))
    more = ["--objects-json", str(files / "more.json"), "--cutout", str(files / "dog.png")]
    assert cli.main(line(files, *layout(files), *more, "--json")) == 0
    record = json.loads((files / "out" / "result.json").read_text("utf-8"))
    assert [(item["object"], item["layer"]) for item in record["objects"]] == [("cat", 2), ("dog", 4), ("ball", 5)]
    assert [call["seed"] for call in fake.calls] == [9, 1000]
    assert fake.calls[0]["context_prompt"] == "at night"
    assert [layer["name"] for layer in record["layers"]] == ["cat", "dog", "ball"]
    rings = [[[10, 10], [30, 10], [30, 30]], [[12, 11], [14, 11], [14, 13]]]
    (files / "more.json").write_text(json.dumps([{"object": "cat", "polygon": value} for value in (rings, rings[0])]))
    assert cli.main(line(files, *layout(files), *more)) == 0
    drawn = [call["guidance"][0].to_json()["rings"] for call in fake.calls[-2:]]
    assert drawn == [rings, rings[:1]]
    two = ["--object", "a", "--object", "b", "--box", "1,1,9,9", "--box", "30,30,40,40"]
    assert cli.main(line(files, *layout(files), *two, *["--cutout", str(files / "dog.png")] * 2)) == 0
    assert fake.calls[-1]["guidance"][0].x0 == 30
    assert "mask_02.png" not in tree(files / "out"), "the earlier run's third object is gone"
    assert "layers/02_ball.png" not in tree(files / "out")


def test_a_cutout_for_all_where_each_has_its_own(files: Path, fake: FakePipeline) -> None:
    more = ["--objects-json", str(files / "objects.json"), "--cutout", str(files / "none.png")]
    assert cli.main(line(files, *layout(files), *more)) == 0


def test_several_objects_in_one_picture(files: Path, fake: FakePipeline) -> None:
    """Named as arguments; each mask in a colour of its own. A single object has its candidates' sheet alone."""
    assert cli.main(line(files, "dog", "ball", *layout(files), "--box", "2,2,20,40", "--box", "30,8,60,44")) == 0
    record = json.loads((files / "out" / "result.json").read_text("utf-8"))
    assert [item["object"] for item in record["objects"]] == ["dog", "ball"]
    assert "overlay.png" in record["files"]
    drawn = load_photo(files / "out" / "overlay.png").reshape(-1, 3)
    assert all((drawn == rank_colour(number)).all(axis=1).any() for number in range(2))
    assert cli.main(line(files, "dog", *layout(files))) == 0
    assert "overlay.png" not in tree(files / "out")


def test_json_alone_on_stdout(files: Path, fake: FakePipeline, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(paste(files, "--json")) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == json.loads((files / "out" / "result.json").read_text("utf-8"))
    assert printed.err == ""


def test_lossy_result_says_so(files: Path, fake: FakePipeline, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(paste(files, "--format", "jpg")) == 0
    assert "result.jpg" in tree(files / "out")
    assert "only a PNG keeps the untouched pixels" in capsys.readouterr().err


def test_upright_photos(files: Path, fake: FakePipeline) -> None:
    """Guides, masks and layout are those of the upright photo, and so is the result."""
    photo = rotated_jpeg(files, Image.fromarray(PHOTO.transpose(1, 0, 2)))
    more = ["--object", "dog", "--mask", str(files / "mask.png"), "--cutout", str(files / "dog.png")]
    assert cli.main(["insert", str(photo), "--out", str(files / "out"), *more]) == 0
    result, before = load_photo(files / "out" / "result.png"), load_photo(photo)
    mask = np.asarray(Image.open(files / "out" / "mask_00.png")) > 0
    np.testing.assert_array_equal(result[~mask], before[~mask])
    with Image.open(files / "out" / "result.png") as image:
        assert image.getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_notes_of_the_photo_survive(files: Path, suffix: str) -> None:
    photo = save_with_notes(files / f"noted{suffix}", PHOTO, packet(), (300, 150), exif())
    more = ["--object", "dog", "--mask", str(files / "mask.png"), "--cutout", str(files / "dog.png")]
    assert cli.main(["insert", str(photo), "--out", str(files / "out"), *more]) == 0
    before, result = Photo.load(photo), Photo.load(files / "out" / "result.png")
    assert (result.exif, result.xmp) == (before.exif, packet())
    assert result.dpi == pytest.approx((300, 150), abs=0.02)


def test_options_reach_the_inserter(files: Path, fake: FakePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    painter, seen = FlatPainter(), {}

    def load(name: str, **options: Any) -> FlatPainter:
        seen.update(options, name=name)
        return painter

    monkeypatch.setattr(paint, "load_inpainter", load)
    more = ["--inpainter", "some/model", "--device", "cuda", "--dtype", "float16", "--controlnet", "seg"]
    more += ["--steps", "7", "--guidance-scale", "3", "--precision", "0.5", "--context", "a lawn"]
    assert cli.main(line(files, *layout(files), "--object", "dog", *more)) == 0
    assert seen == {"name": "some/model", "device": "cuda", "dtype": "float16", "controlnet": "seg"}
    (request,) = painter.requests
    assert (request.steps, request.guidance_scale, request.precision, request.context) == (7, 3, 0.5, "a lawn")
    seen.clear()
    more += ["--offload", "sequential", "--slicing", "--side", "96", "--negative-prompt", " blur ", "--control-scale=0"]
    assert cli.main(line(files, "--region", "1,1,9,9", *more, command="remove")) == 0
    assert seen == {
        "name": "some/model", "device": "cuda", "dtype": "float16", "controlnet": "seg", "offload": "sequential",
        "slicing": True, "side": 96, "negative_prompt": "blur", "control_scale": 0.0,
    }  # fmt: skip
    seen.clear()
    assert cli.main(line(files, *layout(files), "--object", "dog", *more)) == 0
    assert (seen["offload"], seen["slicing"], seen["side"], seen["negative_prompt"]) == ("sequential", True, 96, "blur")


@pytest.mark.parametrize("command", ["insert --object dog --box 20,10,60,44", "remove --region 0"])
def test_what_the_panoptic_model_read_is_kept(
    files: Path, fake: FakePipeline, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """The second run finds the scene of the first, and loads no model."""
    pytest.importorskip("transformers")
    use(FlatPainter(), monkeypatch)
    monkeypatch.setattr(segment, "MergeRule", lambda: MergeRule(score=0.3, share=0))
    name, *more = command.split()
    more += ["--inpainter", "m", "--segmenter", str(save_segmenter("detr", files / "model"))]
    more += ["--segmenter-cache", str(files / "kept")]
    assert cli.main(line(files, *more, command=name)) == 0
    (kept,) = (files / "kept").iterdir()
    first = (files / "out" / "layout_before.png").read_bytes()
    monkeypatch.setattr(segment, "_load", lambda *_: pytest.fail("the model was loaded again"))
    assert cli.main(line(files, *more, command=name)) == 0
    assert (files / "out" / "layout_before.png").read_bytes() == first
    assert kept.is_file()


def test_a_photo_alone(
    files: Path, fake: FakePipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its scene is unlabeled, with or without a guide; a layer's name to remove needs a layout."""
    use(FlatPainter(), monkeypatch)
    both = ["--object", "dog", "--box", "20,10,60,44", "--object", "cat", "--box", "1,1,20,20"]
    assert cli.main(line(files, *both, "--inpainter", "m")) == 0
    result = json.loads((files / "out" / "result.json").read_text())
    assert "unlabeled" in result["notes"][0]
    assert "unlabeled" in capsys.readouterr().err
    assert cli.main(line(files, "--object", "dog", "--inpainter", "m")) == 0
    capsys.readouterr()
    assert cli.main(line(files, "--region", "dog", "--inpainter", "m", command="remove")) == 1
    error = capsys.readouterr().err
    assert "paint the region" in error
    assert "hf download" in error


def test_remove(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    painter = use(FlatPainter(), monkeypatch)
    more = ["--region", "person", "--inpainter", "model", "--grow", "0", "--feather", "0"]
    assert cli.main(line(files, *layout(files), *more, command="remove")) == 0
    result = load_photo(files / "out" / "result.png")
    assert (result[16:40, 8:16] == [255, 0, 0]).all()
    result[16:40, 8:16] = PHOTO[16:40, 8:16]
    np.testing.assert_array_equal(result, PHOTO)
    assert painter.requests[0].prompt in ("sky", "grass")
    for region in ("0,0,5,5", str(files / "mask.png")):
        assert cli.main(line(files, "--region", region, "--inpainter", "model", command="remove")) == 0
    assert painter.requests[-1].prompt == "background"


# --- no inserter ---------------------------------------------------------------------------------


def test_without_inserter_masks_and_jobs(files: Path, fake: FakePipeline, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing was asked for that failed: exit code 0, and a note on what would paint."""
    assert cli.main(line(files, *layout(files), "--object", "big dog", "--box", "20,10,60,44")) == 0
    printed = capsys.readouterr()
    assert printed.err.startswith("smartmask: note: Nothing is painted. No inserter is given: ")
    assert "hf download" in printed.err
    assert "'paste'" in printed.err
    assert printed.err.count("\n") == 1
    assert "masks, and jobs for other tools, in " in printed.out
    out = files / "out"
    assert {"mask_00.png", "visible_00.png", "scene.json", "result.json"} <= set(tree(out))
    assert "result.png" not in tree(out)
    job = out / "jobs" / "00_big_dog"
    text = json.loads((job / "prompt.json").read_text("utf-8"))
    x0, y0, x1, y1 = text["window"]
    np.testing.assert_array_equal(load_photo(job / "photo.png"), PHOTO[y0:y1, x0:x1])
    whole = np.asarray(Image.open(out / "visible_00.png"))
    np.testing.assert_array_equal(np.asarray(Image.open(job / "mask.png")), whole[y0:y1, x0:x1])
    assert (text["prompt"], text["photo_size"]) == ("big dog", {"width": WIDTH, "height": HEIGHT})
    record = json.loads((out / "result.json").read_text("utf-8"))
    assert (record["status"], record["painted"], record["jobs"]) == ("not painted", None, ["jobs/00_big_dog"])


@pytest.mark.parametrize("error", [OSError("the hub cannot be reached"), ModuleNotFoundError(name="diffusers")])
def test_an_inserter_that_is_not_at_hand(
    files: Path, fake: FakePipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    error: Exception,
) -> None:  # fmt: skip
    def load(name: str, **options: Any) -> Any:
        raise error

    monkeypatch.setattr(paint, "load_inpainter", load)
    assert cli.main(line(files, *layout(files), "--object", "dog", "--inpainter", "a/b")) == 1
    text = capsys.readouterr().err
    assert text.startswith("smartmask: The inserter 'a/b' is not at hand: ")
    assert "jobs" in text
    assert "mask_00.png" in tree(files / "out")


# --- nothing half written ------------------------------------------------------------------------


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (RuntimeError("no paint"), 1)])
def test_interrupted_in_the_middle(
    files: Path, fake: FakePipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    error: BaseException, code: int,
) -> None:  # fmt: skip
    """The second of two objects fails: not even the folder is there, and an earlier result is untouched."""
    two = [*layout(files), "--object", "a", "--object", "b", "--inpainter", "model"]
    use(FlatPainter(fail=1, error=error), monkeypatch)
    assert cli.main(line(files, *two)) == code
    assert not (files / "out").exists()
    use(FlatPainter(), monkeypatch)
    assert cli.main(line(files, *two)) == 0
    before = {name: (files / "out" / name).read_bytes() for name in tree(files / "out")}
    use(FlatPainter(fail=0, error=error), monkeypatch)
    assert cli.main(line(files, *two, "--seed", "3")) == code
    assert {name: (files / "out" / name).read_bytes() for name in tree(files / "out")} == before
    assert "Traceback" not in capsys.readouterr().err


# --- bad input -----------------------------------------------------------------------------------


def text(name: str, content: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_text(content, "utf-8")


def objects(content: Any) -> Callable[[Path], Any]:
    return text("objects.json", content if isinstance(content, str) else json.dumps(content))


OBJECTS = "--objects-json {}/objects.json"
DOG = "--object dog --cutout {}/dog.png"
BAD: list[tuple[str, str, str, Callable[[Path], Any] | None]] = [
    ("no object", "", "no object; name one ('dog'), or give --object", None),
    ("empty object", "--object= ", "object prompt is empty", None),
    ("photo missing", f"{DOG} PHOTO={{}}/none.png", "none.png' does not exist", None),
    ("photo is text", DOG, "photo.png' is not a picture", text("photo.png", "hello")),
    ("layout of another size", DOG, "must have one size",
     lambda folder: save_png(np.ones((9, 9), np.uint8), folder / "layout.png")),
    ("two boxes for three objects", "--object a --object b --object c --box 1,1,5,5 --box 1,1,6,6",
     "--box is given 2 times for 3 objects", None),
    ("one point for two objects", "--object a --object b --point 1,1", "--point is given 1 times", None),
    ("two masks for one object", "--object a --mask {}/mask.png --mask {}/mask.png", "--mask is given 2 times", None),
    ("mask and box", "--object a --mask {}/mask.png --box 1,1,5,5", "finished mask and a box guide", None),
    ("mask missing", "--object a --mask {}/none.png", "none.png' does not exist", None),
    ("black mask", "--object a --mask {}/black.png", "has nothing painted", None),
    ("mask of another size", "--object a --mask {}/dog.png", "is 20x20, but the photo is 64x48", None),
    ("order of several", "--object a --object b --order 1", "--order 1 is given for 2 objects", None),
    ("order outside", f"{DOG} --order 9", "Order 9 of 'dog' is outside 0..3", None),
    ("negative order", f"{DOG} --order=-1", "Order -1 of 'dog' is outside", None),
    ("box outside", f"{DOG} --box 90,90,99,99", "lies outside the scene, which is 64x48", None),
    ("box of words", f"{DOG} --box a,b,c,d", "is not a list of numbers", None),
    ("cut-out without alpha", "--object dog --cutout {}/solid.png", "solid.png' has no transparent background", None),
    ("one cut-out for two things", "--object dog --object cat --box 1,1,9,9 --box 30,30,40,40 --cutout {}/dog.png",
     "one --cutout for dog and cat, which are different things", None),
    ("one cut-out for a phrase of two things", "--objects dog,cat --cutout {}/dog.png",
     "one --cutout for dog and cat, which are different things", None),
    ("mask without cut-out", "--object dog --cutout-mask {}/mask.png", "add --cutout with it", None),
    ("cut-out's mask of another size", "--object dog --cutout {}/solid.png --cutout-mask {}/mask.png",
     "mask of the cut-out is 64x48, but the cut-out '", None),
    ("cut-out's mask for a phrase", "--objects dog --cutout {}/solid.png --cutout-mask {}/mask.png",
     "--cutout-mask is given beside --objects", None),
    ("defringe", f"{DOG} --defringe=-1", "defringe is -1.0", None),
    ("defringe without paste", "--object dog --defringe 1", "are for the inserter 'paste', not for None", None),
    ("cut-out missing", "--object dog --cutout {}/none.png", "cut-out '", None),
    ("paste without cut-out", "--object dog --inpainter paste", "nothing to paste; give a cut-out", None),
    ("cut-out for a model", f"{DOG} --inpainter some/model",
     "are for the inserter 'paste', not for 'some/model'", None),
    ("a model's options for paste", f"{DOG} --side 64 --slicing",
     "'paste' has no use for --slicing, --side; leave that out", None),
    ("negative prompt", "--object dog --negative-prompt=", "negative prompt is empty", None),
    ("control scale", "--object dog --control-scale=-1", "control scale is -1.0", None),
    ("cache is a file", "--object dog --box 1,1,5,5 NOLAYOUT --segmenter-cache {}/mask.png",
     "mask.png' is a file", None),
    ("mirror without paste", "--object dog --mirror", "are for the inserter 'paste', not for None", None),
    ("fit", f"{DOG} --fit squeeze", "The fit is 'squeeze'", None),
    ("feather", f"{DOG} --feather=-2", "feather is -2.0 pixels wide", None),
    ("shadow", f"{DOG} --shadow big", "The shadow is 'big'; use 'none', 'layer' or 'paint'", None),
    ("precision", f"{DOG} --precision 2", "precision is 2.0", None),
    ("no candidates", f"{DOG} -n 0", "number of masks is 0", None),
    ("pick", f"{DOG} -n 4 --pick 4", "Pick 4 does not exist; of 4 masks the ranks are 0 to 3", None),
    ("seed", f"{DOG} --seed=-1", "seed is -1", None),
    ("steps", f"{DOG} --steps 0", "number of steps is 0", None),
    ("format", f"{DOG} --format gif", "The format is 'gif'; use 'png', 'jpg' or 'webp'", None),
    ("weights", f"{DOG} --weights {{}}/none", "none", None),
    ("objects missing", "--objects-json {}/none.json", "none.json' does not exist", None),
    ("objects not JSON", OBJECTS, "is not valid JSON", objects("[")),
    ("objects no list", OBJECTS, "give a list such as", objects({"object": "dog"})),
    ("objects empty", OBJECTS, "give a list such as", objects([])),
    ("object is a text", OBJECTS, "objects[0] in '", objects(["dog"])),
    ("object without name", OBJECTS, "object of objects[0]", objects([{"box": [1, 1, 5, 5]}])),
    ("unknown key", OBJECTS, "unknown key 'bix'; the keys are object, context", objects([{"object": "d", "bix": 1}])),
    ("box of JSON words", OBJECTS, "has the box ['a']; give a list of numbers",
     objects([{"object": "d", "box": ["a"]}])),
    ("flat scribble", OBJECTS, "give a list of points", objects([{"object": "d", "scribble": [1, 2]}])),
    ("order of JSON", OBJECTS, "has the order 1.5", objects([{"object": "d", "order": 1.5}])),
    ("seed of JSON", OBJECTS, "seed is 'x'", objects([{"object": "d", "seed": "x"}])),
    ("mask of JSON", OBJECTS, "has the mask 3; it is the name", objects([{"object": "d", "mask": 3}])),
    ("out is a file", f"{DOG} OUT={{}}/mask.png", "is a file; choose another name", None),
    ("scene and layout", f"{DOG} --scene {{}}/scene.json", "says what is in the photo; leave --layout out", None),
    ("scene missing", f"{DOG} NOLAYOUT --scene {{}}/scene.json", "scene.json' does not exist", None),
    ("names without layout", f"{DOG} NOLAYOUT --names {{}}/names.json", "describes a layout, but none is given", None),
]  # fmt: skip
BAD_REMOVALS: list[tuple[str, str, str, Callable[[Path], Any] | None]] = [
    ("paste", "--region person --inpainter paste", "'paste' cannot remove", None),
    ("unknown layer", "--region cow", "layer 'cow' is not there; the layers are", None),
    ("layer outside", "--region 7", "layer 7 does not exist", None),
    ("region outside", "--region 99,99,120,120", "lies outside", None),
    ("region of three", "--region 1,2,3", "has 3 numbers instead of 4", None),
    ("region missing", "--region {}/none.png", "none.png' does not exist", None),
    ("region too thin", "--region 1.6,1.6,2.4,2.4", "holds no pixel's centre", None),
    ("negative prompt", "--region person --negative-prompt=", "negative prompt is empty", None),
    ("grow", "--region person --grow=-1", "cannot grow by -1", None),
    ("fill", "--region person --fill=", "fill is empty", None),
    ("empty region", "--region=", "region is empty", None),
]


@pytest.mark.parametrize(
    ("command", "options", "says", "prepare"),
    [("insert", *case[1:]) for case in BAD] + [("remove", *case[1:]) for case in BAD_REMOVALS],
    ids=[case[0] for case in BAD] + [f"remove: {case[0]}" for case in BAD_REMOVALS],
)
def test_bad_input_is_one_sentence_and_writes_nothing(
    files: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    command: str, options: str, says: str, prepare: Callable[[Path], Any] | None,
) -> None:  # fmt: skip
    if "--weights" not in options:
        FakePipeline().install(monkeypatch)
    if prepare is not None:
        prepare(files)
    words = [word.replace("{}", str(files)) for word in options.split(" ") if word]
    changed = {word.split("=")[0]: word.split("=")[1] for word in words if word.startswith(("PHOTO=", "OUT="))}
    arguments = [command, changed.get("PHOTO", str(files / "photo.png")), "--out", changed.get("OUT", f"{files}/out")]
    arguments += [] if "NOLAYOUT" in words else layout(files)
    arguments += [word for word in words if not word.startswith(("PHOTO=", "OUT=", "NOLAYOUT"))]
    before = tree(files)
    assert cli.main(arguments) == 2
    printed = capsys.readouterr()
    assert says in printed.err
    assert printed.err.startswith("smartmask: ")
    assert printed.err.count("\n") == 1
    assert printed.err.endswith((".\n", "?\n"))
    assert printed.out == ""
    assert tree(files) == before


# --- as a process --------------------------------------------------------------------------------


def test_a_saved_scene_goes_on(files: Path) -> None:
    """A second object is put into the result of the first: its layers, then one more; so is the history."""

    def run(command: str, photo: Path, out: Path, *more: str) -> dict[str, Any]:
        words = [sys.executable, "-m", "smartmask", command, str(photo), "--out", str(out), "--json", *more]
        done = subprocess.run(words, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        record: dict[str, Any] = json.loads(done.stdout)
        return record

    first, second = files / "first", files / "second"
    beside = np.zeros((HEIGHT, WIDTH), dtype=bool)
    beside[20:40, 40:60] = True  # half behind the first
    save_png(beside, files / "beside.png")
    pasted = ["--cutout", str(files / "dog.png"), "--fit", "stretch", "--mask"]
    run("insert", files / "photo.png", first, *layout(files), "--object", "dog", *pasted, str(files / "mask.png"))
    saved = ["--scene", str(first / "scene.json")]
    record = run(
        "insert",
        first / "result.png",
        second,
        *saved,
        "--object",
        "cat",
        "--order",
        "3",
        *pasted,
        str(files / "beside.png"),
    )
    assert record["layers_before"] == ["sky", "grass-merged", "person", "dog"]
    scene, history = load_scene(second / "scene.json")
    assert [layer.name for layer in scene.layers] == ["sky", "grass-merged", "person", "cat", "dog"]
    before, earlier = load_scene(first / "scene.json")
    for index, layer in zip((0, 1, 2, 4), before.layers, strict=True):
        np.testing.assert_array_equal(scene.layers[index].mask, layer.mask)
    assert history[:-1] == earlier
    assert [step["name"] for step in history] == ["dog", "cat"]
    steps = [load_scene(second / "steps" / f"scene_{count:02d}.json") for count in (0, 1)]
    assert [([layer.name for layer in found.layers], len(told)) for found, told in steps] == [
        (record["layers_before"], 1), ([layer.name for layer in scene.layers], 2)
    ]  # fmt: skip
    np.testing.assert_array_equal(
        np.asarray(Image.open(second / "layout_before.png")), np.asarray(Image.open(first / "layout_after.png"))
    )


def test_a_cutout_in_a_finished_mask_needs_no_torch(files: Path) -> None:
    """It would cost seconds and 200 MB."""
    more = ["--object", "dog", "--mask", str(files / "mask.png"), "--cutout", str(files / "dog.png")]
    code = "import sys; from smartmask.cli.main import main; print(main(sys.argv[1:]), 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, *line(files, *more)], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "0 False", done.stderr


@pytest.mark.slow
def test_the_command_itself_with_the_bundled_weights(files: Path) -> None:
    arguments = paste(files, "--box", "20,10,60,44", "-n", "2", "--json")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "smartmask", *arguments], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    result = load_photo(files / "out" / "result.png")
    mask = np.asarray(Image.open(files / "out" / "mask_00.png")) > 0
    np.testing.assert_array_equal(result[~mask], PHOTO[~mask])
    assert record["painted"]["pixels"] == mask.sum() > 0


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read by Linux's means")
def test_24_megapixels_in_bounded_memory(files: Path) -> None:
    """Ten copies of the photo and 256 MB at most, all of Python and its libraries included."""
    height, width = 4000, 6000
    rows, columns = np.mgrid[:height, :width]
    photo = np.stack([rows % 251, columns % 241, (rows + columns) % 256], axis=-1).astype(np.uint8)
    save_png(photo, files / "large.png")
    mask = np.zeros((height, width), dtype=bool)
    mask[2000:3200, 2500:3500] = True
    save_png(mask, files / "place.png")
    more = ["--object", "dog", "--mask", str(files / "place.png"), "--cutout", str(files / "dog.png"), "--color-match"]
    arguments = ["insert", str(files / "large.png"), "--out", str(files / "out"), *more, "--shadow", "paint"]
    # not ru_maxrss, into which Linux counts the process that started this one
    peak = "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    code = f"import sys; from smartmask.cli.main import main; code = main(sys.argv[1:]); {peak}; sys.exit(code)"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1]) * 1024 < 10 * photo.nbytes + 2**28
    result = load_photo(files / "out" / "result.png")
    painted = np.zeros((height, width), dtype=bool)
    for path in (files / "out" / "layers").iterdir():
        painted |= np.asarray(Image.open(path))[..., 3] > 0
    np.testing.assert_array_equal(result[~painted], photo[~painted])
    assert 0.02 < painted.mean() < 0.1


def test_the_photo_of_an_earlier_result_is_not_written_over(
    files: Path, fake: FakePipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also by a hard link or a link, and where it is the layout, a mask, or a file that is named in a JSON."""
    assert cli.main(paste(files, "--box", "20,10,60,44", "--seed", "5")) == 0
    out = files / "out"
    before = {name: (out / name).read_bytes() for name in tree(out)}
    os.link(out / "result.png", files / "same.png")
    (files / "link.png").symlink_to(out / "layers" / "00_dog.png")
    (files / "other.json").write_text('[{"object": "dog", "mask": "out/mask_00.png", "cutout": "dog.png"}]')
    dog = ["--object", "dog", "--box", "20,10,60,44", "--cutout"]
    object_ = [*dog, str(files / "dog.png")]
    photo = str(files / "photo.png")
    for read, arguments in {
        str(out / "result.png"): [str(out / "result.png"), *layout(files), *object_],
        str(files / "same.png"): [str(files / "same.png"), *layout(files), *object_],
        str(files / "link.png"): [
            photo,
            "--object",
            "dog",
            "--cutout",
            str(files / "link.png"),
            "--box",
            "20,10,60,44",
        ],
        str(out / "scene.json"): [photo, "--scene", str(out / "scene.json"), *object_],
        str(out / "mask_00.png"): [photo, *layout(files), "--objects-json", str(files / "other.json")],
    }.items():
        capsys.readouterr()
        assert cli.main(["insert", *arguments, "--out", str(out)]) == 2
        error = capsys.readouterr().err
        assert "would be written over, and that is the" in error
        assert f"'{read}'; give another --out." in error
        assert {name: (out / name).read_bytes() for name in tree(out)} == before
    assert cli.main(["insert", str(out / "result.png"), *layout(files), *object_, "--out", str(files / "next")]) == 0
