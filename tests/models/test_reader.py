"""The reader's network: shapes, positions, and folding of its normalisation."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from smartmask.models.presets import load_component, save_component
from smartmask.models.reader import CELL, ReaderConfig, ReaderNetwork, folded, positions

TINY = ReaderConfig(("sky", "grass", "person"), ("person",), widths=(4, 8, 8, 12, 12), depth=1, features=8, normed=True)


@pytest.fixture
def trained() -> ReaderNetwork:
    """A network whose running statistics are not those it began with."""
    torch.manual_seed(0)
    network = ReaderNetwork(TINY)
    for _ in range(5):
        network(torch.randn(4, 3, 64, 96) * 2 + 1)
    return network.eval()


def test_a_cell_is_four_pixels(trained: ReaderNetwork) -> None:
    assert trained(torch.zeros(2, 3, 64, 96)).shape == (2, 3, 64 // CELL, 96 // CELL)


def test_positions_tell_up_from_down_but_not_left_from_right() -> None:
    found = positions(torch.zeros(1, 3, 32, 64))
    assert found.shape == (1, 2, 32, 64)
    assert (found[0, 0, 0] == -1).all()
    assert (found[0, 0, -1] == 1).all()
    torch.testing.assert_close(found[0, 1], found[0, 1].flip(1))


def test_folding_keeps_the_answers(trained: ReaderNetwork) -> None:
    photos = torch.randn(2, 3, 64, 96)
    plain = folded(trained)
    assert not plain.config.normed
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in plain.modules())
    torch.testing.assert_close(plain(photos), trained(photos), atol=1e-4, rtol=1e-4)


def test_a_saved_reader_reads_the_same(trained: ReaderNetwork, tmp_path: Path) -> None:
    plain = folded(trained)
    save_component(tmp_path / "reader", plain, plain.config)
    again = load_component(tmp_path / "reader", ReaderNetwork, ReaderConfig).eval()
    assert again.config == plain.config
    photos = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(again(photos), plain(photos), atol=0.02, rtol=0.02)  # kept in float16
