"""The ladder from an exact outline to its box: ends, growth, and independence of the photo's resolution."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from drawn import lumpy
from hypothesis import given
from hypothesis import strategies as st

from smartmask.geometry import box_mask, mask_box, mask_iou
from smartmask.insertion.smartbrush.precision import LEVELS, check_precision, coarsen, rung

SIZES = st.tuples(st.integers(3, 70), st.integers(3, 70))


@st.composite
def masks(draw: st.DrawFn) -> np.ndarray:
    """Any pixels at all: lumps, dust, single pixels, thin lines."""
    height, width = draw(SIZES)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    mask = rng.random((height, width)) < draw(st.sampled_from([0.01, 0.2, 0.9]))
    mask[rng.integers(height), rng.integers(width)] = True
    return mask


@given(masks())
def test_the_ends_are_the_mask_and_its_box(mask: np.ndarray) -> None:
    box = mask_box(mask)
    assert box is not None
    assert (coarsen(mask, 0) == mask).all()
    assert (coarsen(mask, 1) == box_mask(box, *mask.shape)).all()


@given(masks(), st.floats(0, 1), st.floats(0, 1))
def test_it_grows_with_the_precision_and_stays_in_the_box(mask: np.ndarray, one: float, other: float) -> None:
    fine, coarse = coarsen(mask, min(one, other)), coarsen(mask, max(one, other))
    assert not (fine & ~coarse).any()
    assert not (mask & ~fine).any()
    assert mask_box(coarse) == mask_box(mask)


def test_each_rung_of_a_round_object_is_larger() -> None:
    mask = lumpy(120, 160, (30, 20, 120, 100), np.random.default_rng(1))
    areas = [int(coarsen(mask, s / LEVELS).sum()) for s in range(LEVELS + 1)]
    assert all(a < b for a, b in itertools.pairwise(areas)), areas


@pytest.mark.parametrize("factor", [2, 5])
def test_the_ladder_scales_with_the_photo(factor: int) -> None:
    mask = lumpy(120, 160, (30, 20, 120, 100), np.random.default_rng(2))
    large = np.kron(mask, np.ones((factor, factor), dtype=bool))
    for s in range(LEVELS + 1):
        small = np.kron(coarsen(mask, s / LEVELS), np.ones((factor, factor), dtype=bool))
        assert mask_iou(small, coarsen(large, s / LEVELS)) > 0.96


def test_an_object_at_the_border_does_not_leave_the_picture() -> None:
    mask = np.zeros((20, 20), dtype=bool)
    mask[:6, 14:] = np.tri(6, dtype=bool)
    assert coarsen(mask, 0.5).shape == mask.shape
    assert not coarsen(np.zeros((4, 4), dtype=bool), 1).any()


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), "box", None])
def test_a_precision_outside_the_ladder_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"from 0 \(exact outline\) to 1 \(box\)"):
        check_precision(value)  # type: ignore[arg-type]


def test_rungs_are_the_nearest() -> None:
    assert [rung(p) for p in (0, 0.05, 0.07, 0.5, 1)] == [0, 0, 1, 4, 8]
