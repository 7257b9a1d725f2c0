"""Choosing a few of many suggestions."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import block
from hypothesis import given
from hypothesis import strategies as st

from smartmask.geometry import MaskWindow, mask_iou
from smartmask.masks.model import Suggestion
from smartmask.masks.rank import overlaps, spread


def suggestion(x: int, score: float = 0.5, side: int = 40) -> Suggestion:
    """A block of 20 pixels at x."""
    return Suggestion(block(side, 2 * side, x, 10, x + 20, 30), (x, 10.0, x + 20.0, 30.0), 0, x, score)


PLACES = [0, 1, 2, 30, 31, 58]
RANKED = [suggestion(x, 1 - i / 10) for i, x in enumerate(PLACES)]


def test_different_ones_come_before_better_twins() -> None:
    assert [s.seed for s in spread(RANKED, 3)] == [0, 30, 58]
    assert [s.seed for s in spread(RANKED, 3, difference=0)] == [0, 1, 2]
    assert {s.seed for s in spread(RANKED, 6)} == set(PLACES)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=12), st.data())
def test_the_best_leads_and_none_comes_twice(places: list[int], data: st.DataObject) -> None:
    ranked = [suggestion(x) for x in places]
    count = data.draw(st.integers(1, len(ranked)))
    chosen = spread(ranked, count, data.draw(st.floats(0, 1)))
    assert chosen[0] is ranked[0]
    assert len({id(s) for s in chosen}) == len(chosen) == count
    assert spread(ranked, count)[:count] == spread(ranked, len(ranked))[:count]  # one more does not change the others


def test_overlaps_are_those_of_the_masks() -> None:
    masks = [s.mask for s in RANKED] + [np.zeros((40, 80), dtype=bool)] * 2
    found = overlaps([MaskWindow.of(mask) for mask in masks])
    assert found[0, 1] == pytest.approx(mask_iou(masks[0], masks[1]))
    assert found[0, 3] == 0
    assert found[0, -1] == 0
    assert found[-1, -2] == 1  # nothing and nothing
    large = [np.repeat(np.repeat(mask, 20, 0), 20, 1) for mask in masks]  # judged at a smaller size
    np.testing.assert_allclose(overlaps([MaskWindow.of(mask) for mask in large]), found, atol=0.05)


def test_thin_pictures() -> None:
    assert overlaps([MaskWindow.of(np.ones((1, 4000), dtype=bool))] * 2).tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize(
    ("count", "difference", "said"),
    [(0, 0.5, "Cannot choose 0 of 6"), (7, 0.5, "Cannot choose 7 of 6"), (1, 1.5, "is 1.5")],
)
def test_what_cannot_be_chosen(count: int, difference: float, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        spread(RANKED, count, difference)
