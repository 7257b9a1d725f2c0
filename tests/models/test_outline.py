"""The outline network: sizes, what it depends on, and that it begins as a small change."""

from __future__ import annotations

import pytest
import torch

from smartmask.frame import BOX_SIDE
from smartmask.models.outline import OutlineConfig, OutlineNetwork
from smartmask.models.presets import OUTLINE_PRESETS, outline_preset
from smartmask.models.prior import GEOMETRY


def inputs(count: int, seed: int = 0) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)

    def normal(*size: int) -> torch.Tensor:
        return torch.randn(*size, generator=generator)

    shapes, noise = normal(count, BOX_SIDE, BOX_SIDE).clamp(-1, 1), normal(count, BOX_SIDE, BOX_SIDE)
    return shapes, noise, normal(count, 128), normal(count, GEOMETRY)


def lively(config: OutlineConfig) -> OutlineNetwork:
    """A network whose zero weights are not zero, so that all it is told matters."""
    torch.manual_seed(0)
    network = OutlineNetwork(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return network


@pytest.mark.parametrize("preset", OUTLINE_PRESETS)
def test_a_new_network_changes_little(preset: str) -> None:
    shapes, *told = inputs(2)
    with torch.inference_mode():
        redrawn = OutlineNetwork(outline_preset(preset))(shapes, *told)
    assert redrawn.shape == shapes.shape
    assert 0 < (redrawn - shapes).abs().mean() < 0.2


@pytest.mark.parametrize("index", range(4))
def test_all_that_it_is_told_matters(index: int) -> None:
    network, given = lively(outline_preset("tiny")), list(inputs(2))
    with torch.inference_mode():
        before = network(*given)
        given[index] = inputs(2, seed=1)[index]
        assert not torch.allclose(network(*given), before, atol=1e-3)


def test_samples_do_not_touch_each_other() -> None:
    network, given = lively(outline_preset("tiny")), inputs(3)
    with torch.inference_mode():
        together = network(*given)
        alone = network(*(value[1:2] for value in given))
    torch.testing.assert_close(together[1:2], alone, atol=1e-5, rtol=1e-4)


def test_every_level_of_noise_differs_from_the_others() -> None:
    """The cells of the noise that the levels read are disjoint: a change of one cell reaches one level's field."""
    rows = [range((1 << n) - 1, 16, 2 << n) for n in range(3)]
    cells = [{(i, j) for i in one for j in one} for one in rows]
    assert len(set().union(*cells)) == sum(len(one) for one in cells)


def test_an_unknown_preset() -> None:
    with pytest.raises(ValueError, match="no preset 'huge'; use one of tiny, small"):
        outline_preset("huge")
