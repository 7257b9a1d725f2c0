"""The command line around the model: commands, guides, result folders, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from fake_pipeline import FakePipeline
from PIL import Image

import smartmask
from smartmask.cli import main as cli
from smartmask.guides import Box, MaskGuide, Point
from smartmask.image.files import load_photo, save_png

HEIGHT, WIDTH = 48, 64


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a photo, its label map and names: sky (1) above grass (2), a person (3)."""
    labels = np.ones((HEIGHT, WIDTH), dtype=np.uint8)
    labels[24:] = 2
    labels[16:40, 8:16] = 3
    save_png(labels, tmp_path / "layout.png")
    save_png(np.full((HEIGHT, WIDTH, 3), 128, dtype=np.uint8), tmp_path / "photo.png")
    (tmp_path / "names.json").write_text('{"1": "sky", "2": "grass", "3": "person"}')
    rgb = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    rgb[..., 0] = labels
    save_png(rgb, tmp_path / "panoptic.png")
    return tmp_path


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakePipeline:
    return FakePipeline().install(monkeypatch)


def arguments(files: Path, *more: str) -> list[str]:
    return [
        "masks",
        str(files / "photo.png"),
        *("--layout", str(files / "layout.png"), "--names", str(files / "names.json")),
        *("--object", "dog", "--out", str(files / "out"), *more),
    ]


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- successful runs -----------------------------------------------------------------------------


def test_result_folder(files: Path, fake: FakePipeline, capsys: pytest.CaptureFixture[str]) -> None:
    more = ["--context", "a dog on a lawn", "--box", "10,10,40,40", "-n", "2", "--seed", "5"]
    assert cli.main(arguments(files, *more)) == 0
    out = files / "out"
    names = ["mask_00.png", "mask_01.png", "overlay.png", "result.json", "visible_00.png", "visible_01.png"]
    assert listing(out) == names
    result = json.loads((out / "result.json").read_text("utf-8"))
    assert result["version"] == smartmask.__version__
    assert (result["object"], result["context"], result["seed"]) == ("dog", "a dog on a lawn", 5)
    assert result["guidance"] == [{"kind": "box", "x0": 10, "y0": 10, "x1": 40, "y1": 40}]
    assert result["size"] == {"width": WIDTH, "height": HEIGHT}
    assert result["layers"] == ["grass", "sky", "person"] or result["layers"] == ["sky", "grass", "person"]
    assert set(result["timings"]) >= {"shape", "load", "total"}
    first = result["masks"][0]
    assert (first["mask"], first["visible"], first["seed"]) == ("mask_00.png", "visible_00.png", 5)
    assert (first["order"], first["in_front_of"]) == (3, "person")
    with Image.open(out / first["mask"]) as picture:
        mask = np.asarray(picture) > 0
    x0, y0, x1, y1 = (int(edge) for edge in first["box"])
    assert mask.shape == (HEIGHT, WIDTH)
    assert mask.sum() == first["area"] == mask[y0:y1, x0:x1].sum()
    assert load_photo(out / "overlay.png").shape[2] == 3
    printed = capsys.readouterr()
    assert "2 masks in" in printed.out
    assert printed.err == ""


def test_arguments_reach_the_pipeline(files: Path, fake: FakePipeline) -> None:
    more = ["--box", "-10,5,20,70", "--point", "0.2,3", "--steps", "4", "--guidance-scale", "2.5"]
    assert cli.main(arguments(files, *more, "--context-guidance-scale", "1")) == 0
    (call,) = fake.calls
    assert call["prompt"] == "dog"
    assert call["context_prompt"] is None
    assert call["guidance"] == [Box(-10, 5, 20, 70), Point(0.2, 3)]
    assert (call["num_masks"], call["seed"], call["num_inference_steps"]) == (8, 0, 4)
    assert (call["guidance_scale"], call["context_guidance_scale"]) == (2.5, 1.0)
    assert call["callback_on_step_end"] is None  # nobody watches stderr here
    assert call["scene"].photo.shape == (HEIGHT, WIDTH, 3)


