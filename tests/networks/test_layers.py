"""numpy's layers beside torch's own, which define them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from smartmask.networks.layers import conv2d, erf, gelu, linear, unit


def test_erf_is_pythons() -> None:
    x = np.concatenate([np.linspace(-7, 7, 20001), [-1e9, 1e9, -np.inf, np.inf, 0]])
    assert np.abs(erf(x) - [math.erf(v) for v in x.tolist()]).max() < 1e-11


def test_gelu_is_torchs() -> None:
    x = np.random.default_rng(0).normal(0, 4, (7, 11))
    np.testing.assert_allclose(gelu(x), functional.gelu(torch.from_numpy(x)).numpy(), atol=1e-10)


def test_linear_is_torchs() -> None:
    rng = np.random.default_rng(1)
    x, weight, bias = rng.normal(size=(2, 3, 5)), rng.normal(size=(4, 5)), rng.normal(size=4)
    wanted = functional.linear(*map(torch.from_numpy, (x, weight, bias))).numpy()
    np.testing.assert_allclose(linear(x, weight, bias), wanted, atol=1e-12)
    np.testing.assert_allclose(linear(x, weight), wanted - bias, atol=1e-12)


@pytest.mark.parametrize("size", [(1, 8, 8), (3, 7, 10)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [3, 5])
def test_conv2d_is_torchs(side: int, stride: int, size: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(2)
    x, weight, bias = rng.normal(size=(2, *size)), rng.normal(size=(4, size[0], side, side)), rng.normal(size=4)
    given = map(torch.from_numpy, (x, weight, bias))
    wanted = functional.conv2d(*given, stride=stride, padding=side // 2).numpy()
    np.testing.assert_allclose(conv2d(x, weight, bias, stride), wanted, atol=1e-12)


def test_unit_rows() -> None:
    found = unit(np.array([[3.0, 4.0], [0.0, 0.0]]))
    np.testing.assert_array_equal(found, [[0.6, 0.8], [0, 0]])
