"""The given-list planner: an order in which everything has what it is placed by."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smartmask.io.package import BUNDLED_MASKS
from smartmask.plan.language import grammar
from smartmask.plan.language.phrases import Relation, Request, Wanted, parse
from smartmask.plan.planners.given import GivenList, drawing_order
from smartmask.plan.planners.interface import PlanState
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder

TEXT = TextEncoder.from_pretrained(BUNDLED_MASKS / "text")
EMPTY = Scene.empty(30, 40)


def test_supports_come_before_what_they_carry() -> None:
    assert drawing_order(parse("a cup, a table and a rug", TEXT)) == ["rug", "table", "cup"]
    assert drawing_order(parse("a cat on the table", TEXT)) == ["table", "cat"]


def test_proposals_follow_what_is_placed() -> None:
    request = parse("man, woman and dog on the bench", TEXT)
    planner = GivenList()
    first = planner.propose(PlanState(EMPTY, request))
    assert [item.key for item in first] == ["bench", "man", "woman", "dog"]
    assert first[1].relations == ()  # its bench is not there yet
    then = planner.propose(PlanState(EMPTY, request, ("bench",)))
    assert then[0].relations == (Relation("man", "on", "bench"),)
    assert "on bench" in then[0].why
    assert planner.propose(PlanState(EMPTY, request, ("bench", "man", "woman", "dog"))) == []


KEYS = [f"dog {number}" for number in range(6)]


@given(st.lists(st.tuples(st.sampled_from(KEYS), st.sampled_from(grammar.RELATIONS), st.sampled_from(KEYS))))
def test_any_relations_give_an_order_of_all(rows: list[tuple[str, str, str]]) -> None:
    objects = tuple(Wanted("dog", key) for key in KEYS)
    relations = tuple(Relation(*row) for row in rows if row[0] != row[2])
    order = drawing_order(Request("dogs", objects, relations))
    assert sorted(order) == KEYS
    acyclic = all(row[0] > row[2] for row in rows if row[0] != row[2])
    if acyclic:
        assert all(order.index(r.reference) < order.index(r.subject) for r in relations)