def test_what_else_may_be_asked_reaches_the_pipeline(files: Path, fake: FakePipeline) -> None:
    save_png(np.eye(HEIGHT, WIDTH, dtype=bool), files / "like.png")
    more = ["--not-box", "0,0,9,9", "--not-box", "20,0,29,9", "--order", "1", "--facing", "left", "--diverse"]
    more += ["--like", str(files / "like.png"), "--like-distance", "0.8", "--licences", "open", "--memory", str(files)]
    assert cli.main(arguments(files, *more)) == 0
    (call,) = fake.calls
    assert fake.loaded == {"licences": "open", "memory": files}
    assert call["not_here"] == [Box(0, 0, 9, 9), Box(20, 0, 29, 9)]
    assert (call["order"], call["facing"], call["diverse"], call["like_distance"]) == (1, "left", True, 0.8)
    assert np.array_equal(call["like"], np.eye(HEIGHT, WIDTH, dtype=bool))
    result = json.loads((files / "out" / "result.json").read_text("utf-8"))
    assert (result["licences"], result["memory"], result["weights"]) == ("open", str(files), None)
    assert (result["order"], result["facing"], result["like_distance"]) == (1, "left", 0.8)
    assert [box["x0"] for box in result["not_here"]] == [0, 20]
    assert result["masks"][0]["why"] == {"outline": {"name": "dog"}, "scene": 0.0}
    assert {record["order"] for record in result["masks"]} == {1}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--licences", "closed"], "The licences are 'closed'; use 'all' or 'open'."),
        (["--memory", "nowhere"], "The memory folder 'nowhere' does not exist; 'smartmask memory add' makes one."),
        (["--facing", "up"], "The object cannot face 'up'; it must be left or right."),
        (["--like-distance", "2"], "The distance of variations is 2.0; it must be a number from 0 (near) to 1 (far)."),
        (["--like", "nowhere.png"], "nowhere.png"),
        (["--not-box", "100,0,200,40"], "The box at 100,0,200,40 lies outside the scene, which is 64x48."),
        (["--order", "9"], "Order 9 is outside 0..3; 0 is the back, 3 the front."),
    ],
)
def test_what_cannot_be_asked(files: Path, more: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments(files, *more)) == 2
    assert said in capsys.readouterr().err
    assert not (files / "out").exists()


def test_json_alone_on_stdout(files: Path, fake: FakePipeline, capsys: pytest.CaptureFixture[str]) -> None:
    line = arguments(files, "--json", "-n", "1", "--point", "3,4")
    line[line.index("dog")] = "ein Löwe 狮子"
    assert cli.main(line) == 0
    printed = capsys.readouterr()
    assert printed.out.isascii()
    assert json.loads(printed.out) == json.loads((files / "out" / "result.json").read_text("utf-8"))
    assert json.loads(printed.out)["object"] == "ein Löwe 狮子"
    assert printed.err == ""


def test_notes_go_to_stderr(files: Path, fake: FakePipeline, capsys: pytest.CaptureFixture[str]) -> None:
    line = arguments(files)
    line[line.index("dog")] = "blorb"
    assert cli.main(line) == 0
    assert capsys.readouterr().err == "smartmask: note: unknown word 'blorb', treated as 'object'\n"


def test_second_run_replaces_its_own_files_only(files: Path, fake: FakePipeline) -> None:
    out = files / "out"
    assert cli.main(arguments(files, "-n", "3")) == 0
    (out / "mask_77.png").write_text("mine")
    (out / "holiday.txt").write_text("mine")
    assert cli.main(arguments(files, "-n", "1")) == 0
    expected = ["holiday.txt", "mask_00.png", "mask_77.png", "overlay.png", "result.json", "visible_00.png"]
    assert listing(out) == expected


def test_failure_leaves_nothing(files: Path, fake: FakePipeline, capsys: pytest.CaptureFixture[str]) -> None:
    fake.error = RuntimeError("the model\nfell over")
    line = arguments(files)
    line[-1] = str(files / "new" / "deep")
    assert cli.main(line) == 1
    assert not (files / "new").exists()
    assert capsys.readouterr().err == "smartmask: the model (--debug shows where).\n"


def test_failure_keeps_the_earlier_result(files: Path, fake: FakePipeline) -> None:
    assert cli.main(arguments(files, "-n", "2")) == 0
    before = {path.name: path.read_bytes() for path in (files / "out").iterdir()}
    fake.error = MemoryError()
    assert cli.main(arguments(files, "-n", "1")) == 1
    assert {path.name: path.read_bytes() for path in (files / "out").iterdir()} == before


def test_many_masks_keep_their_names_in_order(files: Path, fake: FakePipeline) -> None:
    assert cli.main(arguments(files, "-n", "101")) == 0
    assert (files / "out" / "mask_100.png").exists()


def test_one_pixel_scene(files: Path, fake: FakePipeline) -> None:
    save_png(np.zeros((1, 1, 3), dtype=np.uint8), files / "photo.png")
    save_png(np.ones((1, 1), dtype=np.uint8), files / "layout.png")
    assert cli.main(arguments(files, "-n", "1")) == 0


