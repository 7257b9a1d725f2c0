"""An order of layers from pairs that are known."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from smartmask.data.depth import meets_border, pairs_seen, stacked
from smartmask.geometry import MaskWindow

PAIRS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12)


@given(order=st.permutations(range(7)), pairs=PAIRS)
def test_pairs_without_a_circle_all_hold(order: list[int], pairs: list[tuple[int, int]]) -> None:
    known = [(a, b) for a, b in pairs if order.index(a) > order.index(b)]
    found = stacked(7, known, [0.0] * 7)
    assert sorted(found) == list(range(7))
    assert all(found.index(front) > found.index(back) for front, back in known)


@given(pairs=PAIRS, before=st.lists(st.floats(-5, 5), min_size=7, max_size=7))
def test_every_thing_once_even_in_circles(pairs: list[tuple[int, int]], before: list[float]) -> None:
    assert sorted(stacked(7, pairs, before)) == list(range(7))


def test_what_is_not_known_goes_by_the_second_rule() -> None:
    assert stacked(4, [(0, 3)], [1, 2, 0, 3]) == [2, 1, 3, 0]


def test_a_circle_does_not_touch_what_stands_before_it() -> None:
    found = stacked(3, [(0, 1), (1, 0), (2, 0)], [5, 6, 0])
    assert found.index(2) > found.index(0), "it is first by the second rule, but not in the circle"


def window(x0: int, x1: int) -> MaskWindow:
    mask = np.zeros((10, 20), dtype=bool)
    mask[2:8, x0:x1] = True
    return MaskWindow.of(mask)


def test_pairs_by_what_is_seen() -> None:
    whole = [window(2, 9), window(6, 14), window(13, 19), window(6, 9)]
    seen = [window(2, 9), window(9, 14), window(14, 19), MaskWindow.empty(10, 20)]
    assert set(pairs_seen(whole, seen)) == {(0, 1), (1, 2), (0, 3)}
    assert pairs_seen([], []) == []


def test_borders() -> None:
    assert [meets_border(window(*x)) for x in ((0, 4), (2, 20), (1, 19))] == [True, True, False]
