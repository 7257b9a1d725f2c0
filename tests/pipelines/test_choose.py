"""Choosing diverse masks: the best first, near copies last, and the plain ranking without a weight."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartmask.pipelines.choose import choose_diverse, overlaps
from smartmask.pipelines.mask import MaskOutput


def square(x: int, y: int, side: int = 20) -> np.ndarray:
    mask = np.zeros((60, 100), dtype=bool)
    mask[y : y + side, x : x + side] = True
    return mask


def output(masks: list[np.ndarray]) -> MaskOutput:
    count = len(masks)
    return MaskOutput(
        masks=np.stack(masks), visible=np.stack(masks), scores=np.linspace(0.9, 0.5, count), orders=list(range(count)),
        seeds=list(range(100, 100 + count)), boxes=[(0.0, 0.0, 1.0, 1.0)] * count, timings={}, notes=[],
    )  # fmt: skip


def test_near_copies_give_way_to_other_places() -> None:
    given_masks = output([square(0, 0), square(1, 0), square(0, 1), square(70, 30), square(30, 30)])
    kept = choose_diverse(given_masks, 3)
    assert kept.seeds == [100, 103, 104]
    assert kept.orders == [0, 3, 4]
    np.testing.assert_array_equal(kept.masks[1], square(70, 30))
    assert kept.scores[1] == given_masks.scores[3]


def test_without_weight_it_is_the_ranking_and_with_all_weight_the_farthest() -> None:
    masks = output([square(0, 0), square(2, 0), square(10, 0), square(70, 30)])
    assert choose_diverse(masks, 3, difference=0).seeds == [100, 101, 102]
    assert choose_diverse(masks, 2, difference=1).seeds == [100, 103]


@given(st.lists(st.tuples(st.integers(0, 80), st.integers(0, 40)), min_size=1, max_size=8), st.data())
def test_the_best_is_always_kept_and_nothing_twice(places: list[tuple[int, int]], data: st.DataObject) -> None:
    masks = output([square(x, y) for x, y in places])
    count = data.draw(st.integers(1, len(places)))
    kept = choose_diverse(masks, count, data.draw(st.floats(0, 1)))
    assert kept.seeds[0] == 100
    assert len(set(kept.seeds)) == len(kept.seeds) == count


def test_overlaps_of_known_pairs() -> None:
    iou = overlaps(np.stack([square(0, 0), square(0, 0), square(10, 0), square(50, 30)]))
    np.testing.assert_allclose(iou[0], [1, 1, 1 / 3, 0], atol=1e-6)


@pytest.mark.parametrize(("count", "weight", "sentence"), [(0, 0.5, "0 of 2"), (3, 0.5, "3 of 2"), (1, 1.5, "is 1.5")])
def test_bad_requests(count: int, weight: float, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        choose_diverse(output([square(0, 0), square(5, 5)]), count, weight)
