"""Flow matching on encoded masks: the schedule, the loss, two-text guidance and the sampler.

Time runs from 0 (clean) to 1 (noise): ``x_t = (1 - t) x_0 + t eps``. A *denoiser* is any function
``(x_t, t) -> x_0``; guidance wraps one, samplers call one.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

Denoiser = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
MIN_TIME = 0.05  # v = (x_t - x_0) / t: below this the division would only amplify rounding


def add_noise(clean: torch.Tensor, noise: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
    """``x_t`` of clean masks (B, ...) and noise of their shape at times (B,)."""
    t = time.view(-1, *([1] * (clean.dim() - 1)))
    return (1 - t) * clean + t * noise


def training_times(count: int, generator: torch.Generator | None = None, mean: float = 0.8) -> torch.Tensor:
    """``(count,)`` logit-normal times; the mean above 0 favours noise, as smooth masks need."""
    return torch.sigmoid(torch.randn(count, generator=generator) + mean)


def shifted_steps(steps: int, shift: float = 2.0) -> torch.Tensor:
    """``(steps + 1,)`` times from 1 to 0, spent towards the noisy end: t' = s t / (1 + (s - 1) t)."""
    t = torch.linspace(1, 0, steps + 1)
    return shift * t / (1 + (shift - 1) * t)


def loss(predicted: torch.Tensor, clean: torch.Tensor, time: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """``(B,)`` velocity loss of clean-signal predictions, weighted to the outline.

    ``|v^ - v|^2 = |x_0^ - x_0|^2 / t^2``; each sample of a mask counts ``0.25 + exp(-(x_0 / 0.5)^2)``,
    most at the zero level. weight: (B, C, 1 or H, 1 or W) in [0, 1], 0 where the target is unknown.
    """
    outline = 0.25 + torch.exp(-((clean / 0.5) ** 2))
    error = (predicted - clean) ** 2 * outline * weight
    t = time.clamp_min(MIN_TIME).view(-1, *([1] * (clean.dim() - 1)))
    return (error / t**2).flatten(1).mean(dim=1)


def guide_texts(
    predict: Callable[[bool, bool], torch.Tensor], object_scale: float, context_scale: float
) -> torch.Tensor:
    """Two-text classifier-free guidance, object o and context c.

    ``x = x(0,0) + s_ctx [x(0,c) - x(0,0)] + s_obj [x(o,c) - x(0,c)]``; a scale of 1 skips its branch.
    predict: (keep object, keep context) -> prediction.
    """
    full = predict(True, True)
    if object_scale == 1 and context_scale == 1:
        return full
    no_object = predict(False, True)
    guided = no_object + object_scale * (full - no_object)
    if context_scale != 1:
        guided = guided + (context_scale - 1) * (no_object - predict(False, False))
    return guided


@torch.no_grad()
def sample(
    denoise: Denoiser,
    noise: torch.Tensor,
    times: torch.Tensor,
    on_step: Callable[[int, int], None] | None = None,
) -> torch.Tensor:
    """Integrates the flow from noise (times[0] = 1) to the clean end (times[-1] = 0).

    Second order (Heun) but for the last step, in the exact form for a linear path. noise: (B, ...);
    times: (steps + 1,) falling. on_step(step, steps) is called after each step; it may raise to stop.
    """
    x = noise
    steps = len(times) - 1
    previous: torch.Tensor | None = None
    for step in range(steps):
        t, s = times[step], times[step + 1]
        clean = denoise(x, t.expand(len(x)))
        estimate = clean
        if previous is not None and s > 0:
            # two-step extrapolation of the clean estimate (DPM-Solver++(2M), arXiv 2211.01095)
            ratio = _log_snr_step(t, s) / _log_snr_step(times[step - 1], t)
            estimate = clean + 0.5 * ratio * (clean - previous)
        x = (s / t) * x + (1 - s / t) * estimate
        previous = clean
        if on_step is not None:
            on_step(step + 1, steps)
    return x


def _log_snr_step(t: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    def half_log_snr(u: torch.Tensor) -> torch.Tensor:
        u = u.clamp(1e-3, 1 - 1e-3)
        return torch.log((1 - u) / u)

    return half_log_snr(s) - half_log_snr(t)
