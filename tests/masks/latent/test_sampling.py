"""Guidance with two weights against the formula written out, noise of seeds, and samplers that find what is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smartmask.masks.latent.parts import FEW_STEPS, sampler
from smartmask.masks.latent.presets import PRESETS
from smartmask.masks.latent.sampling import (
    BOTH,
    CONTEXT,
    NOTHING,
    OBJECT,
    Chance,
    Known,
    branch_weights,
    generators_of,
    noise_of,
    sample,
)

SCALES = st.floats(0, 12).map(lambda value: round(value, 2))


@given(SCALES, SCALES.filter(bool), st.lists(st.floats(-3, 3), min_size=3, max_size=3))
def test_the_weights_are_the_formulas(of_object: float, of_context: float, answers: list[float]) -> None:
    nothing, context, both = answers
    wanted = nothing + of_context * (context - nothing) + of_object * (both - context)
    given = {NOTHING: nothing, CONTEXT: context, BOTH: both}
    found = sum(weight * given[branch] for branch, weight in branch_weights(of_object, of_context).items())
    assert found == pytest.approx(wanted, abs=1e-9)


def test_a_scale_of_1_leaves_branches_out() -> None:
    assert branch_weights(1, 1) == {BOTH: 1}
    assert set(branch_weights(3, 1)) == {CONTEXT, BOTH}
    assert set(branch_weights(3, 3)) == {NOTHING, BOTH}
    assert set(branch_weights(0, 0)) == {NOTHING}
    assert branch_weights(3, 0) == {NOTHING: -2, OBJECT: 3}  # a context of no weight is not told
    assert set(branch_weights(3, 2)) == {NOTHING, CONTEXT, BOTH}


def test_noise_is_the_seeds_own() -> None:
    both, alone = Chance.of((5, 6), (2, 3)), Chance.of((6,), (2, 3))
    assert torch.equal(both.noise[1], alone.noise[0])
    assert not torch.equal(both.noise[0], both.noise[1])
    assert both.noise.dtype == torch.float32
    later = [noise_of(chance.generators[-1:], (4,)) for chance in (both, alone)]  # what schedulers draw between steps
    assert torch.equal(*later)
    assert not torch.equal(noise_of(generators_of([6]), (4,)), later[0])


def knowing(clean: torch.Tensor, scheduler: Any, asked: list[Any]) -> Any:
    """A predictor that knows the clean latent, and notes what it was asked."""

    def predict(noisy: torch.Tensor, time: torch.Tensor, branches: Sequence[tuple[bool, bool]]) -> torch.Tensor:
        asked.append(list(branches))
        alpha = scheduler.alphas_cumprod[int(time)]
        noise = (noisy - alpha.sqrt() * clean) / (1 - alpha).sqrt()
        velocity = alpha.sqrt() * noise - (1 - alpha).sqrt() * clean
        answers = {"epsilon": noise, "v_prediction": velocity, "sample": clean}
        return answers[scheduler.config.prediction_type].repeat(len(branches), 1, 1, 1)

    return predict


@pytest.mark.parametrize("kind", ["DPMSolverMultistepScheduler", "DDIMScheduler", FEW_STEPS])
@pytest.mark.parametrize("preset", ["tiny", "sd15"])
def test_both_samplers_arrive_at_what_a_knowing_network_predicts(preset: str, kind: str) -> None:
    scheduler = sampler(PRESETS[preset].scheduler, kind)
    assert type(scheduler).__name__ == kind
    clean = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    chance = Chance.of((0, 1), (4, 8, 8))
    asked: list[Any] = []
    seen: list[tuple[int, int]] = []
    weights = branch_weights(3, 2)
    found = sample(knowing(clean, scheduler, asked), chance, scheduler, 6, weights, lambda *step: seen.append(step))
    assert torch.allclose(found, clean, atol=0.3)  # DDIM's rounded times end a little before the clean end
    assert asked == [[NOTHING, CONTEXT, BOTH]] * 6
    assert seen == [(step, 6) for step in range(1, 7)]


def noting(counted: list[int]) -> Any:
    """A callback that notes the numbers of the steps."""
    return lambda done, every: counted.append(done)


def keeping(scheduler: Any) -> Any:
    """A predictor that takes what it sees for what is to be drawn, but for its brightness."""

    def predict(noisy: torch.Tensor, time: torch.Tensor, branches: Sequence[tuple[bool, bool]]) -> torch.Tensor:
        return (noisy / scheduler.alphas_cumprod[int(time)].sqrt()).clamp(-1, 1)

    return predict


@pytest.mark.parametrize("kind", ["DPMSolverMultistepScheduler", "DDIMScheduler", FEW_STEPS])
def test_a_start_is_kept_the_better_the_fewer_steps_change_it(kind: str) -> None:
    scheduler = sampler(PRESETS["tiny"].scheduler, kind)
    start = torch.sign(torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1)))
    far, steps = [], []
    for strength in (0.1, 0.5, 1.0):
        counted: list[int] = []
        chance = Chance.of((0, 1), (4, 8, 8))
        known = Known(start=start, strength=strength)
        found = sample(keeping(scheduler), chance, scheduler, 10, {BOTH: 1.0}, noting(counted), known)
        far.append(float((found - start).abs().mean()))
        steps.append(len(counted))
        assert counted[-1] == 10
    assert steps == [1, 5, 10]
    assert far[0] < 0.2 < far[2]
    assert far == sorted(far)


@pytest.mark.parametrize("kind", ["DPMSolverMultistepScheduler", "DDIMScheduler", FEW_STEPS])
def test_what_stays_is_known_and_the_rest_is_drawn(kind: str) -> None:
    scheduler = sampler(PRESETS["tiny"].scheduler, kind)
    drawn, clean = torch.full((2, 4, 8, 8), 0.8), torch.full((1, 4, 8, 8), -0.5)
    stays = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
    stays[..., :4] = True
    met: list[torch.Tensor] = []

    def predict(noisy: torch.Tensor, time: torch.Tensor, branches: Sequence[tuple[bool, bool]]) -> torch.Tensor:
        met.append(noisy)
        return drawn

    known = Known(clean=clean, stays=stays)
    found = sample(predict, Chance.of((0, 1), (4, 8, 8)), scheduler, 12, {BOTH: 1.0}, known=known)
    assert torch.equal(found[..., :4], clean.expand(2, -1, -1, -1)[..., :4])
    assert torch.allclose(found[..., 4:], drawn[..., 4:], atol=0.1)
    level = scheduler.alphas_cumprod[scheduler.timesteps[-1].long()]
    # on its way it is as noisy as the rest
    left = met[-1][..., :4]
    assert abs(float(left.mean()) - float(level.sqrt()) * -0.5) < 0.2
    assert abs(float(left.std()) - float((1 - level).sqrt())) < 0.15


def test_a_schedulers_other_settings_are_left_out_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    """Of the sampler that it was trained with; what says how noisy is when stays."""
    import diffusers

    logger = diffusers.utils.logging.get_logger("diffusers")
    logger.addHandler(caplog.handler)
    try:
        made = sampler(sampler(PRESETS["tiny"].scheduler).config, FEW_STEPS)
        again = type(made).from_config(made.config)
    finally:
        logger.removeHandler(caplog.handler)
    assert not caplog.records
    wanted = sampler(PRESETS["tiny"].scheduler)
    for one in (made, again):
        assert torch.equal(one.alphas_cumprod[:-1], wanted.alphas_cumprod[:-1])
        assert one.config.prediction_type == "sample"
        assert not one.config.clip_sample


def test_other_schedulers_give_way_and_unknown_predictions_are_refused() -> None:
    from diffusers import PNDMScheduler

    config = {**PNDMScheduler(beta_start=0.001).config, "_class_name": "PNDMScheduler"}
    made = sampler(config)
    assert type(made).__name__ == "DPMSolverMultistepScheduler"
    assert made.config.beta_start == 0.001
    with pytest.raises(ValueError, match="predicts 'flow_prediction'"):
        sampler({**PRESETS["tiny"].scheduler, "prediction_type": "flow_prediction"})
