"""Drawing masks: shapes from the prior, their outlines redrawn; the mask network may fit them to layout and guides."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from smartmask import diffusion
from smartmask.frame import BAND, BOX_SIDE, Frame, box_shape_in_frame
from smartmask.geometry import BoxXYXY
from smartmask.models.layout import LayoutCrop
from smartmask.models.outline import OutlineNetwork
from smartmask.models.prior import ShapeAsk, ShapePrior
from smartmask.models.shape import MASKS, Condition, ShapeNetwork
from smartmask.pipelines.chance import Chance
from smartmask.pipelines.coarse import draw_coarse, redraw

PLAIN = 0.25  # noise level up to which the mask network draws without guidance: what is drawn is decided by then
BATCH = 16  # masks denoised together; bounds memory, and every mask is independent of its neighbours

StepCallback = Callable[[int, int], None]


@dataclass(frozen=True)
class Defaults:
    """Sampler settings that go with the weights; chosen on development data (docs/decisions.md).

    steps: of the mask network from pure noise, and the like share of them from a later time. refine, refine_mask:
    the time from which it takes over the prior's shape, 0 (keep it) to 1 (ignore it); refine_mask where the
    user painted a mask, whose outline only the mask network sees in full. prior_steps: of the prior.
    temperature, detail_temperature: factors on the noise of its leading and of its other components.
    """

    steps: int = 4
    guidance_scale: float = 1.5
    context_guidance_scale: float = 1.0
    shift: float = 2.0
    refine: float = 0.2
    refine_mask: float = 1.0
    prior_steps: int = 10
    temperature: float = 0.8
    detail_temperature: float = 0.5


@dataclass(frozen=True, eq=False)
class Texts:
    """Text vectors of one call: object and context (text_dim,), names (layers or at least 1, text_dim).

    shape: (text_dim,), what the object is drawn by (``familiar``).
    """

    object: np.ndarray
    shape: np.ndarray
    context: np.ndarray
    names: np.ndarray


@dataclass(eq=False)
class Job:
    """One mask to draw: its seed and chance; the box it was asked for or placed in, and the part of it inside the
    scene, which its shape fills; frame, rendered layout, depth. density: the log density of its place, None where
    the user gave it."""

    seed: int
    chance: Chance
    box: BoxXYXY
    shape_box: BoxXYXY
    frame: Frame
    crop: LayoutCrop
    order: int
    density: float | None = None


def draw_shapes(
    prior: ShapePrior,
    outline: OutlineNetwork,
    network: ShapeNetwork,
    jobs: list[Job],
    ask: ShapeAsk,
    texts: Texts,
    start: float,
    steps: int,
    scales: tuple[float, float],
    plain: float,
    defaults: Defaults,
    callback: StepCallback | None = None,
) -> np.ndarray:
    """Encoded masks ``(n, 2, BAND, BAND)`` of the jobs, in their order.

    The prior's shape, its outline redrawn, is noised to time ``start`` (0: it stays as it is) and denoised by the mask
    network, which sees the layout and the guide (SDEdit, Meng et al., arXiv 2108.01073). ask: a row a job. scales:
    guidance weights of object and context, for noise levels above ``plain`` (guidance in an interval: Kynkäänniemi et
    al., arXiv 2404.07724). Of ``steps`` it takes the share that ``start`` is of the whole way.
    callback(step, steps) counts over all batches.
    """
    shapes = draw_coarse(prior, torch.stack([job.chance.shape for job in jobs]), ask, scales[0], defaults)
    shapes = redraw(outline, shapes, torch.stack([job.chance.outline for job in jobs]), ask)
    steps = math.ceil(steps * start)
    times = start * diffusion.shifted_steps(steps, defaults.shift) if steps else None
    chunks = [range(i, min(i + BATCH, len(jobs))) for i in range(0, len(jobs), BATCH)]
    drawn = []
    for number, chunk in enumerate(chunks):
        members = [jobs[i] for i in chunk]
        condition = condition_of(members, texts)

        def denoise(x: torch.Tensor, t: torch.Tensor, condition: Condition = condition) -> torch.Tensor:
            def predict(keep_object: bool, keep_context: bool) -> torch.Tensor:
                keep = torch.full((2, len(x)), True)
                keep[0], keep[1] = keep_object, keep_context
                return network(x, t, condition, keep[0], keep[1])

            return diffusion.guide_texts(predict, *(scales if t[0] > plain else (1.0, 1.0)))

        def on_step(step: int, total: int, done: int = number * steps) -> None:
            if callback is not None:
                callback(done + step, len(chunks) * total)

        clean = _encode(shapes[chunk.start : chunk.stop], members)
        if times is not None:
            field = torch.stack([job.chance.field for job in members])
            clean = diffusion.sample(denoise, (1 - start) * clean + start * field, times, on_step)
        drawn.append(clean.numpy())
    return np.concatenate(drawn)


def _encode(shapes: torch.Tensor, jobs: list[Job]) -> torch.Tensor:
    """``(n, 2, BAND, BAND)`` encoded masks of the jobs' frames for the shapes in their boxes; both channels alike."""
    pictures = shapes.view(-1, BOX_SIDE, BOX_SIDE).numpy()
    encoded = [box_shape_in_frame(p, job.shape_box, job.frame) for p, job in zip(pictures, jobs, strict=True)]
    return torch.from_numpy(np.stack(encoded)).float()[:, None].expand(-1, MASKS, BAND, BAND)


def condition_of(jobs: list[Job], texts: Texts) -> Condition:
    """What the network is told of each job, stacked."""

    def each(values: list[np.ndarray]) -> torch.Tensor:
        return torch.from_numpy(np.stack(values))

    return Condition(
        each([job.crop.ids for job in jobs]),
        each([job.crop.flags for job in jobs]),
        each([job.crop.scalars for job in jobs]),
        torch.from_numpy(texts.names),
        torch.from_numpy(texts.shape).expand(len(jobs), -1),
        torch.from_numpy(texts.context).expand(len(jobs), -1),
    )
