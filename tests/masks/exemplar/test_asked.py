"""Guides compiled once a call: box, strokes, painted masks, places barred, where the mass lies."""

from __future__ import annotations

import math

import numpy as np
import pytest
from drawn import block, ellipse
from hypothesis import given
from hypothesis import strategies as st
from outlined import lump
from strategies import guides_inside

from smartmask.guides import Blob, Box, Guide, MaskGuide, Point, Scribble
from smartmask.masks.exemplar.asked import REACH, SIDE, compile_guides, seen_in, window_grid

H, W = 120, 200
LINE = Scribble([(60.0, 60.0), (140.0, 60.0)], 8)


def cells_of(window: tuple[float, float, float, float], mask: np.ndarray) -> np.ndarray:
    """A scene's mask at the centres of a window's cells."""
    x, y = window_grid(window)
    inside = (x >= 0) & (y >= 0) & (x < mask.shape[1]) & (y < mask.shape[0])
    columns, rows = np.clip(x, 0, mask.shape[1] - 1).astype(int), np.clip(y, 0, mask.shape[0] - 1).astype(int)
    return mask[rows, columns] & inside


# --- what guides ask for -------------------------------------------------------------------------


def test_nothing_asked() -> None:
    asked = compile_guides([], [], H, W)
    assert asked.exact is None
    assert asked.region is None
    assert not asked.rough
    assert asked.window == (0, 0, W, H)
    assert (asked.strokes, asked.painted, asked.avoid, asked.moments) == (None, None, None, None)
    assert asked.points.shape == (0, 2)


def test_an_exact_box_wins() -> None:
    asked = compile_guides([LINE, Box(10, 20, 50, 90), Box(40, 10, 60, 50)], [], H, W)
    assert asked.exact == asked.region == (10, 10, 60, 90)
    assert not asked.rough
    assert asked.strokes is not None


def test_points_alone_tell_no_extent() -> None:
    asked = compile_guides([Point(30, 40), Point(50.5, 60)], [], H, W)
    assert asked.region is None
    assert asked.points.tolist() == [[30, 40], [50.5, 60]]
    with_stroke = compile_guides([Point(30, 40), LINE], [], H, W)
    assert with_stroke.region == (29.5, 39.5, 144, 64)  # of all guides
    assert len(with_stroke.points) == 1


def test_strokes_and_paint_in_the_window() -> None:
    asked = compile_guides([LINE], [], H, W)
    assert asked.rough
    assert asked.region == (56, 56, 144, 64)
    x0, y0, x1, y1 = asked.window
    assert x0 < 56
    assert x1 > 144
    assert y0 < 56
    assert y1 > 64
    assert asked.strokes is not None
    assert asked.painted is None
    x, y = window_grid(asked.window)
    along = np.maximum(np.abs(x - 100) - 40, 0)
    np.testing.assert_array_equal(asked.strokes > 0.5, np.hypot(along, y - 60) <= 4)


@given(st.integers(2, 60), st.floats(0, 3.1))
def test_strokes_thinner_than_a_cell_still_count(length: int, angle: float) -> None:
    end = (100 + length * math.cos(angle), 60 + length * math.sin(angle))
    asked = compile_guides([Scribble([(100.0, 60.0), end], 0.01)], [], H, W)
    assert asked.strokes is not None
    assert asked.strokes.sum() >= 1


def test_a_painted_mask_loses_at_most_its_rim() -> None:
    mask = ellipse(H, W, 100, 60, 40, 30)
    asked = compile_guides([MaskGuide(mask)], [], H, W)
    assert asked.region == (60, 30, 140, 90)
    assert asked.painted is not None
    whole = cells_of(asked.window, mask)
    kept = asked.painted >= 0.5
    assert not (kept & ~whole).any()
    assert kept.sum() > 0.75 * whole.sum()


def test_a_thin_part_of_a_painted_mask_stays() -> None:
    body, leg = ellipse(H, W, 100, 50, 60, 30), block(H, W, 98, 70, 102, 118)
    asked = compile_guides([MaskGuide(body | leg)], [], H, W)
    assert asked.painted is not None
    below = cells_of(asked.window, leg & ~ellipse(H, W, 100, 50, 66, 36))
    assert (asked.painted[below] >= 0.5).mean() > 0.8


def test_paint_beside_a_thing_in_front_leaves_it_open() -> None:
    painted, front = block(H, W, 40, 30, 90, 80), block(H, W, 90, 20, 150, 110)
    asked = compile_guides([MaskGuide(painted)], [], H, W, fronts={1: front})
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
    assert compile_guides([], [], H, W, like=painted, fronts={1: front}).unknown is None


