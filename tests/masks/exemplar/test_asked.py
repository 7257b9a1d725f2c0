"""What the exemplar asks for beside the compiled guides, and remembered pictures in the guides' window."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import block, ellipse
from hypothesis import given
from hypothesis import strategies as st
from outlined import lump

from smartmask.geometry import MaskWindow
from smartmask.guides import Box, MaskGuide, Polygon
from smartmask.guides.compile import SIDE, window_grid
from smartmask.masks.exemplar.asked import compile_guides, seen_in

H, W = 120, 200


def cells_of(window: tuple[float, float, float, float], mask: np.ndarray) -> np.ndarray:
    """A scene's mask at the centres of a window's cells."""
    x, y = window_grid(window)
    inside = (x >= 0) & (y >= 0) & (x < mask.shape[1]) & (y < mask.shape[0])
    columns, rows = np.clip(x, 0, mask.shape[1] - 1).astype(int), np.clip(y, 0, mask.shape[0] - 1).astype(int)
    return mask[rows, columns] & inside


def test_paint_beside_a_thing_in_front_leaves_it_open() -> None:
    painted, front = block(H, W, 40, 30, 90, 80), block(H, W, 90, 20, 150, 110)
    asked = compile_guides([MaskGuide(painted)], [], H, W, fronts={1: MaskWindow.of(front)})
    assert asked.unknown is not None
    assert asked.painted is not None
    assert asked.unknown[cells_of(asked.window, front & ~painted)].all()
    assert not (asked.unknown & (asked.painted >= 0.5)).any()
    assert asked.reach[2] > 40
    assert asked.behind == (1,)
    half = asked.coarse()
    assert half.unknown is not None
    assert half.painted is not None
    assert half.unknown.shape == half.painted.shape == (SIDE // 2, SIDE // 2)
    assert half.unknown.mean() == pytest.approx(asked.unknown.mean(), abs=0.05)
    # without a thing in front, and for variations of a mask, all is known
    plain = compile_guides([MaskGuide(painted)], [], H, W)
    assert (plain.unknown, plain.reach) == (None, (0, 0, 0, 0))
    np.testing.assert_array_equal(plain.painted, asked.painted)
    assert compile_guides([], [], H, W, like=painted, fronts={1: MaskWindow.of(front)}).unknown is None


def test_a_thin_part_of_a_painted_mask_stays() -> None:
    body, leg = ellipse(H, W, 100, 50, 60, 30), block(H, W, 98, 70, 102, 118)
    asked = compile_guides([MaskGuide(body | leg)], [], H, W)
    assert asked.painted is not None
    below = cells_of(asked.window, leg & ~ellipse(H, W, 100, 50, 66, 36))
    assert (asked.painted[below] >= 0.5).mean() > 0.8


def test_variations_of_a_mask() -> None:
    mask = block(H, W, 50, 30, 90, 100)
    like = compile_guides([], [], H, W, like=mask)
    painted = compile_guides([MaskGuide(mask)], [], H, W)
    assert like.region == painted.region == (50, 30, 90, 100)
    np.testing.assert_array_equal(like.painted, painted.painted)
    inked = compile_guides([Polygon([(60, 40), (90, 40), (70, 90)])], [], H, W, like=mask)  # an outline wins
    assert inked.region == (60, 40, 90, 90)
    elsewhere = compile_guides([Box(100, 30, 140, 100)], [], H, W, like=mask)  # the same thing, in another place
    assert elsewhere.exact == (100, 30, 140, 100)
    assert elsewhere.painted is None


# --- pictures in windows -------------------------------------------------------------------------


@given(st.integers(0, 40), st.integers(0, 40), st.integers(5, 60), st.integers(5, 60))
def test_pictures_lie_where_their_boxes_do(x: int, y: int, width: int, height: int) -> None:
    cells = np.ones((1, 32, 32), dtype=bool)
    window = (-10.0, -10.0, 110.0, 110.0)
    seen = seen_in(window, cells, np.array([[x, y, x + width, y + height]], np.float64))[0]
    gx, gy = window_grid(window)
    wanted = (gx >= x) & (gx < x + width) & (gy >= y) & (gy < y + height)
    np.testing.assert_array_equal(seen, wanted)


def test_a_picture_in_its_own_window_is_itself() -> None:
    cells = lump(4, SIDE, SIDE)[None]
    box = np.array([[3.0, 4.0, 3.0 + SIDE, 4.0 + SIDE]])
    np.testing.assert_array_equal(seen_in((3.0, 4.0, 3.0 + SIDE, 4.0 + SIDE), cells, box), cells)
    assert not seen_in((500.0, 500.0, 600.0, 600.0), cells, box).any()
    assert seen_in((0.0, 0.0, 9.0, 9.0), np.zeros((0, 32, 32), dtype=bool), np.zeros((0, 4))).shape == (0, SIDE, SIDE)
