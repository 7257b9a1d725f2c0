"""Distances of galleries: given where they mean something, None where they would tell the number of pictures."""

from __future__ import annotations

import numpy as np
import pytest

from smartmask.metrics.galleries import PROJECTED, gallery_distances, projected
from smartmask.metrics.sets import frechet_distance


def features(count: int, width: int, shift: float = 0.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, width)) + shift


def test_fid_is_given_for_more_pictures_than_features_alone() -> None:
    real, made = features(30, 20), features(30, 20, 1.0, 1)
    images = np.arange(30)
    assert gallery_distances(real, made, images)["fid"] == round(frechet_distance(real, made), 4)
    found = gallery_distances(real[:20], made[:20], images[:20])
    assert (found["fid"], found["pictures"], found["features"]) == (None, 20, 20)
    assert found["kid"] is not None, "KID is unbiased at any number"


def test_shifted_pictures_lie_beyond_the_floor() -> None:
    images = np.arange(400) // 2
    real, far = features(400, 100), features(400, 100, 0.5, 1)
    found = gallery_distances(real, far, images)
    assert found["frechet"][1] > found["frechet_floor"][2]
    assert found["kid"][1] > found["kid_floor"][2]
    near = gallery_distances(real, features(400, 100, 0.0, 2), images)
    assert near["frechet"][1] < near["frechet_floor"][2], "two samples of one distribution do not differ"
    assert abs(near["kid"][0]) < 0.1 * found["kid"][0]


def test_a_frechet_distance_of_too_small_halves_is_left_out() -> None:
    images = np.arange(100)
    assert gallery_distances(features(100, 80), features(100, 80, seed=1), images)["frechet"] is None
    assert gallery_distances(features(100, 30), features(100, 30, seed=1), images)["frechet"] is not None
    one_image = gallery_distances(features(5, 3), features(5, 3, seed=1), np.zeros(5))
    assert (one_image["kid"], one_image["frechet"]) == (None, None)
    assert one_image["fid"] is not None


def test_the_projection_keeps_lengths_on_average_and_knows_no_pictures() -> None:
    some = features(50, 2048)
    seen = projected(some)
    assert seen.shape == (50, PROJECTED)
    np.testing.assert_allclose(projected(some[7:8])[0], seen[7], atol=1e-9)
    assert np.mean(seen**2) == pytest.approx(1.0, abs=0.1), "coordinates along unit directions"
    np.testing.assert_array_equal(projected(some[:, :10]), some[:, :10])


def test_galleries_that_do_not_match_are_told() -> None:
    with pytest.raises(ValueError, match="do not go together"):
        gallery_distances(features(4, 3), features(5, 3), np.arange(4))
