"""Depth by lower edges, and what carries things."""

from __future__ import annotations

import pytest
from drawn import block

from smartmask.geometry import BoxXYXY
from smartmask.masks.exemplar.place.depth import depth_order, in_front, overlaps
from smartmask.scene import Layer, Scene

HEIGHT, WIDTH = 100, 120


def scene(*things: tuple[str, BoxXYXY]) -> Scene:
    grass = block(HEIGHT, WIDTH, 0, 0, WIDTH, HEIGHT)
    layers = [Layer("grass", grass, False)]
    layers += [Layer(name, block(HEIGHT, WIDTH, *(int(v) for v in box))) for name, box in things]
    return Scene(HEIGHT, WIDTH, tuple(layers))


def test_alone_it_is_in_front() -> None:
    assert depth_order(Scene.empty(HEIGHT, WIDTH), (10, 10, 20, 20)) == 0
    assert depth_order(scene(), (10, 10, 20, 20)) == 1
    assert depth_order(scene(("dog", (80, 60, 110, 90))), (10, 10, 20, 20)) == 2


@pytest.mark.parametrize(("foot", "order"), [(95, 2), (90, 2), (70, 1)])
def test_the_lower_edge_decides(foot: float, order: int) -> None:
    """The dog reaches row 90; the new thing stands beside it, partly before or behind."""
    assert depth_order(scene(("dog", (40, 50, 70, 90))), (60, 40, 100, foot)) == order


def test_between_two() -> None:
    rows = scene(("horse", (20, 20, 60, 60)), ("dog", (30, 50, 60, 95)))
    assert depth_order(rows, (40, 30, 80, 80)) == 2
    assert depth_order(rows, (40, 30, 80, 50)) == 1
    assert depth_order(rows, (40, 30, 80, 99)) == 3


def test_a_cup_stands_before_the_table_that_carries_it() -> None:
    table = scene(("dining table", (10, 50, 110, 95)))
    assert depth_order(table, (40, 45, 55, 65)) == 2
    assert depth_order(table, (40, 5, 55, 40)) == 2, "above it, it does not meet it"
    assert depth_order(table, (0, 10, 60, 80)) == 1, "it stands behind: it is not on the table"


def test_what_is_nearly_as_large_stands_behind() -> None:
    bus = scene(("bus", (10, 20, 110, 95)))
    assert depth_order(bus, (30, 25, 90, 85)) == 1
    assert depth_order(bus, (50, 40, 70, 60)) == 2


def test_layers_that_contradict() -> None:
    """A near thing lies behind a far one in the layers: the larger lead decides."""
    odd = scene(("horse", (20, 20, 60, 95)), ("dog", (30, 20, 60, 50)))
    assert depth_order(odd, (40, 30, 80, 60)) == 1
    assert depth_order(odd, (40, 30, 80, 90)) == 3


def test_overlap() -> None:
    assert overlaps((0, 0, 10, 10), (5, 5, 15, 15))
    assert not overlaps((0, 0, 10, 10), (9.8, 9.8, 20, 20))
    assert not overlaps((0, 0, 10, 10), (20, 0, 30, 10))


def test_what_may_hide_a_part() -> None:
    room = scene(("lamp", (90, 10, 110, 40)), ("dining table", (10, 50, 80, 90)))
    assert in_front(room, (30, 5, 60, 50)) == [2], "it stops at the table's edge, which stands lower"
    assert in_front(room, (30, 60, 60, 95)) == [], "lower than all"
    assert in_front(room, (35, 38, 45, 50)) == [], "a cup on the table's edge is carried"
