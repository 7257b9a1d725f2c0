"""Places for objects: the best of the candidates, gaps filled, points held."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from drawn import block

from smartmask.data.view import UNLABELED, View
from smartmask.guidance import Point
from smartmask.models.placement import UNIFORMS
from smartmask.pipelines.mask import SmartMaskPipeline
from smartmask.pipelines.places import FIT, Places, near_scene, without_gaps
from smartmask.scene import Layer, Scene


@pytest.fixture(scope="module")
def pipe(tiny_weights: Path) -> SmartMaskPipeline:
    return SmartMaskPipeline.from_pretrained(tiny_weights)


@pytest.fixture(scope="module")
def bundled() -> SmartMaskPipeline:
    return SmartMaskPipeline.from_pretrained()


def meadow(gap: bool = False) -> Scene:
    sky, grass = block(96, 128, 0, 0, 128, 40), block(96, 128, 0, 40, 128, 96)
    if gap:
        grass &= ~block(96, 128, 30, 50, 60, 80)
    return Scene(96, 128, (Layer("sky", sky, False), Layer("grass", grass, False)))


def places(pipe: SmartMaskPipeline, scene: Scene, guides: tuple[Point, ...] = ()) -> Places:
    return Places(pipe.placement, pipe.fit, pipe.text, scene, guides)


def uniforms(count: int, tries: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, tries, UNIFORMS, generator=torch.Generator().manual_seed(seed))


def test_the_best_candidate_is_taken(pipe: SmartMaskPipeline) -> None:
    """One candidate each, drawn apart, gives the same boxes and scores as a choice among them."""
    drawn = uniforms(3, 4)
    boxes, scores = places(pipe, meadow()).draw("dog", drawn)
    single, each = places(pipe, meadow()).draw("dog", drawn.reshape(12, 1, UNIFORMS))
    np.testing.assert_allclose(scores, each.reshape(3, 4).max(1), rtol=1e-5)
    for row, box in enumerate(boxes):
        np.testing.assert_allclose(box, single[row * 4 + int(each.reshape(3, 4)[row].argmax())], rtol=1e-5)


def test_the_fit_has_its_weight(pipe: SmartMaskPipeline) -> None:
    where = places(pipe, meadow())
    boxes, scores = where.draw("dog", uniforms(6, 1))
    where.fit = torch.nn.Module()  # type: ignore[assignment]
    where.fits = lambda name, some: np.zeros(len(some))  # type: ignore[method-assign]
    same, plain = where.draw("dog", uniforms(6, 1))
    assert same == boxes
    np.testing.assert_allclose(scores - plain, FIT * places(pipe, meadow()).fits("dog", boxes), rtol=1e-4, atol=1e-5)


def test_points_are_held(pipe: SmartMaskPipeline) -> None:
    boxes, _ = places(pipe, meadow(), (Point(100, 70),)).draw("dog", uniforms(8, 2))
    assert all(x0 <= 100 <= x1 and y0 <= 70 <= y1 for x0, y0, x1, y1 in boxes)


def test_gaps_hold_what_surrounds_them(pipe: SmartMaskPipeline) -> None:
    whole, gappy = View.of(meadow()), View.of(meadow(gap=True))
    assert (gappy.top == UNLABELED).any()
    np.testing.assert_array_equal(without_gaps(gappy).top, whole.top)
    assert without_gaps(whole) is whole
    one, two = (places(pipe, scene).draw("dog", uniforms(4, 4)) for scene in (meadow(), meadow(gap=True)))
    assert one[0] == two[0]


def test_a_mostly_unknown_scene_stays_unknown(pipe: SmartMaskPipeline) -> None:
    view = View.of(Scene(96, 128, (Layer("dog", block(96, 128, 10, 10, 40, 40)),)))
    assert without_gaps(view) is view
    boxes, scores = places(pipe, Scene.empty(96, 128)).draw("dog", uniforms(2, 2))
    assert len(boxes) == 2
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("box", [(-50.0, -40.0, -45.0, -35.0), (127.0, 1.0, 127.5, 1.5), (300.0, 300.0, 500.0, 500.0)])
def test_a_box_beyond_the_scene_is_pulled_in(box: tuple[float, float, float, float]) -> None:
    x0, y0, x1, y1 = near_scene(box, meadow(), ())
    assert 0 < (x0 + x1) / 2 < 128
    assert 0 < (y0 + y1) / 2 < 96
    assert x1 - x0 == pytest.approx(max(box[2] - box[0], 4))
    x0, y0, x1, y1 = near_scene(box, meadow(), (Point(7, 8),))
    assert x0 <= 7 <= x1
    assert y0 <= 8 <= y1


def test_the_bundled_network_knows_the_ground_and_sizes(bundled: SmartMaskPipeline) -> None:
    """Cows stand on grass rather than hang in the sky, and are no larger than a barn beside other cows."""
    herd = meadow()
    for x in (10, 90):
        herd = herd.insert(block(96, 128, x, 60, x + 14, 70), "cow")
    where = places(bundled, herd)
    on_grass, in_sky, huge = where.fits("cow", [(50, 58, 64, 68), (50, 8, 64, 18), (20, 20, 110, 90)])
    assert on_grass > in_sky
    assert on_grass > huge
