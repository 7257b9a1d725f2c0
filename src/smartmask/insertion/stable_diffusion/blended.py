"""Blended Latent Diffusion (Avrahami et al., arXiv 2206.02779), a baseline of SmartMask's table.

A text-to-image model denoises the whole crop; after each step the latents outside the mask are the photo's, noised.
Left out: fine-tuning the decoder to each photo (their section 4.2), whose place the exact composition takes, since
outside the mask no decoded pixel is used; shrinking masks for thin areas (4.3); ranking a batch by CLIP.
"""

from __future__ import annotations

from typing import Any

import torch

from smartmask.insertion.stable_diffusion.latents import Draw, LatentInpainter, Predict
from smartmask.io.checks import check_strength
from smartmask.io.watch import Progress

STEPS = 50  # of their code
STRENGTH = 0.75  # their code leaves out the first quarter of the noise levels


class BlendedInpainter(LatentInpainter):
    """Their Algorithm 1 over a Stable Diffusion folder. strength: share of the noise levels gone through; at 1 nothing
    of what was inside the mask is left."""

    usual_steps, method = STEPS, "blended"
    takes = (*LatentInpainter.takes, "strength")

    def __init__(self, *of: Any, strength: float | None = None, **more: Any) -> None:
        super().__init__(*of, **more)
        self.strength = STRENGTH if strength is None else check_strength(strength)

    def sample(
        self, clean: torch.Tensor, mask: torch.Tensor, predict: Predict, steps: int, draw: Draw, on_step: Progress
    ) -> torch.Tensor:
        """``z_k = noise(z_init, k)``, then for each t: ``z_fg = denoise(z_t, d, t)``, ``z_bg = noise(z_init, t)`` and
        ``z_{t-1} = z_fg m + z_bg (1 - m)``."""
        from diffusers import DDIMScheduler

        scheduler = DDIMScheduler.from_config(self.pipeline.scheduler.config)
        scheduler.set_timesteps(steps, device=clean.device)
        levels = scheduler.timesteps[steps - max(1, round(steps * self.strength)) :]
        state = scheduler.add_noise(clean, draw(), levels[:1])
        for step, level in enumerate(levels):
            painted = scheduler.step(predict(state, level), level, state).prev_sample
            behind = scheduler.add_noise(clean, draw(), level[None])
            state = painted * mask + behind * (1 - mask)
            on_step(step + 1, len(levels))
        return state