def test_file_names_that_are_not_unicode(files: Path, fake: FakePipeline, capsys: pytest.CaptureFixture[str]) -> None:
    line = arguments(files, "--json")
    line[1] = str(files / "caf\udce9.png")  # Latin-1 bytes, as Python shows them
    try:
        (files / "photo.png").rename(line[1])
    except OSError:
        pytest.skip("this file system wants Unicode names")
    assert cli.main(line) == 0
    assert json.loads(capsys.readouterr().out)["image"] == line[1]
    assert json.loads((files / "out" / "result.json").read_text("utf-8"))["image"] == line[1]


def test_progress_only_for_watchers(
    files: Path, fake: FakePipeline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert cli.main(arguments(files, "--json")) == 0
    assert callable(fake.calls[0]["callback_on_step_end"])
    json.loads(capsys.readouterr().out)


# --- layouts -------------------------------------------------------------------------------------

SEGMENTS = [{"id": 1, "category_id": 187}, {"id": 2, "category_id": 193}, {"id": 3, "category_id": 1}]


@pytest.mark.parametrize(
    "content",
    [
        SEGMENTS,
        {"file_name": "anything.png", "segments_info": SEGMENTS},
        {"annotations": [{"image_id": 1, "file_name": "anything.png", "segments_info": SEGMENTS}]},
        {
            "annotations": [
                {"image_id": 1, "file_name": "other.png", "segments_info": []},
                {"image_id": 2, "file_name": "panoptic.png", "segments_info": SEGMENTS},
            ]
        },
        {
            "images": [{"id": 7, "file_name": "photo.jpg"}, {"id": 8, "file_name": "other.jpg"}],
            "annotations": [
                {"image_id": 8, "file_name": "0.png", "segments_info": []},
                {"image_id": 7, "file_name": "1.png", "segments_info": SEGMENTS},
            ],
        },
    ],
    ids=["segments", "annotation", "only one", "by layout name", "by photo name"],
)
def test_panoptic_json_forms(files: Path, fake: FakePipeline, content: Any) -> None:
    (files / "panoptic.json").write_text(json.dumps(content))
    line = arguments(files)
    line[2:6] = ["--layout", str(files / "panoptic.png"), "--panoptic", str(files / "panoptic.json")]
    assert cli.main(line) == 0
    layers = [layer.name for layer in fake.calls[0]["scene"].layers]
    assert sorted(layers) == ["grass-merged", "person", "sky-other-merged"]


def test_panoptic_categories_of_the_file(files: Path, fake: FakePipeline) -> None:
    categories = [{"id": 187, "name": "heaven", "isthing": 0}, {"id": 193, "name": "lawn"}, {"id": 1, "name": "elf"}]
    (files / "panoptic.json").write_text(json.dumps({"categories": categories, "segments_info": SEGMENTS}))
    line = arguments(files)
    line[2:6] = ["--layout", str(files / "panoptic.png"), "--panoptic", str(files / "panoptic.json")]
    assert cli.main(line) == 0
    layers = fake.calls[0]["scene"].layers
    assert {layer.name: layer.thing for layer in layers} == {"heaven": False, "lawn": True, "elf": True}


@pytest.mark.parametrize(
    "content", ['[null, "sky", "grass", "person"]', '\ufeff{"1":"sky","2":" grass ","3":"person"}']
)
def test_names_forms(files: Path, fake: FakePipeline, content: str) -> None:
    (files / "names.json").write_text(content, "utf-8")
    assert cli.main(arguments(files)) == 0
    assert {layer.name for layer in fake.calls[0]["scene"].layers} == {"sky", "grass", "person"}


# --- guides --------------------------------------------------------------------------------------


def test_painted_guides(files: Path, fake: FakePipeline) -> None:
    painted = np.zeros((HEIGHT, WIDTH), dtype=bool)
    painted[10:20, 10:30] = True
    save_png(painted, files / "paint.png")
    paint = str(files / "paint.png")
    assert cli.main(arguments(files, "--scribble", paint, "--mask", paint)) == 0
    guides = fake.calls[0]["guidance"]
    assert [type(guide) for guide in guides] == [MaskGuide, MaskGuide]
    np.testing.assert_array_equal(guides[0].mask, painted)
    result = json.loads((files / "out" / "result.json").read_text())
    assert result["guidance"][0] == {"kind": "mask", "box": [10, 10, 30, 20], "area": 200}


def test_polygons(files: Path, fake: FakePipeline) -> None:
    assert cli.main(arguments(files, "--polygon", "10,5;30,5;20,20", "--polygon", "1,1;9,1;9,9|2,2;3,2;3,3")) == 0
    assert [len(guide.rings()) for guide in fake.calls[0]["guidance"]] == [1, 2]
    result = json.loads((files / "out" / "result.json").read_text())
    assert result["guidance"][0] == {"kind": "polygon", "rings": [[[10, 5], [30, 5], [20, 20]]]}


# --- the command itself --------------------------------------------------------------------------


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"smartmask {smartmask.__version__}\n"


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    before = set(sys.modules)
    assert cli.main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in cli.COMMANDS)
    groups = ("smartmask.cli.data", "smartmask.cli.train", "smartmask.cli.evaluate", "smartmask.cli.memory")
    assert not [module for module in set(sys.modules) - before if module.startswith(groups)]


