"""Configs: the shipped ones fit their commands and name their sources; what people write wrongly is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from smartmask.cli.command import command_of
from smartmask.io.settings import Settings
from smartmask.train import settings as of
from smartmask.train.config import FOLDER, read_config, shipped

# Of each shipped config: the class of its command, and what else that needs.
COMMANDS: dict[str, tuple[type[Settings], dict[str, Any]]] = {
    "smartmask_sd15": (of.LatentTrainSettings, {"data": "pack"}),
    "smartbrush_sd12": (of.InpaintSettings, {"data": "coco"}),
    "planner_lora": (of.VisionSettings, {"data": "instruct"}),
}
SOURCES = ("paper", "unchecked", "our choice", "LLaVA")


def test_every_shipped_config_is_one_of_a_command() -> None:
    assert shipped() == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_shipped_config_fits_and_names_its_sources(name: str) -> None:
    settings, more = COMMANDS[name]
    values = read_config(name, settings)
    made = settings.of(**values, **more, out="run")
    for key, value in values.items():
        assert getattr(made, key) == value
    lines = [line for line in (FOLDER / f"{name}.yaml").read_text().splitlines() if not line.startswith("#")]
    assert len(lines) == len(values)
    for line in lines:
        assert line.partition("#")[2].strip().startswith(SOURCES), line


def test_the_numbers_of_samples_are_those_that_the_comments_tell() -> None:
    assert 8 * read_config("smartmask_sd15", of.LatentTrainSettings)["batch"] == 192 == 4 * 48
    assert 8 * read_config("smartbrush_sd12", of.InpaintSettings)["batch"] == 256 == 4 * 64


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("steps: many", "The steps is 'many'; it must be a whole number"),
        ("steps: 0", "The steps is 0; it must be at least 1"),
        ("steps: yes", "The steps is True; it must be a whole number"),
        ("lora: 1", "The lora is 1; it must be true or false"),
        ("preset: 12", "The preset is 12; it must be a text"),
        ("stepz: 3", "There is no setting 'stepz'; known are "),
        ("without: mask_noise", "There is no setting 'without'"),  # Python's alone
        ("steps: 1\nsteps: 2", "'steps' is written twice"),
        ("steps:", "'steps' has no value"),
        ("preset: [a, b]", "the value of 'preset' is no text, number, true or false"),
        ("- steps", "it is no list of 'name: value'"),
        ("", "it is no list of 'name: value'"),
        ("{", "while parsing"),
        ("steps: !!python/name:os.system x", "could not determine a constructor"),
    ],
)
def test_what_is_wrong_is_told_in_a_sentence_that_names_the_file(tmp_path: Path, text: str, wrong: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"mine\.yaml'") as caught:
        read_config(str(path), of.InpaintSettings)
    assert wrong in str(caught.value)
    assert "\n" not in str(caught.value)


def test_numbers_are_read_as_people_write_them(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("learning_rate: 1e-5\nema: .5\nsteps: 1_000\npreset: 2020-01-01\n# a comment\nlora: true\n")
    read = read_config(str(path), of.InpaintSettings)
    assert read == {"learning_rate": 1e-5, "ema": 0.5, "steps": 1000, "preset": "2020-01-01", "lora": True}


def test_a_name_that_is_none_is_told() -> None:
    with pytest.raises(
        ValueError, match=r"no config 'sd15'; give a \.yaml file, or one of planner_lora, smartbrush_sd12"
    ):
        read_config("sd15", of.LatentTrainSettings)
    with pytest.raises(ValueError, match=r"config 'none.yaml' does not exist"):
        read_config("none.yaml", of.LatentTrainSettings)


def test_options_that_are_given_win_and_what_is_needed_may_stand_in_the_config(tmp_path: Path) -> None:
    made: list[of.VisionSettings] = []
    app = typer.Typer()
    app.command()(command_of(of.VisionSettings, made.append, "train", config=read_config))
    needed = ["--data", "instruct", "--out", "run"]
    done = CliRunner().invoke(app, ["--config", "planner_lora", *needed, "--steps", "7", "--no-gradient-checkpointing"])
    assert done.exit_code == 0, done.output
    (one,) = made
    assert (one.steps, one.gradient_checkpointing) == (7, False)
    assert (one.rank, one.batch, one.base) == (128, 16, "llava-hf/llava-1.5-7b-hf")
    assert one.clip == 1.0, "neither given nor in the config"
    assert CliRunner().invoke(app, needed).exit_code == 2, "--base stands nowhere"
    help_text = CliRunner().invoke(app, ["--help"]).output
    assert "--config" in help_text
