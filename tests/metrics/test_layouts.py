"""Features of layouts and overlap of boxes, where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartmask.metrics.layouts import adjacency_features, area_features, box_overlap, place_features, projection

GRID, UNNAMED = 64, 20
SKY, GRASS = 3, 7


def test_features_of_a_known_map() -> None:
    names = np.full((GRID, GRID), SKY)
    names[GRID // 4 :] = GRASS
    areas = area_features(names, UNNAMED + 1) ** 2
    assert (areas[SKY], areas[GRASS]) == pytest.approx((0.25, 0.75))
    meetings = adjacency_features(names, UNNAMED + 1)
    size = UNNAMED + 1
    assert np.flatnonzero(meetings).tolist() == [SKY * size + GRASS], "sky above grass, and nothing else"
    turned = adjacency_features(names[::-1], UNNAMED + 1)
    assert np.flatnonzero(turned).tolist() == [GRASS * size + SKY]
    side = adjacency_features(names.T, UNNAMED + 1)
    assert np.flatnonzero(side).tolist() == [size**2 + min(SKY, GRASS) * size + max(SKY, GRASS)]
    assert np.array_equal(side, adjacency_features(names.T[:, ::-1], UNNAMED + 1)), "left and right are alike"
    assert not adjacency_features(np.full((GRID, GRID), SKY), UNNAMED + 1).any()
    vectors = np.eye(UNNAMED)[:, [SKY, GRASS]]
    places = place_features(names, vectors).reshape(8, 8, 2)
    assert (places[:2, :, 0] == 1).all()
    assert (places[2:, :, 1] == 1).all()


@given(st.integers(0, 1000))
def test_area_shares_sum_to_one(seed: int) -> None:
    names = np.random.default_rng(seed).integers(0, UNNAMED + 1, (GRID, GRID))
    assert (area_features(names, UNNAMED + 1) ** 2).sum() == pytest.approx(1)
    assert (adjacency_features(names, UNNAMED + 1) ** 2).sum() == pytest.approx(1)


def test_projection_keeps_what_varies_most() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(0, [10, 0.1, 3], (200, 3)) + 5
    found = projection(rows, 2)(rows)
    assert found.shape == (200, 2)
    assert found.mean(axis=0) == pytest.approx([0, 0], abs=1e-9)
    assert np.abs(np.corrcoef(found[:, 0], rows[:, 0])[0, 1]) > 0.99
    assert np.abs(np.corrcoef(found[:, 1], rows[:, 2])[0, 1]) > 0.99


def test_overlap_of_boxes() -> None:
    """Half of the small one lies in the large one, and a third keeps apart."""
    large, small, apart = (0.0, 0.0, 10.0, 10.0), (8.0, 0.0, 12.0, 2.0), (50.0, 50.0, 60.0, 60.0)
    assert box_overlap([large, small, apart]) == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert box_overlap([large, large]) == 1
    assert box_overlap([large]) == box_overlap([]) == 0
