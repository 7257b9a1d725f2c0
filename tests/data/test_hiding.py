"""Hidden regions cover the box and say nothing else; decoys are of their family; degraded maps stay maps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from drawn import block
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smartmask.data.hiding import decoy_regions, degrade, hidden_region
from smartmask.geometry import BoxXYXY, components, mask_box
from smartmask.scene.view import OUTSIDE, UNLABELED

SHAPE = (90, 110)
seeds = st.integers(0, 10_000)


@st.composite
def boxes(draw: st.DrawFn) -> BoxXYXY:
    """Boxes of any aspect, thin ones too, that may leave the canvas."""
    x, y = draw(st.floats(-20, 105)), draw(st.floats(-20, 85))
    side = st.sampled_from([1.0, 2.0, 3.0]) | st.floats(1, 100)
    return x, y, x + draw(side), y + draw(side)


@settings(max_examples=400)
@given(boxes(), seeds)
@example((10.0, 40.0, 11.0, 41.0), 1)
@example((11.0, 41.0, 12.0, 42.0), 1)
@example((50.0, 5.0, 51.0, 85.0), 1)
@example((5.0, 50.0, 105.0, 51.0), 1)
def test_the_whole_box_is_hidden(box: BoxXYXY, seed: int) -> None:
    for each in range(seed, seed + 3):  # both forms come up
        region = hidden_region(box, SHAPE, np.random.default_rng(each))
        assert region.shape == SHAPE
        assert region.dtype == np.bool_
        x0, y0, x1, y1 = box
        rows = slice(max(math.floor(y0), 0), max(math.ceil(y1), 0))
        assert region[rows, max(math.floor(x0), 0) : max(math.ceil(x1), 0)].all()


@given(boxes(), seeds)
def test_it_depends_on_the_box_and_chance_alone(box: BoxXYXY, seed: int) -> None:
    one, two = (hidden_region(box, SHAPE, np.random.default_rng(seed)) for _ in range(2))
    assert np.array_equal(one, two)


def test_it_is_larger_than_the_box_by_a_varying_rim() -> None:
    box = (40.0, 30.0, 70.0, 50.0)
    found = [mask_box(hidden_region(box, SHAPE, np.random.default_rng(seed))) for seed in range(100)]
    rims = np.array([[a[0] - b[0], a[1] - b[1], b[2] - a[2], b[3] - a[3]] for a in [box] for b in found if b])
    assert rims.min() >= 0.06 * 30
    assert rims.max() < 0.6 * 30
    assert (rims.std(axis=0) > 1).all()  # its sides do not tell the box's
    assert len(np.unique(rims, axis=0)) > 50


def is_rectangle(region: np.ndarray) -> bool:
    x0, y0, x1, y1 = (int(v) for v in mask_box(region) or (0, 0, 0, 0))
    return bool(region[y0:y1, x0:x1].all())


def fill_share(region: np.ndarray) -> float:
    x0, y0, x1, y1 = mask_box(region) or (0, 0, 1, 1)
    return float(region.sum() / ((x1 - x0) * (y1 - y0)))


def test_decoys_are_of_the_same_family() -> None:
    """Inside a large canvas both are rectangles about 70 % of the time, else ellipses."""
    shape, box = (300, 300), (140.0, 145.0, 170.0, 160.0)
    rng = np.random.default_rng(0)
    hidden = [hidden_region(box, shape, rng) for _ in range(300)]
    decoys = []
    for _ in range(300):
        for part in components(decoy_regions(box, shape, rng)):
            x0, y0, x1, y1 = mask_box(part) or (0, 0, 0, 0)
            if min(x0, y0, shape[1] - x1, shape[0] - y1) > 0 and max(x1 - x0, y1 - y0) < 65:  # whole, not merged
                decoys.append(part)
    assert len(decoys) > 200
    for regions in (hidden, decoys):
        assert np.mean([is_rectangle(region) for region in regions]) == pytest.approx(0.7, abs=0.08)
        round_ones = [fill_share(region) for region in regions if not is_rectangle(region)]
        assert np.mean(round_ones) == pytest.approx(math.pi / 4, abs=0.04)
    sizes = np.array([part.sum() for part in decoys])
    own = np.mean([region.sum() for region in hidden])
    assert 0.4 * own < sizes.mean() < 1.3 * own
    assert (sizes > own).any()


def test_decoys_lie_anywhere_and_repeat_with_the_generator() -> None:
    box = (10.0, 10.0, 30.0, 40.0)
    total = sum(decoy_regions(box, SHAPE, np.random.default_rng(seed)).astype(int) for seed in range(200))
    assert total.min() > 0
    one, two = (decoy_regions(box, SHAPE, np.random.default_rng(4)) for _ in range(2))
    assert np.array_equal(one, two)


# --- degrade ---------------------------------------------------------------------------------------


def layout() -> np.ndarray:
    """Five regions, an unlabeled strip, and a border beyond the photo."""
    top = np.zeros(SHAPE, dtype=np.int16)
    for index, columns in enumerate(np.array_split(np.arange(SHAPE[1]), 5)):
        top[:, columns] = index
    top[block(*SHAPE, 20, 60, 90, 66)] = UNLABELED
    top[:7], top[:, -12:] = OUTSIDE, OUTSIDE
    return top


@pytest.mark.parametrize("seed", range(20))
def test_a_degraded_map_is_a_map(seed: int) -> None:
    top = layout()
    noisy = degrade(top, np.random.default_rng(seed))
    assert noisy.dtype == np.int16
    assert np.array_equal(noisy == OUTSIDE, top == OUTSIDE)
    assert set(np.unique(noisy)) <= set(np.unique(top))
    assert np.array_equal(top, layout())  # the given map is not touched
    assert np.array_equal(noisy, degrade(top, np.random.default_rng(seed)))


def test_degrading_moves_borders_and_now_and_then_loses_a_region() -> None:
    top = layout()
    inner = top >= 0
    same, lost = [], 0
    for seed in range(100):
        noisy = degrade(top, np.random.default_rng(seed))
        kept = [i for i in range(5) if (noisy == i).any()]
        lost += 5 - len(kept)
        stable = inner & np.isin(top, kept)
        same.append((noisy[stable] == top[stable]).mean())
    assert 0.8 < np.mean(same) < 0.999
    assert 0.08 < lost / 500 < 0.2


def test_a_map_of_one_region_or_none() -> None:
    for seed in range(30):
        rng = np.random.default_rng(seed)
        assert set(np.unique(degrade(np.zeros((9, 8), dtype=np.int16), rng))) <= {0, UNLABELED}
        assert (degrade(np.full((9, 8), OUTSIDE, dtype=np.int16), rng) == OUTSIDE).all()
