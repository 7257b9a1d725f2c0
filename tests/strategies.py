"""Hypothesis strategies for masks, boxes, scenes and guides."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from smartmask import Blob, Box, Layer, MaskGuide, Point, Polygon, Scene, Scribble
from smartmask.guides import GUIDES, Guide

NAMES = ("sky", "road", "person", "dog", "blue whale", "été")
MAX_SIDE = 14

sizes = st.tuples(st.integers(1, MAX_SIDE), st.integers(1, MAX_SIDE))
coordinates = st.floats(-20, 20).map(lambda value: round(value, 3))
spreads = st.floats(0.1, 20)


def masks_of(height: int, width: int) -> st.SearchStrategy[np.ndarray]:
    """(height, width) bool masks: noise, which is full of holes and corners that touch, or a few boxes."""
    noise = hnp.arrays(np.bool_, (height, width))
    corner = st.tuples(st.integers(0, height), st.integers(0, width))

    def union(boxes: list[tuple[tuple[int, int], tuple[int, int]]]) -> np.ndarray:
        mask = np.zeros((height, width), dtype=bool)
        for (row0, col0), (row1, col1) in boxes:
            mask[min(row0, row1) : max(row0, row1), min(col0, col1) : max(col0, col1)] ^= True
        return mask

    return noise | st.lists(st.tuples(corner, corner), max_size=4).map(union)


masks = sizes.flatmap(lambda size: masks_of(*size))


@st.composite
def boxes(draw: st.DrawFn) -> tuple[float, float, float, float]:
    """(x0, y0, x1, y1) with an area, anywhere near the origin."""
    x0, y0 = draw(coordinates), draw(coordinates)
    return x0, y0, x0 + draw(spreads), y0 + draw(spreads)


@st.composite
def scenes(draw: st.DrawFn, max_layers: int = 5) -> Scene:
    """Scenes of a few pixels, with layers that overlap, share names, are empty or wholly hidden."""
    height, width = draw(sizes)
    count = draw(st.integers(0, max_layers))
    layers = [
        Layer(draw(st.sampled_from(NAMES)), draw(masks_of(height, width)), draw(st.booleans())) for _ in range(count)
    ]
    return Scene(height, width, tuple(layers))


# --- guides: a strategy a kind, of one that meets the point x, y of a scene -----------------------


def _box(draw: st.DrawFn, x: float, y: float, height: int, width: int) -> Guide:
    left, up, right, down = (draw(spreads) for _ in range(4))
    return Box(x - left, y - up, x + right, y + down)


def _point(draw: st.DrawFn, x: float, y: float, height: int, width: int) -> Guide:
    return Point(x, y)


def _blob(draw: st.DrawFn, x: float, y: float, height: int, width: int) -> Guide:
    return Blob(x, y, draw(spreads), draw(spreads))


def _scribble(draw: st.DrawFn, x: float, y: float, height: int, width: int) -> Guide:
    steps = draw(st.lists(st.tuples(coordinates, coordinates), max_size=3))
    return Scribble([(x, y), *((x + dx, y + dy) for dx, dy in steps)], draw(st.none() | st.floats(0.1, 5)))


def _mask(draw: st.DrawFn, x: float, y: float, height: int, width: int) -> Guide:
    mask = draw(masks_of(height, width)).astype(np.float32) * draw(st.floats(0.625, 1))
    mask[min(int(y), height - 1), min(int(x), width - 1)] = 1.0
    return MaskGuide(mask)


def _polygon(draw: st.DrawFn, x: float, y: float, height: int, width: int) -> Guide:
    """A star round the point, and perhaps another ring beside it."""

    def star(x: float, y: float) -> list[tuple[float, float]]:
        count = draw(st.integers(3, 6))
        turns = [(index + 0.4 * draw(st.floats(0, 1))) / count for index in range(count)]
        return [
            (x + radius * math.cos(2 * math.pi * turn), y + radius * math.sin(2 * math.pi * turn))
            for turn, radius in ((turn, draw(spreads)) for turn in turns)
        ]

    return Polygon([star(x, y), star(x + 50, y)] if draw(st.booleans()) else star(x, y))


GUIDE_STRATEGIES: dict[type[Guide], Callable[[st.DrawFn, float, float, int, int], Guide]] = {
    Box: _box,
    Point: _point,
    Blob: _blob,
    Scribble: _scribble,
    MaskGuide: _mask,
    Polygon: _polygon,
}


@st.composite
def guides_at(draw: st.DrawFn, x: float, y: float, height: int, width: int, kinds: Sequence = GUIDES) -> Guide:
    """A guide of any of the kinds that meets a point of a scene of this size."""
    return GUIDE_STRATEGIES[draw(st.sampled_from(kinds))](draw, x, y, height, width)


@st.composite
def guides_inside(draw: st.DrawFn, height: int, width: int, kinds: Sequence = GUIDES) -> Guide:
    """A guide of any of the kinds that touches a scene of this size; many of them cross its border."""
    x, y = draw(st.floats(0.01, width - 0.01)), draw(st.floats(0.01, height - 0.01))
    return draw(guides_at(x, y, height, width, kinds))
