"""numpy's layers beside torch's own, which define them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from smartmask.networks.layers import attention, conv2d, erf, gelu, layer_norm, linear, log_softmax, silu, unit


def test_erf_is_pythons() -> None:
    x = np.concatenate([np.linspace(-7, 7, 20001), [-1e9, 1e9, -np.inf, np.inf, 0]])
    assert np.abs(erf(x) - [math.erf(v) for v in x.tolist()]).max() < 1e-11


def test_gelu_is_torchs() -> None:
    x = np.random.default_rng(0).normal(0, 4, (7, 11))
    np.testing.assert_allclose(gelu(x), functional.gelu(torch.from_numpy(x)).numpy(), atol=1e-10)


def test_others_are_torchs() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(0, 20, (5, 8)) * [1, 1, 1, 1, 1, 1, 1, 50]
    given, weight, bias = torch.from_numpy(x), rng.normal(size=8), rng.normal(size=8)
    np.testing.assert_allclose(silu(x), functional.silu(given).numpy(), atol=1e-10)
    np.testing.assert_allclose(log_softmax(x), functional.log_softmax(given, -1).numpy(), atol=1e-10)
    normed = functional.layer_norm(given, (8,), torch.from_numpy(weight), torch.from_numpy(bias)).numpy()
    np.testing.assert_allclose(layer_norm(x, weight, bias), normed, atol=1e-10)
    q, k, v = (rng.normal(size=(5, 8)) for _ in range(3))
    heads = [torch.from_numpy(part).reshape(5, 2, 4).transpose(0, 1) for part in (q, k, v)]
    wanted = functional.scaled_dot_product_attention(*heads).transpose(0, 1).reshape(5, 8).numpy()
    np.testing.assert_allclose(attention(q, k, v, 2), wanted, atol=1e-12)


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
