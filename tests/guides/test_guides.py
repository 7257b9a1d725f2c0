"""Guides: what they accept, their map G, how several combine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from strategies import coordinates, guides_inside, sizes

from smartmask import Blob, Box, MaskGuide, Point, Polygon, Scribble
from smartmask.geometry import box_mask
from smartmask.guides import Guide, as_guides, draw, extent, sample

HEIGHT, WIDTH = 20, 30
DOT = np.pad(np.ones((1, 1)), ((4, HEIGHT - 5), (7, WIDTH - 8)))  # only pixel (row 4, col 7)

# A size, and a guide that touches a scene of this size.
placed = sizes.flatmap(lambda size: st.tuples(st.just(size), guides_inside(*size)))


# --- G -------------------------------------------------------------------------------------------


@given(placed)
def test_g_lies_between_0_and_1(case: tuple[tuple[int, int], Guide]) -> None:
    (height, width), guide = case
    drawn = draw(as_guides(guide, height, width), height, width)
    assert drawn.shape == (height, width)
    assert drawn.dtype == np.float32
    assert drawn.min() >= 0
    assert drawn.max() <= 1


@given(placed, hnp.arrays(np.float64, st.sampled_from([(), (5,), (2, 3), (2, 2, 2)]), elements=coordinates))
def test_g_at_any_shape_of_coordinates(case: tuple[tuple[int, int], Guide], x: np.ndarray) -> None:
    (height, width), guide = case
    y = x[..., ::-1] if x.ndim else x
    values = guide.sample(x, y, height, width)
    assert np.shape(values) == x.shape
    assert (np.asarray(values) >= 0).all()
    assert (np.asarray(values) <= 1).all()
    for index in np.ndindex(x.shape):  # one by one gives the same
        alone = guide.sample(np.array(x[index]), np.array(y[index]), height, width)
        assert np.asarray(values)[index] == pytest.approx(float(alone), abs=1e-6)


@given(placed, st.integers(-5, 5), st.integers(-5, 5))
def test_g_far_from_the_scene_is_the_same_function(case: tuple, dx: int, dy: int) -> None:
    """Drawing a window of the plane equals sampling it: no guide depends on the raster."""
    (height, width), guide = case
    x, y = np.meshgrid(np.arange(width) + 0.5 + dx, np.arange(height) + 0.5 + dy)
    window = sample([guide], x, y, height, width)
    whole = draw([guide], height, width)
    rows, cols = np.arange(height) + dy, np.arange(width) + dx
    inside = ((rows >= 0) & (rows < height))[:, None] & ((cols >= 0) & (cols < width))
    assert np.array_equal(window[inside], whole[np.ix_(rows % height, cols % width)][inside])


@given(sizes, st.data())
def test_several_guides_combine_by_maximum(size: tuple[int, int], data: st.DataObject) -> None:
    guides = data.draw(st.lists(guides_inside(*size), max_size=3))
    combined = draw(as_guides(guides, *size), *size)
    alone = [draw([guide], *size) for guide in guides]
    assert np.array_equal(combined, np.maximum.reduce([np.zeros(size, np.float32), *alone]))
    assert np.array_equal(combined, draw(guides[::-1], *size))


def test_no_guide_draws_nothing() -> None:
    assert as_guides(None, HEIGHT, WIDTH) == as_guides([], HEIGHT, WIDTH) == ()
    assert not draw((), HEIGHT, WIDTH).any()
    assert extent((), HEIGHT, WIDTH) is None


@given(placed)
def test_a_box_is_filled(case: tuple[tuple[int, int], Guide]) -> None:
    (height, width), guide = case
    box = guide.extent(height, width)
    assert np.array_equal(draw([Box(*box)], height, width), box_mask(box, height, width))


def test_a_box_may_cross_the_border() -> None:
    box = Box(-5, -5, 3, 2)
    assert as_guides(box, HEIGHT, WIDTH) == (box,)
    assert draw([box], HEIGHT, WIDTH).sum() == 3 * 2
    assert extent([box], HEIGHT, WIDTH) == (-5, -5, 3, 2)  # the part outside is not cut off


def test_a_point_and_a_blob_fall_off_from_their_centre() -> None:
    blob = draw([Blob(15, 10, 6, 2)], HEIGHT, WIDTH)
    assert blob[10, 15] == blob.max() > 0.9
    at = Blob(15, 10, 6, 2).sample(np.array([15.0, 21, 15, 27]), np.array([10.0, 10, 12, 10]), HEIGHT, WIDTH)
    assert at == pytest.approx([1, np.exp(-0.5), np.exp(-0.5), np.exp(-2)])
    point = draw([Point(15, 10)], HEIGHT, WIDTH)
    assert point.max() == point[10, 15] > 0.3
    assert (point > 0.1).sum() < 30


def test_a_scribble_is_as_wide_as_asked() -> None:
    drawn = draw([Scribble([(5, 10), (25, 10)], width=4)], HEIGHT, WIDTH)
    assert drawn[:, 15].tolist() == [0] * 8 + [1] * 4 + [0] * 8
    strokes = Scribble([[(5, 5), (9, 5)], [(20, 15)]], width=2)
    two = draw([strokes], HEIGHT, WIDTH)
    one = draw([Scribble([(5, 5), (9, 5)], 2), Scribble([(20, 15)], 2)], HEIGHT, WIDTH)
    assert np.array_equal(two, one)
    assert two[14:16, 19:21].all()
    assert strokes.extent(HEIGHT, WIDTH) == (4, 4, 21, 16)
    assert Scribble([(5, 5)]).stroke_width(300, 300) == pytest.approx(6)


def test_a_mask_guide_is_the_mask_itself() -> None:
    mask = np.random.default_rng(0).random((HEIGHT, WIDTH))
    assert draw([MaskGuide(mask)], HEIGHT, WIDTH) == pytest.approx(mask, abs=1e-6)
    dot = MaskGuide(DOT)
    assert dot.extent(HEIGHT, WIDTH) == (7, 4, 8, 5)
    between = dot.sample(np.array([7.5, 8.0, 8.5]), np.array([4.5, 4.5, 4.5]), HEIGHT, WIDTH)
    assert between.tolist() == [1, 0.5, 0]
    edge = MaskGuide(np.ones((HEIGHT, WIDTH))).sample(np.array([-3.0, 0, 0.5]), np.full(3, 5.0), HEIGHT, WIDTH)
    assert edge.tolist() == [0, 0.5, 1]


def test_a_mask_guide_of_many_pixels() -> None:
    """More coordinates, and a wider mask, than OpenCV's remap takes."""
    wide = np.zeros((2, 40_000))
    wide[:, 39_000] = 1
    x = np.arange(40_000) + 0.5
    assert MaskGuide(wide).sample(x, np.full(40_000, 1.0), 2, 40_000).sum() == 1