def test_a_thin_painted_mask_stays() -> None:
    mask = block(H, W, 20, 59, 180, 62)
    asked = compile_guides([MaskGuide(mask)], [], H, W)
    assert asked.painted is not None
    assert (asked.painted >= 0.5).any()


def test_what_is_barred() -> None:
    asked = compile_guides([Box(20, 20, 100, 100)], [Box(60, 0, 200, 120)], H, W)
    assert asked.avoid is not None
    x, _ = window_grid(asked.window)
    np.testing.assert_array_equal(asked.avoid >= 0.5, x >= 60)
    assert asked.region == (20, 20, 100, 100)  # no guide to where it is


def test_variations_of_a_mask() -> None:
    mask = block(H, W, 50, 30, 90, 100)
    like = compile_guides([], [], H, W, like=mask)
    painted = compile_guides([MaskGuide(mask)], [], H, W)
    assert like.region == painted.region == (50, 30, 90, 100)
    np.testing.assert_array_equal(like.painted, painted.painted)
    elsewhere = compile_guides([Box(100, 30, 140, 100)], [], H, W, like=mask)  # the same thing, in another place
    assert elsewhere.exact == (100, 30, 140, 100)
    assert elsewhere.painted is None


# --- where the mass lies -------------------------------------------------------------------------


def test_a_blob_tells_its_moments() -> None:
    assert compile_guides([Blob(50, 60, 12, 20)], [], H, W).moments == (50, 60, 12, 20)
    both = compile_guides([Blob(50, 60, 10, 10), Blob(110, 60, 10, 10)], [], H, W).moments
    assert both is not None
    np.testing.assert_allclose(both[:2], (80, 60), atol=1.5)
    assert both[2] > 2 * both[3]


def test_a_painted_mask_tells_its_moments() -> None:
    moments = compile_guides([MaskGuide(block(H, W, 40, 30, 120, 90))], [], H, W).moments
    assert moments is not None
    np.testing.assert_allclose(moments, (80, 60, 80 / math.sqrt(12), 60 / math.sqrt(12)), rtol=0.12)


@given(st.floats(-50, 250), st.floats(-50, 170), st.floats(1, 400), st.floats(1, 400))
def test_the_window_of_a_far_blob_stays_within_reach(cx: float, cy: float, sx: float, sy: float) -> None:
    asked = compile_guides([Blob(cx, cy, sx, sy)], [], H, W)
    assert asked.region is not None
    x0, y0, x1, y1 = asked.region
    assert x0 >= -REACH * W
    assert y0 >= -REACH * H
    assert x1 <= (1 + REACH) * W
    assert y1 <= (1 + REACH) * H


# --- any guides ----------------------------------------------------------------------------------


@given(st.lists(guides_inside(30, 50), max_size=4), st.lists(guides_inside(30, 50), max_size=2))
def test_any_guides_compile(guides: list[Guide], barred: list[Guide]) -> None:
    asked = compile_guides(guides, barred, 30, 50)
    x0, y0, x1, y1 = asked.window
    assert x1 > x0
    assert y1 > y0
    for part in (asked.strokes, asked.painted, asked.avoid):
        if part is not None:
            assert part.shape == (SIDE, SIDE)
            assert part.min() >= 0
            assert part.max() <= 1
    assert (asked.region is None) == all(isinstance(guide, Point) for guide in guides)
    if any(isinstance(guide, Scribble) for guide in guides):
        assert asked.strokes is not None
    if asked.moments is not None:
        assert np.isfinite(asked.moments).all()
        assert min(asked.moments[2:]) > 0


def test_compiled_twice_is_the_same() -> None:
    guides: list[Guide] = [LINE, Blob(80, 50, 10, 10), Point(70, 60)]
    a, b = compile_guides(guides, [Box(0, 0, 9, 9)], H, W), compile_guides(guides, [Box(0, 0, 9, 9)], H, W)
    for one, other in ((a.strokes, b.strokes), (a.avoid, b.avoid), (a.points, b.points)):
        np.testing.assert_array_equal(one, other)
    assert a.moments == b.moments


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


@pytest.mark.parametrize("guide", [Box(-40, 30, 30, 90), Blob(5, 5, 20, 20), Scribble([(-30.0, 50.0), (40.0, 50.0)])])
def test_guides_across_the_border_keep_what_lies_beyond(guide: Guide) -> None:
    asked = compile_guides([guide], [], H, W)
    assert asked.region is not None
    assert min(asked.region[:2]) < 0
