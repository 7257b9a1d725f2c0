"""The examples, the demo and the README's own code run as they stand (with a stand-in for the model)."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from fake_pipeline import FakePipeline
from PIL import Image

from smartmask.cli.main import main

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(after: str) -> str:
    """The first fenced block of the README below this heading."""
    found = re.search(r"```\w*\n(.*?)```", README[README.index(after) :], re.DOTALL)
    assert found is not None
    return found.group(1)


@pytest.fixture
def pipeline(monkeypatch: pytest.MonkeyPatch) -> FakePipeline:
    monkeypatch.chdir(ROOT)
    return FakePipeline().install(monkeypatch)


def test_the_scenes_are_what_the_program_draws(examples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["draw_scenes.py", str(tmp_path)])
    monkeypatch.syspath_prepend(str(examples))
    runpy.run_path(str(examples / "draw_scenes.py"), run_name="__main__")
    for name in ("street", "room"):
        assert (tmp_path / f"{name}_names.json").read_bytes() == (examples / f"{name}_names.json").read_bytes()
        drawn, kept = (np.array(Image.open(folder / f"{name}_layout.png")) for folder in (tmp_path, examples))
        assert np.array_equal(drawn, kept)
        drawn, kept = (np.array(Image.open(folder / f"{name}.png")).astype(int) for folder in (tmp_path, examples))
        assert abs(drawn - kept).max() <= 2


def test_the_demo_runs(examples: Path, tmp_path: Path, pipeline: FakePipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["demo.py", "--out", str(tmp_path / "demo")])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(examples / "demo.py"), run_name="__main__")
    assert stop.value.code == 0
    assert [call["prompt"] for call in pipeline.calls] == ["horse", "person", "cat", "chair"]
    written = {path.relative_to(tmp_path / "demo").as_posix() for path in tmp_path.rglob("*.png")}
    assert {"street.png", "room.png", "street_person/mask_00.png", "room_chair/mask_03.png"} <= written


def test_the_failures_are_drawn(
    examples: Path, tmp_path: Path, pipeline: FakePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["failures.py", "--out", str(tmp_path / "failures.png")])
    monkeypatch.syspath_prepend(str(examples))
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(examples / "failures.py"), run_name="__main__")
    assert stop.value.code == 0
    assert [call["prompt"] for call in pipeline.calls] == ["dog", "giraffe", "bicycle", "two dogs", "chair", "cat"]
    with Image.open(tmp_path / "failures.png") as drawn:
        assert drawn.height > 6 * 240


def test_the_demo_says_in_a_sentence_what_is_wrong(
    examples: Path,
    tmp_path: Path,
    pipeline: FakePipeline,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    (tmp_path / "demo").write_text("a file in the way")
    monkeypatch.setattr(sys, "argv", ["demo.py", "--out", str(tmp_path / "demo")])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(examples / "demo.py"), run_name="__main__")
    assert stop.value.code == 1
    assert "is a file" in capsys.readouterr().err


def test_the_readmes_python_runs(pipeline: FakePipeline) -> None:
    values: dict = {}
    exec(block("## In Python"), values)
    assert values["out"].masks.shape == (8, 384, 512)
    assert values["scene"].layers[-1].name == "dog"


def test_the_readmes_command_runs(pipeline: FakePipeline, tmp_path: Path) -> None:
    command = shlex.split(block("## On the command line").replace("\\\n", " "))
    assert command[0] == "smartmask"
    command[command.index("--out") + 1] = str(tmp_path / "person")
    assert main(command[1:]) == 0
    assert {"mask_07.png", "visible_00.png", "overlay.png", "result.json"} <= set(
        path.name for path in (tmp_path / "person").iterdir()
    )


def test_the_readmes_links_lead_somewhere() -> None:
    """Pictures of results may still be missing: they are made with the weights."""
    targets = re.findall(r"(?<!!)\[[^\]]*\]\(([^)#]+)\)", README)
    missing = [target for target in targets if "://" not in target and not (ROOT / target).exists()]
    assert not missing
