"""Windows hold what dense masks hold, under everything that is done with them."""

from __future__ import annotations

import pickle
import subprocess
import sys

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import masks, masks_of, sizes

from smartmask.geometry import (
    MaskWindow,
    WindowTooLargeError,
    mask_box,
    mask_iou,
    rle_decode,
    rle_encode,
    rle_of_window,
    window_of_rle,
)

pairs = sizes.flatmap(lambda size: st.tuples(masks_of(*size), masks_of(*size)))
several = sizes.flatmap(lambda size: st.lists(masks_of(*size), min_size=1, max_size=5))
wide = st.tuples(st.integers(1, 70), st.integers(1, 70)).flatmap(lambda size: masks_of(*size))


def same(window: MaskWindow, mask: np.ndarray) -> None:
    """The window is that of the mask: the same pixels, and its box is tight."""
    np.testing.assert_array_equal(window.dense(), mask)
    assert window.bounds == mask_box(mask)
    assert (window.shape, window.area, window.any()) == (mask.shape, int(mask.sum()), bool(mask.any()))


@given(wide)
def test_there_and_back(mask: np.ndarray) -> None:
    window = MaskWindow.of(mask)
    same(window, mask)
    x0, y0, x1, y1 = window.box
    np.testing.assert_array_equal(window.inside(), mask[y0:y1, x0:x1])
    again = pickle.loads(pickle.dumps(window))
    same(again, mask)


@given(masks, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_a_part_of_a_picture(inside: np.ndarray, left: int, up: int, right: int, down: int) -> None:
    dense = np.pad(inside, ((up, down), (left, right)))
    same(MaskWindow.within(dense.shape, left, up, inside), dense)


@given(wide, st.data())
def test_crops_are_those_of_the_mask(mask: np.ndarray, data: st.DataObject) -> None:
    window, (height, width) = MaskWindow.of(mask), mask.shape
    x0, x1 = sorted((data.draw(st.integers(-9, width + 9)), data.draw(st.integers(-9, width + 9))))
    y0, y1 = sorted((data.draw(st.integers(-9, height + 9)), data.draw(st.integers(-9, height + 9))))
    padded = np.pad(mask, 9)
    np.testing.assert_array_equal(window.crop(x0, y0, x1, y1), padded[y0 + 9 : y1 + 9, x0 + 9 : x1 + 9])
    rows = np.array(data.draw(st.lists(st.integers(-9, height + 8), max_size=8)), dtype=int)
    columns = np.array(data.draw(st.lists(st.integers(-9, width + 8), max_size=8)), dtype=int)
    np.testing.assert_array_equal(window.at(rows, columns), padded[rows + 9][:, columns + 9])
    count = min(len(rows), len(columns))
    x, y = columns[:count] + 0.25, rows[:count] + 0.75
    np.testing.assert_array_equal(window.sample(x, y), padded[rows[:count] + 9, columns[:count] + 9])


@given(pairs)
def test_two_masks(pair: tuple[np.ndarray, np.ndarray]) -> None:
    (a, b), (first, second) = pair, map(MaskWindow.of, pair)
    same(first & second, a & b)
    same(first | second, a | b)
    same(first - second, a & ~b)
    assert first.shared(second) == int((a & b).sum())
    assert first.iou(second) == mask_iou(a, b)


@given(several)
def test_what_others_leave(masks: list[np.ndarray]) -> None:
    first, *others = masks
    left = MaskWindow.of(first).without([MaskWindow.of(other) for other in others])
    same(left, first & ~np.any([np.zeros_like(first), *others], axis=0))


@given(several)
def test_painting(masks: list[np.ndarray]) -> None:
    painted = np.zeros(masks[0].shape, dtype=np.int16)
    expected = painted.copy()
    for number, mask in enumerate(masks, 1):
        MaskWindow.of(mask).paint_into(painted, number)
        expected[mask] = number
    np.testing.assert_array_equal(painted, expected)


@given(wide, st.integers(1, 20), st.integers(1, 20))
def test_how_much_of_each_cell_is_covered(mask: np.ndarray, rows: int, columns: int) -> None:
    found = MaskWindow.of(mask).cover(rows, columns)
    assert found.shape == (rows, columns)
    fine = mask.repeat(rows, axis=0).repeat(columns, axis=1).astype(float)  # each cell is whole pixels of this
    expected = fine.reshape(rows, mask.shape[0], columns, mask.shape[1]).mean(axis=(1, 3))
    np.testing.assert_allclose(found, expected, atol=1e-6)


@given(wide, st.data())
def test_cover_of_a_part(mask: np.ndarray, data: st.DataObject) -> None:
    height, width = mask.shape
    x0, y0 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    x1, y1 = data.draw(st.integers(x0 + 1, width)), data.draw(st.integers(y0 + 1, height))
    rows, columns = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))
    expected = MaskWindow.of(mask[y0:y1, x0:x1]).cover(rows, columns)
    np.testing.assert_allclose(MaskWindow.of(mask).cover(rows, columns, (x0, y0, x1, y1)), expected, atol=1e-6)


