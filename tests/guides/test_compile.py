"""Guides compiled once a call: box, strokes, painted masks, places barred, where the mass lies."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
from drawn import block, ellipse
from hypothesis import given
from hypothesis import strategies as st
from strategies import guides_inside

from smartmask.guides import Blob, Box, Guide, MaskGuide, Point, Polygon, Promise, Scribble
from smartmask.guides.compile import REACH, SIDE, Compiled, window_grid
from smartmask.guides.guide import PROMISE

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
    asked = Compiled.of([], [], H, W)
    assert asked.exact is None
    assert asked.region is None
    assert asked.window == (0, 0, W, H)
    assert (asked.strokes, asked.painted, asked.avoid, asked.moments) == (None, None, None, None)
    assert asked.points.shape == (0, 2)


def test_an_exact_box_wins() -> None:
    asked = Compiled.of([LINE, Box(10, 20, 50, 90), Box(40, 10, 60, 50)], [], H, W)
    assert asked.exact == asked.region == (10, 10, 60, 90)
    assert asked.strokes is not None


def test_points_alone_tell_no_extent() -> None:
    asked = Compiled.of([Point(30, 40), Point(50.5, 60)], [], H, W)
    assert asked.region is None
    assert asked.points.tolist() == [[30, 40], [50.5, 60]]
    with_stroke = Compiled.of([Point(30, 40), LINE], [], H, W)
    assert with_stroke.region == (29.5, 39.5, 144, 64)  # of all guides
    assert len(with_stroke.points) == 1


def test_strokes_and_paint_in_the_window() -> None:
    asked = Compiled.of([LINE], [], H, W)
    assert asked.exact is None
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
    asked = Compiled.of([Scribble([(100.0, 60.0), end], 0.01)], [], H, W)
    assert asked.strokes is not None
    assert asked.strokes.sum() >= 1


def test_a_painted_mask_loses_at_most_its_rim() -> None:
    mask = ellipse(H, W, 100, 60, 40, 30)
    asked = Compiled.of([MaskGuide(mask)], [], H, W)
    assert asked.region == (60, 30, 140, 90)
    assert asked.painted is not None
    whole = cells_of(asked.window, mask)
    kept = asked.painted >= 0.5
    assert not (kept & ~whole).any()
    assert kept.sum() > 0.75 * whole.sum()


def test_a_thin_painted_mask_stays() -> None:
    mask = block(H, W, 20, 59, 180, 62)
    asked = Compiled.of([MaskGuide(mask)], [], H, W)
    assert asked.painted is not None
    assert (asked.painted >= 0.5).any()


def test_a_polygon_is_paint_without_a_rim() -> None:
    corners = [(40, 20), (160, 30), (100, 100)]
    asked = Compiled.of([Polygon(corners)], [], H, W)
    assert asked.region == (40, 20, 160, 100)
    assert asked.painted is not None
    x, y = window_grid(asked.window)
    np.testing.assert_array_equal(asked.painted, Polygon(corners).sample(x, y, H, W))
    assert asked.moments is not None
    np.testing.assert_allclose(asked.moments[:2], (100, 50), atol=1)  # of a triangle: the mean of its corners
    both = Compiled.of([Polygon(corners), MaskGuide(block(H, W, 10, 85, 40, 110))], [], H, W)
    assert both.painted is not None
    x, y = window_grid(both.window)
    sharp = Polygon(corners).sample(x, y, H, W) > 0
    assert both.painted[sharp].all()
    painted = (both.painted > 0) & ~sharp
    assert painted.any()
    assert (x[painted] < 40).all()


def test_what_is_barred() -> None:
    asked = Compiled.of([Box(20, 20, 100, 100)], [Box(60, 0, 200, 120)], H, W)
    assert asked.avoid is not None
    x, _ = window_grid(asked.window)
    np.testing.assert_array_equal(asked.avoid >= 0.5, x >= 60)
    assert asked.region == (20, 20, 100, 100)  # no guide to where it is


# --- where the mass lies -------------------------------------------------------------------------


def test_a_blob_tells_its_moments() -> None:
    assert Compiled.of([Blob(50, 60, 12, 20)], [], H, W).moments == (50, 60, 12, 20)
    both = Compiled.of([Blob(50, 60, 10, 10), Blob(110, 60, 10, 10)], [], H, W).moments
    assert both is not None
    np.testing.assert_allclose(both[:2], (80, 60), atol=1.5)
    assert both[2] > 2 * both[3]


def test_a_painted_mask_tells_its_moments() -> None:
    moments = Compiled.of([MaskGuide(block(H, W, 40, 30, 120, 90))], [], H, W).moments
    assert moments is not None
    np.testing.assert_allclose(moments, (80, 60, 80 / math.sqrt(12), 60 / math.sqrt(12)), rtol=0.12)


@given(st.floats(-50, 250), st.floats(-50, 170), st.floats(1, 400), st.floats(1, 400))
def test_the_window_of_a_far_blob_stays_within_reach(cx: float, cy: float, sx: float, sy: float) -> None:
    asked = Compiled.of([Blob(cx, cy, sx, sy)], [], H, W)
    assert asked.region is not None
    x0, y0, x1, y1 = asked.region
    assert x0 >= -REACH * W
    assert y0 >= -REACH * H
    assert x1 <= (1 + REACH) * W
    assert y1 <= (1 + REACH) * H


# --- any guides ----------------------------------------------------------------------------------


@given(st.lists(guides_inside(30, 50), max_size=4), st.lists(guides_inside(30, 50), max_size=2))
def test_any_guides_compile(guides: list[Guide], barred: list[Guide]) -> None:
    asked = Compiled.of(guides, barred, 30, 50)
    x0, y0, x1, y1 = asked.window
    assert x1 > x0
    assert y1 > y0
    for part in (asked.strokes, asked.painted, asked.avoid):
        if part is not None:
            assert part.shape == (SIDE, SIDE)
            assert part.min() >= 0
            assert part.max() <= 1
    assert asked.promises.shape == (len(guides), PROMISE)
    promised = {name.name for name in fields(Promise) if any(getattr(g.promise, name.name) > 0.5 for g in guides)}
    assert (asked.exact is not None) == ("bounds" in promised)
    assert (asked.region is not None) == ("rough" in promised)
    assert (asked.strokes is not None) >= ("lines" in promised)
    assert (asked.painted is not None) == ("outline" in promised)
    assert (asked.moments is not None) <= ("mass" in promised)
    assert (len(asked.points) > 0) == any(isinstance(guide, Point) for guide in guides)
    assert (asked.avoid is not None) == bool(barred)
    if asked.moments is not None:
        assert np.isfinite(asked.moments).all()
        assert min(asked.moments[2:]) > 0


def test_compiled_twice_is_the_same() -> None:
    guides: list[Guide] = [LINE, Blob(80, 50, 10, 10), Point(70, 60)]
    a, b = Compiled.of(guides, [Box(0, 0, 9, 9)], H, W), Compiled.of(guides, [Box(0, 0, 9, 9)], H, W)
    for one, other in ((a.strokes, b.strokes), (a.avoid, b.avoid), (a.points, b.points)):
        np.testing.assert_array_equal(one, other)
    assert a.moments == b.moments


@pytest.mark.parametrize("guide", [Box(-40, 30, 30, 90), Blob(5, 5, 20, 20), Scribble([(-30.0, 50.0), (40.0, 50.0)])])
def test_guides_across_the_border_keep_what_lies_beyond(guide: Guide) -> None:
    asked = Compiled.of([guide], [], H, W)
    assert asked.region is not None
    assert min(asked.region[:2]) < 0
