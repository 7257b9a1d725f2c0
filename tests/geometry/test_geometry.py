"""Masks, boxes, run lengths and polygons."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pycocotools import mask as coco
from strategies import boxes, masks

from smartmask.geometry import (
    box_iou,
    box_mask,
    components,
    mask_box,
    mask_iou,
    polygons_to_mask,
    rle_decode,
    rle_encode,
    scale_box,
    signed_distance,
)

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools' decode
RING = np.pad(np.zeros((2, 3), dtype=bool), 1, constant_values=True)
DIAGONAL = np.eye(4, dtype=bool)
EMPTY, FULL = np.zeros((3, 5), dtype=bool), np.ones((3, 5), dtype=bool)


def area_of(polygon: np.ndarray) -> float:
    x, y = polygon.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def uncompressed(mask: np.ndarray) -> list[int]:
    """COCO's plain counts, column by column, the first run of zeros: written out the slow way."""
    counts, value = [0], False
    for pixel in mask.T.ravel():
        if pixel != value:
            counts.append(0)
            value = bool(pixel)
        counts[-1] += 1
    return counts


@given(masks)
def test_mask_box_is_the_tightest_box(mask: np.ndarray) -> None:
    box = mask_box(mask)
    if not mask.any():
        assert box is None
        return
    assert box is not None
    x0, y0, x1, y1 = (int(edge) for edge in box)
    inside = box_mask(box, *mask.shape)
    assert not (mask & ~inside).any()
    assert inside.sum() == (x1 - x0) * (y1 - y0)
    for edge in (mask[y0], mask[y1 - 1], mask[:, x0], mask[:, x1 - 1]):
        assert edge.any()


def test_a_box_holds_the_pixels_whose_centres_it_holds() -> None:
    assert box_mask((1, 0, 3, 2), 2, 4).tolist() == [[False, True, True, False]] * 2
    assert box_mask((0.5, 0, 2.5, 1), 1, 4).tolist() == [[True, True, False, False]]  # x1 is exclusive
    assert box_mask((-9, -9, 99, 99), 3, 5).all()
    assert not box_mask((4, 0, 9, 3), 3, 4).any()


@given(boxes(), st.floats(0.1, 4))
def test_scale_box_keeps_the_centre(box: tuple[float, float, float, float], factor: float) -> None:
    scaled = scale_box(box, factor)
    assert scaled[0] + scaled[2] == pytest.approx(box[0] + box[2])
    assert scaled[3] - scaled[1] == pytest.approx((box[3] - box[1]) * factor)
    smaller, larger = min(factor, 1 / factor), max(factor, 1 / factor)
    assert box_iou(box, scaled) == pytest.approx(smaller / larger, abs=1e-6)


@given(boxes(), boxes())
def test_box_iou_is_symmetric_and_bounded(a: tuple, b: tuple) -> None:
    assert box_iou(a, b) == box_iou(b, a)
    assert 0 <= box_iou(a, b) <= 1 + 1e-9
    assert box_iou(a, a) == pytest.approx(1)


def test_mask_iou() -> None:
    assert mask_iou(EMPTY, EMPTY) == 1
    assert mask_iou(EMPTY, FULL) == 0
    assert mask_iou(FULL, box_mask((0, 0, 5, 1), 3, 5)) == pytest.approx(1 / 3)


@given(masks)
@example(EMPTY)
@example(FULL)
def test_rle_is_cocos(mask: np.ndarray) -> None:
    theirs = coco.encode(np.asfortranarray(mask, dtype=np.uint8))
    assert rle_encode(mask) == {"size": list(mask.shape), "counts": theirs["counts"].decode()}
    for rle in (rle_encode(mask), theirs, {"size": mask.shape, "counts": uncompressed(mask)}):
        decoded = rle_decode(rle)
        assert decoded.dtype == np.bool_
        assert np.array_equal(decoded, mask)


def test_rle_of_a_photo_sized_mask() -> None:
    """Long runs need several characters, falling ones a sign."""
    rng = np.random.default_rng(0)
    mask = np.zeros((480, 640), dtype=bool)
    for x, y, w, h in rng.integers(0, 400, (12, 4)):
        mask[y : y + h, x : x + w] ^= True
    assert np.array_equal(rle_decode(rle_encode(mask)), mask)
    assert np.array_equal(coco.decode(rle_encode(mask)).astype(bool), mask)


@pytest.mark.parametrize(
    "counts", [[3, 4], [20, -4, -1], [16], "", "0", "zzzz", "52203", "P", "~~", "é", "hhhhhhhhhh0"]
)
def test_rle_that_does_not_fill_the_picture_is_an_error(counts: list[int] | str) -> None:
    with pytest.raises(ValueError, match="RLE"):
        rle_decode({"size": [3, 5], "counts": counts})


def test_polygons_to_mask_takes_the_union_and_skips_lines() -> None:
    squares = [np.array([[0, 0], [2, 0], [2, 2], [0, 2]]), np.array([[1, 1], [3, 1], [3, 3], [1, 3]])]
    expected = box_mask((0, 0, 2, 2), 3, 4) | box_mask((1, 1, 3, 3), 3, 4)
    assert np.array_equal(polygons_to_mask(squares, 3, 4), expected)
    assert not polygons_to_mask([np.array([[0, 0], [3, 3]])], 3, 4).any()
    assert not polygons_to_mask([], 3, 4).any()


@given(masks)
def test_signed_distance_has_the_masks_sign(mask: np.ndarray) -> None:
    distance = signed_distance(mask)
    assert distance.dtype == np.float32
    assert np.array_equal(distance > 0, mask)
    assert np.array_equal(signed_distance(~mask), -distance)


def test_signed_distance_is_zero_on_pixel_edges() -> None:
    distance = signed_distance(np.array([[0, 0, 1, 1, 1, 1]] * 9, dtype=bool))
    assert distance[4].tolist() == [-1.5, -0.5, 0.5, 1.5, 2.5, 3.5]


@given(masks, st.integers(1, 4))
def test_components_are_the_masks_parts(mask: np.ndarray, min_area: int) -> None:
    parts = components(mask)
    assert np.array_equal(sum((part.astype(int) for part in parts), np.zeros(mask.shape, int)), mask.astype(int))
    areas = [int(part.sum()) for part in parts]
    assert areas == sorted(areas, reverse=True)
    assert [int(part.sum()) for part in components(mask, min_area)] == [area for area in areas if area >= min_area]


def test_components_join_at_corners() -> None:
    assert len(components(DIAGONAL)) == 1
    assert len(components(np.array([[1, 0, 1]], dtype=bool))) == 2


@pytest.mark.parametrize("counts", [[2**62, 2**62, 2**62, 2**62, 12], [-(2**62), 2**62, 12], [13], [2**63 - 1, 13]])
def test_run_lengths_that_wrap_round_are_refused(counts: list[int]) -> None:
    """Their sum can be right and their parts beyond any memory: the process would die."""
    with pytest.raises(ValueError, match="RLE counts"):
        rle_decode({"size": [3, 4], "counts": counts})