def test_missing_package_names_its_extra(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = cli.explain(ModuleNotFoundError("No module named 'pyarrow'", name="pyarrow.parquet"))
    assert code == 1
    assert "smartmask[train]" in text


def test_sub_app_runs_lazily(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "late_app.py").write_text(
        "import typer\napp = typer.Typer()\n@app.command()\ndef twice(number: int):\n    print(2 * number)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def late() -> typer.Typer:
        import late_app

        return late_app.app

    monkeypatch.setitem(cli.COMMANDS, "late", (late, "Late."))
    assert cli.main(["--help"]) == 0
    assert "late_app" not in sys.modules
    capsys.readouterr()
    assert cli.main(["late", "twice", "21"]) == 0
    assert capsys.readouterr().out == "42\n"
    assert cli.main(["late", "twice", "x"]) == 2
    monkeypatch.delitem(sys.modules, "late_app")


@pytest.mark.parametrize("by", ["option", "variable"])
def test_debug_shows_the_traceback(
    files: Path, by: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = arguments(files, "-n", "0")
    if by == "option":
        line.append("--debug")
    else:
        monkeypatch.setenv("SMARTMASK_DEBUG", "1")
    assert cli.main(line) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("Traceback")
    assert printed.endswith("smartmask: The number of masks is 0; it must be from 1 to 1000.\n")


def test_interrupt(files: Path, fake: FakePipeline, capsys: pytest.CaptureFixture[str]) -> None:
    fake.error = KeyboardInterrupt()  # type: ignore[assignment]
    assert cli.main(arguments(files)) == 130
    assert not (files / "out").exists()


def test_bad_input_never_imports_torch(files: Path) -> None:
    code = (
        "import sys; from smartmask.cli.main import main; code = main(sys.argv[1:]); "
        "heavy = {'torch', 'diffusers', 'transformers', 'pyarrow'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else code)"
    )
    line = arguments(files, "--box", "100,0,200,40")
    run = subprocess.run([sys.executable, "-c", code, *line], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert run.stderr == "smartmask: The box at 100,0,200,40 lies outside the scene, which is 64x48.\n"


# --- with a model of random weights --------------------------------------------------------------


@pytest.fixture
def weights(tiny_weights: Path) -> str:
    return str(tiny_weights)


def test_real_process_with_tiny_weights(files: Path, weights: str) -> None:
    more = ["--weights", weights, "-n", "2", "--box", "10,10,40,40", "--json", "--scribble", "12,12;30,30"]
    command = [sys.executable, "-m", "smartmask", *arguments(files, *more)]
    run = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "HF_HUB_OFFLINE": "1"}
    )
    assert run.returncode == 0, run.stderr
    result = json.loads(run.stdout)
    assert result == json.loads((files / "out" / "result.json").read_text("utf-8"))
    assert [record["seed"] for record in result["masks"]] in ([0, 1], [1, 0])
    assert len(listing(files / "out")) == 6


def test_tiny_weights_repeat_bit_for_bit(files: Path, weights: str) -> None:
    pictures = []
    for name in ("first", "second"):
        line = arguments(files, "--weights", weights, "-n", "2", "--seed", "3")
        line[line.index(str(files / "out"))] = str(files / name)
        assert cli.main(line) == 0
        pictures.append({path.name: path.read_bytes() for path in (files / name).glob("*.png")})
    assert pictures[0] == pictures[1]


def test_diverse_keeps_some_of_many(files: Path, weights: str) -> None:
    assert cli.main(arguments(files, "--weights", weights, "-n", "2", "--diverse")) == 0
    result = json.loads((files / "out" / "result.json").read_text("utf-8"))
    seeds = [record["seed"] for record in result["masks"]]
    assert len(set(seeds)) == 2
    assert set(seeds) <= set(range(8))


def test_a_diverse_choice_that_is_too_large(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments(files, "-n", "300", "--diverse")) == 2
    assert "diverse choice of 300 masks is too large; at most 250" in capsys.readouterr().err
