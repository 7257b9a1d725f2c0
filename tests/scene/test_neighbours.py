"""What a mask is in front of, and behind: layers that it overlaps, whatever their place in the stack."""

from __future__ import annotations

import numpy as np
import pytest

from smartmask.geometry import box_mask
from smartmask.scene import Layer, Scene
from smartmask.scene.neighbours import neighbours, said

HEIGHT, WIDTH = 40, 60


def block(*box: int) -> np.ndarray:
    return box_mask(box, HEIGHT, WIDTH)


# a wall, a floor, a table in front of the floor, and last a car at the right border
SCENE = Scene(
    HEIGHT,
    WIDTH,
    (
        Layer("wall", block(0, 0, 60, 20), False),
        Layer("floor", block(0, 20, 60, 40), False),
        Layer("table", block(10, 15, 30, 30)),
        Layer("car", block(50, 10, 60, 40)),
    ),
)


@pytest.mark.parametrize(
    ("box", "order", "found"),
    [
        ((12, 17, 18, 38), 4, ("table", None)),  # not the car, which it does not touch
        ((35, 25, 45, 38), 4, ("floor", None)),
        ((35, 25, 50, 38), 4, ("floor", None)),  # beside the car, edge to edge
        ((35, 25, 51, 38), 4, ("car", None)),
        ((20, 0, 51, 11), 4, ("wall", None)),  # a corner of the car, one pixel
        ((0, 0, 60, 40), 3, ("table", "car")),
        ((35, 5, 45, 24), 4, ("wall", None)),  # of stuff the most, not the last
        ((12, 17, 18, 38), 2, ("floor", "table")),
        ((35, 25, 51, 38), 2, ("floor", "car")),
        ((35, 25, 45, 38), 1, (None, "floor")),  # above the wall in the stack, but not over it
        ((0, 0, 60, 40), 0, (None, "table")),
        ((5, 5, 5, 5), 4, (None, None)),
    ],
)
def test_only_what_it_overlaps(box: tuple[int, ...], order: int, found: tuple[str | None, str | None]) -> None:
    mask = block(*box)
    assert neighbours(SCENE, mask, order) == found
    assert neighbours(SCENE.insert(mask, "dog", order), mask, order, own=True) == found


def test_an_empty_scene_has_no_neighbours() -> None:
    assert neighbours(Scene.empty(HEIGHT, WIDTH), block(1, 1, 9, 9), 0) == (None, None)


def test_in_a_line_of_text() -> None:
    assert said("floor", "table") == "in front of floor, behind table"
    assert said(None, "table") == "behind table"
    assert said("dirt-merged", "wall-other-merged") == "in front of dirt, behind wall"
    assert said("floor", None) == "in front of floor"
    assert said(None, None) == "overlaps no layer"
