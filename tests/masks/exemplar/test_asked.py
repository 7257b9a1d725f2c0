"""What the exemplar asks for beside the compiled guides, and remembered pictures in the guides' window."""

from __future__ import annotations

import numpy as np
from drawn import block
from hypothesis import given
from hypothesis import strategies as st
from outlined import lump

from smartmask.guides import Box, MaskGuide, Polygon
from smartmask.guides.compile import SIDE, window_grid
from smartmask.masks.exemplar.asked import compile_guides, seen_in

H, W = 120, 200


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
