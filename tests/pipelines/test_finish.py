"""From an encoded mask to one of the scene: specks and pinholes go, an exact box is met, nothing is ever empty."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import block, ellipse, lumpy
from hypothesis import given, settings
from hypothesis import strategies as st

from smartmask.frame import BAND, GRID, Frame, encode_mask
from smartmask.geometry import BoxXYXY, mask_box, mask_iou, signed_distance
from smartmask.pipelines.finish import SHIFT, finish, fit, reach, settle, tidy, touch

HEIGHT, WIDTH = 120, 160


def encoded(mask: np.ndarray, box: BoxXYXY | None = None) -> tuple[np.ndarray, Frame]:
    frame = Frame.around(box or mask_box(mask) or (0, 0, 1, 1))
    return encode_mask(mask, frame), frame


def distance_of(mask: np.ndarray) -> np.ndarray:
    return np.clip(signed_distance(mask) / (GRID / 12), -1, 1)


def test_a_good_mask_comes_through() -> None:
    for seed in range(5):
        mask = lumpy(HEIGHT, WIDTH, (30, 20, 110, 90), np.random.default_rng(seed))
        assert mask_iou(finish(*encoded(mask), HEIGHT, WIDTH), mask) > 0.98
        box = mask_box(mask)
        assert mask_iou(finish(*encoded(mask), HEIGHT, WIDTH, box), mask) > 0.98


# --- tidy ------------------------------------------------------------------------------------------


def test_specks_and_pinholes_go() -> None:
    body = block(GRID, GRID, 30, 30, 90, 90)
    speck, pinhole = block(GRID, GRID, 100, 100, 108, 108), block(GRID, GRID, 50, 50, 56, 56)
    distance = distance_of((body | speck) & ~pinhole)
    given_ = distance.copy()
    assert np.array_equal(tidy(distance) > 0, body)
    assert np.array_equal(distance, given_)


def test_large_parts_and_holes_stay() -> None:
    mask = block(GRID, GRID, 20, 20, 60, 100) | block(GRID, GRID, 80, 20, 110, 60)
    mask &= ~block(GRID, GRID, 30, 40, 50, 80)
    distance = distance_of(mask)
    assert np.array_equal(tidy(distance), distance)


@pytest.mark.parametrize("value", [-1.0, 1.0])
def test_nothing_and_everything(value: float) -> None:
    distance = np.full((GRID, GRID), value, dtype=np.float32)
    assert np.array_equal(tidy(distance), distance)


# --- fit -------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(st.floats(0, 0.1), st.floats(0, 0.1), st.floats(-0.1, 0.1), st.floats(-0.1, 0.1))
def test_a_mask_that_nearly_fills_its_box_touches_it(left: float, up: float, right: float, down: float) -> None:
    """Its sides are moved to within a grid cell of the box's, its form stays."""
    mask = ellipse(GRID, GRID, 64, 64, 30, 22)
    want = (34 - left * 60, 42 - up * 44, 94 + right * 60, 86 + down * 44)
    fitted = fit(distance_of(mask), tuple(edge / GRID for edge in want)) > 0  # type: ignore[arg-type]
    np.testing.assert_allclose(mask_box(fitted), want, atol=1.3)
    (a, b, c, d) = want
    assert mask_iou(fitted, ellipse(GRID, GRID, (a + c) / 2, (b + d) / 2, (c - a) / 2, (d - b) / 2)) > 0.95


@pytest.mark.parametrize("box", [(0.0, 0.0, 1.0, 1.0), (0.6, 0.6, 0.9, 0.9), (0.3, 0.3, 0.301, 0.301)])
def test_a_mask_that_is_far_from_its_box_is_left_alone(box: BoxXYXY) -> None:
    distance = distance_of(ellipse(GRID, GRID, 64, 64, 30, 22))
    assert np.array_equal(fit(distance, box), distance)


def test_an_empty_map_cannot_be_fitted() -> None:
    distance = np.full((GRID, GRID), -1, dtype=np.float32)
    assert np.array_equal(fit(distance, (0.2, 0.2, 0.8, 0.8)), distance)


# --- finish ----------------------------------------------------------------------------------------


def test_an_exact_box_is_met_in_the_scene() -> None:
    mask = ellipse(HEIGHT, WIDTH, 80, 60, 40, 30)
    box = (37.0, 33.0, 124.0, 92.0)
    values, frame = encoded(mask, box)
    np.testing.assert_allclose(mask_box(finish(values, frame, HEIGHT, WIDTH, box)), box, atol=1.5)
    free = mask_box(finish(values, frame, HEIGHT, WIDTH))
    np.testing.assert_allclose(free, (40, 30, 120, 90), atol=1)


def test_a_box_beyond_the_border_is_met_as_far_as_it_is_in_the_scene() -> None:
    mask = ellipse(HEIGHT, WIDTH, 0, 60, 40, 30)
    box = (-44.0, 30.0, 44.0, 90.0)
    fitted = mask_box(finish(*encoded(mask, box), HEIGHT, WIDTH, box))
    np.testing.assert_allclose(fitted, (0, 30, 44, 90), atol=1.5)


