"""Every bad input of ``smartmask masks`` is one sentence and exit code 2; odd but sensible input works.

Each case of the table changes one thing of a good command line: an option, or a file it names.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_pipeline import FakePipeline
from pictures import claimed_size, rotated_jpeg
from PIL import Image

from smartmask.cli import main as cli

HEIGHT, WIDTH = 48, 64
NONE = None  # an option left out


@dataclass
class Case:
    """name: also the test's id.  options: replace those of the good command line ({} is the test's folder).
    prepare: changes files in that folder.  says: what the sentence must contain."""

    name: str
    options: dict[str, str | None] = field(default_factory=dict)
    prepare: Callable[[Path], Any] = lambda folder: None
    says: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


def text(name: str, content: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_text(content, "utf-8")


def data(name: str, content: bytes) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_bytes(content)


def picture(name: str, array: np.ndarray, mode: str | None = None) -> Callable[[Path], Any]:
    return lambda folder: Image.fromarray(array, mode).save(folder / name)


def convert(mode: str, name: str = "photo.png", **options: Any) -> Callable[[Path], Any]:
    """Replace the photo by itself in another mode."""

    def change(folder: Path) -> None:
        with Image.open(folder / "photo.png") as photo:
            converted = photo.convert(mode)
        converted.save(folder / name, **options)

    return change


def truncate(name: str) -> Callable[[Path], Any]:
    def cut(folder: Path) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / name)
        (folder / name).write_bytes((folder / name).read_bytes()[:1500])

    return cut


def panoptic(content: Any) -> Callable[[Path], Any]:
    """The layout as a COCO panoptic map with this JSON."""

    def change(folder: Path) -> None:
        rgb = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
        rgb[..., 0] = 1 + (np.arange(HEIGHT) > 24)[:, None]
        Image.fromarray(rgb).save(folder / "layout.png")
        (folder / "panoptic.json").write_text(content if isinstance(content, str) else json.dumps(content))

    return change


PANOPTIC = {"names": NONE, "panoptic": "{}/panoptic.json"}
GREY = np.ones((HEIGHT, WIDTH), dtype=np.uint8)

BAD = [
    # the photo
    Case("missing photo", {"image": "{}/nowhere.png"}, says=("nowhere.png", "does not exist")),
    Case("photo is a folder", {"image": "{}"}, says=("is a folder",)),
    Case("truncated photo", prepare=truncate("photo.png"), says=("photo.png", "damaged")),
    Case("text named png", prepare=text("photo.png", "hello"), says=("photo.png", "not a picture")),
    Case("empty photo", prepare=data("photo.png", b""), says=("photo.png", "empty")),
    Case("decompression bomb", prepare=lambda f: claimed_size(f / "photo.png", 20_000, 20_000), says=("400,000,000",)),
    Case("bomb as layout", prepare=lambda f: claimed_size(f / "layout.png", 20_000, 20_000), says=("400,000,000",)),
    Case("photo of one pixel", prepare=picture("photo.png", GREY[:1, :1]), says=("1x1", "64x48")),
    Case(
        "photo turned by its EXIF",
        {"image": "{}/turned.jpg"},
        prepare=lambda f: rotated_jpeg(f, Image.new("RGB", (WIDTH, HEIGHT))),
        says=("turned.jpg", "48x64", "64x48"),
    ),
    Case("float photo", {"image": "{}/f.tif"}, prepare=picture("f.tif", np.zeros((HEIGHT, WIDTH), np.float32))),
    # the layout
    Case("missing layout", {"layout": "{}/nowhere.png"}, says=("nowhere.png", "does not exist")),
    Case("layout of another size", prepare=picture("layout.png", GREY[:20, :30]), says=("64x48", "30x20")),
    Case("colour layout", prepare=picture("layout.png", np.ones((HEIGHT, WIDTH, 3), np.uint8)), says=("RGB",)),
    Case("truncated layout", prepare=truncate("layout.png"), says=("layout.png", "damaged")),
    Case("ids without names", prepare=picture("layout.png", GREY * 7), says=("7", "names")),
    Case("names without layout", {"layout": NONE}, says=("names.json", "--layout")),
    Case("layout without names", {"names": NONE}, says=("layout.png", "--names")),
    Case("names and panoptic", {"panoptic": "{}/names.json"}, says=("layout.png", "one of the two")),
    # names
    Case("missing names", {"names": "{}/nowhere.json"}, says=("nowhere.json", "does not exist")),
    Case("names are a folder", {"names": "{}"}, says=("cannot be read",)),
    Case("names are no JSON", prepare=text("names.json", "{1: sky}"), says=("names.json", "not valid JSON")),
    Case("names are binary", prepare=data("names.json", b"\xff\xfe\x00"), says=("names.json", "UTF-8")),
    Case("names are a number", prepare=text("names.json", "17"), says=("17",)),
    Case("no names at all", prepare=text("names.json", "{}"), says=("{}",)),
    Case("name is no text", prepare=text("names.json", '{"1": 4}'), says=("4",)),
    Case("name is blank", prepare=text("names.json", '{"1": " "}'), says=("' '",)),
    Case("name of broken Unicode", prepare=text("names.json", '{"1": "\\ud800"}'), says=(r"\ud800",)),
    Case("id is no number", prepare=text("names.json", '{"one": "sky"}'), says=("'one'",)),
    Case("id named twice", prepare=text("names.json", '{"1": "sky", "1": "sea"}'), says=("'1'", "twice")),
    Case("deeply nested names", prepare=text("names.json", "[" * 100_000), says=("names.json",)),
    # panoptic JSON
    Case("panoptic without segments", PANOPTIC, prepare=panoptic({"info": 1}), says=("panoptic.json", "segments")),
    Case("segments without id", PANOPTIC, prepare=panoptic([{"category_id": 1}]), says=("'category_id': 1", "id")),
    Case("segment of no category", PANOPTIC, prepare=panoptic([{"id": 1, "category_id": 9999}]), says=("9999",)),
    Case("segment ids missing", PANOPTIC, prepare=panoptic([{"id": 1, "category_id": 1}]), says=("2", "segments_info")),
    Case(
        "category without name",
        PANOPTIC,
        prepare=panoptic({"categories": [{"id": 5}], "segments_info": [{"id": 1, "category_id": 5}]}),
        says=("name of category 5", "None"),
    ),
    Case(
        "annotation of another picture",
        PANOPTIC,
        prepare=panoptic({"annotations": [{"file_name": "a.png"}, {"file_name": "b.png"}]}),
        says=("2 annotations", "layout.png"),
    ),
    Case("panoptic with a grey layout", {**PANOPTIC}, prepare=text("panoptic.json", "[]"), says=("L pixels", "RGB")),
    # texts
    Case("empty prompt", {"object": ""}, says=("object prompt is empty", "''")),
    Case("blank prompt", {"object": " \t"}, says=("object prompt is empty",)),
    Case("prompt of 5,000 characters", {"object": "dog " * 1250}, says=("5000", "1000")),
    Case("prompt of broken bytes", {"object": "dog\udcff"}, says=(r"dog\udcff",)),
    Case("context of 5,000 characters", {"context": "x" * 5000}, says=("context prompt", "5000")),
    Case("empty context", {"context": ""}, says=("context prompt is empty",)),
    # guides
    Case("box outside", {"box": "100,0,200,40"}, says=("100,0,200,40", "64x48")),
    Case("box inverted", {"box": "40,40,10,10"}, says=("40,40,10,10",)),
    Case("box of no area", {"box": "5,5,5,30"}, says=("5,5,5,30",)),
    Case("box of three numbers", {"box": "1,2,3"}, says=("'1,2,3'", "x0,y0,x1,y1")),
    Case("box of words", {"box": "a,b,c,d"}, says=("'a,b,c,d'", "x0,y0,x1,y1")),
    Case("empty box", {"box": ""}, says=("''", "x0,y0,x1,y1")),
    Case("box with NaN", {"box": "nan,0,10,10"}, says=("nan",)),
    Case("infinite box", {"box": "0,0,inf,10"}, says=("inf",)),
    Case("point outside", {"point": "-5,70"}, says=("-5,70", "64x48")),
    Case("point with NaN", {"point": "nan,nan"}, says=("nan",)),
    Case("point of one number", {"point": "5"}, says=("'5'", "x,y")),
    Case("blob of no width", {"blob": "10,10,0,5"}, says=("0,5",)),
    Case("blob with NaN", {"blob": "1,1,nan,1"}, says=("nan",)),
    Case("blob outside", {"blob": "900,900,2,2"}, says=("64x48",)),
    Case("empty scribble", {"scribble": ""}, says=("scribble is empty", "''")),
    Case("scribble of an empty stroke", {"scribble": "1,2|"}, says=("1,2|",)),
    Case("scribble of words", {"scribble": "left,right"}, says=("left,right",)),
    Case("scribble with NaN", {"scribble": "1,nan;2,2"}, says=("nan",)),
    Case("scribble outside", {"scribble": "200,200;300,300"}, says=("64x48",)),
    Case("missing scribble", {"scribble": "{}/nowhere.png"}, says=("nowhere.png", "does not exist")),
    Case("unpainted scribble", {"scribble": "{}/p.png"}, prepare=picture("p.png", GREY * 0), says=("p.png", "painted")),
    Case("unpainted mask", {"mask": "{}/p.png"}, prepare=picture("p.png", GREY * 0), says=("p.png", "painted")),
    Case(
        "mask of another size",
        {"mask": "{}/p.png"},
        prepare=picture("p.png", GREY[:20, :30] * 255),
        says=("30x20", "64x48"),
    ),
    # numbers
    Case("no masks", {"num-masks": "0"}, says=("0", "1000")),
    Case("10,000 masks", {"num-masks": "10000"}, says=("10000", "1000")),
    Case("masks in words", {"num-masks": "many"}, says=("--num-masks", "'many'")),
    Case("negative seed", {"seed": "-1"}, says=("-1",)),
    Case("huge seed", {"seed": str(2**80)}, says=(str(2**80),)),
    Case("no steps", {"steps": "0"}, says=("0", "1000")),
    Case("NaN guidance", {"guidance-scale": "nan"}, says=("guidance scale is nan",)),
    Case("infinite guidance", {"context-guidance-scale": "inf"}, says=("context guidance scale is inf",)),
    Case("negative guidance", {"guidance-scale": "-2"}, says=("-2",)),
    Case("guidance in words", {"guidance-scale": "strong"}, says=("--guidance-scale", "'strong'")),
    # folders and the line itself
    Case("missing weights", {"weights": "{}/nowhere"}, says=("nowhere", "neither an existing folder")),
    Case("weights without an index", {"weights": "{}"}, says=("model_index.json",)),
    Case("output below a file", {"out": "{}/photo.png/out"}, says=("photo.png/out",)),
    Case("output is a file", {"out": "{}/photo.png"}, says=("photo.png", "is a file")),
    Case("output in /proc", {"out": "/proc/smartmask-out"}, says=("/proc/smartmask-out",)),
    Case("no object", {"object": NONE}, says=("--object",)),
    Case("no output", {"out": NONE}, says=("--out",)),
    Case("unknown option", flags=("--boxes", "1,2,3,4"), says=("--boxes",)),
    Case("second photo", flags=("another.png",), says=("another.png",)),
]

GOOD = [
    Case("16-bit photo", prepare=picture("photo.png", GREY.astype(np.uint16) * 40_000)),
    Case("palette photo", prepare=convert("P")),
    Case("grey photo with alpha", prepare=convert("LA")),
    Case("colour photo with alpha", prepare=convert("RGBA")),
    Case("CMYK photo", {"image": "{}/cmyk.jpg"}, prepare=convert("CMYK", "cmyk.jpg")),
    Case(
        "photo turned by its EXIF, layout upright",
        {"image": "{}/turned.jpg"},
        prepare=lambda f: rotated_jpeg(f, Image.new("RGB", (HEIGHT, WIDTH))),
    ),
    Case("16-bit layout", prepare=picture("layout.png", GREY.astype(np.uint16))),
    Case("layout without a labeled pixel", prepare=picture("layout.png", GREY * 255)),
    Case("non-Latin prompt", {"object": "собака 狗 🐕"}),
    Case("prompt of 1,000 characters", {"object": "d" * 1000}),
    Case("prompt with a line break", {"object": "a small\ndog"}),
    Case("box across the border", {"box": "-20,-20,10,10"}),
    Case("box larger than the scene", {"box": "-1000,-1000,1000,1000"}),
    Case("box within a pixel", {"box": "5.1,5.1,5.4,5.4"}),
    Case("scribble of one point", {"scribble": "5,5"}),
    Case("no guide", {"box": NONE}),
    Case("neither layout nor model, but a guide", {"layout": NONE, "names": NONE, "box": "5,5,40,40"}),
    Case("a photo alone", {"layout": NONE, "names": NONE, "box": NONE}),
]


def command_line(case: Case, folder: Path) -> list[str]:
    """The good command line on files in the folder, changed as the case says."""
    labels = GREY.copy()
    labels[24:] = 2
    Image.fromarray(labels).save(folder / "layout.png")
    Image.fromarray(np.full((HEIGHT, WIDTH, 3), 128, dtype=np.uint8)).save(folder / "photo.png")
    (folder / "names.json").write_text('{"1": "sky", "2": "grass"}')
    case.prepare(folder)
    options: dict[str, str | None] = {
        "image": "{}/photo.png",
        "layout": "{}/layout.png",
        "names": "{}/names.json",
        "object": "dog",
        "out": "{}/out",
        **case.options,
    }
    filled = {key: value.replace("{}", str(folder)) for key, value in options.items() if value is not None}
    line = ["masks", filled.pop("image")]
    for option, value in filled.items():
        line += [f"--{option}", value]
    return [*line, *case.flags]


def check_sentence(stderr: str, case: Case) -> None:
    assert stderr.startswith("smartmask: ")
    assert stderr.endswith(".\n")
    assert stderr.count("\n") == 1
    assert "Traceback" not in stderr
    assert not re.search(r"\b(NoneType|object at 0x|Errno)\b", stderr), "written for programmers, not for users"
    for fragment in case.says:
        assert fragment in stderr


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_bad_input(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = FakePipeline().install(monkeypatch)
    monkeypatch.delenv("SMARTMASK_DEBUG", raising=False)
    line = command_line(case, tmp_path)
    before = sorted(tmp_path.iterdir())
    assert cli.main(line) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    check_sentence(printed.err, case)
    assert fake.calls == []
    assert sorted(tmp_path.iterdir()) == before, "bad input must leave no output behind"


def test_neither_layout_nor_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The call is sound, so what is missing is a failure (1), and the sentence says how to go on without it."""
    fake = FakePipeline().install(monkeypatch)
    monkeypatch.delenv("SMARTMASK_DEBUG", raising=False)
    absent = {"layout": NONE, "names": NONE, "segmenter": "someone/panoptic"}
    case = Case("neither layout nor model", absent, says=("panoptic model", "hf download someone/panoptic", "--layout"))
    assert cli.main(command_line(case, tmp_path)) == 1
    check_sentence(capsys.readouterr().err, case)
    assert fake.calls == []
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case.name)
def test_odd_input_that_works(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    FakePipeline().install(monkeypatch)
    line = command_line(case, tmp_path)
    assert cli.main([*line, "-n", "1"]) == 0, capsys.readouterr().err
    result = json.loads((tmp_path / "out" / "result.json").read_text("utf-8"))
    assert result["size"] == {"width": WIDTH, "height": HEIGHT}
    assert result["object"] == " ".join(case.options.get("object", "dog").split())


@pytest.mark.parametrize("name", ["truncated photo", "box outside", "output in /proc"])
def test_bad_input_in_a_real_process(name: str, tmp_path: Path) -> None:
    (case,) = [case for case in BAD if case.name == name]
    command = [sys.executable, "-m", "smartmask", *command_line(case, tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stdout == ""
    check_sentence(run.stderr, case)


def test_odd_input_with_tiny_weights(tiny_weights: Path, tmp_path: Path) -> None:
    """What the stand-in above accepts, the real pipeline accepts too."""
    for case in GOOD:
        folder = tmp_path / case.name.replace(" ", "-")
        folder.mkdir()
        assert cli.main([*command_line(case, folder), "-n", "1", "--weights", str(tiny_weights)]) == 0, case.name
