"""Guides of any numbers: what suits no scene is one sentence, at once; what does gives sound arrays."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from telling import assert_one_sentence

from smartmask.guides import Blob, Box, Guide, MaskGuide, Point, Polygon, Scribble, as_guides, guide_from_json
from smartmask.guides.compile import Compiled
from smartmask.guides.parse import read_guides
from smartmask.io.checks import GUIDE_REACH, GUIDE_ROOM, MAX_POINTS

HEIGHT, WIDTH = 48, 64
FAR = "reaches more than 1000 pixels beyond the scene, which is 64x48; keep it nearer"


@pytest.mark.parametrize(
    ("guide", "says"),
    [
        (lambda: Box(-1e6, -1e6, 1e6, 1e6), FAR),
        (lambda: Box(-1e6, 10, 40, 40), FAR),
        (lambda: Box(-1e300, -1e300, 1e300, 1e300), FAR),
        (lambda: Box(-1e308, 0, 1.7e308, 9), FAR),
        (lambda: Box(-50, 0, 0, 9), "box at -50,0,0,9 lies outside the scene, which is 64x48"),
        (lambda: Point(1e300, 3), FAR),
        (lambda: Blob(5, 5, 1e5, 5), FAR),
        (lambda: Blob(5, 5, 1.7e308, 5), FAR),
        (lambda: Blob(5, 5, 1e-300, 5), "both must be 0.01 pixels or more"),
        (lambda: Scribble([(5, 5), (9, 1e9)]), FAR),
        (lambda: Scribble([(5, 5), (9, 9)], 1e9), "width is 1e.09 pixels, but the scene is 64x48; use at most 64"),
        (lambda: Scribble([(5, 5)] * 10**6), "has 1,000,000 points; at most 20,000 are read"),
        (lambda: Scribble([(5, 5)], "wide"), "width is 'wide'; it must be a number above 0"),
        (lambda: Scribble([("5", "6")]), "list of .x, y. points"),
        (lambda: Scribble([(True, False)]), "list of .x, y. points"),
        (lambda: Scribble({"x": 1}), "list of .x, y. points"),
        (lambda: Scribble("1,2"), "list of .x, y. points"),
        (lambda: Polygon([(i, i % 7) for i in range(10**5)]), "has 100,000 points; at most 20,000 are read"),
        (lambda: Polygon([(i * 0.1, i * 0.3) for i in range(10**4)]), "has no area"),
        (lambda: Polygon([(0, 0), (5, 5), (1e9, 0)]), FAR),
        (lambda: Polygon([(0, 0), (5, 5), (10**400, 0)]), "list of .x, y. points"),
        (lambda: Box("1", "2", "3", "4"), "box '1','2','3','4' has a coordinate that is not a finite number"),
        (lambda: Box(True, 2, 3, 4), "not a finite number"),
        (lambda: Point(10**400, 2), "not a finite number"),
        (lambda: MaskGuide([[1, 0], [1]]), "it is a .height, width. array"),
        (lambda: MaskGuide(np.full((HEIGHT, WIDTH), "x")), "it is a .height, width. array"),
        (lambda: MaskGuide(np.full((HEIGHT, WIDTH), 1e300)), "not finite"),
        (lambda: MaskGuide(np.ones((HEIGHT, WIDTH + 1))), "mask guide is 65x48, but the scene is 64x48"),
        (lambda: MaskGuide(np.ones((0, 0))), "is empty"),
    ],
)  # fmt: skip
def test_what_suits_no_scene_is_one_sentence_at_once(guide: Any, says: str) -> None:
    begun = time.perf_counter()
    with pytest.raises(ValueError, match=says) as caught:
        as_guides(guide(), HEIGHT, WIDTH)
    assert_one_sentence(caught.value)
    assert time.perf_counter() - begun < 5


def test_how_far_a_guide_may_go_beyond_the_border() -> None:
    assert as_guides(Box(-GUIDE_ROOM, 0, 5, 5), HEIGHT, WIDTH)
    with pytest.raises(ValueError, match=FAR):
        as_guides(Box(-GUIDE_ROOM - 1, 0, 5, 5), HEIGHT, WIDTH)
    assert as_guides(Box(-GUIDE_REACH * 4000, 0, 5, 5), 3000, 4000)
    with pytest.raises(ValueError, match="more than 40000 pixels beyond the scene, which is 4000x3000"):
        as_guides(Box(-GUIDE_REACH * 4000 - 1, 0, 5, 5), 3000, 4000)


def test_the_points_of_all_guides_count() -> None:
    stroke = Scribble([(5, 5), (9, 9)] * (MAX_POINTS // 4))
    assert len(as_guides([stroke, stroke], HEIGHT, WIDTH)) == 2
    with pytest.raises(ValueError, match="have 30,000 points together; a call takes at most 20,000"):
        as_guides([stroke] * 3, HEIGHT, WIDTH)


@pytest.mark.parametrize(
    "text", ["1,2," * 10**5, "x" * 10**6, "", ",", "nan,1,2,3", "1e999,1,2,3", "\x1b,1,2,3", "1;2", "|"]
)
@pytest.mark.parametrize("kind", ["box", "point", "blob", "scribble", "polygon"])
def test_option_texts_that_make_no_guide(kind: str, text: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        read_guides({kind: [text]}, (HEIGHT, WIDTH))
    assert_one_sentence(caught.value)


numbers = (
    st.floats() | st.floats(-100, 100) | st.integers() | st.sampled_from([0, 1e300, -1e6, 1e-300, None, "7", True])
)
points = st.lists(st.lists(numbers, min_size=1, max_size=3), max_size=6)
fields = st.one_of(
    st.fixed_dictionaries({"kind": st.just("box"), **{name: numbers for name in ("x0", "y0", "x1", "y1")}}),
    st.fixed_dictionaries({"kind": st.just("point"), "x": numbers, "y": numbers}),
    st.fixed_dictionaries({"kind": st.just("blob"), **{name: numbers for name in ("cx", "cy", "sx", "sy")}}),
    st.fixed_dictionaries(
        {"kind": st.just("scribble"), "strokes": points | st.lists(points, max_size=3), "width": numbers}
    ),
    st.fixed_dictionaries({"kind": st.just("polygon"), "rings": points | st.lists(points, max_size=3)}),
)


@given(st.lists(fields, min_size=1, max_size=3))
def test_any_numbers_give_sound_arrays_or_one_sentence(values: list[dict[str, Any]]) -> None:
    try:
        guides = as_guides([guide_from_json(value) for value in values], HEIGHT, WIDTH)
    except ValueError as error:
        assert_one_sentence(error)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = Compiled.of(guides, guides, HEIGHT, WIDTH)
    assert_sound(found, guides)


def assert_sound(found: Compiled, guides: tuple[Guide, ...]) -> None:
    assert np.isfinite(found.window).all()
    assert np.isfinite(found.points).all()
    for drawn in (found.strokes, found.painted, found.avoid):
        assert drawn is None or (np.isfinite(drawn).all() and 0 <= drawn.min() <= drawn.max() <= 1)
    for guide in guides:  # what a result says of it is read back
        assert guide_from_json(guide.to_json()).to_json() == guide.to_json()
