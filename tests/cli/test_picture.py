"""``smartmask layout --paint``: real diffusers classes on tiny random folders. What they paint is noise."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chat_server import ChatServer
from PIL import Image
from tiny_diffusion import SIDE, save_controlnet, save_diffusion

from smartmask.cli.main import main
from smartmask.plan.planners.endpoint import URL

pytest.importorskip("diffusers")
LAYOUT_FILES = {"colour.png", "label_map.png", "names.json", "panoptic.json", "panoptic.png", "scene.json"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_diffusion("sd", tmp_path_factory.mktemp("sd"))


@pytest.fixture(scope="module")
def controlnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_controlnet("sd", tmp_path_factory.mktemp("control"))


def arguments(tiny_weights: Path, out: Path, *more: str | Path) -> list[str]:
    fixed = ["layout", "a dog in a park", "--size", "96x72", "-n", "1", "--no-animation"]
    return [*fixed, "--weights", str(tiny_weights), "--out", str(out), *map(str, more)]


@pytest.mark.slow
def test_the_command_paints_its_layout(tmp_path: Path, tiny_weights: Path, model: Path, controlnet: Path) -> None:
    out = tmp_path / "out"
    given = arguments(
        tiny_weights, out, "--paint", model, "--controlnet", controlnet, "--steps", "2", "--guidance-scale", "2",
        "--negative-prompt", "blurred", "--control-scale", "0.5", "--device", "cpu", "--dtype", "float32",
        "--slicing", "--side", "48", "--json",
    )  # fmt: skip
    run = subprocess.run([sys.executable, "-m", "smartmask", *given], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    record = json.loads(run.stdout)
    assert record == json.loads((out / "result.json").read_text())
    assert set(record["files"]) == LAYOUT_FILES | {"picture.png"}
    told = record["picture"]
    assert told["status"] == "painted"
    assert (told["steps"], told["guidance_scale"], told["control_scale"]) == (2, 2.0, 0.5)
    assert told["negative_prompt"] == "blurred"
    assert told["painted"] == {"width": 48, "height": 32}, "the side asked for, in whole latent cells"
    with Image.open(out / "picture.png") as picture:
        assert picture.size == (96, 72)
        assert np.asarray(picture).std() > 5
    assert record["timings"]["total"] >= record["timings"]["paint"] > 0


def test_options_reach_the_model(
    tmp_path: Path, tiny_weights: Path, model: Path, controlnet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each option changes the picture; the same command paints the same one."""
    pictures = {}
    shared = ["--paint", model, "--controlnet", controlnet, "--device", "cpu"]
    for name, more in {
        "plain": ["--steps", "2"],
        "again": ["--steps", "2"],
        "seed": ["--steps", "2", "--seed", "5"],
        "steps": ["--steps", "1"],
        "scale": ["--steps", "2", "--guidance-scale", "1"],
        "negative": ["--steps", "2", "--negative-prompt", "zebra"],
        "control": ["--steps", "2", "--control-scale", "0"],
    }.items():
        assert main(arguments(tiny_weights, tmp_path / name, *shared, *more)) == 0
        with Image.open(tmp_path / name / "picture.png") as picture:
            pictures[name] = np.asarray(picture).copy()
    assert np.array_equal(pictures["plain"], pictures["again"])
    for name in pictures.keys() - {"plain", "again"}:
        assert not np.array_equal(pictures["plain"], pictures[name]), name
    assert main(arguments(tiny_weights, tmp_path / "plain")) == 0
    assert not (tmp_path / "plain" / "picture.png").exists(), "the picture of another layout is gone"


def test_a_planners_layout_is_painted_by_its_exact_classes(
    tmp_path: Path, tiny_weights: Path, model: Path, controlnet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever names the layers, what the ControlNet sees are ADE20K's own colours of what is seen, none in between."""
    from smartmask.insertion.stable_diffusion.picture import LayoutPainter
    from smartmask.insertion.stable_diffusion.seg_control import ade20k_colour
    from smartmask.scene.scene_file import load_scene

    shown: list[np.ndarray] = []
    paint = LayoutPainter.paint

    def seen(self: LayoutPainter, *given: Any, **more: Any) -> np.ndarray:
        shown.append(np.asarray(more["image"]))
        return paint(self, *given, **more)

    monkeypatch.setattr(LayoutPainter, "paint", seen)
    names = ["sky", "grass", "dog", "dog"]  # two surfaces, then what is no surface; then the object
    with ChatServer([json.dumps({"object": name}) for name in names]) as server:
        monkeypatch.setenv(URL, server.url)
        command = arguments(
            tiny_weights, tmp_path, "--planner", "endpoint:m", "--paint", model, "--controlnet",
            controlnet, "--steps", "1", "--device", "cpu",
        )  # fmt: skip
        assert main(command) == 0
    scene, _ = load_scene(tmp_path / "scene.json")
    assert {layer.name for layer in scene.layers} == {"sky", "grass", "dog"}
    colours = {tuple(map(int, colour)) for colour in np.unique(shown[0].reshape(-1, 3), axis=0)}
    visible = {scene.layers[index].name for index in np.unique(scene.top()) if index >= 0}
    assert colours == {ade20k_colour(name) for name in visible}
    assert (tmp_path / "picture.png").is_file()


def test_a_missing_model_loses_nothing(tmp_path: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(arguments(tiny_weights, out, "--paint", "someone/painter")) == 1
    told = capsys.readouterr().err.strip()
    assert "hf download someone/painter" in told
    assert "\n" not in told
    assert {path.name for path in out.iterdir()} == LAYOUT_FILES | {"result.json"}
    record = json.loads((out / "result.json").read_text())
    assert record["picture"]["status"] == "not painted"
    assert "not on this machine" in record["picture"]["trouble"]


def test_a_failure_in_painting_loses_nothing(
    tmp_path: Path, tiny_weights: Path, model: Path, controlnet: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from diffusers import AutoencoderKL

    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(AutoencoderKL, "decode", fail)
    out = tmp_path / "out"
    more = ["--paint", model, "--controlnet", controlnet, "--device", "cpu", "--steps", "1"]
    assert main(arguments(tiny_weights, out, *more)) == 1
    assert f"not enough memory to paint {SIDE}x48" in capsys.readouterr().err
    assert {path.name for path in out.iterdir()} == LAYOUT_FILES | {"result.json"}
    assert json.loads((out / "result.json").read_text())["picture"]["status"] == "not painted"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--steps", "3"], "--steps is for painting; add --paint"),
        (["--controlnet", "x", "--slicing"], "--slicing, --controlnet is for painting"),
        (["--paint", "MODEL"], "has no ControlNet"),
        (["--paint", "nowhere"], "neither an existing folder nor a hub name"),
        (["--paint", "MODEL", "--steps", "0"], "number of steps is 0"),
        (["--paint", "MODEL", "--guidance-scale", "-1"], "guidance scale is -1"),
        (["--paint", "MODEL", "--device", "abacus"], "device 'abacus' is not known"),
    ],
)
def test_bad_requests_write_nothing(
    more: list[str], said: str, tmp_path: Path, tiny_weights: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    more = [str(model) if item == "MODEL" else item for item in more]
    assert main(arguments(tiny_weights, out, *more)) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()
