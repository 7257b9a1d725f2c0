"""Sizes that agree with the things of a scene."""

from __future__ import annotations

import pytest

from smartmask.masks.pipeline import BUNDLED
from smartmask.models.text import TextEncoder
from smartmask.planner.sizes import SceneSizes


@pytest.fixture(scope="module")
def text() -> TextEncoder:
    return TextEncoder.from_pretrained(BUNDLED / "text")


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
