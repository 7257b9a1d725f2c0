"""Objects that a planner names one by one, laid without a guide or in its box."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from chat_server import ChatServer

from smartmask.cli.main import main
from smartmask.io.package import BUNDLED_MASKS
from smartmask.masks.pipeline import SmartMaskPipeline
from smartmask.plan.language.phrases import Request, parse
from smartmask.plan.layouts.planned import lay_planned
from smartmask.plan.planners.endpoint import URL
from smartmask.plan.planners.given import GivenList
from smartmask.plan.planners.interface import NextObject, PlanState
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder

TEXT = TextEncoder.from_pretrained(BUNDLED_MASKS / "text")


@pytest.fixture(scope="module")
def tiny(tiny_weights) -> SmartMaskPipeline:  # type: ignore[no-untyped-def]
    return SmartMaskPipeline.from_pretrained(tiny_weights)


def street() -> Scene:
    road = np.zeros((72, 96), bool)
    road[40:] = True
    return Scene.empty(72, 96).insert(~road, "sky", thing=False).insert(road, "road", thing=False)


class Scripted:
    """Names its objects in turn, whatever it is shown, and keeps that."""

    name, notes = "scripted", ("A note.",)

    def __init__(self, *proposals: NextObject) -> None:
        self.rest, self.seen = list(proposals), list[PlanState]()

    def propose(self, state: PlanState, count: int = 5) -> Sequence[NextObject]:
        self.seen.append(state)
        return [self.rest.pop(0)] if self.rest else []


def box_of(mask: np.ndarray) -> tuple[float, ...]:
    rows, columns = np.nonzero(mask)
    return columns.min() / 96, rows.min() / 72, (columns.max() + 1) / 96, (rows.max() + 1) / 72


def test_each_question_shows_what_is_laid(tiny: SmartMaskPipeline) -> None:
    planner = Scripted(NextObject("car", 1.0, "A road."), NextObject("dog", 1.0, "Why not."), NextObject("car", 1, ""))
    found = lay_planned(street(), Request("a street", ()), planner, tiny, ideas=3, num_masks=1)
    assert [[layer.name for layer in state.scene.layers if layer.thing] for state in planner.seen] == [
        [], ["car"], sorted(["car", "dog"], key=[layer.name for layer in planner.seen[2].scene.layers].index),
    ]  # fmt: skip
    assert [step.key for step in found.steps] == ["idea:car", "idea:dog", "idea:car 2"]
    assert [laid.name for laid in found.plan.objects] == ["car", "dog", "car"]
    assert len({laid.seed // 1000 for laid in found.plan.objects}) == 3
    assert found.notes == ("A note.",)
    again = lay_planned(
        street(), Request("a street", ()), Scripted(NextObject("car", 1.0, ""), NextObject("dog", 1.0, "")), tiny,
        ideas=5, num_masks=1,
    )  # fmt: skip
    assert len(again.plan.objects) == 2, "it ends when the planner has no more"
    assert np.array_equal(again.plan.objects[1].mask, found.plan.objects[1].mask)


def test_its_place_is_a_guide_only_where_asked_for(tiny: SmartMaskPipeline) -> None:
    region = (0.05, 0.5, 0.25, 0.8)
    laid = {}
    for places in ("free", "planner"):
        planner = Scripted(NextObject("dog", 1.0, "", region))
        found = lay_planned(street(), Request("", ()), planner, tiny, places=places, num_masks=1)
        laid[places] = found.plan.objects[0]
        assert found.steps[0].guided == (places == "planner")
    assert laid["free"].request.guidance is None
    assert box_of(laid["planner"].mask) == pytest.approx(region, abs=0.03)


def test_the_texts_objects_come_with_their_words_and_relations(tiny: SmartMaskPipeline) -> None:
    scene = street()
    request = parse("a red car on the road and a dog", TEXT, ("sky", "road"))
    found = lay_planned(scene, request, GivenList(), tiny, ideas=0, num_masks=1)
    assert sorted(laid.name for laid in found.plan.objects) == ["dog", "red car"]
    assert [str(relation) for relation, _ in found.met] == ["car on road"]


PHOTO = ("street.png", "--layout", "street_layout.png", "--names", "street_names.json")


def command(examples: Path, tiny_weights: Path, out: Path, *more: str) -> list[str]:
    photo = [str(examples / word) if word.endswith(("png", "json")) else word for word in PHOTO]
    return ["insert", *photo, "--out", str(out), "--weights", str(tiny_weights), "-n", "1", *more]


def said(name: str, box: Sequence[float] | None = None) -> str:
    return json.dumps({"object": name, "why": "It fits.", "box": box, "relation": None})


def test_insert_asks_a_model(
    tmp_path: Path, examples: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bad answer is told to the model: no JSON, a surface, a place outside, an object that is there."""
    with ChatServer(
        ["hm", said("sky"), said("dog", [0.2, 0.6, 0.4, 0.9]), said("dog", [1.2, 0, 1.4, 1]), said("dog"), said("cat")]
    ) as server:
        monkeypatch.setenv(URL, server.url)
        out = tmp_path / "out"
        arguments = command(examples, tiny_weights, out, "--planner", "endpoint:m", "--ideas", "2", "--context", "noon")
        assert main(arguments) == 0
    record = json.loads((out / "result.json").read_text())
    assert [item["object"] for item in record["objects"]] == ["dog", "cat"]
    assert [(item["name"], item["region"], item["guided"], item["object"]) for item in record["planned"]] == [
        ("dog", [0.2, 0.6, 0.4, 0.9], False, 0), ("cat", None, False, 1),
    ]  # fmt: skip
    assert (record["planner"], record["text"]) == ("endpoint:m", "noon")
    assert {"mask_00.png", "mask_01.png", "layout_after.png", "scene.json"} <= {path.name for path in out.iterdir()}
    asked = [body["messages"] for body in server.asked]
    assert "Scene: noon" in asked[0][1]["content"]
    assert "- dog at [" in asked[3][1]["content"], "the second object's question has the first"
    told = [messages[-1]["content"] for messages in asked]
    assert "no JSON" in told[1]
    assert "is a surface" in told[2]
    assert "outside the picture" in told[4]
    assert "repeats 'dog'" in told[5]