def test_a_polygon_is_filled_by_the_even_odd_rule() -> None:
    square = [(5, 5), (15, 5), (15, 15), (5, 15)]
    assert np.array_equal(draw([Polygon(square)], HEIGHT, WIDTH), draw([Box(5, 5, 15, 15)], HEIGHT, WIDTH))
    assert np.array_equal(draw([Polygon(square[::-1])], HEIGHT, WIDTH), draw([Polygon(square)], HEIGHT, WIDTH))
    holed = draw([Polygon([square, [(8, 8), (12, 8), (12, 12), (8, 12)]])], HEIGHT, WIDTH)
    assert holed.sum() == 100 - 16
    assert not holed[8:12, 8:12].any()
    two = Polygon([square, [(20, 5), (25, 5), (25, 10)]])
    assert two.extent(HEIGHT, WIDTH) == (5, 5, 25, 15)
    assert draw([two], HEIGHT, WIDTH)[6, 24] == 1
    triangle = Polygon([(0, 0), (20, 0), (0, 20)]).sample(
        np.array([3.0, 9, 11, 19]), np.array([3.0, 10.5, 9.5, 2]), 9, 9
    )
    assert triangle.tolist() == [1, 1, 0, 0]


@given(st.lists(st.tuples(st.integers(0, 29), st.integers(0, 19)), min_size=3, max_size=8))
def test_a_polygon_holds_what_its_corners_turn_round(corners: list[tuple[int, int]]) -> None:
    """The even-odd rule against turning numbers, which count in another way."""
    try:
        polygon = Polygon(corners)
    except ValueError:
        return
    x, y = np.meshgrid(np.arange(30) + 0.481, np.arange(20) + 0.363)
    ways = np.array([*corners, corners[0]], float)[:, :, None, None] - np.array([x, y])
    turns = np.diff(np.unwrap(np.arctan2(ways[:, 1], ways[:, 0]), axis=0), axis=0).sum(axis=0) / (2 * np.pi)
    np.testing.assert_array_equal(polygon.sample(x, y, 20, 30) > 0, np.round(turns).astype(int) % 2 == 1)


