"""How a chosen outline meets the guide: smooth warps that move points and tear nothing."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from drawn import block, ellipse
from hypothesis import given
from hypothesis import strategies as st
from outlined import lump, made_memory, table

from smartmask.geometry import mask_iou
from smartmask.guides import Box, Point
from smartmask.masks.exemplar.asked import SIDE, compile_guides
from smartmask.masks.exemplar.fit import FARTHEST, blend, moved, settle, warp_to
from smartmask.masks.exemplar.memory import CELLS
from smartmask.masks.exemplar.outline import draw, fill, place, trace
from smartmask.masks.exemplar.pool import pool_of

MID = SIDE / 2
WINDOW = (0.0, 0.0, float(SIDE), float(SIDE))


def disc(dx: float = 0.0, dy: float = 0.0, rx: float = SIDE / 4, ry: float = SIDE / 4) -> np.ndarray:
    return ellipse(SIDE, SIDE, MID + dx, MID + dy, rx, ry)


def outlines_of(mask: np.ndarray) -> list[np.ndarray]:
    """Loops of a mask, in its pixels."""
    y, x = np.nonzero(mask)
    box = (float(x.min()), float(y.min()), float(x.max() + 1), float(y.max() + 1))
    return place(trace(mask), box)


def warped(current: np.ndarray, target: np.ndarray, strength: float = 1.0) -> np.ndarray:
    """The mask that the points of ``current`` make when they follow ``target``."""
    return draw(moved(outlines_of(current), warp_to(target, current, strength), WINDOW), SIDE, SIDE)


# --- warps ---------------------------------------------------------------------------------------


TARGETS = {
    "beside": disc(dx=3), "larger": disc(rx=SIDE / 3.4, ry=SIDE / 3.4), "wider": disc(rx=SIDE / 3.2),
    "smaller": disc(rx=SIDE / 5, ry=SIDE / 5),
}  # fmt: skip


@pytest.mark.parametrize("name", TARGETS)
def test_points_follow_the_target(name: str) -> None:
    before, after = mask_iou(disc(), TARGETS[name]), mask_iou(warped(disc(), TARGETS[name]), TARGETS[name])
    assert after > 0.92
    assert after > before + 0.5 * (1 - before)


@pytest.mark.parametrize("name", TARGETS)
def test_half_the_way(name: str) -> None:
    whole, half = warp_to(TARGETS[name], disc()), warp_to(TARGETS[name], disc(), 0.5)
    np.testing.assert_allclose(half, whole / 2, atol=1e-5)
    still = warp_to(TARGETS[name], disc(), 0)
    assert not still.any()


def test_what_fits_stays() -> None:
    assert np.abs(warp_to(disc(), disc())).max() < 1e-3


@given(st.integers(0, 100), st.integers(0, 100))
def test_no_point_moves_far_and_all_come_nearer(one: int, other: int) -> None:
    current = np.pad(lump(one, SIDE // 2, SIDE // 2), SIDE // 4)
    target = np.pad(lump(other, SIDE // 2, SIDE // 2), SIDE // 4)
    shift = warp_to(target, current)
    assert shift.shape == (2, SIDE, SIDE)
    assert np.isfinite(shift).all()
    assert np.hypot(*shift).max() <= FARTHEST * SIDE * 1.01
    if mask_iou(current, target) < 0.9:
        assert mask_iou(warped(current, target), target) > mask_iou(current, target)


def test_far_targets_do_not_pull_it_apart() -> None:
    shift = warp_to(block(SIDE, SIDE, 0, 0, 5, 5), disc(dx=SIDE / 5, dy=SIDE / 5))
    assert np.hypot(*shift).max() <= FARTHEST * SIDE * 1.01


def test_nothing_and_everything_as_targets() -> None:
    for target in (np.zeros((SIDE, SIDE), dtype=bool), np.ones((SIDE, SIDE), dtype=bool)):
        assert np.isfinite(warp_to(target, disc())).all()


def test_points_are_moved_by_the_displacement_where_they_are() -> None:
    shift = np.zeros((2, SIDE, SIDE), np.float32)
    shift[0] = 2.0  # cells to the right
    shift[1] = (np.arange(SIDE) / SIDE)[:, None]  # and down, the more the lower
    window = (100.0, 50.0, 100.0 + 10 * SIDE, 50.0 + 10 * SIDE)
    loop = np.array([[100.0 + 5 * SIDE, 50.0 + 5 * SIDE], [100.0 + 5 * SIDE, 50.0 + 8 * SIDE]])
    (found,) = moved([loop], shift, window)
    np.testing.assert_allclose(found[:, 0] - loop[:, 0], 20, atol=1e-3)
    np.testing.assert_allclose(found[:, 1] - loop[:, 1], [5, 8], atol=0.1)
    (far,) = moved([loop - 1e5], shift, window)  # beyond the window as at its rim
    np.testing.assert_allclose(far[:, 0] - loop[:, 0] + 1e5, 20, atol=1e-2)


# --- settling ------------------------------------------------------------------------------------


def settled(points: list[tuple[float, float]], cells: np.ndarray, box: tuple[float, float, float, float]) -> list[bool]:
    """Whether each point lies in the outline after it settled."""
    asked = compile_guides([Point(x, y) for x, y in points], [], 400, 400)
    dx, dy = settle(cells, box, asked)
    side = cells.shape[0]
    held = []
    for x, y in points:
        u, v = (x - dx - box[0]) / (box[2] - box[0]) * side, (y - dy - box[1]) / (box[3] - box[1]) * side
        held.append(0 <= u < side and 0 <= v < side and bool(cells[int(v), int(u)]))
    return held


@given(st.integers(0, 50), st.floats(1, 399), st.floats(1, 399))
def test_a_point_is_held(seed: int, x: float, y: float) -> None:
    assert settled([(x, y)], lump(seed, CELLS, CELLS), (150.0, 150.0, 250.0, 230.0)) == [True]


def test_the_way_is_short() -> None:
    cells = np.ones((CELLS, CELLS), dtype=bool)
    box = (100.0, 100.0, 200.0, 200.0)
    assert settle(cells, box, compile_guides([Point(150, 150)], [], 400, 400)) == (0, 0)
    dx, dy = settle(cells, box, compile_guides([Point(220, 150)], [], 400, 400))
    assert 20 < dx < 50
    assert abs(dy) < 4
    assert settle(cells, box, compile_guides([Box(0, 0, 50, 50)], [], 400, 400)) == (0, 0)  # no points


def test_several_points() -> None:
    cells = table(CELLS, CELLS)
    box = (100.0, 100.0, 200.0, 200.0)
    assert settled([(120, 90), (180, 90)], cells, box) == [True, True]
    assert any(settled([(10, 10), (390, 390)], cells, box))  # as many as can be


# --- blending ------------------------------------------------------------------------------------


MEMORY = made_memory(12, ["dog"])
POOL = pool_of(MEMORY, np.arange(12))


def test_blending_goes_to_the_middle_a_little() -> None:
    """Round things of several widths: one is led towards the mean, not beyond it."""
    outline = POOL.outline(MEMORY, 0)
    weights = np.ones(len(POOL), np.int64)
    mean = POOL.cells.mean(axis=0) > 0.5
    before = mask_iou(outline.cells(CELLS), mean)
    whole, half = (blend(outline, POOL.cells[0], POOL.cells, weights, s).cells(CELLS) for s in (1.0, 0.5))
    assert mask_iou(whole, mean) > before
    assert before - 0.02 < mask_iou(half, mean) < mask_iou(whole, mean) + 0.02


def test_nothing_to_blend_with() -> None:
    outline = POOL.outline(MEMORY, 0)
    weights = np.ones(1, np.int64)
    assert blend(outline, POOL.cells[0], POOL.cells[:1], weights, 0.5) is outline
    assert blend(outline, POOL.cells[0], POOL.cells, np.ones(len(POOL), np.int64), 0) is outline


def test_blended_with_its_like_it_stays() -> None:
    outline = POOL.outline(MEMORY, 4)
    same = np.repeat(POOL.cells[4:5], 5, axis=0)
    found = blend(outline, POOL.cells[4], same, np.ones(5, np.int64), 1.0)
    assert mask_iou(found.cells(128), outline.cells(128)) > 0.95
    assert found.aspect == outline.aspect
    points = np.concatenate(found.loops)
    np.testing.assert_allclose([points.min(0), points.max(0)], [[0, 0], [1, 1]], atol=1e-6)


def test_legs_stay_crisp() -> None:
    """A table blended with lumps keeps its straight top: points are moved, nothing is blurred."""
    outline = trace(table(60, 90))
    others = POOL.cells[:8]
    found = blend(
        outline, cv2.resize(table(60, 90).astype(np.uint8), (CELLS, CELLS)) > 0, others, np.ones(8, np.int64), 0.3
    )
    assert [len(loop) for loop in found.loops] == [len(loop) for loop in outline.loops]
    assert mask_iou(fill([loop * 200 for loop in found.loops], 200, 200), outline.cells(200)) > 0.6


@given(st.permutations(range(6)))
def test_weights_count_not_the_order(order: list[int]) -> None:
    outline = POOL.outline(MEMORY, 0)
    weights = np.array([1, 5, 2, 9, 3, 4])
    a = blend(outline, POOL.cells[0], POOL.cells[:6], weights, 0.5)
    b = blend(outline, POOL.cells[0], POOL.cells[order], weights[order], 0.5)
    assert mask_iou(a.cells(64), b.cells(64)) > 0.99
