"""Drawing the shapes of placed jobs with the mask network, and judging how plausible each is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from smartmask import diffusion
from smartmask.frame import Frame
from smartmask.geometry import BoxXYXY
from smartmask.models.layout import LayoutCrop
from smartmask.models.shape import Condition, ShapeNetwork

BATCH = 16  # masks denoised together; bounds memory, and every mask is independent of its neighbours
SCORE_TIMES = (0.35, 0.6)  # noise levels at which plausibility is judged
SCORE_SLOPE = 50  # spreads the usual errors over the scale; the ranking does not depend on it

StepCallback = Callable[[int, int], None]


@dataclass(frozen=True)
class Defaults:
    """Sampler settings that go with the weights; chosen on development data (docs/decisions.md)."""

    steps: int = 8
    guidance_scale: float = 1.0
    context_guidance_scale: float = 1.0
    shift: float = 2.0
    temperature: float = 0.7


@dataclass(frozen=True, eq=False)
class Texts:
    """Text vectors of one call: object and context (text_dim,), names (layers or at least 1, text_dim)."""

    object: np.ndarray
    context: np.ndarray
    names: np.ndarray


@dataclass(eq=False)
class Job:
    """One mask to draw: its seed and noise, box and frame, rendered layout, depth; prior is the log density of its
    place, None where the user gave it."""

    seed: int
    noise: torch.Tensor
    box: BoxXYXY
    frame: Frame
    crop: LayoutCrop
    order: int
    prior: float | None = None


def draw_shapes(
    network: ShapeNetwork,
    jobs: list[Job],
    texts: Texts,
    steps: int,
    scales: tuple[float, float],
    defaults: Defaults,
    callback: StepCallback | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Encoded masks ``(n, 2, BAND, BAND)`` of the jobs, and their plausibility ``(n,)``, in the jobs' order.

    scales: guidance weights of object and context. callback(step, steps) counts over all batches.
    """
    times = diffusion.shifted_steps(steps, defaults.shift)
    chunks = [jobs[i : i + BATCH] for i in range(0, len(jobs), BATCH)]
    drawn, scores = [], []
    for number, chunk in enumerate(chunks):
        condition = condition_of(chunk, texts)
        noise = torch.stack([job.noise for job in chunk])

        def denoise(x: torch.Tensor, t: torch.Tensor, condition: Condition = condition) -> torch.Tensor:
            def predict(keep_object: bool, keep_context: bool) -> torch.Tensor:
                keep = torch.full((2, len(x)), True)
                keep[0], keep[1] = keep_object, keep_context
                return network(x, t, condition, keep[0], keep[1])

            return diffusion.guide_texts(predict, *scales)

        def on_step(step: int, total: int, done: int = number * steps) -> None:
            if callback is not None:
                callback(done + step, len(chunks) * total)

        clean = diffusion.sample(denoise, noise * defaults.temperature, times, on_step)
        drawn.append(clean.numpy())
        scores.append(plausibility(network, clean, noise, condition, [job.prior for job in chunk]))
    return np.concatenate(drawn), np.concatenate(scores)


def plausibility(
    network: ShapeNetwork, clean: torch.Tensor, noise: torch.Tensor, condition: Condition, prior: list[float | None]
) -> np.ndarray:
    """``(n,)`` in [0, 1]: how well the network restores each mask from noise, times the place's density.

    A mask that the model finds likely lies where denoising returns to it.
    """
    sharp = clean.clamp(-1, 1)
    error = torch.zeros(len(clean))
    for t in SCORE_TIMES:
        time_ = torch.full((len(clean),), t)
        restored = network(diffusion.add_noise(sharp, noise.flip(-1), time_), time_, condition).clamp(-1, 1)
        error += ((restored - sharp)[:, 0] ** 2).flatten(1).mean(1)
    restored_well = torch.exp(-SCORE_SLOPE * error / len(SCORE_TIMES)).double().numpy()
    place = [1.0 if density is None else 1 / (1 + math.exp(-density / 4 - 1)) for density in prior]
    return restored_well * np.array(place)


def condition_of(jobs: list[Job], texts: Texts) -> Condition:
    """What the network is told of each job, stacked."""

    def each(values: list[np.ndarray]) -> torch.Tensor:
        return torch.from_numpy(np.stack(values))

    return Condition(
        each([job.crop.ids for job in jobs]),
        each([job.crop.flags for job in jobs]),
        each([job.crop.scalars for job in jobs]),
        torch.from_numpy(texts.names),
        torch.from_numpy(texts.object).expand(len(jobs), -1),
        torch.from_numpy(texts.context).expand(len(jobs), -1),
    )
