"""Chance in training: a function of the run's seed and of what is drawn for, never of who draws or what came before.

So a run that goes on, also on another number of processes, needs no states of generators: those of a batch are seeded
by its number, and what a sample needs of its own comes from the sample's seed.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np
import torch


def seed_all(*numbers: int) -> None:
    """Seeds python's, numpy's and torch's generators by numbers, such as a run's seed and a batch's."""
    one, two, three = np.random.SeedSequence(numbers).generate_state(3).tolist()
    random.seed(one)
    np.random.seed(two)  # noqa: NPY002 - the global one, which libraries may draw from
    torch.manual_seed(three)


def seed_of(*numbers: int) -> int:
    """One seed of 63 bits made of numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


def generators(seeds: torch.Tensor) -> list[torch.Generator]:
    """A generator a seed: of (B,) int64. On the CPU, whose numbers are the same wherever the network is."""
    return [torch.Generator().manual_seed(seed) for seed in seeds.tolist()]


def normal(drawn: Sequence[torch.Generator], like: torch.Tensor) -> torch.Tensor:
    """Normal noise of the shape, kind and device of ``like`` (B, ...), each row from its own generator."""
    rows = [torch.randn(like.shape[1:], generator=own) for own in drawn]
    return torch.stack(rows).to(like)


def below(drawn: Sequence[torch.Generator], end: int, device: torch.device) -> torch.Tensor:
    """``(B,)`` whole numbers from 0 up to end, which is left out, each from its own generator."""
    return torch.cat([torch.randint(end, (1,), generator=own) for own in drawn]).to(device)
