"""Sizes that agree with the things of a scene."""

from __future__ import annotations

import numpy as np
import pytest

from smartmask.models.text import TextEncoder
from smartmask.pipelines.mask import BUNDLED
from smartmask.planner.sizes import LARGER, SceneSizes, size_fit, typical_size
from smartmask.scene import Scene


@pytest.fixture(scope="module")
def text() -> TextEncoder:
    return TextEncoder.from_pretrained(BUNDLED / "text")


def street(car_height: int = 30) -> Scene:
    scene = Scene.empty(200, 300).insert(np.ones((200, 300), bool), "road", thing=False)
    car = np.zeros((200, 300), bool)
    car[150 - car_height : 150, 100 : 100 + 2 * car_height] = True
    return scene.insert(car, "car", thing=True)


def boxes_of(heights: list[float], foot: float = 150) -> list[tuple[float, float, float, float]]:
    return [(10.0, foot - height, 10 + height, foot) for height in heights]


def test_the_size_that_fits_best_follows_the_things_there(text: TextEncoder) -> None:
    heights = list(np.geomspace(2, 140, 200))
    for car in (15, 30, 60):
        best = heights[int(size_fit("dog", boxes_of(heights), street(car), text).argmax())]
        expected = car * (typical_size("dog", text)[0] / typical_size("car", text)[0]) ** 0.85 * np.exp(LARGER)
        assert best == pytest.approx(expected, rel=0.05)


def test_a_dog_as_large_as_a_bus_is_unlikely(text: TextEncoder) -> None:
    fit = size_fit("dog", boxes_of([15.0, 130.0]), street(), text)
    assert fit[0] > fit[1] + 2
    assert (fit <= 0).all()


def test_things_grow_towards_the_viewer(text: TextEncoder) -> None:
    heights = list(np.geomspace(2, 140, 200))
    near, far = (heights[int(size_fit("dog", boxes_of(heights, foot), street(), text).argmax())] for foot in (190, 110))
    assert near > 1.3 * far


def test_without_things_every_size_fits(text: TextEncoder) -> None:
    scene = Scene.empty(50, 50).insert(np.ones((50, 50), bool), "grass", thing=False)
    assert (size_fit("dog", boxes_of([3.0, 40.0]), scene, text) == 0).all()


def test_sizes_of_a_scene_follow_most_of_its_things(text: TextEncoder) -> None:
    """Two persons of one scale outvote a bird that stands for an aeroplane; all grow downwards."""
    things = [
        ("person", (0.0, 60.0, 20.0, 120.0)),
        ("person", (50.0, 62.0, 70.0, 122.0)),
        ("bird", (0.0, 0.0, 90.0, 80.0)),
    ]
    sizes = SceneSizes.fit(things, 200, text)
    assert sizes is not None
    assert sizes.pixels(1.7, 121) == pytest.approx(60, rel=0.03)
    assert sizes.pixels(0.85, 121) == pytest.approx(60 * 0.5**0.85, rel=0.03)
    assert sizes.pixels(1.7, 180) > 1.5 * sizes.pixels(1.7, 121)
    assert SceneSizes.fit([("person", (0.0, 0.0, 2.0, 3.0))], 200, text) is None, "too small to measure by"
