"""Chance: a seed's numbers are its own, normal, and neighbouring seeds spread."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smartmask.pipelines.chance import BLOCK, LEAD, Chance, chances


def parts(chance: Chance) -> list[torch.Tensor]:
    return [chance.field, chance.shape, chance.outline, chance.edges, chance.uniforms]


@given(st.integers(0, 2**62), st.integers(0, 7))
def test_a_seed_does_not_know_its_neighbours(seed: int, place: int) -> None:
    alone = chances([seed + place], 20)[0]
    among = chances([seed + i for i in range(8)], 20)[place]
    assert all(torch.equal(a, b) for a, b in zip(parts(alone), parts(among), strict=True))


def test_seeds_differ_within_and_across_blocks() -> None:
    drawn = chances([0, 1, BLOCK, BLOCK + 1, 5 * BLOCK], 20)
    for i, one in enumerate(drawn):
        for other in drawn[:i]:
            assert not any(torch.equal(a, b) for a, b in zip(parts(one), parts(other), strict=True))


def test_each_number_alone_is_normal_or_uniform() -> None:
    drawn = chances([k * 977 * BLOCK // 7 for k in range(2000)], 20)
    shape = torch.stack([chance.shape for chance in drawn])
    assert shape.mean(0).abs().max() < 0.12
    assert (shape.std(0) - 1).abs().max() < 0.1
    uniforms = torch.stack([chance.uniforms for chance in drawn])
    assert uniforms.min() >= 0
    assert uniforms.max() < 1
    assert (uniforms.mean(0) - 0.5).abs().max() < 0.03


@pytest.mark.parametrize("start", [0, 8, 1024, 3 * BLOCK])
def test_eight_neighbours_fill_eight_strata(start: int) -> None:
    lead = torch.stack([chance.shape[:LEAD] for chance in chances(list(range(start, start + 8)), 20)])
    strata = (torch.special.ndtr(lead.double()) * 8).long()
    assert all(len(set(strata[:, i].tolist())) == 8 for i in range(LEAD))


def test_fewer_components_than_leads() -> None:
    assert chances([3], 2)[0].shape.shape == (2,)
