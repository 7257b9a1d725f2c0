"""The mask frame: sampling there and back, and how well a mask survives its encoding."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from drawn import block, ellipse, lumpy
from hypothesis import given, settings
from hypothesis import strategies as st

from smartmask.frame import BAND, MARGIN, Frame, decode_mask, encode_mask
from smartmask.geometry import mask_box, mask_iou

numbers = st.floats(-500, 500)


def round_trip(mask: np.ndarray, frame: Frame | None = None) -> float:
    """IoU of a mask and what is decoded of it."""
    frame = frame or Frame.around(mask_box(mask) or (0, 0, 1, 1))
    return mask_iou(mask, decode_mask(encode_mask(mask, frame), frame, *mask.shape))


def polygon(height: int, width: int, cx: float, cy: float, size: float, corners: int, turn: float) -> np.ndarray:
    """A regular polygon whose circumscribed circle has diameter ``size``."""
    angles = turn + np.arange(corners) * 2 * math.pi / corners
    points = np.stack([cx + size / 2 * np.cos(angles), cy + size / 2 * np.sin(angles)], axis=1) - 0.5
    mask = np.zeros((height, width), dtype=np.uint8)
    cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 1, shift=4)
    return mask.astype(bool)


# --- geometry --------------------------------------------------------------------------------------


@given(numbers, numbers, st.floats(1, 300), st.floats(1, 300))
def test_the_frame_holds_the_box_in_its_middle(x: float, y: float, w: float, h: float) -> None:
    frame = Frame.around((x, y, x + w, y + h))
    assert frame.side == pytest.approx(MARGIN * max(w, h))
    x0, y0, x1, y1 = frame.to_frame((x, y, x + w, y + h))
    np.testing.assert_allclose([x0 + x1, y0 + y1], 1, atol=1e-6)
    assert max(x1 - x0, y1 - y0) == pytest.approx(1 / MARGIN)
    half = frame.side / 2
    own = frame.to_frame((frame.cx - half, frame.cy - half, frame.cx + half, frame.cy + half))
    np.testing.assert_allclose(own, (0, 0, 1, 1), atol=1e-9)


def test_a_box_without_extent_has_a_frame() -> None:
    assert Frame.around((5, 7, 5, 7)) == Frame(5, 7, MARGIN)


def test_the_grid_is_made_of_cell_centres() -> None:
    x, y = Frame(10, 20, 8).grid(4)
    np.testing.assert_allclose(x[0], [7, 9, 11, 13])
    np.testing.assert_allclose(y[:, 0], [17, 19, 21, 23])
    assert (x == x[0]).all()
    assert (y == y[:, :1]).all()


# --- crop and paste --------------------------------------------------------------------------------


def test_a_frame_on_whole_pixels_copies_them() -> None:
    image = np.random.default_rng(0).random((80, 90)).astype(np.float32)
    frame = Frame(50, 40, 32)
    cropped = frame.crop(image, 32)
    np.testing.assert_array_equal(cropped, image[24:56, 34:66])
    pasted = frame.paste(cropped, 80, 90, border=-7)
    np.testing.assert_allclose(pasted[24:56, 34:66], cropped, atol=1e-6)
    inside = block(80, 90, 30, 20, 70, 60)  # bicubic reaches two pixels out
    assert (pasted[~inside] == -7).all()


def test_what_lies_beyond_the_image_is_the_border_value() -> None:
    image = np.arange(12, dtype=np.float32).reshape(3, 4)
    cropped = Frame(0, 0, 4).crop(image, 4, cv2.INTER_NEAREST, border=-2)
    np.testing.assert_array_equal(cropped, [[-2, -2, -2, -2], [-2, -2, -2, -2], [-2, -2, 0, 1], [-2, -2, 4, 5]])


@settings(max_examples=25)
@given(st.floats(30, 70), st.floats(30, 70), st.floats(20, 50), st.integers(24, 96))
def test_samples_lie_where_the_grid_says(cx: float, cy: float, side: float, n: int) -> None:
    """Cropping a ramp gives the coordinates themselves: no half-pixel shift at any scale."""
    frame = Frame(cx, cy, side)
    ramp_x, ramp_y = np.meshgrid(np.arange(100, dtype=np.float32) + 0.5, np.arange(100, dtype=np.float32) + 0.5)
    x, y = frame.grid(n)
    np.testing.assert_allclose(frame.crop(ramp_x, n), x, atol=0.05)  # cv2 interpolates in steps of 1/32 pixel
    np.testing.assert_allclose(frame.crop(ramp_y, n), y, atol=0.05)


@settings(max_examples=25)
@given(st.floats(35, 65), st.floats(35, 65), st.floats(40, 60), st.integers(48, 128))
def test_crop_and_paste_undo_each_other(cx: float, cy: float, side: float, n: int) -> None:
    x, y = np.meshgrid(np.arange(100), np.arange(100))
    image = (np.sin(x / 9) + np.cos(y / 11)).astype(np.float32)
    frame = Frame(cx, cy, side)
    pasted = frame.paste(frame.crop(image, n), 100, 100, border=0)
    inner = (abs(x + 0.5 - cx) < side / 2 - 4) & (abs(y + 0.5 - cy) < side / 2 - 4)
    assert inner.any()
    assert abs(pasted - image)[inner].max() < 0.02


# --- masks -----------------------------------------------------------------------------------------


@st.composite
def ellipses(draw: st.DrawFn) -> np.ndarray:
    """A turned ellipse of 30 to 400 pixels, at least a third as wide as long, wholly inside its scene."""
    radius = draw(st.floats(15, 200))
    other = radius * draw(st.floats(1 / 3, 1))
    size = int(2 * radius) + 40
    dx, dy = draw(st.floats(0, 15)), draw(st.floats(0, 15))
    return ellipse(size, size + 7, radius + 4 + dx, radius + 4 + dy, radius, other, draw(st.floats(0, math.pi)))


@settings(max_examples=20)
@given(ellipses())
def test_an_ellipse_survives(mask: np.ndarray) -> None:
    assert round_trip(mask) >= 0.99


@settings(max_examples=20)
@given(st.floats(30, 400), st.integers(4, 9), st.floats(0, math.pi), st.floats(0, 9))
def test_a_polygon_survives(size: float, corners: int, turn: float, shift: float) -> None:
    side = int(size) + 40
    assert round_trip(polygon(side, side, size / 2 + 8 + shift, size / 2 + 12, size, corners, turn)) >= 0.99


@pytest.mark.parametrize("size", [40, 120, 300])
def test_a_lumpy_shape_survives(size: int) -> None:
    rng = np.random.default_rng(size)
    for _ in range(3):
        assert round_trip(lumpy(size + 20, size + 30, (5, 5, 5 + size, 5 + 0.8 * size), rng)) >= 0.985


@pytest.mark.parametrize(("cx", "cy"), [(0, 0), (5, 60), (119, 80), (60, 118)])
def test_an_object_that_the_border_cuts_survives(cx: float, cy: float) -> None:
    mask = ellipse(120, 120, cx, cy, 40, 30, 0.4)
    whole = Frame(cx, cy, 120)  # the frame of the whole object, half of it beyond the scene
    assert round_trip(mask, whole) >= 0.98
    assert round_trip(mask) >= 0.98


@pytest.mark.parametrize("side", [3.0, 40.0, 333.3, 2000.0])
def test_nothing_and_everything_are_finite(side: float) -> None:
    frame = Frame(30, 20, side)
    empty, full = np.zeros((40, 60), dtype=bool), np.ones((40, 60), dtype=bool)
    for mask in (empty, full):
        values = encode_mask(mask, frame)
        assert values.shape == (BAND, BAND)
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
        assert abs(values).max() < 1.5
    np.testing.assert_allclose(encode_mask(empty, frame), -1, atol=1e-5)
    assert not decode_mask(encode_mask(empty, frame), frame, 40, 60).any()
    if side < 40:
        np.testing.assert_allclose(encode_mask(full, frame), 1, atol=1e-5)
    decoded = decode_mask(encode_mask(full, frame), frame, 40, 60)
    x, y = abs(np.arange(60) + 0.5 - 30), abs(np.arange(40) + 0.5 - 20)[:, None]
    if 10 < side < 1000:  # beyond that the scene is a speck of the frame
        assert decoded[(x < side / 2 - 1) & (y < side / 2 - 1)].mean() > 0.99  # the scene's corners are rounded
    assert not decoded[(x > side / 2 + 1) | (y > side / 2 + 1)].any()


def test_positive_inside_and_truncated() -> None:
    values = encode_mask(ellipse(100, 100, 50, 50, 30, 30), Frame(50, 50, 90))
    assert values[BAND // 2, BAND // 2] == pytest.approx(1, abs=0.05)
    assert values[1, 1] == pytest.approx(-1, abs=0.05)
    row = values[BAND // 2]
    crossing = np.flatnonzero(np.diff(np.sign(row))) + 1
    np.testing.assert_allclose(crossing, [BAND / 6, BAND * 5 / 6], atol=1)  # 30 of 90 pixels from the centre


def test_place_and_size_do_not_matter() -> None:
    """What the frame is for: the same shape elsewhere, or four times as large, is encoded alike."""
    small = encode_mask(ellipse(100, 120, 50, 40, 30, 20, 0.5), Frame(50, 40, 90))
    moved = encode_mask(ellipse(100, 120, 63, 55, 30, 20, 0.5), Frame(63, 55, 90))
    large = encode_mask(ellipse(400, 480, 200, 160, 120, 80, 0.5), Frame(200, 160, 360))
    np.testing.assert_allclose(moved, small, atol=1e-5)
    assert abs(large - small).max() < 0.25
    assert abs(large - small).mean() < 0.02


def test_a_coarser_grid_blurs_little() -> None:
    mask = lumpy(420, 420, (10, 10, 410, 380), np.random.default_rng(3))
    frame = Frame.around((10, 10, 410, 380))
    assert mask_iou(mask, decode_mask(encode_mask(mask, frame, finest=192), frame, 420, 420)) > 0.98
