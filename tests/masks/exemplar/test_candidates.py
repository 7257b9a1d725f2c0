"""Candidates: outlines in the boxes that guides allow them, weighed in whole numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from drawn import block
from hypothesis import given
from hypothesis import strategies as st
from outlined import made_memory, record, table
from strategies import boxes

from smartmask.geometry import MaskWindow
from smartmask.guides import Box, Guide, MaskGuide, Point, Scribble
from smartmask.masks.exemplar import candidates as found
from smartmask.masks.exemplar.asked import compile_guides
from smartmask.masks.exemplar.candidates import (
    MOST,
    PLACES,
    STROKE,
    Candidates,
    by_moments,
    going_on,
    guided,
    in_box,
    in_boxes,
    nats,
    near_box,
)
from smartmask.masks.exemplar.choose import UNITS
from smartmask.masks.exemplar.memory import CELLS, remember
from smartmask.masks.exemplar.pool import pool_of

H, W = 120, 160
MEMORY = made_memory(10, ["dog", "cat"])
POOL = pool_of(MEMORY, np.arange(20))


def aspects(candidates: Candidates) -> np.ndarray:
    size = candidates.boxes[:, 2:] - candidates.boxes[:, :2]
    return size[:, 0] / size[:, 1]


# --- in a box ------------------------------------------------------------------------------------


@given(boxes())
def test_an_exact_box_is_filled_as_far_as_stretching_goes(box: tuple[float, float, float, float]) -> None:
    candidates = in_box(POOL, box)
    x0, y0, x1, y1 = candidates.boxes.T
    assert (x0 >= box[0] - 1e-6).all()
    assert (x1 <= box[2] + 1e-6).all()
    assert (y0 >= box[1] - 1e-6).all()
    np.testing.assert_allclose(y1, box[3])  # all stand on its lower edge
    np.testing.assert_allclose((x0 + x1) / 2, (box[0] + box[2]) / 2, atol=1e-6)
    wide, high = np.isclose(x1 - x0, box[2] - box[0]), np.isclose(y1 - y0, box[3] - box[1])
    assert (wide | high).all()
    assert (np.abs(candidates.stretch) <= MOST + 1e-9).all()
    np.testing.assert_allclose(np.log(aspects(candidates)), np.log(POOL.aspects) + candidates.stretch, atol=1e-6)
    full = np.abs(np.log((box[2] - box[0]) / (box[3] - box[1])) - np.log(POOL.aspects)) < MOST
    assert (wide & high)[full].all()


@given(boxes())
def test_a_suggested_box_gives_its_height_or_area_and_ground(box: tuple[float, float, float, float]) -> None:
    candidates = near_box(POOL, box)
    width, height = (candidates.boxes[:, 2:] - candidates.boxes[:, :2]).T
    asked = box[3] - box[1]
    slim = width / height < (box[2] - box[0]) / asked  # as high as the box; wider ones have its area
    np.testing.assert_allclose(height[slim], asked, rtol=1e-6)
    np.testing.assert_allclose((width * height)[~slim], (box[2] - box[0]) * asked, rtol=1e-6)
    np.testing.assert_allclose(candidates.boxes[:, 3], box[3])
    np.testing.assert_allclose(np.log(aspects(candidates)), np.log(POOL.aspects) + candidates.stretch, atol=1e-6)


@given(boxes(), st.sampled_from([in_box, near_box]))
def test_what_needs_no_stretching_is_weighed_best(box: tuple[float, float, float, float], place: object) -> None:
    candidates = place(POOL, box)  # type: ignore[operator]
    off = np.abs(np.log((box[2] - box[0]) / (box[3] - box[1])) - np.log(POOL.aspects))
    assert candidates.units.dtype == np.int64
    assert candidates.units.max() <= 0
    assert candidates.units[off.argmin()] == candidates.units.max()
    order = np.argsort(off, kind="stable")
    assert (np.diff(candidates.units[order]) <= 0).all()


def test_a_shape_in_its_own_box_is_as_it_was() -> None:
    memory = remember([record(table(60, 90), "table")])
    pool = pool_of(memory, np.array([0]))
    width, height = memory.size[0].tolist()
    for place in (in_box, near_box):
        candidates = place(pool, (5.0, 5.0, 5.0 + width, 5.0 + height))
        np.testing.assert_allclose(candidates.boxes, [[5, 5, 5 + width, 5 + height]] * 2)
        np.testing.assert_allclose(candidates.stretch, 0, atol=1e-9)
        assert candidates.units.tolist() == [0, 0]


# --- in guessed boxes ----------------------------------------------------------------------------


def test_each_shape_takes_the_guesses_that_suit_it() -> None:
    guesses = [(0.0, 0.0, 10.0, 40.0), (0.0, 0.0, 20.0, 20.0), (0.0, 0.0, 40.0, 10.0), (5.0, 5.0, 25.0, 25.0)]
    candidates = in_boxes(POOL, guesses, np.zeros(4, np.int64), keep=2)
    assert candidates.shapes.tolist() == np.repeat(np.arange(len(POOL)), 2).tolist()
    off = np.abs(np.log(aspects(candidates)) - np.log(POOL.aspects[candidates.shapes]))
    np.testing.assert_allclose(off, np.abs(candidates.stretch), atol=1e-9)
    for shape in range(len(POOL)):
        every = sorted(abs(math.log((b[2] - b[0]) / (b[3] - b[1])) - math.log(POOL.aspects[shape])) for b in guesses)
        assert sorted(off[2 * shape : 2 * shape + 2])[0] == pytest.approx(every[0])


def test_a_likelier_guess_wins() -> None:
    guesses = [(0.0, 0.0, 20.0, 20.0), (50.0, 0.0, 70.0, 20.0)]
    candidates = in_boxes(POOL, guesses, np.array([0, 500]), keep=1)
    assert (candidates.boxes[:, 0] == 50).all()
    assert len(in_boxes(POOL, guesses, np.array([0, 500]), keep=9)) == 2 * len(POOL)


# --- by moments ----------------------------------------------------------------------------------


@given(st.floats(10, 150), st.floats(10, 110), st.floats(3, 40), st.floats(3, 40))
def test_the_mass_lies_where_the_guide_has_it(cx: float, cy: float, sx: float, sy: float) -> None:
    candidates = by_moments(POOL, (cx, cy, sx, sy))
    steps = (np.arange(CELLS) + 0.5) / CELLS
    for index in range(0, len(POOL), 7):
        cells, (x0, y0, x1, y1) = POOL.cells[index], candidates.boxes[index]
        rows, columns = np.nonzero(cells)
        x, y = x0 + steps[columns] * (x1 - x0), y0 + steps[rows] * (y1 - y0)
        np.testing.assert_allclose((x.mean(), y.mean()), (cx, cy), rtol=1e-6)
        np.testing.assert_allclose(x.std() * y.std(), sx * sy, rtol=1e-6)  # what cannot be stretched is shared
        if abs(candidates.stretch[index]) < MOST - 1e-9:
            np.testing.assert_allclose((x.std(), y.std()), (sx, sy), rtol=1e-6)


# --- guides --------------------------------------------------------------------------------------


def agreement(guides: list[Guide], boxes: list[list[float]], barred: list[Guide] | None = None) -> np.ndarray:
    """Units of a filled square in some boxes."""
    cells = np.ones((len(boxes), CELLS, CELLS), dtype=bool)
    return guided(compile_guides(guides, barred or [], H, W), cells, np.array(boxes, np.float64))


def test_covering_a_stroke_is_better_than_half_of_it_and_that_than_none() -> None:
    line = Scribble([(40.0, 60.0), (120.0, 60.0)], 4)
    whole, half, none = agreement([line], [[30, 30, 130, 90], [30, 30, 80, 90], [0, 0, 20, 20]])
    assert whole == 0
    assert half == pytest.approx(-STROKE * UNITS / 2, rel=0.1)
    assert none == -STROKE * UNITS


def test_a_painted_mask_is_met_not_merely_covered() -> None:
    paint = MaskGuide(block(H, W, 40, 30, 120, 90))
    same, large, small, off = agreement(
        [paint], [[42, 32, 118, 88], [0, 0, 160, 120], [70, 50, 90, 70], [0, 95, 30, 120]]
    )
    assert same > large > off
    assert same > small > off
    assert off == -round(found.PAINT * UNITS)


def test_what_is_unknown_neither_costs_nor_counts() -> None:
    whole = table(60, 90)
    pool = pool_of(remember([record(whole), record(whole[:, :50], number=1)], ()), np.arange(2))
    painted, front = np.zeros((H, W), bool), block(H, W, 80, 10, 150, 110)
    painted[30:90, 30:120] = whole
    painted &= ~front
    hidden = compile_guides([MaskGuide(painted)], [], H, W, fronts={0: MaskWindow.of(front)})
    known = compile_guides([MaskGuide(painted)], [], H, W)
    box = np.array([[30.0, 30.0, 120.0, 90.0]])
    cells = pool.cells[:1]
    assert guided(hidden, cells, box)[0] > guided(known, cells, box)[0] + 2 * UNITS, "what lies behind is free"
    elsewhere = box + np.array([[40.0, 0, 40, 0]])  # all behind, but nothing of what is painted
    assert guided(hidden, cells, elsewhere)[0] < guided(hidden, cells, box)[0] - 5 * UNITS


def test_a_part_is_gone_on_with() -> None:
    whole = table(60, 90)
    pool = pool_of(remember([record(whole)], ()), np.arange(1))
    painted, front = np.zeros((H, W), bool), block(H, W, 80, 10, 150, 110)
    painted[30:90, 30:120] = whole
    asked = compile_guides([MaskGuide(painted & ~front)], [], H, W, fronts={0: MaskWindow.of(front)})
    assert asked.region is not None
    assert asked.moments is not None
    candidates = going_on(pool, asked, asked.region, asked.moments)
    counts = np.bincount(candidates.shapes)
    assert counts.max() <= PLACES
    scores = candidates.units + guided(asked, pool.cells[candidates.shapes], candidates.boxes)
    best = candidates.boxes[scores.argmax()]
    np.testing.assert_allclose(best, (30, 30, 120, 90), atol=9)


def test_what_is_barred_costs() -> None:
    free, half, wholly = agreement(
        [Box(0, 0, 160, 120)], [[0, 0, 60, 120], [40, 0, 120, 120], [100, 0, 160, 120]], [Box(80, 0, 160, 120)]
    )
    assert free == 0
    assert half == pytest.approx(-found.AVOID * UNITS / 2, rel=0.1)
    assert wholly == -round(found.AVOID * UNITS)


def test_points_must_lie_on_it() -> None:
    points: list[Guide] = [Point(50, 50), Point(90, 50)]
    both, one, none = agreement(points, [[40, 40, 100, 60], [40, 40, 60, 60], [0, 0, 20, 20]])
    assert (both, one, none) == (0, -STROKE * UNITS / 2, -STROKE * UNITS)


def test_no_guides_no_opinion() -> None:
    assert agreement([], [[0, 0, 10, 10], [50, 50, 60, 60]]).tolist() == [0, 0]


# --- some of many --------------------------------------------------------------------------------


def test_the_best_in_their_own_order() -> None:
    units = np.array([5, 9, 9, 1, 7])
    candidates = Candidates(np.arange(5), np.zeros((5, 4)), np.zeros(5), units)
    assert candidates.best(3).shapes.tolist() == [1, 2, 4]
    assert candidates.best(2).shapes.tolist() == [1, 2]
    assert candidates.best(1).shapes.tolist() == [1]  # the first of equals
    assert candidates.best(9) is candidates
    assert candidates.weighed(np.array([0, -9, 0, 0, 0])).units.tolist() == [5, 0, 9, 1, 7]
    assert candidates.take(np.array([3, 0])).units.tolist() == [1, 5]


def test_nats_are_whole_units() -> None:
    assert nats(np.array([0.0, -1.0, 0.5 / UNITS, -np.inf])).tolist() == [0, -UNITS, 0, -1000 * UNITS]
