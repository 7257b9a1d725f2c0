"""The moving average: how it trails, where it lies, and that it gives the weights back."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from smartmask.train.average import Average


def weights(network: nn.Module) -> dict[str, torch.Tensor]:
    return network.state_dict(keep_vars=True)


def test_the_average_trails_the_weights() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 0)
    average = Average(weights(network), decay=0.9)
    nn.init.constant_(network.weight, 1)
    average.update(weights(network), 1)
    own = average.parts["weight"].local
    assert own.item() == pytest.approx(1 - 2 / 11)  # in the beginning it moves fast
    before = own.item()
    average.update(weights(network), 10_000)
    assert own.item() == pytest.approx(0.9 * before + 0.1)
    assert network.weight.item() == 1


def test_the_average_takes_buffers() -> None:
    network = nn.BatchNorm1d(2)
    average = Average(weights(network), decay=0.9)
    network(torch.ones(3, 2))
    average.update(weights(network), 1)
    assert torch.equal(average.parts["running_mean"].local, network.running_mean)


def test_every_few_steps_it_moves_as_far_as_in_each() -> None:
    """Of weights that stand still."""
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 0)
    often, seldom = (Average(weights(network), 0.9, every) for every in (1, 4))
    nn.init.constant_(network.weight, 1)
    for step in range(10_001, 10_009):
        often.update(weights(network), step)
        seldom.update(weights(network), step)
        if step == 10_002:
            assert seldom.parts["weight"].local.item() == 0
    assert seldom.parts["weight"].local.item() == pytest.approx(often.parts["weight"].local.item())


def test_it_stands_in_for_the_weights_and_gives_them_back() -> None:
    network = nn.Linear(2, 1)
    average = Average(weights(network), 0.5)
    with torch.no_grad():
        network.weight.add_(1)
    live, old = network.weight.clone(), average.parts["weight"].local.clone()
    with average.in_place(weights(network)):
        assert torch.equal(network.weight, old)
    assert torch.equal(network.weight, live)
    average.give(weights(network))
    assert torch.equal(network.weight, old)
    assert network.weight.requires_grad
