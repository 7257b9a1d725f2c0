"""Distances of sets, and what separates them, where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from smartmask.metrics.sets import (
    REAL,
    auc,
    auc_interval,
    distances,
    folds_by_image,
    frechet_distance,
    halves,
    kernel_distance,
)  # fmt: skip

RNG = np.random.default_rng(0)


def test_frechet_of_shifted_and_scaled_gaussians_is_the_formula() -> None:
    a = RNG.normal(size=(400, 3))
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, a + np.array([1, 2, 0])) == pytest.approx(5, rel=1e-6)
    # the same cloud doubled: |mu|^2 + tr(C + 4 C - 2 (2 C))
    expected = (a.mean(0) ** 2).sum() + a.var(axis=0, ddof=1).sum()
    assert frechet_distance(a, 2 * a) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(2 * a, a) == pytest.approx(expected, rel=1e-6)


def test_frechet_needs_no_full_rank() -> None:
    a = RNG.normal(size=(5, 16))
    assert frechet_distance(a, a[::-1]) == pytest.approx(0, abs=1e-5)


def test_kernel_distance_is_unbiased_and_grows_with_the_gap() -> None:
    draws = [kernel_distance(RNG.normal(size=(30, 4)), RNG.normal(size=(30, 4))) for _ in range(200)]
    assert abs(np.mean(draws)) < 3 * np.std(draws) / len(draws) ** 0.5
    near, far = (kernel_distance(RNG.normal(size=(200, 4)), RNG.normal(gap, size=(200, 4))) for gap in (0.5, 1.5))
    assert 0 < near < far


def test_kernel_distance_by_hand() -> None:
    a, b = np.array([[1.0], [0.0]]), np.array([[2.0], [0.0]])
    # within a: k(1, 0) twice / 2 = 1; within b: 1; across: (27 + 1 + 1 + 1) / 4 * 2
    assert kernel_distance(a, b) == pytest.approx(1 + 1 - 2 * 30 / 4)


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
def test_sets_that_cannot_be_compared(distance: object) -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        distance(np.zeros((1, 3)), np.zeros((4, 3)))  # type: ignore[operator]
    with pytest.raises(ValueError, match="cannot be compared"):
        distance(np.zeros((4, 2)), np.zeros((4, 3)))  # type: ignore[operator]


def test_halves_share_no_image_and_have_one_size() -> None:
    images = np.repeat(np.arange(9), 3)
    for left, right in halves(images, 5):
        assert len(left) == len(right)
        assert not set(images[left]) & set(images[right])
    with pytest.raises(ValueError, match="one image"):
        list(halves(np.zeros(4)))


def test_distances_stand_beside_the_floor() -> None:
    images = np.repeat(np.arange(100), 2)
    real = RNG.normal(size=(200, 8))
    found = distances({REAL: real, "as real": RNG.normal(size=(200, 8)), "off": real + 1}, images)
    assert found["objects_a_side"] == 100
    assert found[REAL]["frechet_over_floor"] == 1
    assert found["as real"]["frechet_over_floor"] == pytest.approx(1, abs=0.35)
    assert found["off"]["frechet"][0] == pytest.approx(8 + found[REAL]["frechet"][0], rel=0.1)
    low, high = found["off"]["kid"][1:]
    assert 0 < low <= found["off"]["kid"][0] <= high


def test_auc_counts_pairs_and_ties() -> None:
    assert auc(np.array([0.0, 1.0]), np.array([2.0, 3.0])) == 1
    assert auc(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 0
    assert auc(np.array([1.0, 1.0]), np.array([1.0, 1.0])) == 0.5
    assert auc(np.array([0.0, 2.0]), np.array([1.0, 2.0])) == (1 + 1 + 0 + 0.5) / 4
    mean, low, high = auc_interval(RNG.normal(size=80), RNG.normal(size=80), np.arange(80))
    assert low < mean < high
    assert low < 0.5 < high


def test_folds_keep_images_together() -> None:
    images = np.repeat([f"image {i}" for i in range(10)], 3)
    fold = folds_by_image(images, 5)
    assert sorted(set(fold)) == [0, 1, 2, 3, 4]
    assert all(len(set(fold[images == image])) == 1 for image in set(images))
    with pytest.raises(ValueError, match="5 folds"):
        folds_by_image(np.array(["a", "b"]), 5)
