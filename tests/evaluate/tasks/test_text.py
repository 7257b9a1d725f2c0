"""Text accuracy with a judge that knows balls from buses, and systems that listen or do not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from smartmask.cli.evaluate import app
from smartmask.data.pack import Pack
from smartmask.data.silhouettes import real_silhouettes
from smartmask.data.targets import Case, Protocol, admitted, find_targets
from smartmask.evaluate.baselines import BASELINES, Prediction
from smartmask.evaluate.memories import train_bank
from smartmask.evaluate.protocol import cases
from smartmask.evaluate.tasks.text import judged, known_targets, parse_words, text_report, word_report
from smartmask.guides import Guide
from smartmask.io.components import save_component
from smartmask.metrics.judge import Judge
from smartmask.metrics.sets import REAL
from smartmask.scene import Scene
from smartmask.train.tasks.judge import JudgeRecipe, train_judge

EVERY = Protocol(limit=None)


@pytest.fixture(scope="module")
def judge(pack: Pack) -> Judge:
    return train_judge(real_silhouettes(pack, admitted(pack, EVERY, "train")), JudgeRecipe(steps=60, batch=32, least=5))


@pytest.fixture(scope="module")
def questions(pack: Pack) -> list[Case]:
    return list(cases(pack, find_targets(pack, EVERY), EVERY))


def listens(pack: Pack) -> object:
    """Draws ellipses for balls and orbs, boxes for everything else, in the box it is given."""
    bank = train_bank(pack, EVERY)
    shapes = {"ball": BASELINES["ellipse"](bank), "orb": BASELINES["ellipse"](bank)}

    def system(scene: Scene, name: str, guide: Guide | None, n: int, seed: int) -> Prediction:
        return shapes.get(name, BASELINES["box-fill"](bank))(scene, name, guide, n, seed)

    return system


def test_an_attentive_system_reaches_the_ceiling_and_a_deaf_one_half(
    pack: Pack, judge: Judge, questions: list[Case]
) -> None:
    deaf = BASELINES["box-fill"](train_bank(pack, EVERY))
    systems = {"listens": listens(pack), "deaf": deaf}
    report = text_report(questions, systems, judge, 2, 0, control="listens")  # type: ignore[arg-type]
    accuracy = {label: interval[0] for label, interval in report["macro_accuracy"].items()}
    assert accuracy[REAL] > 0.9
    assert accuracy["listens"] > 0.9
    assert accuracy["deaf"] < accuracy["listens"] - 0.2  # every answer is a crate, of which some look like a bus
    assert accuracy["listens, unnamed"] == accuracy["deaf"]
    assert report["of_ceiling"][REAL] == 1
    assert report["by_class"]["bus"]["deaf"] > 0.9
    assert report["classes"] == {"ball": 8, "bus": 8}


def test_words_stand_beside_their_class(pack: Pack, judge: Judge, questions: list[Case]) -> None:
    words = {"orb": "ball", "crate": "ball", "glider": "airplane"}
    report = word_report(questions, listens(pack), judge, words, 20, 2, 0)  # type: ignore[arg-type]
    assert set(report) == {"orb", "crate"}  # nothing in the pack flies
    assert report["orb"]["difference"] == [0, 0, 0]
    assert report["orb"]["samples"] == 20
    assert report["crate"]["difference"][2] < -0.2  # asked for a crate, it draws a box where a ball should be
    assert report["crate"]["name"] > 0.9


def test_an_empty_mask_is_of_no_class(judge: Judge) -> None:
    assert not judged(np.zeros((2, 20, 20), bool), judge, "ball").any()


def test_targets_are_taken_evenly(pack: Pack, judge: Judge) -> None:
    targets = known_targets(find_targets(pack, EVERY), judge, 3)
    assert sorted(t.name for t in targets) == ["ball"] * 3 + ["bus"] * 3
    with pytest.raises(ValueError, match="knows"):
        known_targets([], judge, 3)


def test_words_are_read_as_pairs() -> None:
    assert parse_words("puppy=dog, cab=car") == {"puppy": "dog", "cab": "car"}
    assert parse_words("all")["sofa"] == "couch"
    assert parse_words(None) == {}
    for bad in ("puppy", "puppy=", "a=b=c", ""):
        with pytest.raises(ValueError, match="WORD=CLASS"):
            parse_words(bad)


def test_the_command(pack: Pack, judge: Judge, tiny_weights: Path, tmp_path: Path) -> None:
    save_component(tmp_path / "judge", judge, judge.config)
    common = ["text", "--data", str(pack.path), "--weights", str(tiny_weights), "--judge", str(tmp_path / "judge")]
    common += ["--words", "orb=ball", "--samples", "8", "--each", "2", "--num-masks", "2", "--out", str(tmp_path)]
    report = json.loads(CliRunner().invoke(app, [*common, "--json"], catch_exceptions=False).stdout)
    assert set(report["text"]["macro_accuracy"]) == {REAL, "pipeline", "retrieval", "pipeline, unnamed"}
    assert report["text"]["objects"] == 4
    assert report["words"]["orb"]["class"] == "ball"
    page = (tmp_path / "text.md").read_text()
    assert "real (ceiling)" in page
    assert "| orb | ball | 8 |" in page
