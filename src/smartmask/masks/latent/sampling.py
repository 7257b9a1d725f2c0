"""Sampling as plain functions: noise of a seed, guidance with two weights, a diffusers scheduler's steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

# (noisy (n, C, h, w), time, whether the object's text is told, whether the context is) -> prediction
Branch = Callable[[torch.Tensor, torch.Tensor, Sequence[tuple[bool, bool]]], torch.Tensor]
NOTHING, CONTEXT, BOTH = (False, False), (False, True), (True, True)  # (object, context)


def branch_weights(of_object: float, of_context: float) -> dict[tuple[bool, bool], float]:
    """How much each branch counts in ``v(0,0) + s_ctx [v(0,c) - v(0,0)] + s_obj [v(o,c) - v(0,c)]``.

    Branches of weight 0 are left out: with both scales 1 all but ``v(o,c)``, with equal scales ``v(0,c)``.
    """
    weights = {NOTHING: 1 - of_context, CONTEXT: of_context - of_object, BOTH: of_object}
    return {branch: weight for branch, weight in weights.items() if weight != 0}


def noise_of(seed: int, shape: Sequence[int]) -> torch.Tensor:
    """Standard normal noise of a seed, drawn on the CPU in float32 whatever the model runs on."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
def sample(
    predict: Branch, noise: torch.Tensor, scheduler: Any, steps: int, weights: dict[tuple[bool, bool], float],
    on_step: Callable[[int, int], None] | None = None,
) -> torch.Tensor:  # fmt: skip
    """``(n, C, h, w)`` clean latents of noise, by a deterministic diffusers scheduler.

    predict: all branches of ``weights`` in one batch, branch by branch, (branches * n, C, h, w). on_step(done, all) may
    raise to stop.
    """
    scheduler.set_timesteps(steps, device=noise.device)
    state = noise * scheduler.init_noise_sigma
    branches = list(weights)
    for number, time in enumerate(scheduler.timesteps):
        seen = scheduler.scale_model_input(state, time)
        answers = predict(seen, time, branches).chunk(len(branches))
        guided = sum(weights[branch] * answer for branch, answer in zip(branches, answers, strict=True))
        state = scheduler.step(guided, time, state, return_dict=False)[0]
        if on_step is not None:
            on_step(number + 1, len(scheduler.timesteps))
    return state
