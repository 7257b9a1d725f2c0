"""SmartBrush's diffusion (arXiv 2212.05034, section 3): noise inside a mask only, in training and in sampling.

Two noise paths share it: the straight one of flow matching (times 0 to 1, the network predicts the clean
picture) and the one of a Stable Diffusion checkpoint (its scheduler's alphas; the network predicts noise or
velocity). A path is signal and noise levels over time, ``x_t = a(t) x_0 + b(t) eps``, and everything else is common.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

# (x_t, time (B,), mask, whether it is exact by now (B,)) -> (estimate of x_0, logits of the exact mask)
MaskedDenoiser = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
OnState = Callable[[int, int, torch.Tensor, torch.Tensor], None]
MIN_TIME = 0.05  # velocity = (x_t - x_0) / t: below this the division would only amplify rounding
SHIFT = 2.0  # how far the straight path's steps are spent towards the noisy end
SETTLED = 0.5  # share of the steps after which a coarse mask is narrowed to the predicted one
LEAST_KEPT = 0.05  # of a coarse mask; a prediction smaller than that is no object, and the coarse mask stays


@dataclass(frozen=True, eq=False)
class NoisePath:
    """Levels of signal and noise over time in [0, 1].

    alphas: (T,) cumulative products of a DDPM schedule, or None for the straight path a = 1 - t, b = t.
    prediction: what the network gives: "sample" (x_0), "epsilon" or "v_prediction".
    config: of the scheduler that it came from, to be saved with a pipeline.
    """

    prediction: str = "sample"
    alphas: torch.Tensor | None = None
    config: dict[str, Any] | None = None

    def levels(self, time: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``(a, b)`` of the shape of ``time``, float32."""
        if self.alphas is None:
            return 1 - time, time
        alphas = self.alphas.to(time.device)[self.index(time)]
        return alphas.sqrt(), (1 - alphas).sqrt()

    def index(self, time: torch.Tensor) -> torch.Tensor:
        """The checkpoint's whole-numbered step of each time."""
        count = len(self.alphas) if self.alphas is not None else 1000
        return (time * (count - 1)).round().long()

    def network_time(self, time: torch.Tensor) -> torch.Tensor:
        """What the network is told: 0 to 999 in either case, as sinusoidal embeddings want it."""
        return time * 999 if self.alphas is None else self.index(time)

    def training_times(self, count: int, generator: torch.Generator | None = None) -> torch.Tensor:
        """``(count,)`` times: logit-normal on the straight path, uniform on a checkpoint's."""
        if self.alphas is None:
            return torch.sigmoid(torch.randn(count, generator=generator)).clamp_min(MIN_TIME)
        return torch.randint(len(self.alphas), (count,), generator=generator) / (len(self.alphas) - 1)

    def sampling_times(self, steps: int) -> torch.Tensor:
        """``(steps + 1,)`` times from 1 to 0; on the straight path shifted: t' = s t / (1 + (s - 1) t)."""
        t = torch.linspace(1, 0, steps + 1)
        return SHIFT * t / (1 + (SHIFT - 1) * t) if self.alphas is None else t

    def clean(self, noisy: torch.Tensor, time: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        """The estimate of x_0 that a network's output stands for."""
        if self.prediction == "sample":
            return output
        a, b = (_column(level, noisy) for level in self.levels(time))
        return (noisy - b * output) / a if self.prediction == "epsilon" else a * noisy - b * output

    def loss(
        self, output: torch.Tensor, clean: torch.Tensor, noise: torch.Tensor, time: torch.Tensor, where: torch.Tensor
    ) -> torch.Tensor:
        """``(B,)`` mean squared error over ``where`` (0 or 1, broadcast to the output's shape).

        Of the velocity (x_0 error over t squared) on the straight path, else of what the checkpoint predicts.
        """
        a, b = (_column(level, clean) for level in self.levels(time))
        scale = torch.ones_like(b)
        if self.prediction == "sample":
            target = clean
            scale = b.clamp_min(MIN_TIME) ** -2
        else:
            target = noise if self.prediction == "epsilon" else a * noise - b * clean
        where = where.expand_as(clean)
        error = ((output - target) ** 2 * scale * where).flatten(1).sum(1)
        return error / where.flatten(1).sum(1).clamp_min(1)


def scheduler_path(config: Any) -> NoisePath:
    """The path of a diffusers scheduler's config, such as ``scheduler/scheduler_config.json`` of Stable Diffusion."""
    from diffusers import DDPMScheduler

    known = DDPMScheduler.from_config(config)
    prediction = str(known.config.prediction_type)
    if prediction not in ("epsilon", "v_prediction", "sample"):
        raise ValueError(f"The scheduler predicts '{prediction}'; epsilon, v_prediction and sample are known.")
    return NoisePath(prediction, known.alphas_cumprod.float(), dict(known.config))


def _column(values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return values.view(-1, *([1] * (like.dim() - 1)))


def add_masked_noise(
    clean: torch.Tensor, noise: torch.Tensor, time: torch.Tensor, mask: torch.Tensor, path: NoisePath
) -> torch.Tensor:
    """``x_t = x~_t m + x_0 (1 - m)``: noise inside the mask, the clean picture, bit for bit, outside.

    clean, noise: (B, C, H, W); time: (B,) in [0, 1]; mask: bool, broadcast to clean.
    """
    a, b = (_column(level, clean) for level in path.levels(time))
    return torch.where(mask, a * clean + b * noise, clean)


def dice_loss(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """``(B,)`` Dice losses ``1 - 2 |X n Y| / (|X| + |Y|)`` of mask logits against a mask of their shape.

    X are the probabilities, so it has a gradient; 0 for a perfect prediction, 1 where nothing is shared.
    """
    probable, mask = torch.sigmoid(logits.float()).flatten(1), mask.float().flatten(1)
    return 1 - 2 * (probable * mask).sum(1) / (probable.sum(1) + mask.sum(1)).clamp_min(1e-6)


@torch.no_grad()
def sample_masked(
    denoise: MaskedDenoiser,
    clean: torch.Tensor,
    noise: torch.Tensor,
    mask: torch.Tensor,
    path: NoisePath,
    steps: int,
    narrow: torch.Tensor | None = None,
    blend: bool = False,
    on_state: OnState | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """DPM-Solver++(2M) (arXiv 2211.01095) inside the mask; outside it the state is ``clean`` at every step.

    denoise: see MaskedDenoiser. clean, noise: (B, C, H, W); mask: (B, M, H, W) bool, M a divisor of C.
    narrow: (B,) bool or None (nowhere); after half of the steps the predicted mask takes the place of a coarse
    one, so that the background inside the coarse mask comes back as it was (the paper's use of it).
    blend: the ablation without mask-only noise: outside the mask the state is the picture, noised alike.
    on_state(step, steps, state, mask) is called after each step and may raise to stop.
    Returns the (B, C, H, W) picture and the last (B, M, H, W) mask probabilities, 0 outside the mask.
    """
    times = path.sampling_times(steps).to(clean.device)
    wide = _widened(mask, clean)
    state = noise if blend else torch.where(wide, noise, clean)
    previous: torch.Tensor | None = None
    exact = torch.zeros(len(state), dtype=torch.bool, device=state.device)
    probable = mask.float()
    for step in range(steps):
        t, s = times[step], times[step + 1]
        estimate, logits = denoise(state, t.expand(len(state)), mask, exact)
        probable = torch.sigmoid(logits) * mask
        if narrow is not None and not exact.any() and step + 1 >= SETTLED * steps:
            mask, exact = torch.where(_column(narrow, mask), _narrowed(mask, probable), mask), narrow
            wide = _widened(mask, clean)
        (a, b), (c, d) = path.levels(t), path.levels(s)
        d = d if s > 0 else torch.zeros_like(d)  # a checkpoint's last alpha is not quite 1
        c = c if s > 0 else torch.ones_like(c)
        guess = estimate
        if previous is not None and s > 0:
            ratio = _half_log_snr(c, d, a, b) / _half_log_snr(a, b, *path.levels(times[step - 1]))
            guess = estimate + 0.5 * ratio * (estimate - previous)
        moved = (d / b) * state + (c - a * d / b) * guess
        state = torch.where(wide, moved, c * clean + d * noise if blend else clean)
        previous = estimate
        if on_state is not None:
            on_state(step + 1, steps, state, mask)
    return state, probable * mask


def _widened(mask: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    """(B, M, H, W) -> (B, C, H, W): each mask channel for the C / M channels it covers (pixel-unshuffled order)."""
    return mask.repeat(1, clean.shape[1] // mask.shape[1], 1, 1)


def _narrowed(mask: torch.Tensor, probable: torch.Tensor) -> torch.Tensor:
    """The coarse mask where the object is more likely than not; as it was where hardly any of it would stay."""
    inside = mask & (probable > 0.5)
    share = inside.flatten(1).sum(1) / mask.flatten(1).sum(1).clamp_min(1)
    return torch.where(_column(share >= LEAST_KEPT, mask), inside, mask)


def _half_log_snr(a: torch.Tensor, b: torch.Tensor, before_a: torch.Tensor, before_b: torch.Tensor) -> torch.Tensor:
    """The step in log(a / b) from (before_a, before_b) to (a, b), kept finite at the ends of the path."""

    def level(signal: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        return torch.log(signal.clamp_min(1e-3) / noise.clamp_min(1e-3))

    return level(a, b) - level(before_a, before_b)
