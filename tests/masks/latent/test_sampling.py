"""Guidance with two weights against the formula written out, noise of seeds, and samplers that find what is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smartmask.masks.latent.parts import sampler
from smartmask.masks.latent.presets import PRESETS
from smartmask.masks.latent.sampling import BOTH, CONTEXT, NOTHING, branch_weights, noise_of, sample

SCALES = st.floats(0, 12).map(lambda value: round(value, 2))


@given(SCALES, SCALES, st.lists(st.floats(-3, 3), min_size=3, max_size=3))
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
    assert set(branch_weights(3, 2)) == {NOTHING, CONTEXT, BOTH}


def test_noise_is_the_seeds_own() -> None:
    assert torch.equal(noise_of(5, (2, 3)), noise_of(5, (2, 3)))
    assert not torch.equal(noise_of(5, (2, 3)), noise_of(6, (2, 3)))
    assert noise_of(5, (4, 4)).dtype == torch.float32


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


@pytest.mark.parametrize("kind", ["DPMSolverMultistepScheduler", "DDIMScheduler"])
@pytest.mark.parametrize("preset", ["tiny", "sd15"])
def test_both_samplers_arrive_at_what_a_knowing_network_predicts(preset: str, kind: str) -> None:
    scheduler = sampler(PRESETS[preset].scheduler, kind)
    assert type(scheduler).__name__ == kind
    clean = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    noise = torch.stack([noise_of(seed, (4, 8, 8)) for seed in (0, 1)])
    asked: list[Any] = []
    seen: list[tuple[int, int]] = []
    weights = branch_weights(3, 2)
    found = sample(knowing(clean, scheduler, asked), noise, scheduler, 6, weights, lambda *step: seen.append(step))
    assert torch.allclose(found, clean, atol=0.3)  # DDIM's rounded times end a little before the clean end
    assert asked == [[NOTHING, CONTEXT, BOTH]] * 6
    assert seen == [(step, 6) for step in range(1, 7)]


def test_other_schedulers_give_way_and_unknown_predictions_are_refused() -> None:
    from diffusers import PNDMScheduler

    config = {**PNDMScheduler(beta_start=0.001).config, "_class_name": "PNDMScheduler"}
    made = sampler(config)
    assert type(made).__name__ == "DPMSolverMultistepScheduler"
    assert made.config.beta_start == 0.001
    with pytest.raises(ValueError, match="predicts 'flow_prediction'"):
        sampler({**PRESETS["tiny"].scheduler, "prediction_type": "flow_prediction"})