# --- the whole -----------------------------------------------------------------------------------


@given(sizes, st.data())
def test_extent_is_the_box_else_the_union(size: tuple[int, int], data: st.DataObject) -> None:
    guides = data.draw(st.lists(guides_inside(*size), min_size=1, max_size=3))
    found = extent(guides, *size)
    assert found is not None
    counted = [guide for guide in guides if guide.promise.bounds] or guides
    for guide in counted:
        x0, y0, x1, y1 = guide.extent(*size)
        assert found[0] <= x0 < x1 <= found[2]
        assert found[1] <= y0 < y1 <= found[3]


@given(placed)
def test_the_extent_holds_all_that_is_marked(case: tuple[tuple[int, int], Guide]) -> None:
    """All where G passes one half, of guides that speak of an extent; a point does not."""
    (height, width), guide = case
    if guide.promise.rough > 0.5:
        x0, y0, x1, y1 = guide.extent(height, width)
        x, y = np.meshgrid(np.linspace(x0 - 3, x1 + 3, 61), np.linspace(y0 - 3, y1 + 3, 61))
        marked = guide.sample(x, y, height, width) > 0.5
        beyond = (x < x0 - 1e-6) | (x > x1 + 1e-6) | (y < y0 - 1e-6) | (y > y1 + 1e-6)
        assert not (marked & beyond).any()


