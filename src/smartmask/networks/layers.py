"""The layers of small networks in numpy, as torch defines them, in double precision.

Double precision is what makes choices the same everywhere: scores are rounded to whole numbers, and here the last bits
of a processor's kernels lie ten digits below the rounding.
"""

from __future__ import annotations

import math

import numpy as np

_FINE = 256  # table steps to the unit
_END = 6.0  # beyond it erf is 1 to double precision
_KNOTS = np.arange(-_END, _END + 1 / _FINE, 1 / _FINE)
_ERF = np.array([math.erf(x) for x in _KNOTS.tolist()])
_SLOPE = 2 / math.sqrt(math.pi) * np.exp(-(_KNOTS**2))


def erf(x: np.ndarray) -> np.ndarray:
    """The error function, off by less than 1e-11: Taylor's series to the third order from the nearest of 3,073 knots.

    With ``erf'' = -2 x erf'``, ``erf''' = (4 x^2 - 2) erf'`` (Abramowitz and Stegun, 7.2.9).
    """
    near = np.clip(x, -_END, _END)
    index = np.round((near + _END) * _FINE).astype(np.int64)
    knot, step = _KNOTS[index], near - _KNOTS[index]
    return _ERF[index] + _SLOPE[index] * step * (1 - step * (knot - step * (2 * knot * knot - 1) / 3))


def gelu(x: np.ndarray) -> np.ndarray:
    """``x Phi(x)``, exact and not by tanh (Hendrycks and Gimpel, arXiv 1606.08415)."""
    return 0.5 * x * (1 + erf(x * math.sqrt(0.5)))


def silu(x: np.ndarray) -> np.ndarray:
    """``x sigmoid(x)``."""
    return x * 0.5 * (1 + np.tanh(0.5 * x))  # tanh: no overflow far below zero


def log_softmax(x: np.ndarray) -> np.ndarray:
    """Log shares along the last axis."""
    far = x - x.max(axis=-1, keepdims=True)
    return far - np.log(np.exp(far).sum(axis=-1, keepdims=True))


def layer_norm(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Rows (..., n) at mean 0 and deviation 1, then scaled and moved (Ba et al., arXiv 1607.06450)."""
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5) * weight + bias


def attention(queries: np.ndarray, keys: np.ndarray, values: np.ndarray, heads: int) -> np.ndarray:
    """``(n, width)`` scaled dot-product attention of rows (n, width) (Vaswani et al., arXiv 1706.03762, eq. 1)."""
    count, width = queries.shape
    q, k, v = (x.reshape(count, heads, -1).transpose(1, 0, 2) for x in (queries, keys, values))
    shares = np.exp(log_softmax(q @ k.transpose(0, 2, 1) / math.sqrt(width // heads)))
    return (shares @ v).transpose(1, 0, 2).reshape(count, width)


def linear(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray:
    """``(..., out)`` of x (..., in) and weight (out, in)."""
    product = x @ weight.T
    return product if bias is None else product + bias


def conv2d(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, stride: int = 1) -> np.ndarray:
    """``(B, out, H', W')`` of x (B, in, H, W) and weight (out, in, k, k), k odd, with k // 2 zeros round each map."""
    side = weight.shape[-1]
    border = side // 2
    padded = np.pad(x, ((0, 0), (0, 0), (border, border), (border, border)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride].transpose(0, 2, 3, 1, 4, 5)  # (B, H', W', in, k, k)
    columns = windows.reshape(-1, weight[0].size)
    return (columns @ weight.reshape(len(weight), -1).T + bias).reshape(*windows.shape[:3], -1).transpose(0, 3, 1, 2)


def unit(x: np.ndarray) -> np.ndarray:
    """Rows of x (..., n) at length 1; zeros stay zeros."""
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)
