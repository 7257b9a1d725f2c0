"""Pools: outlines with their mirror images, upper parts, groups side by side."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outlined import lump, made_memory, record, ring, table

from smartmask.geometry import mask_iou
from smartmask.masks.exemplar.memory import CELLS, remember
from smartmask.masks.exemplar.outline import fill, place, trace
from smartmask.masks.exemplar.pool import LOWEST, group_pool, pool_of, upper, upper_pool

MEMORY = made_memory(8, ["dog", "cat"])
POOL = pool_of(MEMORY, np.arange(16))


# --- single outlines -----------------------------------------------------------------------------


def test_each_outline_and_its_mirror_image() -> None:
    pool = pool_of(MEMORY, np.array([3, 5]))
    assert pool.rows.tolist() == [3, 3, 5, 5]
    assert pool.mirrored.tolist() == [False, True] * 2
    np.testing.assert_array_equal(pool.cells[1], pool.cells[0][:, ::-1])
    np.testing.assert_allclose(pool.aspects, MEMORY.aspects(pool.rows))
    for index in range(4):
        np.testing.assert_array_equal(pool.outline(MEMORY, index).cells(CELLS), pool.cells[index])


def test_some_of_a_pool() -> None:
    part = POOL.take(np.array([9, 2]))
    assert part.rows.tolist() == [4, 1]
    np.testing.assert_array_equal(part.cells, POOL.cells[[9, 2]])
    assert len(pool_of(MEMORY, np.zeros(0, np.int64))) == 0


# --- upper parts ---------------------------------------------------------------------------------


@given(st.integers(0, 200), st.floats(0.1, 0.95))
def test_the_upper_part_is_what_lies_above(seed: int, share: float) -> None:
    mask = lump(seed, 90, 60)
    outline = trace(mask)
    part = upper(outline, share)
    side = 400
    whole = outline.cells(side)[: round(side * share)]
    columns = np.flatnonzero(whole.any(axis=0))
    rows = np.flatnonzero(whole.any(axis=1))
    wanted = whole[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = wanted.shape
    found = fill([loop * (width, height) for loop in part.loops], height, width)
    assert mask_iou(found, wanted) > 0.9
    assert part.aspect == pytest.approx(outline.aspect * width / height, rel=0.1)


def test_all_of_it_and_holes() -> None:
    outline = trace(ring())
    whole = upper(outline, 1.0)
    assert whole.aspect == pytest.approx(outline.aspect)
    np.testing.assert_array_equal(whole.cells(64), outline.cells(64))
    half = upper(outline, 0.5)
    assert len(half.loops) == 2  # the hole is cut too
    assert not half.cells(64)[-4, 32]


def test_a_pool_of_upper_parts() -> None:
    rows = np.array([2, 4])
    pool = upper_pool(MEMORY, rows, 0.4)
    assert pool.rows.tolist() == [2, 2, 4, 4]
    assert pool.top == 0.4
    for index in range(4):
        outline = pool.outline(MEMORY, index)
        assert outline.aspect == pytest.approx(pool.aspects[index])
        assert (outline.cells(CELLS) ^ pool.cells[index]).mean() < 0.02
    assert (pool.aspects > pool_of(MEMORY, rows).aspects).all()  # a bust is wider for its height


# --- groups --------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [2, 3, 6])
@pytest.mark.parametrize("aspect", [None, 2.0])
def test_groups_are_of_so_many(number: int, aspect: float | None) -> None:
    pool = group_pool(MEMORY, POOL, number, aspect)
    assert pool.members is not None
    assert len(pool) == len(pool.members) == len(pool.cells) > 0
    for group, cells in zip(pool.members, pool.cells, strict=True):
        assert len(group) == number
        boxes = np.array([member.box for member in group])
        assert boxes.min() >= 0
        assert boxes.max() <= 1 + 1e-9
        assert boxes[:, 0].min() == pytest.approx(0)
        assert boxes[:, 2].max() == pytest.approx(1)
        assert boxes[:, 3].max() == pytest.approx(1, abs=0.07)  # on one ground
        heights = boxes[:, 3] - boxes[:, 1]
        assert heights.min() >= LOWEST - 0.07
        order = np.argsort(boxes[:, 0])
        overlap = boxes[order][:-1, 2] - boxes[order][1:, 0]
        assert (overlap < 0.5 * (boxes[:, 2] - boxes[:, 0]).max()).all()  # side by side
        assert cells.any(axis=1).mean() > 0.9


def test_the_same_groups_each_time() -> None:
    a, b = group_pool(MEMORY, POOL, 3, 2.5), group_pool(MEMORY, POOL, 3, 2.5)
    assert a.members == b.members
    np.testing.assert_array_equal(a.cells, b.cells)


def test_a_group_of_the_few_there_are() -> None:
    memory = remember([record(lump(0))])
    pool = group_pool(memory, pool_of(memory, np.array([0])), 5, None)
    assert pool.members is not None
    assert all(len(group) == 5 for group in pool.members)


def test_groups_have_the_shape_of_their_box() -> None:
    wide, high = group_pool(MEMORY, POOL, 2, 6.0), group_pool(MEMORY, POOL, 2, 0.5)
    assert np.median(wide.aspects) > np.median(high.aspects)


@pytest.mark.parametrize("index", [0, 7, 20])
def test_the_outline_of_a_group_is_all_its_members(index: int) -> None:
    pool = group_pool(MEMORY, POOL, 2, None)
    outline = pool.outline(MEMORY, index)
    assert outline.aspect == pytest.approx(pool.aspects[index])
    assert mask_iou(outline.cells(CELLS), pool.cells[index]) > 0.85
    part = pool.take(np.array([index]))
    assert part.members == (pool.members or ())[index : index + 1]


def test_members_that_overlap_leave_no_hole() -> None:
    """Two tables that overlap: an odd-even fill of both would cut out what they share."""
    memory = remember([record(table(60, 90), "table")])
    pool = group_pool(memory, pool_of(memory, np.array([0])), 2, None)
    assert pool.members is not None
    side = 200
    for index, group in enumerate(pool.members):
        drawn = [fill(place(memory.outline(0), tuple(side * edge for edge in m.box)), side, side) for m in group]  # type: ignore[arg-type]
        found = pool.outline(memory, index).cells(side)
        assert mask_iou(found, drawn[0] | drawn[1]) > 0.93
        both = drawn[0] & drawn[1]
        assert not both.any() or found[both].mean() > 0.9
