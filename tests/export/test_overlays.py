"""Masks over pictures, for people: tinted inside, thin lines, gaps kept, small objects from near, names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartmask.export.overlays import INSET, close_up, overlay, together, window_round
from smartmask.geometry import box_mask, mask_box
from smartmask.guides import Box
from smartmask.image.sheets import rank_colour

RED = (255, 0, 0)


def test_overlay_tints_inside_and_keeps_outside() -> None:
    picture = np.full((60, 80, 3), 100, dtype=np.uint8)
    mask = np.zeros((60, 80), dtype=bool)
    mask[20:40, 20:60] = True
    visible = mask & (np.arange(80) < 40)
    drawn = overlay(picture, mask, visible, colour=(255, 0, 0), side=80)
    assert drawn.shape == (60, 80, 3)
    assert (drawn[:15] == 100).all()
    assert drawn[30, 30, 0] > drawn[30, 50, 0] > 100, "the hidden part has a fainter tint"
    assert (picture == 100).all(), "the picture itself stays as it was"


def test_overlay_shows_hair_thin_masks_and_guides_in_large_pictures() -> None:
    picture = np.zeros((1500, 2000, 3), dtype=np.uint8)
    mask = np.zeros((1500, 2000), dtype=bool)
    mask[700, 300:900] = True
    assert (overlay(picture, mask, colour=(255, 0, 0), side=256)[..., 0] == 255).any()
    drawn = overlay(picture, guides=[Box(-50, -50, 1000, 800)], side=256)
    assert drawn.shape == (192, 256, 3)
    yellow = (drawn == (255, 230, 0)).all(axis=2)
    assert yellow[50, 126:130].any()
    assert not yellow[110:].any()


def test_overlay_of_an_empty_mask() -> None:
    picture = np.full((4, 4, 3), 9, dtype=np.uint8)
    assert (overlay(picture, np.zeros((4, 4), dtype=bool), side=16) == 9).all()


def test_lines_leave_the_gap_between_legs() -> None:
    """Four legs three drawn pixels apart: the picture is still seen between them, darkened at most."""
    picture = np.full((60, 80, 3), 200, dtype=np.uint8)
    mask = box_mask((10, 10, 60, 30), 60, 80)
    for x in (10, 16, 22, 28):
        mask |= box_mask((x, 30, x + 3, 50), 60, 80)
    drawn = overlay(picture, mask, colour=RED, side=80)
    gap = drawn[35:48, 13:16]
    assert (gap[..., 0] == gap[..., 1]).all(), "no colour between the legs"
    assert (gap[:, 1] == 200).all(), "and their middle as it was"
    assert (drawn[40, 10:13] == RED).any(axis=-1).any()


def test_lines_get_wider_with_the_picture() -> None:
    mask = box_mask((10, 10, 60, 30), 60, 80)
    picture = np.zeros((60, 80, 3), dtype=np.uint8)
    wide = [
        int((overlay(picture, mask, colour=RED, side=side)[side * 20 // 80, :, 0] == 255).sum()) for side in (320, 1280)
    ]
    assert wide[0] < wide[1]


def test_a_large_object_is_shown_in_the_whole_picture() -> None:
    assert window_round((0, 0, 50, 30), 60, 80, 256) is None
    picture = np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)
    mask = box_mask((5, 5, 60, 50), 60, 80)
    plain = overlay(picture, mask, mask, side=256)
    np.testing.assert_array_equal(close_up(picture, mask, mask, mask_box(mask), side=256), plain)
    nothing = np.zeros_like(mask)
    np.testing.assert_array_equal(close_up(picture, nothing, nothing, None, side=256), overlay(picture, side=256))


@given(st.data())
def test_a_window_holds_the_object_and_lies_in_the_picture(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 900)), data.draw(st.integers(1, 900))
    x0, y0 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    x1, y1 = data.draw(st.integers(x0 + 1, width)), data.draw(st.integers(y0 + 1, height))
    window = window_round((x0, y0, x1, y1), height, width, 256)
    if window is not None:
        left, top, right, bottom = window
        assert 0 <= left <= x0 < x1 <= right <= width
        assert 0 <= top <= y0 < y1 <= bottom <= height


@pytest.mark.parametrize("corner", [(0, 0), (370, 0), (0, 270), (370, 270)])
def test_a_small_object_is_drawn_from_near_and_where_it_is(corner: tuple[int, int]) -> None:
    x, y = corner
    picture = np.full((300, 400, 3), 90, dtype=np.uint8)
    mask = box_mask((x, y, x + 30, y + 30), 300, 400)
    drawn = close_up(picture, mask, mask, mask_box(mask), colour=RED, side=400)
    assert drawn.shape == (300, 400, 3)
    red = (drawn == RED).all(axis=2)
    far = (overlay(picture, mask, mask, colour=RED, side=400) == RED).all(axis=2)
    assert red.sum() > 2 * far.sum()
    frame = (drawn == 255).all(axis=2)
    assert frame.sum() > 2 * INSET * 400, "the small picture's frame"
    tinted = drawn[..., 0] > drawn[..., 1]
    assert tinted[~frame].sum() > 20 * mask.sum(), "the small picture does not hide the object"


def test_several_masks_in_one_picture_with_names() -> None:
    picture = np.full((300, 400, 3), 90, dtype=np.uint8)
    masks = [box_mask(box, 300, 400) for box in ((50, 60, 150, 250), (100, 100, 300, 200), (0, 0, 400, 300))]
    masks[2] &= False
    drawn = together(picture, masks, masks, ["dog", "a cat\non a mat", "nothing"], side=800)
    assert drawn.shape == (600, 800, 3)
    found = [(drawn == rank_colour(number)).all(axis=2) for number in range(3)]
    assert all(one.sum() > 300 for one in found), "a line, and the ground of a name, each in its own colour"
    assert found[0][200:400, 100:104].any()
    again = together(picture, masks, masks, ["dog", "a cat\non a mat", "nothing"], side=800, order=[1, 0, 2])
    over = slice(220, 380), slice(296, 300)  # the dog's right edge, inside the cat
    assert (again[over] == rank_colour(0)).all(axis=2).any()
    assert not (again == drawn).all()


def test_names_do_not_lie_over_each_other() -> None:
    picture = np.zeros((200, 300, 3), dtype=np.uint8)
    mask = box_mask((50, 60, 150, 150), 200, 300)
    drawn = together(picture, [mask] * 3, [mask] * 3, ["one", "two", "three"], side=300)
    areas = [(drawn == rank_colour(number)).all(axis=2).sum() for number in range(3)]
    assert min(areas) > 150
    long = together(picture, [mask], [mask], ["word " * 200], side=300)
    assert long.shape == (200, 300, 3)
