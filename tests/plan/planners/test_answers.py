"""Answers of language models, good and bad, and the endpoint that gives them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from chat_server import ChatServer
from hypothesis import given
from hypothesis import strategies as st

from smartmask.io.package import BUNDLED_MASKS
from smartmask.plan.language.phrases import Relation, parse
from smartmask.plan.planners.answers import BadAnswerError, question, read_answer
from smartmask.plan.planners.endpoint import KEY, URL, EndpointPlanner
from smartmask.plan.planners.given import GivenList
from smartmask.plan.planners.interface import PlanState
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder

TEXT = TextEncoder.from_pretrained(BUNDLED_MASKS / "text")


def state(text: str = "a cup on a table", placed: tuple[str, ...] = ("table",)) -> PlanState:
    table = np.zeros((50, 100), bool)
    table[20:40, 10:60] = True
    return PlanState(Scene.empty(50, 100).insert(table, "table"), parse(text, TEXT), placed)


def test_the_question_says_what_is_there_and_what_is_wanted() -> None:
    asked = question(state())
    assert "- table at [0.10, 0.40, 0.60, 0.80]" in asked
    assert "Still wanted by the text: cup" in asked


@pytest.mark.parametrize(
    "answer",
    [
        '{"object": "cup", "why": "It is wanted.", "box": [0.2, 0.3, 0.3, 0.5],'
        ' "relation": {"kind": "on", "to": "table"}}',
        'Sure!\n```json\n{"object": "Cup", "why": "It is wanted.", "box": [20, 15, 30, 25],'
        ' "relation": {"kind": "on", "to": "table"},}\n```',
        "{'object': 'cup', 'why': 'It is wanted.', 'box': [0.3, 0.5, 0.2, 0.3],"
        " 'relation': {'kind': 'on', 'to': 'table'}}",
    ],
)
def test_answers_are_repaired(answer: str) -> None:
    found = read_answer(answer, state(), TEXT)
    assert found is not None
    assert found.key == "cup"
    assert found.why == "It is wanted."
    assert found.relations == (Relation("cup", "on", "layer:table"),)
    assert found.region == pytest.approx((0.2, 0.3, 0.3, 0.5) if "20, 15" not in answer else (0.2, 0.15, 0.3, 0.25))


def test_nothing_more() -> None:
    assert read_answer('{"object": "none"}', state(), TEXT) is None


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("I would add a cup.", "no JSON"),
        ('{"object": 3}', "names no object"),
        ('{"object": "qzxwvk"}', "no known name"),
        ('{"object": "cup" "why"}', "cannot be read"),
        ("{" * 5000, "cannot be read"),
    ],
)
def test_bad_answers_are_one_sentence(answer: str, said: str) -> None:
    with pytest.raises(BadAnswerError, match=said):
        read_answer(answer, state(), TEXT)


def test_what_is_not_fit_is_left_out() -> None:
    found = read_answer(
        '{"object": "dog", "box": [0, 0, "x", 1], "relation": {"kind": "eats", "to": "sun"}}', state(), TEXT
    )
    assert found is not None
    assert (found.region, found.relations, found.key) == (None, (), None)


json_like = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["object", "box", "relation", "why", "kind", "to"]), inner)
    ),
    max_leaves=8,
)  # fmt: skip


@given(st.text(max_size=200) | json_like.map(json.dumps))
def test_no_answer_breaks_it(answer: str) -> None:
    try:
        found = read_answer(answer, state(), TEXT)
    except BadAnswerError:
        return
    if found is not None and found.region is not None:
        x0, y0, x1, y1 = found.region
        assert 0 <= x0 < x1 <= 1
        assert 0 <= y0 < y1 <= 1


def test_the_endpoint_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "not-a-secret")
    with ChatServer(["no idea", '{"object": "cup"}']) as server:
        monkeypatch.setenv(URL, server.url)
        planner = EndpointPlanner("some-model", TEXT, GivenList())
        (found,) = planner.propose(state())
    assert found.key == "cup"
    assert planner.notes == []
    assert server.keys == ["Bearer not-a-secret"] * 2
    assert "no JSON" in server.asked[1]["messages"][-1]["content"]  # the bad answer was told
    assert "not-a-secret" not in json.dumps(server.asked)


@pytest.mark.parametrize("replies", [["no", "no", "no"], ["RAW", "RAW", "RAW"], ['{"object": "none"}'], []])
def test_it_falls_back_with_a_message(replies: list[str]) -> None:
    told: list[str] = []
    with ChatServer(replies) as server:
        planner = EndpointPlanner("m", TEXT, GivenList(), server.url, tell=told.append)
        (found,) = planner.propose(state())
    assert found.key == "cup"
    assert told == planner.notes
    assert "The given planner goes on." in told[0]


def test_nobody_there() -> None:
    told: list[str] = []
    planner = EndpointPlanner("m", TEXT, GivenList(), "http://127.0.0.1:9/v1", seconds=2, tell=told.append)
    assert planner.propose(state())[0].key == "cup"
    assert "did not answer" in told[0]


def test_it_needs_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(URL, raising=False)
    with pytest.raises(ValueError, match=URL):
        EndpointPlanner("m", TEXT, GivenList())
