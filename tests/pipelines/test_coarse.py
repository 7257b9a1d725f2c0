"""The first drawing stage: boxes of rough guides, warm and cool noise, and expected overlap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smartmask import Blob, Box, Point, Scribble, SmartMaskPipeline
from smartmask.frame import BOX_SIDE
from smartmask.models.prior import ShapeAsk, ShapePrior
from smartmask.models.text import Meaning
from smartmask.pipelines.chance import LEAD, chances
from smartmask.pipelines.coarse import (
    NEAR,
    ask_for,
    clip_to_scene,
    draw_coarse,
    expected_overlap,
    familiar,
    guess_boxes,
    is_rough,
    name_evidence,
)
from smartmask.pipelines.shapes import Defaults

HEIGHT, WIDTH = 80, 120
BOX = (20.0, 10.0, 80.0, 70.0)


@pytest.fixture(scope="module")
def prior(tiny_weights: object) -> ShapePrior:
    return SmartMaskPipeline.from_pretrained(tiny_weights).prior  # type: ignore[arg-type]


def ask(boxes: list[tuple[float, float, float, float]]) -> ShapeAsk:
    return ask_for(boxes, [Box(*boxes[0])], HEIGHT, WIDTH, np.ones(128, dtype=np.float32))


def test_which_guides_are_rough() -> None:
    assert is_rough([Blob(5, 5, 2, 2)])
    assert is_rough([Point(5, 5), Scribble([(1, 1), (9, 9)])])
    assert not is_rough([])
    assert not is_rough([Point(5, 5)])
    assert not is_rough([Blob(5, 5, 2, 2), Box(1, 1, 9, 9)])


@given(st.tuples(*[st.floats(-200, 300)] * 4), st.integers(1, 90), st.integers(1, 90))
def test_a_clipped_box_lies_in_the_scene_and_has_a_pixel(corners: tuple[float, ...], height: int, width: int) -> None:
    a, b, c, d = corners
    x0, y0, x1, y1 = clip_to_scene((min(a, c), min(b, d), max(a, c) + 1, max(b, d) + 1), height, width)
    assert 0 <= x0 < x1 <= width
    assert 0 <= y0 < y1 <= height
    assert min(x1 - x0, y1 - y0) > 1 - 1e-6


@given(st.integers(0, 10_000))
@torch.inference_mode()
def test_a_guessed_box_has_area_whatever_the_chance(prior: ShapePrior, seed: int) -> None:
    for x0, y0, x1, y1 in guess_boxes(
        prior, (50, 40, 52, 41), ask([BOX]), chances([seed], 16)[0].edges, temperature=5.0
    ):
        assert x1 - x0 >= 1
        assert y1 - y0 >= 1


@torch.inference_mode()
def test_the_temperatures_scale_leading_and_other_noise(prior: ShapePrior) -> None:
    noise = torch.stack([chance.shape for chance in chances([0, 1], 16)])
    told = ask([BOX, BOX])
    still = replace(Defaults(), temperature=0.0, detail_temperature=0.0)
    first, second = draw_coarse(prior, noise, told, 1.0, still)
    assert first.shape == (BOX_SIDE**2,)
    torch.testing.assert_close(first, second)  # without noise one shape is left
    changed = noise.clone()
    changed[:, LEAD:] = 0
    cool = replace(Defaults(), detail_temperature=0.0)
    torch.testing.assert_close(draw_coarse(prior, noise, told, 1.0, cool), draw_coarse(prior, changed, told, 1.0, cool))
    assert not torch.allclose(first, draw_coarse(prior, noise, told, 1.0, cool)[0])


@torch.inference_mode()
def test_the_object_scale_guides(prior: ShapePrior) -> None:
    noise = chances([0], 16)[0].shape[None]
    plain, strong = (draw_coarse(prior, noise, ask([BOX]), scale, Defaults()) for scale in (1.0, 5.0))
    assert not torch.allclose(plain, strong)


@torch.inference_mode()
def test_guidance_in_one_pass_is_that_of_two(prior: ShapePrior) -> None:
    noise = torch.stack([chance.shape for chance in chances([0, 1], 16)])
    told, once = ask([BOX, (5.0, 5.0, 40.0, 75.0)]), replace(Defaults(), prior_steps=1, temperature=1.0)
    start, full = noise.clone(), torch.ones(2)
    start[:, LEAD:] *= once.detail_temperature
    named, unnamed = prior(start, full, told), prior(start, full, told, torch.zeros(2, dtype=torch.bool))
    expected = prior.to_shapes(unnamed + 3 * (named - unnamed))
    torch.testing.assert_close(draw_coarse(prior, noise, told, 3.0, once), expected, rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_expected_overlap_prefers_what_the_prior_expects(prior: ShapePrior) -> None:
    x, y = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    usual = ((x - 50) / 27) ** 2 + ((y - 40) / 27) ** 2 <= 1  # the prior of the tiny weights draws round shapes
    corner = (x < 35) & (y < 25)
    nothing = np.zeros_like(usual)
    scores = expected_overlap(prior, np.stack([corner, usual, nothing]), [BOX] * 3, ask([BOX] * 3), Defaults())
    assert scores[1] > 0.5 > scores[0] > scores[2] == 0


@torch.inference_mode()
def test_a_score_does_not_depend_on_its_neighbours(prior: ShapePrior) -> None:
    rng = np.random.default_rng(0)
    masks = rng.random((3, HEIGHT, WIDTH)) < 0.5
    boxes = [BOX, (5.0, 5.0, 40.0, 75.0), BOX]
    together = expected_overlap(prior, masks, boxes, ask(boxes), Defaults())
    alone = [expected_overlap(prior, masks[i : i + 1], [boxes[i]], ask([boxes[i]]), Defaults())[0] for i in range(3)]
    np.testing.assert_allclose(together, alone, atol=2e-3)


# --- names whose shape is not known -----------------------------------------------------------------


def meaning(name: str, vector: list[float]) -> Meaning:
    return Meaning(name, name, np.array(vector, dtype=np.float32), "name", None)


KNOWN, VECTORS = ("dog", "car"), np.array([[1, 0, 0], [0, 2, 0]], dtype=np.float32)


def test_a_known_name_is_drawn_by_its_own_meaning() -> None:
    dog = meaning("dog", [0.3, 0.9, 0])
    assert familiar(dog, KNOWN, VECTORS) == (dog.vector, None)


def test_a_near_name_is_drawn_like_the_known_one() -> None:
    vector, note = familiar(meaning("cab", [0.1, 0.8, 0.3]), KNOWN, VECTORS)
    np.testing.assert_allclose(vector, VECTORS[1], atol=1e-6)
    assert note == "'cab' is drawn like 'car', as training hardly showed its own shape."


@pytest.mark.parametrize("far", [[0, 0, 1.0], [0.0, 0.0, 0.0], [-1.0, -1.0, 0.2]])
def test_a_far_name_stays_itself(far: list[float]) -> None:
    vector, note = familiar(meaning("lamp", far), KNOWN, VECTORS)
    np.testing.assert_array_equal(vector, np.float32(far))
    assert note is None


def test_in_between_it_goes_over_gradually() -> None:
    angles = np.arccos(np.linspace(NEAR[0] - 0.05, NEAR[1] + 0.05, 20))
    shares = [familiar(meaning("pup", [np.cos(a), 0, np.sin(a)]), KNOWN, VECTORS)[0][2] / np.sin(a) for a in angles]
    assert shares[0] == pytest.approx(1)
    assert shares[-1] == pytest.approx(0, abs=1e-6)
    assert (np.diff(shares) <= 1e-6).all()


def test_without_known_names_nothing_changes() -> None:
    cab = meaning("cab", [0.1, 0.8, 0.3])
    assert familiar(cab, (), np.zeros((0, 3), np.float32)) == (cab.vector, None)


def test_evidence_of_a_name_is_a_factor_and_each_mask_has_its_own(prior: ShapePrior) -> None:
    y, x = np.mgrid[:64, :96]
    masks = np.stack([(x - 48) ** 2 + (y - 32) ** 2 < r**2 for r in (28, 12)] + [abs(x - 48) + abs(y - 32) < 20])
    boxes = [BOX] * 3
    factors = name_evidence(prior, masks, boxes, ask(boxes))
    assert factors.shape == (3,)
    assert ((factors > 0) & (factors < 1)).all()
    alone = name_evidence(prior, masks[1:2], boxes[:1], ask(boxes[:1]))
    np.testing.assert_allclose(alone, factors[1:2], rtol=1e-3)


def test_without_a_name_there_is_no_evidence(prior: ShapePrior, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the prior does not listen to the name, the factor is one half for all."""
    monkeypatch.setattr(prior, "forward", lambda noisy, t, ask, keep_object=None: noisy)
    masks = np.stack([np.ones((64, 96), bool), np.eye(64, 96, dtype=bool)])
    np.testing.assert_allclose(name_evidence(prior, masks, [BOX] * 2, ask([BOX] * 2)), 0.5)
