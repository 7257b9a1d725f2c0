"""Placement samples: the object is gone without a trace, its box stays (whether a trace is left: test_leakage.py)."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import block, ellipse
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from smartmask.data.places import SIDE, fill, make_place
from smartmask.data.view import UNLABELED
from smartmask.geometry import mask_box
from smartmask.guidance import Point
from smartmask.scene import Layer, Scene

HEIGHT, WIDTH = 96, 128
DOG = ellipse(HEIGHT, WIDTH, 60, 60, 14, 10)


def scene_of(mask: np.ndarray = DOG) -> Scene:
    """Sky over grass and a cat, all cut out where the dog is."""
    sky = block(HEIGHT, WIDTH, 0, 0, WIDTH, 48)
    cat = block(HEIGHT, WIDTH, 100, 50, 120, 80)
    layers = (Layer("sky", sky & ~mask, False), Layer("dog", mask), Layer("grass", ~sky & ~mask & ~cat, False),
              Layer("cat", cat & ~mask))  # fmt: skip
    return Scene(HEIGHT, WIDTH, layers)


@given(
    hnp.arrays(np.int16, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(-2, 5)),
    st.integers(0, 9999),
)
def test_filling_takes_the_nearest_value(top: np.ndarray, seed: int) -> None:
    region = np.random.default_rng(seed).random(top.shape) < 0.6
    filled = fill(top, region)
    assert filled.dtype == top.dtype
    assert np.array_equal(filled[~region], top[~region])
    if region.all():
        assert (filled == UNLABELED).all()
        return
    known = np.argwhere(~region)
    for row, col in np.argwhere(region):
        distance = np.hypot(*(known - (row, col)).T)
        near = known[distance <= distance.min() + 0.6]  # the transform's distances are approximate
        assert filled[row, col] in top[tuple(near.T)]


def test_the_object_is_gone_and_its_box_stays() -> None:
    place = make_place(scene_of(), 1, np.random.default_rng(0), [], augment=False)
    assert place is not None
    assert place.view.names == ("sky", "grass", "cat")
    assert place.view.things == (False, False, True)
    assert place.name == "dog"
    assert place.box == mask_box(DOG)  # the scene is SIDE pixels wide already
    assert place.view.photo == (0, 0, WIDTH, HEIGHT)
    assert place.filled[DOG].all()
    assert set(np.unique(place.view.top)) == {0, 1, 2}  # no hole is left
    assert (place.view.top[:48][~place.filled[:48]] == 0).all()
    assert not place.view.front.any()


@pytest.mark.parametrize(("height", "width"), [(300, 600), (600, 200), (40, 60)])
def test_the_map_is_as_long_as_it_should_be(height: int, width: int) -> None:
    mask = block(height, width, width // 4, height // 4, width // 2, height // 2)
    place = make_place(Scene(height, width, (Layer("dog", mask),)), 0, np.random.default_rng(0), [], augment=False)
    assert place is not None
    rows, cols = place.view.top.shape
    assert max(rows, cols) == SIDE
    assert cols / rows == pytest.approx(width / height, rel=0.03)
    np.testing.assert_allclose(
        np.array(place.box) / (cols, rows, cols, rows), (0.25, 0.25, 0.5, 0.5), atol=1.5 / min(rows, cols)
    )


def test_every_place_is_sound() -> None:
    guided, shapes = 0, set()
    for seed in range(120):
        place = make_place(scene_of(), 1, np.random.default_rng(seed), [(0.1, 0.1, 0.3, 0.3), (0.5, 0.5, 0.9, 0.9)])
        assert place is not None
        rows, cols = place.view.top.shape
        assert place.view.photo == (0, 0, cols, rows)
        assert place.filled.shape == place.view.front.shape == (rows, cols)
        assert place.view.top.dtype == np.int16
        assert place.view.top.min() >= -1
        assert place.view.top.max() < 3
        x0, y0, x1, y1 = (int(v) for v in place.box)
        assert place.filled[y0:y1, x0:x1].all()
        assert 0 <= x0 < x1 <= cols
        assert 0 <= y0 < y1 <= rows
        assert (x1 - x0) * (y1 - y0) >= 0.8 * 28 * 20  # a crop keeps most of it
        guided += bool(place.guides)
        for guide in place.guides:
            assert isinstance(guide, Point)
            assert x0 <= guide.x <= x1
            assert y0 <= guide.y <= y1
        shapes.add((rows, cols))
    assert 0.15 < guided / 120 < 0.45
    assert len(shapes) > 20


def test_forced_kinds() -> None:
    rng = np.random.default_rng(0)
    boxed = make_place(scene_of(), 1, rng, [], kinds={"blob": 1.0})
    assert boxed is not None
    assert [guide.kind for guide in boxed.guides] == ["blob"]


def test_a_place_is_a_function_of_the_generator() -> None:
    one, two, other = (make_place(scene_of(), 1, np.random.default_rng(s), [(0, 0, 0.3, 0.3)]) for s in (3, 3, 4))
    assert one is not None
    assert two is not None
    assert other is not None
    assert np.array_equal(one.view.top, two.view.top)
    assert np.array_equal(one.filled, two.filled)
    assert (one.box, one.guides) == (two.box, two.guides)
    assert not np.array_equal(one.filled, other.filled)


def test_an_object_that_vanishes_in_the_map_is_left_out() -> None:
    speck = Scene(1280, 1280, (Layer("dog", block(1280, 1280, 3, 3, 5, 5)),))
    assert make_place(speck, 0, np.random.default_rng(0), []) is None
