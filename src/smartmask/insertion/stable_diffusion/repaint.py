"""RePaint (Lugmayr et al., arXiv 2201.09865), in the latent space of a text-to-image model.

The paper works on pixels with unconditional models of 256 px; here its steps are taken on latents, with the text
weighed in. Written from the paper, not from its code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from smartmask.insertion.smartbrush.masked_diffusion import scheduler_path
from smartmask.insertion.stable_diffusion.latents import Draw, LatentInpainter, Predict
from smartmask.io.checks import check_whole
from smartmask.io.watch import Progress

STEPS, JUMP, RESAMPLES = 250, 10, 10  # the paper's T, j and r


def walk(steps: int, jump: int = JUMP, resamples: int = RESAMPLES) -> Iterator[int]:
    """The moves between noise levels, from ``steps`` (noise) to 0 (clean): -1 denoises by one, +1 adds noise again.

    Each stretch of ``jump`` levels below the first is gone through ``resamples`` times (the paper's appendix B, whose
    stretches end a level above 0, 10, 20, ...).
    """
    left = {level + 1: resamples - 1 for level in range(0, steps - jump, jump)}
    level = steps
    while level > 0:
        level -= 1
        yield -1
        if left.get(level):
            left[level] -= 1
            level += jump
            yield from [1] * jump


def calls(steps: int, jump: int = JUMP, resamples: int = RESAMPLES) -> int:
    """How often the network is asked: 2,410 times with the paper's numbers."""
    return sum(move < 0 for move in walk(steps, jump, resamples))


class RePaintInpainter(LatentInpainter):
    """Its Algorithm 1 over a Stable Diffusion folder. jump_length: levels that a jump back takes; resamples: how often
    each stretch is gone through."""

    usual_steps, method = STEPS, "repaint"
    takes = (*LatentInpainter.takes, "jump_length", "resamples")

    def __init__(self, *of: Any, jump_length: int | None = None, resamples: int | None = None, **more: Any) -> None:
        super().__init__(*of, **more)
        self.jump = JUMP if jump_length is None else check_whole(jump_length, "jump length", 1, self.levels)
        self.resamples = RESAMPLES if resamples is None else check_whole(resamples, "number of resamples", 1, 100)
        self.path = scheduler_path(self.pipeline.scheduler.config)

    def sample(
        self, clean: torch.Tensor, mask: torch.Tensor, predict: Predict, steps: int, draw: Draw, on_step: Progress
    ) -> torch.Tensor:
        """``x_{t-1} = (1 - m) known + m unknown`` (eq. 8; our mask is 1 where paint goes), ``known`` the photo noised
        to t - 1 (8a), ``unknown`` the model's step (8b); back by ``N(sqrt(1 - b) x, b I)`` (algorithm 1, line 10)."""
        told = torch.linspace(0, self.levels - 1, steps).round().long()  # what the network is told at level 1, 2, ...
        kept, _ = self.path.levels(told / (self.levels - 1))
        signal = torch.cat([torch.ones(1), kept**2])  # of levels 0 (clean) to steps
        state, level, done, count = draw(), steps, 0, calls(steps, self.jump, self.resamples)
        for move in walk(steps, self.jump, self.resamples):
            if move > 0:
                level += 1
                beta = 1 - signal[level] / signal[level - 1]
                state = (1 - beta).sqrt() * state + beta.sqrt() * draw()
                continue
            unknown = self._step(state, predict, int(told[level - 1]), signal[level], signal[level - 1], draw)
            level -= 1
            known = signal[level].sqrt() * clean + (1 - signal[level]).sqrt() * draw()
            state, done = unknown * mask + known * (1 - mask), done + 1
            on_step(done, count)
        return state

    def _step(
        self, state: torch.Tensor, predict: Predict, told: int, here: torch.Tensor, next_: torch.Tensor, draw: Draw
    ) -> torch.Tensor:
        """A step of DDPM (arXiv 2006.11239, eq. 7 and 11) from cumulative signal ``here`` to ``next_``."""
        output = predict(state, torch.tensor(told, device=state.device))
        time = torch.full((1,), told / (self.levels - 1), device=state.device)
        guess = self.path.clean(state, time, output)
        beta = 1 - here / next_
        mean = next_.sqrt() * beta / (1 - here) * guess + (here / next_).sqrt() * (1 - next_) / (1 - here) * state
        return mean + ((1 - next_) / (1 - here) * beta).sqrt() * draw()