@settings(max_examples=40)
@given(st.floats(-30, 170), st.floats(-30, 130), st.floats(1, 300), st.integers(0, 1000), st.booleans())
def test_it_is_never_empty(cx: float, cy: float, side: float, seed: int, exact: bool) -> None:
    """Whatever the network gives, where its frame meets the scene or not."""
    frame = Frame(cx, cy, 1.5 * side)
    box = (cx - side / 2, cy - side / 2, cx + side / 2, cy + side / 2) if exact else None
    noise = np.random.default_rng(seed).normal(0, 1, (BAND, BAND)).astype(np.float32)
    for values in (noise, np.full((BAND, BAND), -1, dtype=np.float32), np.ones((BAND, BAND), dtype=np.float32)):
        mask = finish(values, frame, HEIGHT, WIDTH, box)
        assert mask.shape == (HEIGHT, WIDTH)
        assert mask.dtype == np.bool_
        assert mask.any()


def test_an_object_smaller_than_a_pixel_lies_at_its_place() -> None:
    values = encode_mask(ellipse(100, 100, 50, 50, 33, 33), Frame(50, 50, 100))
    for (x, y), pixel in (((40.3, 20.8), (40, 20)), ((-0.4, 5.5), (0, 5)), ((170.0, 118.9), (159, 118))):
        mask = finish(values, Frame(x, y, 0.2), HEIGHT, WIDTH)
        assert mask_box(mask) == (*pixel, pixel[0] + 1, pixel[1] + 1)


# --- points ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", [(20.5, 20.5), (150.5, 60.5), (80.5, 110.5), (5.5, 3.5)])
def test_a_mask_moves_to_hold_a_point(point: tuple[float, float]) -> None:
    values, frame = encoded(ellipse(HEIGHT, WIDTH, 80, 60, 40, 30), (40.0, 30.0, 120.0, 90.0))
    moved = reach(values, frame, *point)
    held = finish(values, moved, HEIGHT, WIDTH)
    assert held[int(point[1]), int(point[0])]
    assert moved.side == frame.side
    far = np.hypot(point[0] - 80, point[1] - 60)
    assert np.hypot(moved.cx - frame.cx, moved.cy - frame.cy) < far  # no farther than its middle


def test_a_mask_that_holds_the_point_stays() -> None:
    values, frame = encoded(ellipse(HEIGHT, WIDTH, 80, 60, 40, 30), (40.0, 30.0, 120.0, 90.0))
    assert reach(values, frame, 50, 60) == frame


def test_a_point_between_pixels_moves_the_frame_by_whole_pixels() -> None:
    mask = np.zeros((20, 30), dtype=bool)
    mask[5, 7] = mask[6, 9] = True
    frame = Frame(8.25, 6.5, 12.0)
    assert touch(mask, frame, 9.9, 6.0) == frame
    assert touch(mask, frame, 12.5, 8.0) == Frame(11.25, 8.5, 12.0)
    assert touch(mask, frame, 30.0, 20.0) == Frame(28.25, 19.5, 12.0)  # on the far corner: the last pixel


# --- strokes ---------------------------------------------------------------------------------------

ROUND = encode_mask(ellipse(HEIGHT, WIDTH, 80, 60, 40, 30), Frame(80, 60, 120))


def strip(frame: Frame, x: float, half: float = 4) -> np.ndarray:
    """An upright stroke of the middle third of the frame's height, about column ``x`` of the scene."""
    across, down = frame.grid(GRID)
    return ((np.abs(across - x) <= half) & (np.abs(down - frame.cy) <= frame.side / 6)).astype(np.float32)


@settings(max_examples=20)
@given(st.floats(20, 140), st.floats(1, 8))
def test_a_mask_settles_on_strokes(x: float, half: float) -> None:
    """It covers no less than before, moves no further than it may, and keeps its form."""
    frame = Frame(80, 60, 120)
    drawn = strip(frame, x, half)
    moved = settle(ROUND, frame, drawn)
    assert abs(moved.cx - frame.cx) <= SHIFT * frame.side + frame.side / GRID
    assert abs(moved.cy - frame.cy) <= SHIFT * frame.side + frame.side / GRID
    assert moved.side == frame.side
    stroke = frame.paste(drawn, HEIGHT, WIDTH, 0) > 0.5
    before, after = (finish(ROUND, f, HEIGHT, WIDTH) for f in (frame, moved))
    assert after[stroke].sum() >= before[stroke].sum() - 0.02 * stroke.sum()


@pytest.mark.parametrize(("x", "way"), [(122.0, 1), (38.0, -1)])
def test_a_stroke_at_the_rim_draws_the_mask_to_it(x: float, way: int) -> None:
    frame = Frame(80, 60, 120)
    moved = settle(ROUND, frame, strip(frame, x))
    assert (moved.cx - frame.cx) * way > 2


def test_a_covered_stroke_moves_nothing() -> None:
    frame = Frame(80, 60, 120)
    moved = settle(ROUND, frame, strip(frame, 80))
    assert (moved.cx, moved.cy) == (frame.cx, frame.cy)


def test_strokes_out_of_reach_move_nothing() -> None:
    frame = Frame(80, 60, 120)
    assert settle(ROUND, frame, np.zeros((GRID, GRID), np.float32)) == frame
