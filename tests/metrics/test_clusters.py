"""Groups of masks with a known answer."""

from __future__ import annotations

import numpy as np
import pytest

from smartmask.metrics.clusters import cluster_masks, effective


def block(x: int, bottom: int, side: int) -> np.ndarray:
    mask = np.zeros((100, 200), dtype=bool)
    mask[bottom - side : bottom, x - side // 2 : x + side // 2] = True
    return mask


def test_two_places_two_scales() -> None:
    """Left, three of one size; right, two small and one large."""
    blocks = ((40, 90, 20), (160, 60, 20), (42, 92, 22), (44, 88, 20), (158, 62, 20), (160, 62, 60))
    found = cluster_masks(np.stack([block(*sides) for sides in blocks]))
    assert found.places.tolist() == [0, 1, 0, 0, 1, 1]
    assert found.scales.tolist() == [0, 0, 0, 0, 0, 1]
    assert found.both.tolist() == [0, 1, 0, 0, 1, 2]


def test_an_empty_mask_has_no_place() -> None:
    with pytest.raises(ValueError, match="is empty"):
        cluster_masks(np.zeros((2, 10, 10), bool))


def test_the_effective_number_is_that_of_even_groups() -> None:
    assert effective(np.array([0, 1, 2, 0, 1, 2])) == pytest.approx(3)
    assert effective(np.zeros(5, int)) == 1
