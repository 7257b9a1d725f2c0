"""Composition: whatever is painted, every pixel outside the mask stays as it was, bit for bit."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from strategies import masks_of, sizes

from smartmask.geometry import mask_box
from smartmask.image.composition import (
    Window,
    blend,
    compose,
    contact_shadow,
    crop_window,
    feather_weights,
    match_colours,
    painted_layer,
    resize,
    resize_mask,
    ring,
    side_size,
)
from smartmask.image.photo import Photo

feathers = st.sampled_from([0.0, 0.3, 1.0, 2.0, 7.5])


@st.composite
def paintings(draw: st.DrawFn) -> tuple[Photo, np.ndarray, np.ndarray, np.ndarray | None, Window]:
    """(photo, image, mask, alpha, window) of random pixels, depth, mode and place."""
    height, width = draw(sizes)
    dtype = draw(st.sampled_from([np.uint8, np.uint16]))
    pixels = draw(hnp.arrays(dtype, (height, width, draw(st.integers(1, 4)))))
    x0, y0 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    window = Window(x0, y0, draw(st.integers(x0 + 1, width)), draw(st.integers(y0 + 1, height)))
    shape = window.height, window.width
    image = draw(hnp.arrays(np.uint8, (*shape, 3)))
    mask = draw(masks_of(*shape))
    alpha = draw(st.none() | hnp.arrays(np.float32, shape, elements=st.floats(0, 1, width=32)))
    return Photo(pixels), image, mask, alpha, window


@given(paintings(), feathers)
def test_nothing_outside_the_mask_changes(painting: tuple, feather: float) -> None:
    photo, image, mask, alpha, window = painting
    before = photo.pixels.copy()
    result = compose(photo, image, mask, window, feather, alpha)
    outside = np.ones((photo.height, photo.width), dtype=bool)
    outside[window.slices] = ~mask
    np.testing.assert_array_equal(result.pixels[outside], before[outside])
    np.testing.assert_array_equal(photo.pixels, before)
    assert result.pixels.dtype == before.dtype


@given(paintings())
def test_without_feather_the_painting_is_there(painting: tuple) -> None:
    photo, image, mask, _, window = painting
    drawn = compose(photo, image, mask, window, feather=0).pixels[window.slices][mask]
    scale = 257 if photo.bits == 16 else 1
    if photo.pixels.shape[2] >= 3:
        np.testing.assert_array_equal(drawn[:, :3], image[mask].astype(int) * scale)
    else:
        luma = image[mask].astype(float) @ [0.299, 0.587, 0.114] * scale
        assert np.abs(drawn[:, 0] - luma).max(initial=0) <= 0.51 * scale
    if photo.has_alpha:
        assert (drawn[:, -1] == np.iinfo(drawn.dtype).max).all()


def test_over_is_linear_between_photo_and_painting() -> None:
    photo = Photo(np.full((1, 1, 3), 100, dtype=np.uint8))
    image = np.full((1, 1, 3), 200, dtype=np.uint8)
    result = compose(photo, image, np.ones((1, 1), bool), feather=0, alpha=np.full((1, 1), 0.5))
    assert result.pixels[0, 0, 0] == 150
    clear = Photo(np.array([[[100, 100, 100, 0]]], dtype=np.uint8))
    over_nothing = compose(clear, image, np.ones((1, 1), bool), feather=0, alpha=np.full((1, 1), 0.5))
    assert over_nothing.pixels.tolist() == [[[200, 200, 200, 128]]], "what is transparent has no colour to mix in"


def test_feather_fades_inside_over_its_width() -> None:
    mask = np.zeros((40, 40), dtype=bool)
    mask[10:, 10:30] = True
    weights = feather_weights(mask, 4)
    assert not weights[~mask].any()
    assert weights[25, 10:15].tolist() == [32, 96, 159, 223, 255]
    assert (weights[39, 14:26] == 255).all(), "the photo's border is no edge"
    assert (feather_weights(mask, 0) == mask * 255).all()
    assert (feather_weights(np.ones((3, 3), bool), 9) == 255).all()


def test_haze_is_no_object() -> None:
    mask = np.ones((2, 2), dtype=bool)
    weights = feather_weights(mask, 0, np.array([[0.02, 0.5], [1.0, 0.04]], dtype=np.float32))
    assert weights.tolist() == [[0, 128], [255, 10]]


@pytest.mark.parametrize("width", [-1, float("nan"), float("inf")])
def test_bad_feather(width: float) -> None:
    with pytest.raises(ValueError, match=r"feather is .* from 0 on"):
        feather_weights(np.ones((2, 2), dtype=bool), width)


def test_sizes_must_agree() -> None:
    photo = Photo(np.zeros((4, 4, 3), dtype=np.uint8))
    with pytest.raises(ValueError, match="mask is 3x4, but its window is 4x4"):
        compose(photo, np.zeros((4, 4, 3), np.uint8), np.ones((4, 3), bool))


@given(sizes, st.data())
def test_windows_hold_the_object(size: tuple[int, int], data: st.DataObject) -> None:
    height, width = size[0] * 20, size[1] * 20
    x0, y0 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    box = x0, y0, data.draw(st.integers(x0 + 1, width)), data.draw(st.integers(y0 + 1, height))
    window = crop_window(box, height, width)
    assert 0 <= window.x0 <= box[0]
    assert box[2] <= window.x1 <= width
    assert 0 <= window.y0 <= box[1]
    assert box[3] <= window.y1 <= height
    margin = [box[0] - window.x0, box[1] - window.y0, window.x1 - box[2], window.y1 - box[3]]
    at_border = [window.x0 == 0, window.y0 == 0, window.x1 == width, window.y1 == height]
    assert all(m >= 15 or border for m, border in zip(margin, at_border, strict=True))


def test_windows_are_square_where_the_photo_allows() -> None:
    assert crop_window((100, 100, 140, 300), 1000, 1000) == Window(0, 0, 400, 400)
    assert crop_window((500, 500, 510, 520), 1000, 1000) == Window(479, 484, 531, 536)
    assert crop_window((0, 0, 40, 40), 50, 1000) == Window(0, 0, 80, 50)


def test_sides() -> None:
    assert side_size(300, 600, 512) == (256, 512)
    assert side_size(300, 600, None) == (300, 600)
    assert side_size(1, 5000, 64) == (1, 64)


@given(sizes, sizes, st.data())
def test_resized_masks_never_vanish(size: tuple[int, int], target: tuple[int, int], data: st.DataObject) -> None:
    mask = data.draw(masks_of(*size))
    scaled = resize_mask(mask, *target)
    assert scaled.shape == target
    assert scaled.any() == mask.any()
    if mask.all():
        assert scaled.all()


def test_resize_both_ways() -> None:
    image = np.full((6, 4, 3), 77, dtype=np.uint8)
    assert (resize(image, 3, 9) == 77).all()
    assert resize(image, 6, 4) is image


def test_layers_give_the_same_photo() -> None:
    """The photo and the layer's file are all that is needed to compose again, as an editor would."""
    rng = np.random.default_rng(1)
    photo = Photo(rng.integers(0, 256, (12, 15, 3), dtype=np.uint8))
    window = Window(3, 2, 13, 11)
    image = rng.integers(0, 256, (9, 10, 3), dtype=np.uint8)
    mask = np.zeros((9, 10), dtype=bool)
    mask[2:8, 1:9] = True
    layer = painted_layer("dog", "object", window, image, mask, 3.0)
    pixels = photo.pixels.copy()
    blend(pixels, layer)
    full = layer.full(12, 15).astype(float)
    weight = full[..., 3:] / 255
    np.testing.assert_array_equal(pixels, np.rint(full[..., :3] * weight + photo.pixels * (1 - weight)))


