"""Metrics on cases with a known answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, distance_transform_edt

from smartmask.geometry import box_mask, mask_iou
from smartmask.metrics.masks import (
    boundary_f,
    boundary_fs,
    crop_window,
    diversity,
    mask_ious,
    outline,
    own_ious,
)


def rectangle(x0: int, y0: int, x1: int, y1: int, height: int = 60, width: int = 80) -> np.ndarray:
    return box_mask((x0, y0, x1, y1), height, width)


def test_ious_equal_the_plain_definition() -> None:
    rng = np.random.default_rng(0)
    true = rng.random((30, 40)) > 0.7
    masks = rng.random((5, 30, 40)) > 0.6
    masks[3] = False
    np.testing.assert_allclose(mask_ious(masks, true), [mask_iou(m, true) for m in masks])
    assert mask_ious(np.zeros((1, 4, 4), bool), np.zeros((4, 4), bool))[0] == 1


def test_crop_window_stays_inside_and_holds_everything() -> None:
    mask = rectangle(0, 5, 10, 60)
    assert crop_window(mask) == (slice(4, 60), slice(0, 11))
    assert crop_window(np.zeros((9, 9), bool)) == (slice(0, 1), slice(0, 1))


def test_boundary_f_of_the_same_mask_is_one_and_of_a_far_mask_zero() -> None:
    a, b = rectangle(5, 5, 25, 25), rectangle(50, 35, 70, 55)
    assert boundary_f(a, a) == 1
    assert boundary_f(a, b) == 0


def test_boundary_f_of_empty_and_full_masks() -> None:
    empty, full, some = np.zeros((20, 20), bool), np.ones((20, 20), bool), rectangle(3, 3, 9, 9, 20, 20)
    assert boundary_f(empty, empty) == 1
    assert boundary_f(full, full) == 1  # no outline on either side: the border is no boundary
    assert boundary_f(empty, some) == boundary_f(some, empty) == boundary_f(full, some) == 0


def test_boundary_f_forgives_exactly_the_tolerance() -> None:
    a, b = rectangle(20, 10, 40, 50), rectangle(23, 10, 43, 50)
    assert boundary_f(a, b, tolerance=3) == 1
    assert boundary_f(a, b, tolerance=2) < 1
    # The default is 0.8 % of the diagonal of the image, rounded up: 1 pixel here, 3 on a larger canvas.
    assert boundary_f(a, b) == boundary_f(a, b, tolerance=1)
    big_a, big_b = (np.pad(m, ((0, 180), (0, 160))) for m in (a, b))
    assert math.ceil(0.008 * math.hypot(240, 240)) == 3
    assert boundary_f(big_a, big_b) == 1


def test_boundary_f_equals_precision_and_recall_by_distance() -> None:
    rng = np.random.default_rng(3)
    for tolerance in (0, 1, 2, 3.7):
        a, b = (binary_dilation(rng.random((50, 70)) > 0.99, iterations=3) for _ in range(2))
        edge_a, edge_b = outline(a), outline(b)
        precision = (distance_transform_edt(~edge_b)[edge_a] <= tolerance).mean()
        recall = (distance_transform_edt(~edge_a)[edge_b] <= tolerance).mean()
        expected = 2 * precision * recall / (precision + recall)
        assert boundary_f(a, b, tolerance=tolerance) == pytest.approx(expected)


def test_boundary_of_many_masks_equals_one_by_one() -> None:
    true = rectangle(20, 10, 40, 50)
    preds = np.stack([true, rectangle(22, 12, 45, 50), np.zeros_like(true), rectangle(60, 0, 80, 9)])
    np.testing.assert_allclose(boundary_fs(preds, true), [boundary_f(p, true) for p in preds])


def test_the_image_border_is_no_outline() -> None:
    cut = rectangle(0, 0, 80, 30)  # touches three borders; only its lower edge is an outline
    assert outline(cut).sum() == 80
    assert outline(cut)[29].all()


def test_boundary_f_rejects_other_shapes_and_negative_tolerance() -> None:
    with pytest.raises(ValueError, match="one shape"):
        boundary_f(np.ones((4, 4), bool), np.ones((4, 5), bool))
    with pytest.raises(ValueError, match="-1"):
        boundary_f(np.ones((4, 4), bool), np.ones((4, 4), bool), tolerance=-1)


def test_diversity_of_known_sets() -> None:
    a, b = rectangle(0, 0, 10, 10), rectangle(20, 20, 30, 30)
    half = rectangle(0, 0, 5, 10)
    assert diversity(np.stack([a, a, a])) == 0
    assert diversity(np.stack([a, b])) == 1
    assert diversity(np.stack([a, half])) == pytest.approx(0.5)
    assert diversity(np.stack([a, a, b])) == pytest.approx(2 / 3)
    assert diversity(np.zeros((2, 5, 5), bool)) == 0
    with pytest.raises(ValueError, match="pairs"):
        diversity(a[None])


def test_overlap_in_the_own_box_is_the_same_at_any_size_and_counts_what_lies_outside() -> None:
    small, large = np.zeros((40, 40), bool), np.zeros((400, 400), bool)
    small[10:20, 10:30], large[100:200, 100:300] = True, True
    for true, unit in ((small, 1), (large, 10)):
        half = true.copy()
        half[:, 20 * unit :] = False
        beyond = true.copy()
        beyond[10 * unit : 20 * unit, 30 * unit : 40 * unit] = True  # half as much again
        masks = np.stack([true, half, beyond, np.zeros_like(true)])
        assert own_ious(masks, true).tolist() == pytest.approx([1, 0.5, 2 / 3, 0])
    hair = np.zeros((300, 300), bool)
    hair[np.arange(300), np.arange(300)] = True  # under half of every cell
    assert own_ious(np.stack([hair, ~hair]), hair).tolist() == [1, 0]
    with pytest.raises(ValueError, match="no box"):
        own_ious(hair[None], np.zeros_like(hair))
