"""Outlines as curves: filling, tracing, drawing, mirroring."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outlined import cup, lump, ring, table
from strategies import masks

from smartmask.geometry import mask_box, mask_iou
from smartmask.masks.exemplar.outline import Outline, curve, draw, fill, normalised, place, span_of, trace

seeds = st.integers(0, 200)
SHAPES = {"table": table(), "ring": ring(), "cup": cup(), **{f"lump {i}": lump(i) for i in range(6)}}


def iou_in_box(mask: np.ndarray, outline: Outline) -> float:
    """Overlap of a mask with the outline drawn into the mask's box."""
    box = mask_box(mask)
    assert box is not None
    return mask_iou(mask, draw(place(outline, box), *mask.shape))


# --- filling -------------------------------------------------------------------------------------


@given(masks)
def test_filling_the_edges_of_pixels_gives_the_pixels(mask: np.ndarray) -> None:
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float64)
    polygons = [corners + np.array((x, y)) for y, x in np.argwhere(mask)]
    np.testing.assert_array_equal(fill(polygons, *mask.shape), mask)


@given(st.lists(st.tuples(st.floats(-5, 25), st.floats(-5, 20)), min_size=3, max_size=12))
def test_filling_counts_crossings(points: list[tuple[float, float]]) -> None:
    """Against the definition, pixel by pixel: an odd number of edges lies to the left of the centre."""
    loop = np.array(points)
    height, width = 15, 20
    found = fill([loop], height, width)
    for row in range(height):
        y = row + 0.5
        crossings = []
        for (x0, y0), (x1, y1) in zip(loop, np.roll(loop, -1, axis=0), strict=True):
            if min(y0, y1) <= y < max(y0, y1):
                crossings.append(x0 + (y - y0) / (y1 - y0) * (x1 - x0))
        if all(abs(x - 0.5 - round(x - 0.5)) > 1e-6 for x in crossings):  # no centre on an edge
            wanted = [sum(x < column + 0.5 for x in crossings) % 2 == 1 for column in range(width)]
            assert found[row].tolist() == wanted


def test_filling_nothing() -> None:
    assert not fill([], 4, 5).any()
    assert not fill([np.array([[0.0, 2.0], [5.0, 2.0], [9.0, 2.0]])], 4, 5).any()  # flat
    assert fill([np.array([[-9.0, -9], [99, -9], [99, 99], [-9, 99]])], 4, 5).all()


# --- tracing and drawing -------------------------------------------------------------------------


@pytest.mark.parametrize("name", SHAPES)
def test_what_is_traced_is_drawn_again(name: str) -> None:
    mask = SHAPES[name]
    outline = trace(mask)
    assert iou_in_box(mask, outline) > 0.96
    assert outline.aspect == pytest.approx(mask.shape[1] / mask.shape[0], rel=0.03)
    points = np.concatenate(outline.loops)
    np.testing.assert_allclose([points.min(0), points.max(0)], [[0, 0], [1, 1]], atol=1e-6)


def test_holes_stay_holes() -> None:
    for mask in (ring(), cup()):
        outline = trace(mask)
        assert len(outline.loops) == 2
        box = mask_box(mask)
        assert box is not None
        hole = ~mask & fill(place(outline, box)[:1], *mask.shape)
        assert hole.sum() > 300
        assert (draw(place(outline, box), *mask.shape) & hole).sum() < 0.05 * hole.sum()


@given(seeds, st.integers(20, 120), st.integers(20, 120))
def test_lumps_of_any_size_come_back(seed: int, height: int, width: int) -> None:
    mask = lump(seed, height, width)
    assert iou_in_box(mask, trace(mask)) > 0.93


def test_an_outline_does_not_depend_on_what_lies_round_it() -> None:
    one, other = trace(cup()), trace(np.pad(cup(), ((3, 9), (40, 0))))
    assert one.aspect == other.aspect
    for a, b in zip(one.loops, other.loops, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (2, 2), (9, 3)])
def test_a_few_pixels_are_an_outline_too(shape: tuple[int, int]) -> None:
    outline = trace(np.ones(shape, dtype=bool))
    assert outline.cells(16).mean() > 0.7
    assert outline.aspect == pytest.approx(shape[1] / shape[0], rel=0.35)


def test_an_empty_mask_has_no_outline() -> None:
    with pytest.raises(ValueError, match="The mask is empty"):
        trace(np.zeros((5, 5), dtype=bool))