def test_cover_is_what_area_scaling_gives() -> None:
    rng = np.random.default_rng(3)
    mask = cv2.GaussianBlur(rng.random((301, 407)), (0, 0), 9) > 0.5
    expected = cv2.resize(mask.astype(np.float32), (64, 48), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(MaskWindow.of(mask).cover(48, 64), expected, atol=1e-4)


@given(wide)
def test_run_lengths(mask: np.ndarray) -> None:
    window, code = MaskWindow.of(mask), rle_encode(mask)
    assert rle_of_window(window) == code
    same(window_of_rle(code), mask)
    np.testing.assert_array_equal(rle_decode(rle_of_window(window)), mask)


@given(masks, st.integers(0, 3))
def test_run_lengths_with_empty_runs(mask: np.ndarray, empty: int) -> None:
    """Counts of zero in between, which COCO allows, part runs that go on."""
    flat = mask.T.ravel().tolist()
    counts = [0]
    for number, pixel in enumerate(flat):
        if pixel != (len(counts) % 2 == 0):
            counts.append(0)
        counts[-1] += 1
        if empty and number % (empty + 1) == 0:
            counts += [0, 0]
    same(window_of_rle({"size": list(mask.shape), "counts": counts}), mask)


def test_a_box_too_large_is_told_before_it_is_made() -> None:
    full = rle_encode(np.ones((1000, 1000), dtype=bool))
    with pytest.raises(WindowTooLargeError, match="1,000,000 pixels, more than 999,999"):
        window_of_rle(full, 999_999)
    assert window_of_rle(full, 1_000_000).area == 1_000_000


def test_the_dense_mask_is_kept_while_somebody_holds_it() -> None:
    window = MaskWindow.of(np.eye(3, dtype=bool))
    held = window.dense()
    assert window.dense() is held
    with pytest.raises(ValueError, match="read-only"):
        held[0, 0] = False


def test_a_window_of_a_large_picture_takes_what_its_box_takes() -> None:
    """100 masks of 100 x 100 pixels in 100 megapixels: dense they would be 10 GB."""
    script = """
import resource
from smartmask.geometry import MaskWindow, rle_of_window, window_of_rle
import numpy as np
resource.setrlimit(resource.RLIMIT_AS, (1_500_000_000,) * 2)
side = np.ones((100, 100), bool)
kept = [MaskWindow.within((10_000, 10_000), 99 * i, 99 * i, side) for i in range(100)]
codes = [rle_of_window(window) for window in kept]
again = [window_of_rle(code) for code in codes]
assert sum((a & b).area for a, b in zip(kept, again)) == 1_000_000
assert sum((a - b).area for a, b in zip(kept, again[1:])) == 99 * (10_000 - 1)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
