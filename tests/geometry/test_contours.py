"""Outlines draw their masks again, exactly, and run smoothly."""

from __future__ import annotations

import numpy as np
import pytest
from layered import disc, fill_path

from smartmask.geometry import MaskWindow
from smartmask.geometry.contours import REACH, outlines


def drawn(window: MaskWindow, tolerance: float) -> np.ndarray:
    parts = ["M" + "L".join(f"{x},{y}" for x, y in line) + "Z" for line in outlines(window, tolerance)]
    return fill_path(" ".join(parts), *window.shape)


@pytest.mark.parametrize("seed", range(5))
def test_noise_comes_back_to_the_last_pixel(seed: int) -> None:
    """Single pixels, holes, diagonal neighbours and the border, all at once."""
    mask = np.random.default_rng(seed).random((23, 31)) < 0.5
    assert (drawn(MaskWindow.of(mask), 0) == mask).all()


def test_a_disc_is_round() -> None:
    """Far smoother than the stairs of its pixels, which reach .7 of a pixel from the circle."""
    (line,) = outlines(MaskWindow.of(disc(45, 30, 20)))
    far = np.abs(np.hypot(line[:, 0] - 45, line[:, 1] - 30) - 20)
    assert far.max() < 0.4
    assert len(line) < 90


def test_the_pictures_border_is_an_edge() -> None:
    (line,) = outlines(MaskWindow.of(np.ones((8, 12), bool)))
    assert line.min() == 0
    assert line.max(axis=0).tolist() == [12, 8]


def test_a_hole_is_a_line_of_its_own_and_nothing_is_none() -> None:
    ring = disc(45, 30, 20) & ~disc(45, 30, 10)
    assert len(outlines(MaskWindow.of(ring))) == 2
    assert outlines(MaskWindow.empty(5, 5)) == []


def test_crossings_stay_near_their_edges_middles() -> None:
    line = np.concatenate(outlines(MaskWindow.of(disc(20, 20, 9, 40, 40)), 0))
    off = np.abs(line * 2 - np.rint(line * 2)) / 2
    assert off.max() <= REACH + 1e-6