def test_a_model_that_never_answers_is_a_sentence(
    tmp_path: Path, examples: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    with ChatServer(["no"] * 20) as server:
        monkeypatch.setenv(URL, server.url)
        out = tmp_path / "out"
        assert main(command(examples, tiny_weights, out, "--planner", "endpoint:m")) == 1
        assert len(server.asked) == 3, "a bounded number of times"
        assert "names no object to insert. The answer holds no JSON object" in capsys.readouterr().err
        assert not out.exists()
        assert main(command(examples, tiny_weights, out, "--planner", "endpoint:m", "--objects", "two dogs")) == 0
    record = json.loads((out / "result.json").read_text())
    assert [item["object"] for item in record["objects"]] == ["dog", "dog"], "the text's own objects go on"
    assert any("The given planner goes on." in note for note in record["notes"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--object", "dog", "--ideas", "2"], "--ideas is for a planner"),
        (["--planner", "learned", "--object", "dog"], "--object is given beside --planner"),
        (["--planner", "learned", "--ideas", "0"], "leaves nothing to insert"),
        (["--planner", "oracle"], "no planner 'oracle'"),
        (["--planner", "some/model"], "not on this machine"),
    ],
)
def test_bad_requests(
    arguments: list[str], said: str, tmp_path: Path, examples: Path, tiny_weights: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert main(command(examples, tiny_weights, tmp_path / "out", *arguments)) in (1, 2)
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_learned_planner_names_what_such_scenes_hold(tmp_path: Path, examples: Path, tiny_weights: Path) -> None:
    out = tmp_path / "out"
    assert (
        main(command(examples, tiny_weights, out, "--planner", "learned", "--ideas", "2", "--places", "planner")) == 0
    )
    record = json.loads((out / "result.json").read_text())
    assert len(record["objects"]) == 2
    assert all(item["guided"] for item in record["planned"])
