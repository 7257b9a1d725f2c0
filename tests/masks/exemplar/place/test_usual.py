"""Usual boxes: weights of a name, boxes borrowed and resized, candidates on every processor alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartmask.masks.exemplar.place import Places
from smartmask.masks.exemplar.place.layout import Layout, Names
from smartmask.masks.exemplar.place.usual import (
    BORROWED,
    EDGE,
    GRID,
    LEAST,
    WHOLE,
    UsualBoxes,
    holding,
    inside,
    jittered,
    suggested_heights,
)
from smartmask.scene import Scene


@pytest.fixture(scope="module")
def usual(names: Names) -> UsualBoxes:
    """Three dogs, a wolf-like thing and an airplane."""
    boxes = np.array([[0.1, 0.5, 0.3, 0.8], [0.4, 0.4, 0.7, 0.9], [0, 0.6, 0.2, 1], [0.5, 0.2, 0.7, 0.9],
                      [0.2, 0.1, 0.8, 0.3]])  # fmt: skip
    return UsualBoxes(boxes, ["dog", "horse", "airplane"], np.array([0, 0, 0, 1, 2]), np.ones(5), names)


def test_own_boxes_count_fully_others_a_little(usual: UsualBoxes) -> None:
    weights = usual.weights("dog")
    assert weights.dtype == np.int64
    assert (weights[:3] == WHOLE).all()
    assert weights[3:].sum() == pytest.approx(BORROWED * WHOLE, abs=2)
    assert weights[3] > weights[4], "a horse says more about dogs than an airplane"


def test_what_does_not_count(usual: UsualBoxes) -> None:
    weights = usual.weights("dog", np.array([True, False, False, True, False]))
    assert weights[0] == weights[3] == 0
    assert weights[1] > 0


def test_a_name_without_boxes_borrows(usual: UsualBoxes) -> None:
    weights = usual.weights("puppy")
    assert weights[:3].sum() > weights[3:].sum()


def test_borrowed_boxes_are_resized_about_their_foot(usual: UsualBoxes, names: Names) -> None:
    rows = np.arange(5)
    sized = usual.sized(rows, names.find("dog"))
    np.testing.assert_allclose(sized[:3], usual.boxes[:3])
    horse, borrowed = usual.boxes[3], sized[3]
    assert borrowed[3] == horse[3]
    assert (borrowed[3] - borrowed[1]) < 0.7 * (horse[3] - horse[1]), "a dog is smaller than a horse"
    assert borrowed[0] + borrowed[2] == pytest.approx(horse[0] + horse[2])


def test_candidates_are_repeatable_and_lie_inside(usual: UsualBoxes, names: Names, meadow: Scene) -> None:
    layout, name = Layout.of(meadow, names), names.find("dog")
    one, two = (usual.candidates(usual.weights("dog"), name, layout, 300, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert one.min() >= 0
    assert one.max() <= 1
    assert (one[:, 2:] - one[:, :2] >= LEAST - 1 / GRID).all()
    np.testing.assert_array_equal(one * GRID, np.round(one * GRID))
    assert len(np.unique(one, axis=0)) > 250


def test_candidates_hold_their_points(places: Places, meadow: Scene) -> None:
    points = np.array([[0.8, 0.7], [0.85, 0.75]])
    usual, name = places.usual, places.names.find("dog")
    boxes = usual.candidates(
        usual.weights("dog"), name, places.layout(meadow), 200, np.random.default_rng(0), points
    )  # fmt: skip
    assert (boxes[:, None, :2] <= points + 1 / GRID).all()
    assert (boxes[:, None, 2:] >= points - 1 / GRID).all()


@given(st.floats(0, 1), st.floats(0, 1))
def test_boxes_are_moved_to_hold_a_point(x: float, y: float) -> None:
    boxes = np.array([[0.1, 0.2, 0.3, 0.6], [0.7, 0.1, 0.9, 0.9]])
    moved = holding(boxes, np.array([[x, y]]))
    np.testing.assert_allclose(moved[:, 2:] - moved[:, :2], boxes[:, 2:] - boxes[:, :2])
    shares = (np.array([x, y]) - moved[:, :2]) / (moved[:, 2:] - moved[:, :2])
    assert (shares >= 0.1 - 1e-9).all()
    assert (shares <= 0.9 + 1e-9).all()


def test_cut_sides_stay_cut() -> None:
    boxes = np.repeat([[0.0, 0.5, 0.3, 1.0]], 200, axis=0)
    changed = jittered(boxes, np.ones(200), np.random.default_rng(0))
    left, right = changed[:, 0] < EDGE, changed[:, 2] > 1 - EDGE
    assert (left | right).all()
    assert 0.3 < left.mean() < 0.7, "mirrored half of the time"
    assert (changed[:, 3] == 1).all()


def test_no_box_leaves_the_scene_or_vanishes() -> None:
    cut = inside(np.array([[-1.0, -1.0, -0.5, 0.5], [0.999, 0.2, 1.5, 0.2], [0.5, 0.5, 0.5, 0.5]]))
    assert cut.min() >= 0
    assert cut.max() <= 1
    assert (cut[:, 2:] - cut[:, :2] >= LEAST - 1e-12).all()


def test_heights_follow_the_things(places: Places, meadow: Scene) -> None:
    layout, boxes = places.layout(meadow), np.array([[0.4, foot - 0.2, 0.6, foot] for foot in (0.5, 0.7, 0.9)])
    dog, horse = (suggested_heights(layout, places.names.find(name), boxes) for name in ("dog", "horse"))
    assert dog is not None
    assert horse is not None
    assert (np.diff(dog) > 0).all(), "what reaches lower is nearer and larger"
    assert (horse > dog).all()
    # beside the meadow's own dog, whose foot is at 82 of 120 and whose height is 16
    beside = suggested_heights(layout, places.names.find("dog"), np.array([[0.5, 0.5, 0.6, 82 / 120]]))
    assert beside is not None
    assert np.exp(beside[0]) == pytest.approx(16 / 120, rel=0.35)


def test_no_heights_without_things(names: Names) -> None:
    assert suggested_heights(Layout.of(Scene.empty(30, 40), names), names.find("dog"), np.ones((2, 4))) is None