# --- errors --------------------------------------------------------------------------------------

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Box(5, 5, 5, 9), r"box 5,5,5,9 has no area; x1 must exceed x0"),
        (lambda: Box(5, 5, 4, 9), r"box 5,5,4,9 has no area"),
        (lambda: Box(0, 0, INF, 9), r"box .* not a finite number"),
        (lambda: Box(None, 0, 5, 9), r"box None,0,5,9 has a coordinate that is not a finite number"),
        (lambda: Scribble(5), r"scribble is 5; it is a list"),
        (lambda: Point(NAN, 3), r"point .* not a finite number"),
        (lambda: Blob(3, 3, 0, 2), r"standard deviations are 0,2; both must be 0.01 pixels or more"),
        (lambda: Blob(3, 3, 1, NAN), r"blob .* not a finite number"),
        (lambda: Scribble([]), r"scribble is empty"),
        (lambda: Scribble(np.zeros((0, 2))), r"scribble is empty"),
        (lambda: Scribble([[]]), r"list of \(x, y\) points"),
        (lambda: Scribble([1, 2]), r"scribble starts with 1; it is a list of \(x, y\) points"),
        (lambda: Scribble([(1, 2), (3,)]), r"list of \(x, y\) points"),
        (lambda: Scribble([(1, 2, 3)]), r"shape \(1, 3\); it is a list of \(x, y\) points"),
        (lambda: Scribble([[(1, 2)], [(1, 2, 3)]]), r"shape \(1, 3\)"),
        (lambda: Scribble([(1, INF)]), r"scribble has the point 1,inf, which is not finite"),
        (lambda: Scribble([(1, 2)], width=0), r"width is 0; it must be a number above 0"),
        (lambda: Scribble([(1, 2)], width=NAN), r"width is nan; it must be a number above 0"),
        (lambda: Polygon(5), r"polygon is 5; it is a list"),
        (lambda: Polygon([]), r"polygon is empty"),
        (
            lambda: Polygon([(1, 1), (4, 4)]),
            r"polygon 1,1;4,4 has no area; give three corners or more, not on one line",
        ),
        (lambda: Polygon([(1, 1), (4, 4), (3, 3)]), r"polygon 1,1;4,4;3,3 has no area"),
        (lambda: Polygon([[(1, 1), (4, 4), (3, 0)], [(1, 1)]]), r"polygon 1,1 has no area"),
        (lambda: Polygon([(1, 2), (3, 4), (5, NAN)]), r"polygon has the point 5,nan, which is not finite"),
        (lambda: Polygon([(1, 2, 3)] * 3), r"polygon ring has shape \(3, 3\)"),
        (lambda: MaskGuide(np.ones((2, 2, 3))), r"shape \(2, 2, 3\) of float64; it is a \(height, width\) array"),
        (lambda: MaskGuide(np.full((2, 2), 255)), r"values from 255 to 255; use 0 to 1"),
        (lambda: MaskGuide(np.full((2, 2), -1)), r"values from -1 to -1; use 0 to 1"),
        (lambda: MaskGuide(np.full((2, 2), NAN)), r"not finite"),
        (lambda: MaskGuide(np.zeros((2, 2))), r"mask guide is empty; paint at least one pixel"),
    ],
)
def test_a_guide_that_makes_no_sense_says_why(make: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        make()


@pytest.mark.parametrize(
    ("guide", "where"),
    [
        (Box(30, 0, 40, 9), "box at 30,0,40,9"),
        (Box(-9, 3, 0, 9), "box at -9,3,0,9"),
        (Box(3, -9, 9, 0), "box"),
        (Box(3, 20, 9, 25), "box"),
        (Point(-0.1, 5), "point at -0.1,5"),
        (Point(30, 5), "point at 30,5"),
        (Point(5, 20.2), "point at 5,20.2"),
        (Blob(-9, 5, 4, 4), "blob"),
        (Scribble([(-5, 3), (-4, 18)], width=2), "scribble"),
        (Polygon([(-9, 3), (-1, 3), (-5, 9)]), "polygon at -9,3,-1,9"),
        (Polygon([(-40, 10), (-20, -50), (100, -30), (-30, -40)]), "polygon"),  # round the corner, never inside
        (Scribble([(-100, 10), (-20, -50), (100, -50)]), "scribble"),  # round the corner, never inside
    ],
)
def test_a_guide_wholly_outside_names_the_scenes_size(guide: Guide, where: str) -> None:
    with pytest.raises(ValueError, match=rf"The {where}.* lies outside the scene, which is 30x20"):
        as_guides(guide, HEIGHT, WIDTH)
    with pytest.raises(ValueError, match="30x20"):
        as_guides([Box(1, 1, 5, 5), guide], HEIGHT, WIDTH)


@pytest.mark.parametrize(
    "guide",
    [
        Box(29.9, 19.9, 40, 40),
        Point(0, 0),
        Point(29.99, 19.99),
        Blob(-3, 5, 4, 4),
        Scribble([(-5, -5), (40, 30)]),  # both ends outside, the middle inside
        Scribble([(-1, 5)], width=4),
        Polygon([(-90, -90), (90, -90), (0, 190)]),  # round the whole scene
        Polygon([(-9, 5), (1, 5), (-9, 6)]),
        Scribble([[(-9, 5)], [(5, 5)]]),
    ],
)
def test_a_guide_partly_inside_is_kept(guide: Guide) -> None:
    assert as_guides(guide, HEIGHT, WIDTH) == (guide,)


def test_a_mask_guide_of_another_size() -> None:
    with pytest.raises(ValueError, match="mask guide is 20x30, but the scene is 30x20"):
        as_guides(MaskGuide(np.ones((30, 20))), HEIGHT, WIDTH)


@pytest.mark.parametrize("wrong", [(1, 2, 3, 4), "box", 7, [Box(0, 0, 1, 1), "box"], np.ones((HEIGHT, WIDTH))])
def test_what_is_no_guide(wrong: Any) -> None:
    with pytest.raises(ValueError, match="is not a guide; use Box, Point, Blob, Scribble, MaskGuide, Polygon"):
        as_guides(wrong, HEIGHT, WIDTH)


def test_a_long_stroke_is_the_union_of_its_segments() -> None:
    angles = np.linspace(0, 5, 40)
    points = np.stack([32 + angles * 4 * np.cos(angles), 24 + angles * 3 * np.sin(angles)], axis=1)
    whole = draw([Scribble(points, width=3)], 48, 64)
    pieces = [Scribble(points[i : i + 2], width=3) for i in range(len(points) - 1)]
    np.testing.assert_array_equal(whole, draw(pieces, 48, 64))
