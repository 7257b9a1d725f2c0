"""Layouts as pictures: canvas and scene, eq. 5, and that what is drawn white is read off again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartmask.geometry import box_mask, mask_iou
from smartmask.guides import Blob, Box
from smartmask.io.package import BUNDLED_TEXT
from smartmask.masks.latent.layout import ALPHA, Canvas, frame_round, guided, read_off, whiteness, with_object
from smartmask.masks.latent.palette import coloured
from smartmask.scene import Layer, Scene
from smartmask.scene.view import OUTSIDE, UNLABELED
from smartmask.text.encoder import TextEncoder

TEXT = TextEncoder.from_pretrained(BUNDLED_TEXT)


def scene_of(height: int, width: int) -> Scene:
    """Sky over grass, a house, and a strip that is unlabeled."""
    sky = box_mask((0, 0, width, height // 2), height, width)
    grass = box_mask((0, height // 2, width, 0.9 * height), height, width)
    house = box_mask((0.1 * width, 0.2 * height, 0.4 * width, 0.7 * height), height, width)
    return Scene(height, width, (Layer("sky", sky, False), Layer("grass", grass, False), Layer("house", house)))


def ellipse(height: int, width: int, cx: float, cy: float, rx: float, ry: float) -> np.ndarray:
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    return ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1


@pytest.mark.parametrize(("height", "width"), [(64, 64), (128, 128), (60, 200), (333, 111), (20, 30)])
def test_a_canvas_shows_all_of_the_scene_and_nothing_else(height: int, width: int) -> None:
    scene = scene_of(height, width)
    canvas = Canvas.of(scene, 64)
    top = canvas.top(scene, 3)
    inside = top != OUTSIDE
    rows, cols = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    assert max(len(rows), len(cols)) == 64
    assert abs(len(cols) / len(rows) - width / height) < 0.15 * width / height
    assert set(np.unique(top[inside])) == {UNLABELED, 0, 1, 2}
    assert set(np.unique(canvas.top(scene, 2)[inside])) == {UNLABELED, 0, 1}  # S_2: what is in front is not there


def test_a_canvas_of_the_scenes_own_size_is_the_scene() -> None:
    scene = scene_of(64, 64)
    canvas = Canvas.of(scene, 64)
    assert np.array_equal(canvas.top(scene, 3), scene.top())
    field = np.random.default_rng(0).random((64, 64)).astype(np.float32)
    assert np.allclose(canvas.back(field), field, atol=1e-5)


@given(
    st.integers(20, 400), st.integers(20, 400), st.floats(-0.2, 1), st.floats(-0.2, 1), st.floats(0.02, 0.5),
    st.floats(1.5, 6),
)  # fmt: skip
def test_a_frame_holds_its_box_and_stays_in_the_scene(
    height: int, width: int, left: float, top: float, size: float, times: float
) -> None:
    box = left * width, top * height, (left + size) * width, (top + size) * height
    frame = frame_round(box, times, height, width)
    if frame is None:
        return
    x0, y0, x1, y1 = frame
    assert x1 - x0 == pytest.approx(y1 - y0)
    assert x1 - x0 < max(height, width)
    for low, high, start, end, length in ((x0, x1, box[0], box[2], width), (y0, y1, box[1], box[3], height)):
        assert low <= max(min(start, length - 1), 0) + 1e-6
        assert high >= min(max(end, 1), length) - 1e-6
        assert (low >= -1e-6 and high <= length + 1e-6) or high - low >= length


def test_what_is_drawn_in_a_frame_is_read_off_where_it_is() -> None:
    scene = scene_of(300, 500)
    true = ellipse(300, 500, 401, 203, 22, 14)
    canvas = Canvas.of(scene, 64, frame_round((379, 189, 423, 217), 2.5, 300, 500))
    picture = coloured(canvas.top(scene, 3), [layer.name for layer in scene.layers], TEXT)
    wanted = canvas.top(Scene(300, 500, (Layer("new", true),)), 1) == 0
    mask, clear = read_off(whiteness(with_object(picture, wanted), picture), canvas)
    assert mask_iou(mask, true) > 0.9
    assert clear > 0.8
    everywhere, _ = read_off(np.ones((64, 64), np.float32), canvas)
    x0, y0, x1, y1 = canvas.square
    assert np.array_equal(everywhere, box_mask((x0, y0, x1, y1), 300, 500))  # nothing beyond the frame
    assert canvas.box((x0, y0, x1, y1)) == pytest.approx((0, 0, 64, 64))


def test_a_barred_pixel_is_never_in_the_mask() -> None:
    canvas = Canvas(64, 64, 64)
    barred = box_mask((0, 0, 30, 64), 64, 64)
    mask, clear = read_off(ellipse(64, 64, 32, 32, 20, 20).astype(np.float32), canvas, barred)
    assert mask.any()
    assert not mask[barred].any()
    assert clear == 1.0
    hole = ellipse(64, 64, 32, 32, 2, 2)  # so small that it would be filled
    filled, _ = read_off(ellipse(64, 64, 32, 32, 25, 25).astype(np.float32), canvas, hole)
    assert not filled[hole].any()


def test_the_guide_lightens_the_layout_by_eq_5() -> None:
    picture = np.full((4, 4, 3), 100, np.uint8)
    guide = np.zeros((4, 4), np.float32)
    guide[0, 0], guide[1, 1] = 1, 0.5
    shown = guided(picture, guide)
    assert np.allclose(shown[0, 0], 100 * (1 - ALPHA) + 255 * ALPHA)
    assert np.allclose(shown[1, 1], 100 * (1 - ALPHA / 2) + 255 * ALPHA / 2)
    assert np.array_equal(shown[2, 2], [100, 100, 100])
    assert np.array_equal(guided(picture, 0 * guide), picture)  # G = 0: the model suggests


def test_guides_lie_where_they_were_given() -> None:
    canvas = Canvas(64, 100, 200)
    drawn = canvas.guide([Box(50, 25, 150, 75)])
    back = canvas.back(drawn) > 0.5
    assert mask_iou(back, box_mask((50, 25, 150, 75), 100, 200)) > 0.9
    blob = canvas.guide([Blob(100, 50, 20, 10)])
    assert np.unravel_index(blob.argmax(), blob.shape)[1] in (31, 32)
    assert not canvas.guide([]).any()


@settings(max_examples=40)
@given(
    st.sampled_from([(128, 128), (96, 128), (300, 400), (500, 210)]),
    st.tuples(st.floats(0.3, 0.7), st.floats(0.3, 0.7), st.floats(0.12, 0.4), st.floats(0.12, 0.4)),
    st.integers(0, 1000), st.floats(0, 0.04),
)  # fmt: skip
def test_what_is_drawn_is_read_off(
    size: tuple[int, int], place: tuple[float, float, float, float], seed: int, noise: float
) -> None:
    """Whatever the layout, and with errors in every pixel of what was drawn."""
    height, width = size
    scene = scene_of(height, width)
    cx, cy, rx, ry = place
    true = ellipse(height, width, cx * width, cy * height, rx * width, ry * height)
    canvas = Canvas.of(scene, 128)
    picture = coloured(canvas.top(scene, 3), [layer.name for layer in scene.layers], TEXT)
    wanted = canvas.top(Scene(height, width, (Layer("new", true),)), 1) == 0
    drawn = with_object(picture, wanted) + np.random.default_rng(seed).normal(0, 255 * noise, picture.shape)
    mask, clear = read_off(whiteness(drawn, picture), canvas)
    assert mask.shape == size
    assert mask_iou(mask, true) > 0.93
    assert clear > 0.8


def test_a_neighbours_colour_that_ran_over_is_no_object() -> None:
    picture = coloured(np.repeat([[0] * 32 + [1] * 32], 64, axis=0), ["wall", "sky"], TEXT)
    drawn = np.roll(picture, 5, axis=1)
    assert not (whiteness(drawn, picture) >= 0.5).any()


def test_crumbs_go_holes_close_and_the_clearer_is_told() -> None:
    canvas = Canvas(64, 64, 64)
    white = ellipse(64, 64, 32, 32, 20, 20).astype(np.float32)
    clean, clear = read_off(white, canvas)
    spoiled = white.copy()
    spoiled[2:4, 2:4] = 1
    spoiled[30:33, 30:33] = 0
    mask, less = read_off(spoiled, canvas)
    assert np.array_equal(mask, clean)
    assert less < clear == 1.0
    _, faint = read_off(0.6 * white, canvas)
    assert faint < 0.65


def test_where_nothing_was_drawn_one_pixel_says_so() -> None:
    canvas = Canvas(64, 90, 60)
    white = np.full((64, 64), 0.1, np.float32)
    white[40, 30] = 0.3
    mask, clear = read_off(white, canvas)
    assert (mask.sum(), clear) == (1, 0.0)
    y, x = (int(v[0]) for v in np.nonzero(mask))
    assert abs(y - (40.5 - 32) * canvas.scale - 45) <= canvas.scale
    assert abs(x - (30.5 - 32) * canvas.scale - 30) <= canvas.scale
