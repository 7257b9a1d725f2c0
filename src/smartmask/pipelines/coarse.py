"""The first of two drawing stages: shapes from the prior, in the object's box, and what the prior expects there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from smartmask import diffusion
from smartmask.frame import BOX_SIDE, box_cells, box_shape
from smartmask.geometry import BoxXYXY
from smartmask.guidance import Box, Guide, Point
from smartmask.models.outline import OutlineNetwork
from smartmask.models.prior import ShapeAsk, ShapePrior, box_geometry, guide_cells
from smartmask.models.text import Meaning
from smartmask.pipelines.chance import LEAD

if TYPE_CHECKING:
    from smartmask.pipelines.shapes import Defaults

NEAR = 0.35, 0.5  # cosines of two names from which one's shape begins to stand, and stands, for the other's
EVIDENCE_TIMES = 0.3, 0.5, 0.7, 0.85  # noise levels at which a shape's name is tested
EVIDENCE_DRAWS = 4
EVIDENCE_SLOPE = 40.0  # steep: it parts shapes that the name explains from those it does not (docs/decisions.md)
REFERENCES = 32  # shapes that stand for all that the prior holds possible
REFERENCE_STEPS = 4  # enough to rank by (docs/decisions.md)
REFERENCE_SEED = 20_231_205


def ask_for(boxes: Sequence[BoxXYXY], guides: Sequence[Guide], height: int, width: int, named: np.ndarray) -> ShapeAsk:
    """What the prior is told of objects in these boxes of a (height, width) scene; named: (text_dim,)."""
    photo = 0.0, 0.0, float(width), float(height)
    return ShapeAsk(
        torch.from_numpy(named).expand(len(boxes), -1),
        torch.from_numpy(np.stack([box_geometry(box, photo, guides) for box in boxes])),
        torch.from_numpy(np.stack([guide_cells(box, guides, height, width) for box in boxes])),
    )


def familiar(meaning: Meaning, known: Sequence[str], vectors: np.ndarray) -> tuple[np.ndarray, str | None]:
    """``(text_dim,)`` vector to draw a name by, and a note where it is not the name's own.

    A puppy is drawn as the dog that training showed: of names that it hardly showed (``known`` lists the others,
    ``vectors`` (names, text_dim) their meanings) the vector goes over to the nearest known one, the nearer the
    more, between cosines NEAR.
    """
    norm = float(np.linalg.norm(meaning.vector))
    if meaning.name in known or not known or norm < 1e-6:
        return meaning.vector, None
    alike = vectors @ meaning.vector / (np.linalg.norm(vectors, axis=1).clip(1e-6) * norm)
    best = int(alike.argmax())
    share = float(np.clip((alike[best] - NEAR[0]) / (NEAR[1] - NEAR[0]), 0, 1))
    note = f"'{meaning.text[:60]}' is drawn like '{known[best]}', as training hardly showed its own shape."
    return meaning.vector + share * (vectors[best] - meaning.vector), note if share >= 0.5 else None


def is_rough(guides: Sequence[Guide]) -> bool:
    """Whether the guides tell a rough extent, but no box: a blob, a scribble or a mask."""
    return not any(isinstance(guide, Box) for guide in guides) and any(not isinstance(g, Point) for g in guides)


def guess_boxes(
    prior: ShapePrior, region: BoxXYXY, ask: ShapeAsk, edges: torch.Tensor, temperature: float
) -> list[BoxXYXY]:
    """A box of the object for each row of ``edges`` (n, EDGES) normal numbers.

    region: the extent of rough guides, ``ask`` of one row. temperature: factor on the deviations of the box's sides.
    """
    mean, deviation = (value[0].numpy() for value in prior.guess_box(ask))
    x0, y0, x1, y1 = region
    cx, cy, half = (x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, y1 - y0, 1.0) / 2
    boxes = []
    for a, b, c, d in (mean + np.exp(deviation) * temperature * edges.numpy()).tolist():
        left, right = cx + min(a, c - 0.1) * half, cx + max(c, a + 0.1) * half
        top, bottom = cy + min(b, d - 0.1) * half, cy + max(d, b + 0.1) * half
        boxes.append((left, top, max(right, left + 1), max(bottom, top + 1)))
    return boxes


def clip_to_scene(box: BoxXYXY, height: int, width: int) -> BoxXYXY:
    """The part of a box inside the scene, at least a pixel wide and high; the prior knows cut objects as such."""
    x0, y0 = min(max(box[0], 0.0), width - 1.0), min(max(box[1], 0.0), height - 1.0)
    return x0, y0, max(min(box[2], float(width)), x0 + 1), max(min(box[3], float(height)), y0 + 1)


def draw_coarse(
    prior: ShapePrior, noise: torch.Tensor, ask: ShapeAsk, object_scale: float, defaults: Defaults
) -> torch.Tensor:
    """``(n, BOX_SIDE^2)`` shapes in their boxes, positive inside. noise: (n, components) normal numbers.

    The leading components keep more of their noise than the rest: they are what makes shapes differ,
    while noise in fine components only frays outlines.
    """
    warmth = torch.full((noise.shape[1],), defaults.detail_temperature)
    warmth[:LEAD] = defaults.temperature
    times = diffusion.shifted_steps(defaults.prior_steps, defaults.shift)
    return _sample(prior, noise * warmth, ask, object_scale, times)


def redraw(outline: OutlineNetwork, shapes: torch.Tensor, noise: torch.Tensor, ask: ShapeAsk) -> torch.Tensor:
    """``(n, BOX_SIDE^2)`` shapes with outlines as real objects have them; noise: (n, BOX_SIDE, BOX_SIDE)."""
    pictures = shapes.view(-1, BOX_SIDE, BOX_SIDE).clamp(-1, 1)
    return outline(pictures, noise, ask.object, ask.geometry).clamp(-1, 1).flatten(1)


def _sample(
    prior: ShapePrior, noise: torch.Tensor, ask: ShapeAsk, object_scale: float, times: torch.Tensor
) -> torch.Tensor:
    def denoise(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        if object_scale == 1:
            return prior(x, t, ask)
        named, unnamed = _with_and_without_name(prior, x, t, ask)
        return unnamed + object_scale * (named - unnamed)

    return prior.to_shapes(diffusion.sample(denoise, noise, times))


def _with_and_without_name(
    prior: ShapePrior, noisy: torch.Tensor, time: torch.Tensor, ask: ShapeAsk
) -> tuple[torch.Tensor, torch.Tensor]:
    """Clean components with the object's name and without it, two (n, components).

    In one pass: of few rows most of the time goes into reading the weights.
    """
    keep = torch.tensor([True, False]).repeat(len(noisy))
    clean = prior(noisy.repeat_interleave(2, dim=0), time.repeat_interleave(2), ask.repeat(2), keep)
    return clean[::2], clean[1::2]


def expected_overlap(
    prior: ShapePrior, masks: np.ndarray, boxes: Sequence[BoxXYXY], ask: ShapeAsk, defaults: Defaults
) -> np.ndarray:
    """``(n,)`` in [0, 1]: mean IoU of each (H, W) mask, in its box, with REFERENCES shapes of the prior.

    The mask that overlaps most with all that could stand there is the safest answer (minimum Bayes risk,
    Kumar and Byrne 2004). The references are the same for equal asks, so a mask's score does not depend
    on its neighbours. Equal rows of ``ask`` are drawn once.
    """
    rows = torch.cat([ask.geometry, ask.guide], dim=1)
    unique, group = torch.unique(rows, dim=0, return_inverse=True)
    firsts = torch.tensor([int((group == i).nonzero()[0]) for i in range(len(unique))])
    generator = torch.Generator().manual_seed(REFERENCE_SEED)
    noise = torch.randn(REFERENCES, prior.config.components, generator=generator)
    some = ShapeAsk(ask.object[firsts], ask.geometry[firsts], ask.guide[firsts]).repeat(REFERENCES)
    times = diffusion.shifted_steps(REFERENCE_STEPS, defaults.shift)
    shapes = _sample(prior, noise.repeat(len(unique), 1), some, 1.0, times)
    references = (shapes > 0).view(len(unique), REFERENCES, BOX_SIDE**2).numpy()
    scores = np.zeros(len(masks))
    for i, (mask, box) in enumerate(zip(masks, boxes, strict=True)):
        cells, others = box_cells(mask, box).ravel(), references[int(group[i])]
        shared, either = (others & cells).sum(1), (others | cells).sum(1)
        scores[i] = float(np.where(either > 0, shared / np.maximum(either, 1), 0.0).mean())
    return scores


@torch.inference_mode()
def name_evidence(prior: ShapePrior, masks: np.ndarray, boxes: Sequence[BoxXYXY], ask: ShapeAsk) -> np.ndarray:
    """``(n,)`` factors in (0, 1) for (H, W) masks: near 1 where the name explains the shape, near 0 where it does not.

    A logistic function of how much better the prior restores the mask's noised components with the name than without,
    which is the flow's own evidence for it (Li et al., "Your Diffusion Model is Secretly a Zero-Shot Classifier",
    arXiv 2303.16203, eq. 5). Masks that look no more like their name than like anything else so rank last.
    """
    shapes = np.stack([box_shape(mask, box) for mask, box in zip(masks, boxes, strict=True)])
    clean = prior.to_components(torch.from_numpy(shapes).float().flatten(1))
    weight = prior.scale**2 / (prior.scale**2).mean()
    generator = torch.Generator().manual_seed(REFERENCE_SEED)
    times = torch.tensor(EVIDENCE_TIMES).repeat_interleave(EVIDENCE_DRAWS)
    tests, count = len(times), len(clean)
    noise = torch.stack([torch.randn(clean.shape[1], generator=generator) for _ in times]).repeat(count, 1)
    # each mask at each noise level and draw, neighbours first
    clean, times = clean.repeat_interleave(tests, dim=0), times.repeat(count)
    named, unnamed = _with_and_without_name(prior, diffusion.add_noise(clean, noise, times), times, ask.repeat(tests))
    gain = (((unnamed - clean) ** 2 - (named - clean) ** 2) * weight).mean(1).view(count, tests).mean(1)
    return torch.sigmoid(EVIDENCE_SLOPE * gain).numpy()
