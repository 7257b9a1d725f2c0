"""Features of boxes: their shape, that mirrors agree, and that nothing inside a box is looked at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartmask.geometry import box_iou
from smartmask.masks.exemplar.place.features import (
    FEATURES,
    WHOLE,
    Pairs,
    box_features,
    request_features,
    weighted_median,
)
from smartmask.masks.exemplar.place.layout import Layout, Names
from smartmask.masks.exemplar.place.usual import Statistics
from smartmask.scene import Layer, Scene

USUAL = Statistics(-1.2, 0.5, 0.7, 0.2)
BOXES = np.array([[0.3, 0.5, 0.55, 0.8], [0, 0.25, 0.5, 1], [0.7, 0.1, 0.8, 0.2]])


@pytest.fixture(scope="module")
def layout(meadow: Scene, names: Names) -> Layout:
    return Layout.of(meadow, names)


@pytest.mark.parametrize("name", ["dog", "person", "cup", "object"])
def test_shapes(layout: Layout, names: Names, name: str) -> None:
    found = box_features(layout, names.find(name), BOXES, USUAL)
    assert found.shape == (3, FEATURES)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert request_features(layout, names.find(name)).shape == (WHOLE,)


def test_an_empty_scene_has_features(names: Names) -> None:
    found = box_features(Layout.of(Scene.empty(60, 80), names), names.find("dog"), BOXES, USUAL)
    assert found.shape == (3, FEATURES)
    assert np.isfinite(found).all()


def test_mirrors_look_alike(meadow: Scene, layout: Layout, names: Names) -> None:
    mirrored = replace(meadow, layers=tuple(replace(o, mask=o.mask[:, ::-1]) for o in meadow.layers))
    boxes = np.array([[0.25, 0.5, 0.5, 0.75], [0.5, 0.25, 0.75, 1]])
    flipped = boxes[:, [2, 1, 0, 3]] * (-1, 1, -1, 1) + (1, 0, 1, 0)
    one = box_features(layout, names.find("dog"), boxes, USUAL)
    two = box_features(Layout.of(mirrored, names), names.find("dog"), flipped, USUAL)
    np.testing.assert_allclose(one, two, atol=0.05)


@pytest.mark.parametrize("inside", ["water", "road", "wall"])
def test_what_was_inside_a_box_does_not_count(meadow: Scene, names: Names, inside: str) -> None:
    """Annotations of visible parts have holes where an object was taken out: no feature may tell a hole."""
    box = np.array([[0.25, 0.25, 0.75, 0.75]])
    plain = Scene(meadow.height, meadow.width, meadow.layers[:2])
    patch = np.zeros((meadow.height, meadow.width), bool)
    patch[32:88, 42:118] = True
    patched = Scene(meadow.height, meadow.width, (*plain.layers, Layer(inside, patch, False)))
    one, two = (box_features(Layout.of(s, names), names.find("dog"), box, USUAL) for s in (plain, patched))
    np.testing.assert_allclose(one, two, atol=1e-4)


def test_what_lies_below_counts(meadow: Scene, names: Names) -> None:
    box = np.array([[0.25, 0.25, 0.75, 0.75]])
    patch = np.zeros((meadow.height, meadow.width), bool)
    patch[92:] = True
    wet = Scene(meadow.height, meadow.width, (*meadow.layers, Layer("water", patch, False)))
    one, two = (box_features(Layout.of(s, names), names.find("dog"), box, USUAL) for s in (meadow, wet))
    assert np.abs(one - two).max() > 0.3


@given(st.lists(st.floats(0, 0.9), min_size=2, max_size=2), st.floats(0.03, 0.5), st.floats(0.03, 0.5))
def test_overlaps_are_those_of_boxes(layout: Layout, corner: list[float], width: float, height: float) -> None:
    box = (corner[0], corner[1], corner[0] + width, corner[1] + height)
    pairs = Pairs(layout, np.array([box]))
    for index, thing in enumerate(layout.boxes):
        assert pairs.union[0, index] == pytest.approx(box_iou(box, tuple(thing)), abs=1e-9)
        assert (pairs.distance[0, index] < 0) == (pairs.union[0, index] > 0)


def test_the_nearest_of_a_group(layout: Layout) -> None:
    dog = layout.boxes[1]
    found = Pairs(layout, np.array([dog])).nearest(np.array([False, True]))[0]
    np.testing.assert_allclose(found[[0, 2, 3, 4, 9]], [1, 1, 1, 1, 0], atol=1e-9)
    assert not Pairs(layout, BOXES).nearest(np.zeros(2, bool)).any()


def test_weighted_median() -> None:
    assert weighted_median(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 5.0])) == 2
    assert weighted_median(np.array([3.0, 1.0, 2.0]), np.array([9.0, 1.0, 1.0])) == 3
