"""The meter: operations counted as by hand, none twice, and figures that fit together."""

from __future__ import annotations

import time

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from smartmask.train.meter import Meter, count, lines, measured_peak, stated_peak

CPU = torch.device("cpu")


class Twice(nn.Module):
    """Two layers without offsets, the first made again on the way back if ``again``."""

    def __init__(self, again: bool) -> None:
        super().__init__()
        self.again = again
        self.first, self.second = nn.Linear(8, 16, bias=False), nn.Linear(16, 4, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made = checkpoint(self.first, x, use_reentrant=False) if self.again else self.first(x)
        return self.second(torch.tanh(made))


@pytest.mark.parametrize("again", [False, True])
def test_operations_are_those_of_the_layers_and_what_is_made_again_stands_apart(again: bool) -> None:
    network = Twice(again)
    x = torch.randn(5, 8)
    with count() as counted:
        network(x).sum().backward()
    first, second = 2 * 5 * 8 * 16, 2 * 5 * 16 * 4
    # forwards once; backwards by weights twice, and by what comes in but for the data
    assert counted.model == 2 * first + 3 * second
    assert counted.recomputed == (first if again else 0)


def test_attention_counts_on_a_cpu() -> None:
    query = torch.randn(2, 3, 7, 8, requires_grad=True)
    with count() as forwards, torch.no_grad():
        nn.functional.scaled_dot_product_attention(query, query, query)
    assert forwards.model == 2 * 2 * (2 * 3 * 7 * 7 * 8)
    with count() as both:
        nn.functional.scaled_dot_product_attention(query, query, query).sum().backward()
    assert both.model > 2.5 * forwards.model


def test_the_first_steps_do_not_count() -> None:
    meter = Meter(CPU, 6)
    assert meter.figures() == {}
    for pause in (0.2, 0.2, 0.01, 0.01, 0.01):
        with meter.timed():
            time.sleep(pause)
    figures = meter.figures()
    assert 0.01 <= figures["step_seconds"] < 0.1
    assert figures["samples_per_second"] == pytest.approx(6 / figures["step_seconds"])
    assert 0.05 < figures["memory_gb"] < 1000
    assert len(meter.times) == 3


def test_a_profile_says_how_far_from_the_floor_it_is() -> None:
    network, meter = Twice(False), Meter(CPU, 20)
    network.second.requires_grad_(False)
    for number in range(4):
        with meter.timed():
            for part in range(2):
                if number == part == 0:
                    with meter.counting():
                        network(torch.randn(500, 8)).sum().backward()
                else:
                    network(torch.randn(500, 8)).sum().backward()
    told = meter.profile(network, "no", 2)
    assert (told["weights"], told["trained_weights"]) == (8 * 16 + 16 * 4, 8 * 16)
    assert told["model_tflop"] * 1e12 == 2 * meter.counted.model  # type: ignore[union-attr]
    assert told["utilisation_of_measured_peak"] == pytest.approx(told["floor_seconds"] / told["step_seconds"])
    assert 0 < told["utilisation_of_measured_peak"] < 1
    assert "peak_tflops_stated" not in told
    first, second = lines(told)
    assert "samples/s" in first
    assert "The floor is" in second


def test_peaks() -> None:
    assert 1e8 < measured_peak(CPU, "no", 0.05) < 1e15
    assert stated_peak(CPU, "bf16") is None
