"""Chance by numbers: the same whoever draws, and no two alike."""

from __future__ import annotations

import random

import numpy as np
import torch

from smartmask.train.chance import below, generators, normal, seed_all, seed_of


def drawn() -> tuple[float, float, float]:
    return random.random(), float(np.random.random()), float(torch.rand(1))  # noqa: NPY002


def test_all_three_generators_follow_the_numbers() -> None:
    seed_all(3, 5)
    first = drawn()
    assert len(set(first)) == 3
    seed_all(3, 6)
    assert not set(first) & set(drawn())
    seed_all(3, 5)
    assert drawn() == first


def test_a_rows_noise_is_its_seeds() -> None:
    seeds = torch.tensor([seed_of(0, 1, number) for number in range(6)])
    like = torch.zeros(6, 3, 4, dtype=torch.float64)
    whole = normal(generators(seeds), like)
    assert whole.dtype == torch.float64
    assert torch.equal(whole[2:4], normal(generators(seeds[2:4]), like[2:4]))
    assert len(torch.unique(whole)) == whole.numel()
    times = below(generators(seeds), 1000, torch.device("cpu"))
    assert torch.equal(times[5:], below(generators(seeds[5:]), 1000, torch.device("cpu")))
    assert ((times >= 0) & (times < 1000)).all()
    assert len(torch.unique(times)) > 3
