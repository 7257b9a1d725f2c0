"""Where the rest of a painted object may be: behind what the paint stops at, beyond a border that cuts it."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import block, ellipse
from hypothesis import given
from hypothesis import strategies as st

from smartmask.geometry import MaskWindow
from smartmask.guides import MaskGuide
from smartmask.guides.compile import SIDE, window_grid
from smartmask.masks.exemplar.beyond import FARTHEST, Hidden

H, W = 120, 200
WINDOW = (20.0, 0.0, 180.0, 120.0)
FRONT = block(H, W, 100, 30, 140, 110)


def at(painted: np.ndarray, *fronts: np.ndarray, window: tuple[float, float, float, float] = WINDOW) -> Hidden | None:
    return Hidden.at([MaskGuide(painted)], dict(enumerate(map(MaskWindow.of, fronts))), window, H, W)


def kept(found: Hidden | None) -> list[int]:
    """The numbers of the things that hide the rest."""
    return [] if found is None else list(found.fronts)


def test_paint_that_stops_at_a_thing_in_front() -> None:
    assert kept(at(block(H, W, 60, 40, 100, 90), FRONT)) == [0]
    assert kept(at(block(H, W, 60, 40, 103, 90), FRONT)) == [0], "a little over its edge"
    assert kept(at(block(H, W, 60, 40, 97, 90), FRONT)) == [0], "not quite up to it"


def test_paint_apart_from_all_leaves_nothing_open() -> None:
    assert at(block(H, W, 60, 40, 80, 90), FRONT) is None
    assert at(block(H, W, 60, 40, 100, 90)) is None
    assert at(block(H, W, 60, 40, 100, 90), np.zeros((H, W), bool)) is None


def test_paint_over_a_thing_in_front_was_meant_so() -> None:
    assert at(block(H, W, 60, 50, 120, 90), FRONT) is None, "its contour runs within the thing"
    assert at(block(H, W, 60, 20, 160, 115), FRONT) is None, "the thing lies within it"


def test_a_mere_touch_is_no_hiding() -> None:
    assert at(ellipse(H, W, 78, 60, 21, 40), block(H, W, 100, 0, 104, 12)) is None


@pytest.mark.parametrize(("side", "box"), [(0, (0, 40, 50, 90)), (1, (60, 0, 110, 50)), (2, (150, 40, 200, 90)),
                                           (3, (60, 70, 110, 120))])  # fmt: skip
def test_a_border_that_cuts(side: int, box: tuple[int, int, int, int]) -> None:
    x0, y0, x1, y1 = box
    found = at(block(H, W, *box), window=(x0 - 12.0, y0 - 12.0, x1 + 12.0, y1 + 12.0))
    assert found is not None
    assert found.borders == tuple(number == side for number in range(4))
    ways = found.reach((float(x0), float(y0), float(x1), float(y1)))
    assert ways[side] == pytest.approx(FARTHEST * 50, rel=0.1)


def test_a_foot_on_the_border_is_no_cut() -> None:
    ball = ellipse(H, W, 100, 80, 40, 40)
    assert at(ball, window=(50.0, 30.0, 150.0, 130.0)) is None


def test_what_is_hidden_lies_in_front_or_beyond() -> None:
    found = at(block(H, W, 60, 40, 100, 90), FRONT)
    assert found is not None
    x, y = window_grid(WINDOW)
    cells = found.cells(x, y)
    inside = (x > 100) & (x < 140) & (y > 30) & (y < 110)
    assert cells[inside].all()
    near = (x > 90) & (x < 150) & (y > 22) & (y < 118)
    assert not cells[~near].any()
    assert found.reach((60.0, 40.0, 100.0, 90.0))[2] == pytest.approx(40, abs=10)
    assert found.reach((60.0, 40.0, 100.0, 90.0))[0] == 0


@given(st.integers(0, 190), st.integers(0, 110), st.integers(2, 200), st.integers(2, 120), st.integers(0, 60))
def test_any_paint(x: int, y: int, width: int, height: int, front: int) -> None:
    painted = block(H, W, x, y, x + width, y + height)
    box = float(x), float(y), float(min(x + width, W)), float(min(y + height, H))
    room = 0.25 * max(box[2] - box[0], box[3] - box[1], 2.0)
    window = box[0] - room, box[1] - room, box[2] + room, box[3] + room
    found = at(painted, block(H, W, front, front, front + 50, front + 50), window=window)
    if found is not None:
        assert found.cells(*window_grid(window)).shape == (SIDE, SIDE)
        assert 0 <= min(found.reach(box)) <= max(found.reach(box)) <= FARTHEST * max(width, height, 1) + 1