@given(seeds)
def test_mirrored_twice_is_itself(seed: int) -> None:
    outline = trace(lump(seed))
    twice = outline.mirrored().mirrored()
    for a, b in zip(outline.loops, twice.loops, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
    np.testing.assert_array_equal(outline.mirrored().cells(32)[:, ::-1], outline.cells(32))


def test_drawn_in_a_window_as_in_the_whole_picture() -> None:
    loops = place(trace(cup()), (30.3, 20.2, 75.1, 90.7))
    whole = draw(loops, 100, 100)
    np.testing.assert_array_equal(draw([loop - (20, 10) for loop in loops], 90, 80), whole[10:, 20:])
    assert whole.any()


def test_beyond_the_border_nothing_is_drawn() -> None:
    loops = place(trace(cup()), (200.0, 0.0, 240.0, 40.0))
    assert span_of(loops, 50, 50) is None
    assert not draw(loops, 50, 50).any()
    partly = draw(place(trace(lump(1)), (-20.0, -20.0, 20.0, 20.0)), 50, 50)
    assert partly[:20, :20].any()
    assert not partly[21:].any()


def test_normalised_loops_fill_their_box() -> None:
    outline = normalised([np.array([[10.0, 5.0], [30.0, 5.0], [30.0, 15.0]])])
    np.testing.assert_allclose(outline.loops[0], [[0, 0], [1, 0], [1, 1]])
    assert outline.aspect == pytest.approx(2.0)


# --- curves --------------------------------------------------------------------------------------


@given(seeds, st.floats(50, 900))
def test_a_curve_passes_through_its_points(seed: int, size: float) -> None:
    points = trace(lump(seed)).loops[0] * size
    drawn = curve(points)
    away = np.hypot(*(points[:, None] - drawn[None]).transpose(2, 0, 1)).min(axis=1)
    assert away.max() < 1e-6 * size
    steps = np.hypot(*(np.roll(drawn, -1, axis=0) - drawn).T)
    assert steps.max() < 6  # an edge is cut into 64 pieces at most


def turns(loop: np.ndarray) -> np.ndarray:
    """Angles in degrees by which a closed line of equal steps turns."""
    ahead = np.roll(loop, -1, axis=0) - loop
    angle = np.arctan2(ahead[:, 1], ahead[:, 0])
    return np.abs(np.degrees((np.diff(angle, append=angle[:1]) + np.pi) % (2 * np.pi) - np.pi))


def test_a_disc_at_ten_times_its_size_shows_no_facets() -> None:
    """The boundary of the drawn disc stays within a pixel and a half of the circle; its polygon would not."""
    side = 64
    x, y = np.meshgrid(np.arange(side) + 0.5 - side / 2, np.arange(side) + 0.5 - side / 2)
    outline = trace(x**2 + y**2 <= (side / 2) ** 2)
    large = 10 * side
    loops = place(outline, (0.0, 0.0, float(large), float(large)))
    assert turns(curve(loops[0])).max() < 15
    drawn = draw(loops, large, large)
    edge, _ = cv2.findContours(drawn.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    radius = np.hypot(*(edge[0][:, 0] + 0.5 - large / 2).T)
    polygon = np.hypot(*((loops[0] + np.roll(loops[0], -1, axis=0)) / 2 - large / 2).T)  # middles of chords
    assert radius.std() < 0.8 * np.std(np.concatenate([polygon, np.hypot(*(loops[0] - large / 2).T)]))
    assert radius.std() < 0.006 * large


def test_corners_and_straight_edges_stay() -> None:
    mask = table(120, 180)
    outline = trace(mask)
    drawn = draw(place(outline, (0.0, 0.0, 1800.0, 1200.0)), 1200, 1800)
    wanted = cv2.resize(mask.astype(np.uint8), (1800, 1200), interpolation=cv2.INTER_NEAREST).astype(bool)
    assert mask_iou(drawn, wanted) > 0.98
    assert drawn[100, 30:1770].all()  # the top has no waves
    assert not drawn[300:1100, 600:1200].any()  # nothing hangs between the legs


@pytest.mark.parametrize("points", [3, 4, 5])
def test_the_fewest_points(points: int) -> None:
    angle = np.arange(points) / points * 2 * np.pi
    loop = np.stack([50 + 40 * np.cos(angle), 50 + 40 * np.sin(angle)], axis=1)
    assert draw([loop], 100, 100).sum() > 1500
    assert np.isfinite(curve(np.zeros((points, 2)))).all()