def test_colours_move_to_the_reference() -> None:
    rng = np.random.default_rng(0)
    reference = np.clip(rng.normal(90, 20, (40, 40, 1)) + np.array([30, 0, -30]), 0, 255).astype(np.uint8)
    dull = np.clip(reference.astype(int) // 2 + 90, 0, 255).astype(np.uint8)
    everywhere = np.ones((40, 40), dtype=bool)
    matched = match_colours(dull, everywhere, reference, everywhere)
    error, before = np.abs(matched.astype(int) - reference).mean(), np.abs(dull.astype(int) - reference).mean()
    assert error < before / 3
    same = match_colours(reference, everywhere, reference, everywhere)
    assert np.abs(same.astype(int) - reference).max() <= 2
    few = np.zeros_like(everywhere)
    assert match_colours(dull, few, reference, everywhere) is dull


def test_ring_lies_round_the_mask() -> None:
    mask = np.zeros((100, 100), dtype=bool)
    mask[40:60, 40:60] = True
    around = ring(mask)
    assert not (around & mask).any()
    assert mask_box(around) == (25, 25, 75, 75)


def test_shadow_lies_on_the_ground_by_the_object() -> None:
    mask = np.zeros((100, 100), dtype=bool)
    mask[20:80, 40:60] = True
    covered = np.zeros_like(mask)
    covered[:, 55:] = True
    shadow = contact_shadow(mask, covered, Window(0, 0, 100, 100))
    opacity = shadow.rgba[..., 3]
    assert not shadow.applied, "a shadow changes the photo only when asked for"
    assert not opacity[mask | covered].any()
    assert opacity[80, 50] > 60
    assert not opacity[:60].any()
    assert not opacity[95:].any()
    assert not shadow.rgba[..., :3].any()


@pytest.mark.slow
def test_24_megapixels_in_bounded_memory() -> None:
    """A crop in a 24-megapixel photo costs one copy of the photo and work on the crop."""
    photo = Photo(np.zeros((4000, 6000, 3), dtype=np.uint8))
    window = crop_window((2000, 1000, 3000, 2200), 4000, 6000)
    mask = np.zeros((window.height, window.width), dtype=bool)
    mask[600:1800, 600:1600] = True
    image = np.full((*mask.shape, 3), 200, dtype=np.uint8)
    tracemalloc.start()
    try:
        pixels = compose(photo, image, mask, window).pixels
        around = ring(mask)
        match_colours(image, mask, image, around)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert pixels[1500, 2500].tolist() == [200] * 3
    assert peak < photo.pixels.nbytes + 32 * mask.size, f"{peak / 1e6:.0f} MB"


@pytest.mark.slow
def test_an_object_that_fills_the_photo() -> None:
    """Floating point work goes in bands: its memory does not grow with the object."""
    photo = Photo(np.zeros((2000, 6000, 3), dtype=np.uint8))
    image = np.full((2000, 6000, 3), 9, dtype=np.uint8)
    mask = np.ones((2000, 6000), dtype=bool)
    tracemalloc.start()
    try:
        pixels = compose(photo, image, mask).pixels
        match_colours(image, mask, image, mask)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (pixels == 9).all()
    assert peak < 32 * mask.size, f"{peak / 1e6:.0f} MB"
