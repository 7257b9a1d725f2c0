"""Sampling as plain functions: noise of seeds, guidance with two weights, a diffusers scheduler's steps, and what of
the picture is known beforehand: where it starts from (a mask to vary), and what stays as it is (no object here)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

# (noisy (n, C, h, w), time, whether the object's text is told, whether the context is) -> prediction
Branch = Callable[[torch.Tensor, torch.Tensor, Sequence[tuple[bool, bool]]], torch.Tensor]
NOTHING, CONTEXT, BOTH = (False, False), (False, True), (True, True)  # (object, context)
OBJECT = (True, False)


def branch_weights(of_object: float, of_context: float) -> dict[tuple[bool, bool], float]:
    """How much each branch counts in ``v(0,0) + s_ctx [v(0,c) - v(0,0)] + s_obj [v(o,c) - v(0,c)]``.

    Branches of weight 0 are left out: with both scales 1 all but ``v(o,c)``, with equal scales ``v(0,c)``. A context
    of scale 0 is not told at all: ``v(0,0) + s_obj [v(o,0) - v(0,0)]``.
    """
    if of_context == 0:
        weights = {NOTHING: 1 - of_object, OBJECT: of_object}
    else:
        weights = {NOTHING: 1 - of_context, CONTEXT: of_context - of_object, BOTH: of_object}
    return {branch: weight for branch, weight in weights.items() if weight != 0}


def generators_of(seeds: Sequence[int]) -> list[torch.Generator]:
    """A generator of each seed; on the CPU, whatever the model runs on."""
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def noise_of(generators: Sequence[torch.Generator], shape: Sequence[int]) -> torch.Tensor:
    """``(n, *shape)`` standard normal noise, float32 on the CPU, each from its own generator."""
    return torch.stack([torch.randn(*shape, generator=generator) for generator in generators])


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of the picture. start: a clean latent (1, C, h, w) to start from instead of noise alone, with as
    much noise as ``strength`` of the steps take away (SDEdit, arXiv 2108.01073); strength 1: none of it.

    clean: a clean latent (1, C, h, w) that holds wherever ``stays`` (1, 1, h, w) bool: after every step those cells are
    set to it, as noisy as the rest (RePaint, arXiv 2201.09865, without its repetitions).
    """

    start: torch.Tensor | None = None
    strength: float = 1.0
    clean: torch.Tensor | None = None
    stays: torch.Tensor | None = None


@dataclass(frozen=True, eq=False)
class Chance:
    """noise: (n, C, h, w), the first. generators: of each sample, for schedulers that draw more between steps."""

    noise: torch.Tensor
    generators: list[torch.Generator] = field(default_factory=list)

    @classmethod
    def of(cls, seeds: Sequence[int], shape: Sequence[int], device: Any = None) -> Chance:
        """Of seeds; a seed's chance is its own, whatever is drawn beside it."""
        generators = generators_of(seeds)
        return cls(noise_of(generators, shape).to(device), generators)


@torch.inference_mode()
def sample(
    predict: Branch, chance: Chance, scheduler: Any, steps: int, weights: dict[tuple[bool, bool], float],
    on_step: Callable[[int, int], None] | None = None, known: Known | None = None,
) -> torch.Tensor:  # fmt: skip
    """``(n, C, h, w)`` clean latents of noise, by a diffusers scheduler.

    predict: all branches of ``weights`` in one batch, branch by branch, (branches * n, C, h, w). on_step(done, all) may
    raise to stop; of a start's steps those that are left out count as done.
    """
    known = known or Known()
    noise = chance.noise
    scheduler.set_timesteps(steps, device=noise.device)
    times, levels = scheduler.timesteps, scheduler.alphas_cumprod.to(noise.device)
    first = 0 if known.start is None else min(round(len(times) * (1 - known.strength)), len(times) - 1)
    state = noise * scheduler.init_noise_sigma
    if known.start is not None:
        state = noised(known.start, noise, levels[times[first].long()])
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(first)
    more = {"generator": chance.generators} if type(scheduler).__name__ == "LCMScheduler" else {}
    branches = list(weights)
    for number in range(first, len(times)):
        time = times[number]
        seen = scheduler.scale_model_input(state, time)
        answers = predict(seen, time, branches).chunk(len(branches))
        guided = sum(weights[branch] * answer for branch, answer in zip(branches, answers, strict=True))
        state = scheduler.step(guided, time, state, return_dict=False, **more)[0]
        if known.stays is not None and known.clean is not None:
            last = number + 1 == len(times)
            kept = known.clean if last else noised(known.clean, noise, levels[times[number + 1].long()])
            state = torch.where(known.stays, kept, state)
        if on_step is not None:
            on_step(number + 1, len(times))
    return state


def noised(clean: torch.Tensor, noise: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
    """A clean latent with noise: level is the share of the clean one's variance (alpha bar), 0 to 1."""
    return level.sqrt() * clean + (1 - level).sqrt() * noise
