"""Figures of insertions on cases with a known answer."""

from __future__ import annotations

import numpy as np
import pytest

from smartmask.metrics.insertion import (
    background_of,
    changed_object,
    changed_outside,
    changed_share,
    normalised_l2,
    seam_error,
    share,
)

HEIGHT, WIDTH = 20, 30


def block(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def grey(value: int) -> np.ndarray:
    return np.full((HEIGHT, WIDTH, 3), value, dtype=np.uint8)


def test_the_background_is_the_box_without_the_object() -> None:
    real = block(5, 5, 15, 10) | block(5, 10, 10, 15)  # an L: its box is 10x10, a quarter of it background
    background = background_of(real)
    np.testing.assert_array_equal(background, block(10, 10, 15, 15))
    assert share(block(5, 5, 15, 15), background) == 1
    assert share(real, background) == 0
    assert share(block(0, 0, 30, 11), background) == pytest.approx(0.2)


def test_a_share_of_nothing_is_refused() -> None:
    full = block(3, 3, 9, 9)
    with pytest.raises(ValueError, match="no pixels"):
        share(full, background_of(full))
    with pytest.raises(ValueError, match="no pixels"):
        normalised_l2(grey(9), grey(9), full & False)
    with pytest.raises(ValueError, match="empty"):
        background_of(full & False)


def test_normalised_l2() -> None:
    where = block(2, 2, 8, 8)
    assert normalised_l2(grey(100), grey(100), where) == 0
    assert normalised_l2(grey(100), grey(0), where) == pytest.approx(1)
    assert normalised_l2(grey(100), grey(150), where) == pytest.approx(0.5)
    half = grey(100)
    half[2:8, 2:5] = 150  # on half of the pixels the squared change halves
    assert normalised_l2(grey(100), half, where) == pytest.approx(0.5 / np.sqrt(2))
    outside = grey(100)
    outside[15:] = 0
    assert normalised_l2(grey(100), outside, where) == 0
    assert np.isfinite(normalised_l2(grey(0), grey(255), where))


def test_the_seam_counts_added_contrast_only() -> None:
    painted = block(10, 5, 20, 15)
    flat, stepped = grey(100), grey(100)
    stepped[painted] = 151
    assert seam_error(flat, flat, painted) == 0
    assert seam_error(flat, stepped, painted) == pytest.approx(51 / 255)
    assert seam_error(stepped, flat, painted) == pytest.approx(-51 / 255)
    assert seam_error(stepped, stepped, painted) == 0  # an edge that the photo has too
    assert seam_error(flat, stepped, np.ones((HEIGHT, WIDTH), dtype=bool)) == 0


def test_changes_outside_are_counted_by_pixel() -> None:
    after = grey(10)
    after[0, 0] = (11, 12, 13)
    after[6, 6] = 200
    assert changed_outside(grey(10), after, block(5, 5, 9, 9)) == 1


# --- what an editor changed ------------------------------------------------------------------------


def test_the_largest_region_of_change_passes_for_the_object() -> None:
    before = np.full((80, 100, 3), 100, np.uint8)
    after = before.copy()
    after[20:60, 30:70] = 220
    after[5:10, 90:95] = 220
    found = changed_object(before, after)
    real = np.zeros((80, 100), bool)
    real[20:60, 30:70] = True
    assert np.count_nonzero(found & real) / np.count_nonzero(found | real) > 0.9
    assert not found[:12, 85:].any()
    assert changed_share(before, after) == pytest.approx((40 * 40 + 5 * 5) / 8000)


def test_what_a_codec_does_is_no_change() -> None:
    rng = np.random.default_rng(0)
    before = rng.integers(50, 200, (40, 40, 3), dtype=np.uint8)
    after = before + rng.integers(0, 5, before.shape, dtype=np.uint8)
    assert changed_share(before, after) == 0
    assert not changed_object(before, after).any()
    assert not changed_object(before, before).any()
