"""Guides drawn from an object's mask: valid, repeatable, and about that object."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import block, ellipse, lumpy
from hypothesis import given, settings
from hypothesis import strategies as st

from smartmask.geometry import mask_box, mask_iou
from smartmask.guides import KINDS, Blob, Box, MaskGuide, Point, Polygon, Scribble, as_guides, draw
from smartmask.guides.hand import roughen
from smartmask.guides.simulated import draw_guide

HEIGHT, WIDTH = 60, 80
DRAWN = [kind for kind in KINDS if kind != "none"]
TYPES = {"box": Box, "point": Point, "blob": Blob, "scribble": Scribble, "mask": MaskGuide,
         "polygon": Polygon}  # fmt: skip
seeds = st.integers(0, 10_000)


def convex(seed: int) -> np.ndarray:
    """A turned ellipse wholly inside the scene."""
    rng = np.random.default_rng(seed)
    return ellipse(HEIGHT, WIDTH, *rng.uniform((25, 25), (55, 35)), *rng.uniform(6, 22, 2), rng.uniform(0, np.pi))


@st.composite
def any_masks(draw: st.DrawFn) -> np.ndarray:
    """From a single pixel to a large shape that touches the border."""
    x, y = draw(st.integers(0, WIDTH - 1)), draw(st.integers(0, HEIGHT - 1))
    w, h = draw(st.integers(1, WIDTH - x)), draw(st.integers(1, HEIGHT - y))
    if draw(st.booleans()) and min(w, h) > 6:
        return lumpy(HEIGHT, WIDTH, (x, y, x + w, y + h), np.random.default_rng(draw(seeds)))
    return block(HEIGHT, WIDTH, x, y, x + w, y + h)


@settings(max_examples=120)
@given(any_masks(), st.sampled_from(DRAWN), seeds, st.booleans())
def test_every_guide_is_valid_and_meets_the_object(mask: np.ndarray, kind: str, seed: int, exact: bool) -> None:
    guide = draw_guide(mask, kind, np.random.default_rng(seed), exact)
    assert isinstance(guide, TYPES[kind])
    as_guides(guide, HEIGHT, WIDTH)  # raises if it lies outside the scene
    x0, y0, x1, y1 = guide.extent(HEIGHT, WIDTH)
    a, b, c, d = mask_box(mask) or (0, 0, 0, 0)
    assert min(x1, c + 1) > max(x0, a - 1)
    assert min(y1, d + 1) > max(y0, b - 1)


@pytest.mark.parametrize("kind", DRAWN)
def test_a_guide_is_a_function_of_the_generator(kind: str) -> None:
    mask = convex(3)

    def g(seed: int) -> np.ndarray:
        return draw([draw_guide(mask, kind, np.random.default_rng(seed))], HEIGHT, WIDTH)

    assert np.array_equal(g(1), g(1))
    assert len({g(seed).tobytes() for seed in range(12)}) > 3


def test_no_guide() -> None:
    assert draw_guide(convex(0), "none", np.random.default_rng(0)) is None


def test_exact_guides_are_the_objects_own_figures() -> None:
    mask = convex(5)
    rows, cols = np.nonzero(mask)
    rng = np.random.default_rng(0)
    for _ in range(10):
        assert draw_guide(mask, "box", rng, exact=True) == Box(*(mask_box(mask) or (0, 0, 1, 1)))
        blob = draw_guide(mask, "blob", rng, exact=True)
        assert (blob.cx, blob.cy) == (pytest.approx(cols.mean() + 0.5), pytest.approx(rows.mean() + 0.5))
        assert blob.sx == pytest.approx(cols.std(), abs=0.5)
        assert blob.sy == pytest.approx(rows.std(), abs=0.5)


def test_a_drawn_box_is_mostly_exact_and_never_far_off() -> None:
    mask, rng = convex(6), np.random.default_rng(0)
    x0, y0, x1, y1 = box = mask_box(mask) or (0, 0, 1, 1)
    drawn = [draw_guide(mask, "box", rng) for _ in range(300)]
    assert 0.6 < np.mean([guide == Box(*box) for guide in drawn]) < 0.8
    sides = [x1 - x0, y1 - y0, x1 - x0, y1 - y0]
    off = [np.abs(np.subtract((g.x0, g.y0, g.x1, g.y1), box) / sides).max() for g in drawn]
    assert max(off) < 0.2


@settings(max_examples=30)
@given(any_masks(), seeds)
def test_a_point_lies_on_the_object(mask: np.ndarray, seed: int) -> None:
    point = draw_guide(mask, "point", np.random.default_rng(seed))
    assert mask[int(point.y), int(point.x)]


def test_a_point_favours_the_inside() -> None:
    mask, rng = ellipse(HEIGHT, WIDTH, 40, 30, 24, 24), np.random.default_rng(0)
    drawn = [draw_guide(mask, "point", rng) for _ in range(300)]
    assert np.mean([np.hypot(p.x - 40, p.y - 30) for p in drawn]) < 0.6 * 24  # uniformly it would be 2/3


def test_a_blob_is_about_as_large_as_the_object() -> None:
    mask, rng = ellipse(HEIGHT, WIDTH, 40, 30, 24, 12), np.random.default_rng(0)
    blobs = [draw_guide(mask, "blob", rng) for _ in range(300)]
    np.testing.assert_allclose(np.mean([(b.cx, b.cy, b.sx, b.sy) for b in blobs], axis=0), (40, 30, 12, 6), rtol=0.1)
    assert np.std([b.cx for b in blobs]) > 1  # a hand is not exact


@pytest.mark.parametrize("seed", range(8))
def test_a_stroke_stays_on_a_convex_object(seed: int) -> None:
    mask = convex(seed)
    stroke = draw_guide(mask, "scribble", np.random.default_rng(seed))
    drawn = draw([stroke], HEIGHT, WIDTH) > 0.5
    assert drawn.any()
    assert (drawn & mask).sum() / drawn.sum() > 0.85
    assert drawn.sum() < 0.8 * mask.sum()  # it is thin: it does not give the outline away


def test_roughening_keeps_the_object_and_loses_its_outline() -> None:
    covers, overlaps = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        mask = lumpy(HEIGHT, WIDTH, (15, 10, 65, 50), rng)
        rough = roughen(mask, rng)
        assert rough.dtype == np.float32
        assert rough.shape == mask.shape
        assert set(np.unique(rough)) <= {0, 1}
        covers.append((rough[mask] > 0.5).mean())
        overlaps.append(mask_iou(mask, rough > 0.5))
    assert min(covers) > 0.8
    assert np.mean(covers) > 0.93
    assert 0.6 < np.mean(overlaps) < 0.93


def test_a_speck_is_painted_too() -> None:
    speck = block(HEIGHT, WIDTH, 79, 0, 80, 1)
    assert all(roughen(speck, np.random.default_rng(seed)).any() for seed in range(20))


def test_what_cannot_be_drawn() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="empty mask"):
        draw_guide(np.zeros((4, 4), dtype=bool), "box", rng)
    with pytest.raises(ValueError, match="Unknown guide kind 'circle'; use one of none, box"):
        draw_guide(convex(0), "circle", rng)
