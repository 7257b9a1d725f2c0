"""All chance of one mask, from its own seed alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from smartmask.frame import BAND, BOX_SIDE
from smartmask.models.placement import UNIFORMS
from smartmask.models.prior import EDGES
from smartmask.models.shape import MASKS

LEAD = 6  # leading shape components whose noise is spread evenly over neighbouring seeds
BLOCK = 2**16  # seeds that share one low-discrepancy sequence
TRIES = 4  # candidate places of a mask, of which it takes the likeliest
GUESSES = 8  # candidate boxes where a rough guide tells the extent, likewise
_EDGE = 1e-6  # keeps the normal quantile finite


@dataclass(frozen=True, eq=False)
class Chance:
    """field: (MASKS, BAND, BAND) normal noise of the mask network. shape: (components,) normal noise of the prior.
    outline: (BOX_SIDE, BOX_SIDE) normal noise of the outline network.
    edges: (GUESSES, EDGES) normal, for the box that a rough guide means. uniforms: (TRIES, UNIFORMS) in [0, 1), for
    places."""

    field: torch.Tensor
    shape: torch.Tensor
    outline: torch.Tensor
    edges: torch.Tensor
    uniforms: torch.Tensor


def chances(seeds: Sequence[int], components: int) -> list[Chance]:
    """The chance of each seed; it does not depend on the other seeds.

    The few numbers that decide most, where the object stands and the leading components of its shape, are
    not drawn independently: seed s takes point ``s mod BLOCK`` of the scrambled Sobol sequence (Sobol 1967,
    scrambled after Owen) of its block. Each mask alone is distributed as with independent noise, while
    neighbouring seeds, as one call uses them, spread evenly over what is possible.
    """
    spread = _low_discrepancy(seeds, LEAD + UNIFORMS)
    found = []
    for seed, point in zip(seeds, spread, strict=True):
        generator = torch.Generator().manual_seed(seed)
        field = torch.randn(MASKS, BAND, BAND, generator=generator)
        shape = torch.randn(components, generator=generator)
        lead = min(LEAD, components)
        shape[:lead] = torch.special.ndtri(point[:lead].clamp(_EDGE, 1 - _EDGE)).float()
        places = torch.rand(TRIES, UNIFORMS, generator=generator)
        places[0] = point[LEAD:].float()
        outline = torch.randn(BOX_SIDE, BOX_SIDE, generator=generator)
        edges = torch.randn(GUESSES, EDGES, generator=generator)
        found.append(Chance(field, shape, outline, edges, places.clamp_max(1 - _EDGE)))
    return found


def _low_discrepancy(seeds: Sequence[int], dimensions: int) -> list[torch.Tensor]:
    """One ``(dimensions,)`` float64 point in [0, 1) for each seed."""
    blocks: dict[int, list[int]] = defaultdict(list)
    for seed in seeds:
        blocks[seed // BLOCK].append(seed % BLOCK)
    points: dict[tuple[int, int], torch.Tensor] = {}
    for block, wanted in blocks.items():
        engine = torch.quasirandom.SobolEngine(dimensions, scramble=True, seed=block)
        first = min(wanted)
        engine.fast_forward(first)
        drawn = engine.draw(max(wanted) - first + 1, dtype=torch.float64)
        points |= {(block, index): drawn[index - first] for index in wanted}
    return [points[seed // BLOCK, seed % BLOCK] for seed in seeds]
