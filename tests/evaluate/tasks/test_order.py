"""Order questions whose truth is drawn, and rules whose score is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from smartmask.cli.evaluate import app
from smartmask.data.pack import Pack, write_pack
from smartmask.data.record import Record
from smartmask.data.targets import Protocol
from smartmask.evaluate.tasks.order import (
    HEURISTICS,
    OrderQuestion,
    annotated_questions,
    composed_questions,
    order_lines,
    order_report,
    question_of,
)
from smartmask.geometry import box_mask
from smartmask.scene import Layer, Scene


def stacked() -> Scene:
    """A wall behind a low crate behind a tall pole, a far kite; the crate's lower edge is the lower one."""
    layers = (
        Layer("wall", box_mask((0, 0, 100, 100), 100, 100), thing=False),
        Layer("crate", box_mask((20, 50, 60, 90), 100, 100)),
        Layer("pole", box_mask((50, 10, 60, 80), 100, 100)),
        Layer("kite", box_mask((80, 5, 95, 20), 100, 100)),
    )
    return Scene(100, 100, layers)


def test_partners_are_overlapping_things_with_their_true_depth() -> None:
    crate, pole = question_of(stacked(), 1, "a"), question_of(stacked(), 2, "a")
    assert crate is not None
    assert pole is not None
    assert (crate.name, crate.box, crate.partners) == ("crate", (20, 50, 60, 90), ((1, False),))
    assert [layer.name for layer in crate.scene.layers] == ["wall", "pole", "kite"]
    assert pole.partners == ((1, True),)
    assert question_of(stacked(), 3, "a") is None  # nothing touches the kite


def test_heuristics_by_hand() -> None:
    crate, pole = question_of(stacked(), 1, "a"), question_of(stacked(), 2, "a")
    assert crate is not None
    assert pole is not None
    said = {name: (list(rule(crate)), list(rule(pole))) for name, rule in HEURISTICS.items()}
    assert said["lower edge"] == ([True], [False])  # wrong both times here
    assert said["smaller"] == ([False], [True])
    assert said["larger"] == ([True], [False])
    assert said["always in front"] == ([True], [True])
    report = order_report([crate, pole], {"smaller": HEURISTICS["smaller"], **HEURISTICS})
    accuracy = {name: interval[0] for name, interval in report["balanced_accuracy"].items()}
    assert accuracy == {"smaller": 1, "lower edge": 0, "larger": 0, "always in front": 0.5}
    assert (report["in_front"], report["behind"]) == (1, 1)
    assert report["right_behind"]["always in front"] == 0


def test_balanced_accuracy_ignores_how_many_stand_in_front() -> None:
    front, behind = question_of(stacked(), 2, "a"), question_of(stacked(), 1, "b")
    assert front is not None
    assert behind is not None
    report = order_report([front] * 9 + [behind], {"front": HEURISTICS["always in front"]})
    assert report["balanced_accuracy"]["front"][0] == 0.5
    assert report["right_in_front"]["front"] == 1
    with pytest.raises(ValueError, match="no overlapping pair"):
        order_report([], HEURISTICS)


def test_composed_scenes_know_their_order(pack: Pack) -> None:
    questions = list(composed_questions(pack, Protocol(limit=None), 12))
    again = list(composed_questions(pack, Protocol(limit=None), 12))
    assert questions
    assert [q.box for q in questions] == [q.box for q in again]  # by the seed
    keys = {pack.meta.keys[i] for i, split in enumerate(pack.meta.splits) if split == "test"}
    assert {q.image for q in questions} <= keys
    oracle = order_report(questions, {"oracle": lambda q: [front for _, front in q.partners]})
    assert oracle["balanced_accuracy"]["oracle"] == [1, 1, 1]


@pytest.fixture(scope="module")
def amodal(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    path = tmp_path_factory.mktemp("amodal") / "a.parquet"
    write_pack([Record("3", "cocoa", stacked(), modal=False)], path)
    return Pack(path)


def test_annotated_pairs_are_asked_both_ways(amodal: Pack) -> None:
    found = list(annotated_questions(amodal))
    assert [question.name for _, question in found] == ["crate", "pole"]
    assert [front for _, question in found for _, front in question.partners] == [False, True]
    assert order_lines("x", order_report([q for _, q in found], HEURISTICS))[0].startswith("## x: 2 pairs")


def test_the_command(pack: Pack, tiny_weights: Path, tmp_path: Path) -> None:
    common = ["order", "--data", str(pack.path), "--weights", str(tiny_weights), "--scenes", "12"]
    result = CliRunner().invoke(app, [*common, "--out", str(tmp_path), "--json"], catch_exceptions=False)
    report = json.loads(result.stdout)
    assert set(report["composed"]["balanced_accuracy"]) == {"pipeline", *HEURISTICS}
    assert report["composed"]["minus_best"]["best"] in HEURISTICS
    assert report["annotated"] == {}
    assert "Composed scenes" in (tmp_path / "order.md").read_text()


def test_a_question_keeps_no_trace_of_the_object() -> None:
    question = question_of(stacked(), 2, "a")
    assert isinstance(question, OrderQuestion)
    assert not np.any([layer.name == "pole" for layer in question.scene.layers])
