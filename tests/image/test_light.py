"""The light of a place, and cut-outs put into it."""

from __future__ import annotations

import numpy as np
import pytest

from smartmask.image.light import LEAST, MOST, change_of_light, light_at, relit

SOLID = np.ones((40, 40), dtype=bool)
WHITE, BLACK = np.full((40, 40, 3), 240, np.uint8), np.full((40, 40, 3), 12, np.uint8)


def room(level: int, cast: tuple[float, float, float] = (1, 1, 1)) -> np.ndarray:
    """A place of things of all brightnesses in a light."""
    albedo = np.random.default_rng(0).uniform(0.05, 1, (60, 80, 1))
    return np.clip(albedo * level * np.array(cast), 0, 255).astype(np.uint8)


def put(cutout: np.ndarray, place: np.ndarray) -> np.ndarray:
    light = light_at(place, np.ones(place.shape[:2], dtype=bool))
    assert light is not None
    return relit(cutout, SOLID, light)


def test_a_white_cat_in_a_dark_room_is_dark() -> None:
    dark = put(WHITE, room(60))
    assert 40 < dark.mean() < 130
    assert put(WHITE, room(30)).mean() < dark.mean() < put(WHITE, room(120)).mean()


def test_a_white_cat_on_snow_stays_white() -> None:
    snow = np.full((60, 80, 3), 245, np.uint8)
    assert 235 < put(WHITE, snow).mean() <= 255


@pytest.mark.parametrize("level", [30, 120, 255])
def test_a_black_cat_stays_black(level: int) -> None:
    assert put(BLACK, room(level)).mean() < 40


def test_what_is_darker_than_the_place_is_not_darkened() -> None:
    light = light_at(room(60), np.ones((60, 80), dtype=bool))
    assert light is not None
    assert change_of_light(BLACK, SOLID, light) == 1
    assert LEAST <= change_of_light(WHITE, SOLID, light) < 0.5 < 1 < MOST


def test_the_cast_follows_within_limits() -> None:
    red, _, blue = put(WHITE, room(200, (1, 0.7, 0.4))).reshape(-1, 3).mean(axis=0)
    assert 1.1 < red / blue < 2.5
    red, green, blue = put(WHITE, room(200)).reshape(-1, 3).mean(axis=0)
    assert red == green == blue


def test_contrast_stays_in_order() -> None:
    ramp = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    place = room(90, (1, 0.8, 0.7))
    light = light_at(place, np.ones(place.shape[:2], dtype=bool))
    assert light is not None
    found = relit(ramp, np.ones((16, 16), dtype=bool), light).reshape(-1, 3).astype(int)
    assert (np.diff(found, axis=0) >= 0).all()


def test_too_few_pixels_tell_no_light() -> None:
    assert light_at(WHITE, np.zeros((40, 40), dtype=bool)) is None
    light = light_at(room(60), np.ones((60, 80), dtype=bool))
    assert light is not None
    assert relit(WHITE, np.zeros((40, 40), dtype=bool), light) is WHITE


def test_what_is_nearer_counts_rather_than_what_is_above() -> None:
    place = np.concatenate([np.full((30, 80, 3), 250, np.uint8), np.full((30, 80, 3), 40, np.uint8)])
    light, upside = (light_at(one, np.ones((60, 80), dtype=bool), place) for one in (place, place[::-1]))
    assert light is not None
    assert upside is not None
    assert light.level < upside.level / 3
