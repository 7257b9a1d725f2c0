"""The shape prior: its space, its view of guides and places, and the network's shapes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smartmask import Blob, Box, MaskGuide, Point, Scribble
from smartmask.frame import BOX_SIDE, Frame, box_cells, box_shape, box_shape_in_frame, decode_mask
from smartmask.geometry import mask_iou
from smartmask.guidance import KINDS
from smartmask.models.presets import load_component, prior_preset, save_component
from smartmask.models.prior import (
    GEOMETRY,
    GUIDE_CELLS,
    PriorConfig,
    ShapeAsk,
    ShapePrior,
    box_geometry,
    guide_cells,
)

PHOTO = (0.0, 0.0, 200.0, 100.0)


def ellipse(height: int, width: int, box: tuple[float, float, float, float]) -> np.ndarray:
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    x0, y0, x1, y1 = box
    return ((2 * x - x0 - x1) / (x1 - x0)) ** 2 + ((2 * y - y0 - y1) / (y1 - y0)) ** 2 <= 1


# --- the box frame -------------------------------------------------------------------------------

sides = st.integers(24, 90)


@given(st.integers(2, 60), st.integers(2, 40), sides, sides)
def test_a_shape_goes_into_its_box_and_back(x: int, y: int, width: int, height: int) -> None:
    box = (float(x), float(y), float(x + width), float(y + height))
    mask = ellipse(160, 160, box)
    frame = Frame.around(box)
    back = decode_mask(box_shape_in_frame(box_shape(mask, box), box, frame), frame, 160, 160)
    assert mask_iou(mask, back) > 0.95


def test_shapes_of_one_form_lie_on_top_of_each_other() -> None:
    wide, tall = (10.0, 10.0, 90.0, 40.0), (5.0, 5.0, 35.0, 95.0)
    first, second = (box_shape(ellipse(100, 100, box), box) for box in (wide, tall))
    assert first.shape == (BOX_SIDE, BOX_SIDE)
    assert np.abs(first - second).mean() < 0.05
    assert mask_iou(first > 0, box_cells(ellipse(100, 100, wide), wide)) > 0.97


def test_a_full_box_is_positive_throughout() -> None:
    full = box_shape(np.ones((50, 60), bool), (10.0, 10.0, 40.0, 30.0))
    assert (full > 0).mean() > 0.97
    assert full[32, 32] == pytest.approx(math.tanh(0.5 / 0.12), abs=0.02)


# --- what it is told -------------------------------------------------------------------------------


def test_geometry_of_a_known_box() -> None:
    values = box_geometry((0, 20, 100, 70), PHOTO, [Box(0, 20, 100, 70)])
    assert values.shape == (GEOMETRY,)
    expected = [math.log(2), math.log(0.25) / 4, 0, 0.2, 0.5, 0.7, math.log(2), 1, 0, 0, 0]
    np.testing.assert_allclose(values[:11], expected, atol=1e-6)
    assert values[11:].tolist() == [float(kind == "box") for kind in KINDS]


def test_only_rough_guides_have_cells() -> None:
    box = (40.0, 20.0, 120.0, 80.0)
    for guides in ([], [Box(*box)], [Point(80, 50)], [Box(*box), Point(80, 50)]):
        assert not guide_cells(box, guides, 100, 200).any()
    left = np.zeros((100, 200))
    left[20:80, 40:80] = 1
    for guide in (MaskGuide(left), Blob(60, 50, 10, 15), Scribble([(60, 25), (60, 75)], width=8)):
        cells = guide_cells(box, [guide], 100, 200).reshape(GUIDE_CELLS, GUIDE_CELLS)
        assert cells[:, : GUIDE_CELLS // 2].sum() > 5 * cells[:, GUIDE_CELLS // 2 :].sum() > -1
        assert 0 <= cells.min() <= cells.max() <= 1


# --- the network -----------------------------------------------------------------------------------


@pytest.fixture
def network() -> ShapePrior:
    torch.manual_seed(0)
    prior = ShapePrior(prior_preset("tiny")).eval()
    with torch.no_grad():
        for layer in (prior.head, prior.modulate, prior.edges[2]):
            layer.weight.normal_(0, 0.3)  # type: ignore[union-attr, operator]
    return prior


def ask(count: int, seed: int = 0) -> ShapeAsk:
    g = torch.Generator().manual_seed(seed)
    return ShapeAsk(
        torch.randn(count, 128, generator=g),
        torch.randn(count, GEOMETRY, generator=g),
        torch.rand(count, GUIDE_CELLS**2, generator=g),
    )


def test_every_condition_matters(network: ShapePrior) -> None:
    told, other = ask(2), ask(2, seed=1)
    noisy, time = torch.randn(2, 16), torch.tensor([0.3, 0.9])
    base = network(noisy, time, told)
    assert base.shape == (2, 16)
    for changed in (
        ShapeAsk(other.object, told.geometry, told.guide),
        ShapeAsk(told.object, other.geometry, told.guide),
        ShapeAsk(told.object, told.geometry, other.guide),
    ):
        assert not torch.allclose(network(noisy, time, changed), base)
    hidden = network(noisy, time, told, torch.tensor([False, True]))
    assert not torch.allclose(hidden[0], base[0])
    torch.testing.assert_close(hidden[1], base[1])
    assert not torch.allclose(network(noisy, time.flip(0), told), base)


def test_an_untrained_guess_is_the_square_round_the_extent() -> None:
    mean, deviation = ShapePrior(prior_preset("tiny")).guess_box(ask(3))
    torch.testing.assert_close(mean, torch.tensor([[-1.0, -1.0, 1.0, 1.0]]).expand(3, 4))
    assert deviation.shape == (3, 4)


def test_the_space_restores_what_it_was_fitted_to() -> None:
    rng = np.random.default_rng(0)
    shapes = []
    for _ in range(60):
        cx, cy, a, b = rng.uniform([28, 28, 12, 12], [36, 36, 28, 28])
        shapes.append(np.tanh(box_shape(ellipse(64, 64, (cx - a, cy - b, cx + a, cy + b)), (0, 0, 64, 64))))
    stack = torch.from_numpy(np.stack(shapes)).view(60, -1)
    prior = ShapePrior(PriorConfig(components=12, width=16, depth=1))
    prior.fit_space(stack)
    components = prior.to_components(stack)
    assert components.std().item() == pytest.approx(1, abs=0.05)
    back = prior.to_shapes(components)
    overlap = ((back > 0) & (stack > 0)).sum() / ((back > 0) | (stack > 0)).sum()
    assert overlap > 0.98
    gram = prior.basis @ prior.basis.T
    torch.testing.assert_close(gram, torch.eye(12), atol=1e-4, rtol=0)


def test_saved_and_loaded(network: ShapePrior, tmp_path: object) -> None:
    save_component(tmp_path / "prior", network, network.config, half=False)  # type: ignore[operator]
    loaded = load_component(tmp_path / "prior", ShapePrior, PriorConfig).eval()  # type: ignore[operator]
    noisy, time = torch.randn(1, 16), torch.tensor([0.5])
    torch.testing.assert_close(loaded(noisy, time, ask(1)), network(noisy, time, ask(1)))


def test_an_unknown_preset() -> None:
    with pytest.raises(ValueError, match="no preset 'huge'; use one of tiny, small"):
        prior_preset("huge")
