"""Sizes that agree with the things of a scene."""

from __future__ import annotations

import pytest

from smartmask.io.package import BUNDLED_MASKS
from smartmask.plan.layouts.sizes import SceneSizes
from smartmask.text.encoder import TextEncoder


@pytest.fixture(scope="module")
def text() -> TextEncoder:
    return TextEncoder.from_pretrained(BUNDLED_MASKS / "text")


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


def test_things_of_the_same_name_say_most(text: TextEncoder) -> None:
    """A tiny horse beside persons: another horse is nearly as tiny, a cow is as large as the persons say."""
    things = [
        ("person", (0.0, 60.0, 20.0, 120.0)),
        ("person", (50.0, 60.0, 70.0, 120.0)),
        ("horse", (100.0, 105.0, 120.0, 120.0)),
    ]
    sizes = SceneSizes.fit(things, 200, text)
    assert sizes is not None
    horse, cow, man = (sizes.pixels(1.7, 120, name) for name in ("horse", "cow", "man"))
    assert horse == pytest.approx(60 * 0.25**0.7, rel=0.1)
    assert cow == pytest.approx(60, rel=0.05)
    assert man == pytest.approx(60, rel=0.05)
    assert sizes.pixels(1.7, 120) == cow


def test_sizes_of_names_may_be_given(text: TextEncoder) -> None:
    things = [("cat", (0.0, 60.0, 20.0, 120.0))]
    usual, large = (SceneSizes.fit(things, 200, text, sizes) for sizes in (None, lambda name: (1.4, 1.0)))
    assert usual is not None
    assert large is not None
    assert usual.pixels(1.7, 120) == pytest.approx(large.pixels(1.7, 120) * 4**0.85, rel=0.01)
