"""Means and shares with their intervals: by bootstrap over images, best of k, and exact ones of votes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np


class Interval(NamedTuple):
    """A mean and its bootstrap confidence interval."""

    mean: float
    low: float
    high: float


def rounded(interval: Iterable[float], digits: int = 4) -> list[float]:
    """An interval as reports hold it: [mean, low, high]."""
    return [round(float(value), digits) for value in interval]


def mean_interval(values: Iterable[float], groups: np.ndarray | None = None, digits: int = 4) -> list[float]:
    """``bootstrap_interval`` of some values as reports hold it: [mean, low, high]."""
    return rounded(bootstrap_interval(np.asarray(list(values), dtype=np.float64), groups), digits)


def best_of(values: np.ndarray, k: int) -> np.ndarray:
    """Expected best of k of each object's n samples: (objects,) float64.

    values: (objects, n), higher is better. The mean over all C(n, k) subsets, in closed form: the
    i-th smallest value (i from 1) is the best of C(i - 1, k - 1) of them. This is the unbiased
    estimator that Chen et al. (arXiv 2107.03374) use for pass@k, for values instead of passes.
    Raises ValueError unless 1 <= k <= n.
    """
    values = np.asarray(values, dtype=np.float64)
    count = values.shape[1]
    if not 1 <= k <= count:
        raise ValueError(f"Best of {k} needs 1 to {count} samples; each object has {count}.")
    weights = np.array([math.comb(i, k - 1) for i in range(count)], dtype=np.float64) / math.comb(count, k)
    return np.sort(values, axis=1) @ weights


def best_of_curve(values: np.ndarray) -> np.ndarray:
    """``best_of`` for k = 1 .. n: (objects, n) float64."""
    return np.stack([best_of(values, k) for k in range(1, np.shape(values)[1] + 1)], axis=1)


def top_of_curve(values: np.ndarray) -> np.ndarray:
    """Expected value of the best-ranked of k of each object's n samples, for k = 1 .. n: (objects, n) float64.

    values: (objects, n), in the order of the ranking. Of all C(n, k) subsets, the i-th sample (i from
    0) leads C(n - 1 - i, k - 1). Equal to ``best_of_curve`` where the ranking is right, flat where it is chance.
    """
    values = np.asarray(values, dtype=np.float64)
    count = values.shape[1]
    weights = [
        [math.comb(count - 1 - i, k - 1) / math.comb(count, k) for k in range(1, count + 1)] for i in range(count)
    ]
    return values @ np.array(weights)


def bootstrap_interval(
    values: np.ndarray,
    groups: np.ndarray | None = None,
    confidence: float = 0.95,
    samples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Mean of ``values`` (m,) and its percentile bootstrap interval; see ``bootstrap_intervals``."""
    column = np.asarray(values, dtype=np.float64).reshape(-1, 1)
    return bootstrap_intervals(column, groups, confidence, samples, seed)[0]


def bootstrap_intervals(
    values: np.ndarray,
    groups: np.ndarray | None = None,
    confidence: float = 0.95,
    samples: int = 1000,
    seed: int = 0,
) -> list[Interval]:
    """Mean of each column of ``values`` (m, k) and its percentile bootstrap interval; rows are resampled.

    groups: (m,) labels, such as image keys; whole groups are resampled then, because objects of one
    image are not independent (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, ch. 8
    and 13). Without them single values are resampled. One group alone gives an interval of no width,
    which says nothing. Raises ValueError for no values, values that are not finite, or a confidence
    outside (0, 1).
    """
    values = np.asarray(values, dtype=np.float64)
    if values.size == 0 or not np.isfinite(values).all():
        raise ValueError("A bootstrap interval needs at least one value, all of them finite.")
    if not 0 < confidence < 1:
        raise ValueError(f"The confidence is {confidence:g}; it must lie between 0 and 1.")
    count = len(values)
    if groups is None:
        index = np.arange(count)
    else:
        groups = np.asarray(groups).ravel()
        if groups.size != count:
            raise ValueError(f"There are {count} values but {groups.size} groups; give one group a value.")
        index = np.unique(groups, return_inverse=True)[1]
    sums = np.stack([np.bincount(index, weights=column) for column in values.T], axis=1)  # (groups, k)
    sizes = np.bincount(index).astype(np.float64)
    draws = np.random.default_rng(seed).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=samples)
    means = (draws @ sums) / (draws @ sizes)[:, None]
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return [Interval(float(m), float(a), float(b)) for m, a, b in zip(values.mean(axis=0), low, high, strict=True)]


def ratio_interval(
    above: np.ndarray, below: np.ndarray, groups: np.ndarray, confidence: float = 0.95, samples: int = 1000
) -> Interval:
    """The ratio of two means, ``above`` and ``below`` (m,) of the same objects, with its bootstrap interval by group.

    Raises ValueError if ``below`` has no positive mean.
    """
    if not np.sum(below) > 0:
        raise ValueError("A ratio of means needs a mean above 0 below the line.")
    index = np.unique(groups, return_inverse=True)[1]
    sums = np.stack([np.bincount(index, weights=values) for values in (above, below)], axis=1)
    draws = np.random.default_rng(0).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=samples)
    drawn = draws @ sums
    ratios = drawn[:, 0] / np.maximum(drawn[:, 1], 1e-12)
    low, high = np.quantile(ratios, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(np.sum(above) / np.sum(below)), float(low), float(high))


def macro_interval(right: np.ndarray, names: np.ndarray, images: np.ndarray, seed: int = 0) -> Interval:
    """Mean over classes of each class's share, and its 95 % bootstrap interval over images.

    right: (N,) in [0, 1].  names, images: (N,).  A class that a resample has lost does not count in it.
    """
    _, of_class = np.unique(names, return_inverse=True)
    _, of_image = np.unique(images, return_inverse=True)
    shape = of_image.max() + 1, of_class.max() + 1
    sums, sizes = np.zeros(shape), np.zeros(shape)
    np.add.at(sums, (of_image, of_class), right)
    np.add.at(sizes, (of_image, of_class), 1)
    draws = np.random.default_rng(seed).multinomial(shape[0], np.full(shape[0], 1 / shape[0]), size=1000)
    with np.errstate(invalid="ignore"):
        means = np.nanmean((draws @ sums) / (draws @ sizes), axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float((sums.sum(0) / sizes.sum(0)).mean()), float(low), float(high))


def binomial_test(wins: int, trials: int) -> float:
    """Exact two-sided p of ``wins`` in ``trials`` under a fair coin; 1 without trials.

    The sum of the probabilities of all outcomes no likelier than the one seen. Raises ValueError unless
    0 <= wins <= trials.
    """
    if not 0 <= wins <= trials:
        raise ValueError(f"{wins} wins in {trials} trials is impossible.")
    far = max(wins, trials - wins)
    tail = sum(math.comb(trials, k) for k in range(far, trials + 1))
    return min(1.0, 2 * tail / 2**trials)


def exact_interval(wins: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """The exact interval of a share (Clopper and Pearson, Biometrika 1934), by bisection; (0, 1) without trials."""
    side = (1 - confidence) / 2
    low = 0.0 if wins == 0 else _where(lambda share: _tail(range(wins, trials + 1), trials, share) - side)
    high = 1.0 if wins == trials else _where(lambda share: side - _tail(range(wins + 1), trials, share))
    return low, high


def _tail(counts: range, trials: int, share: float) -> float:
    """Probability of any of these counts of wins; by logarithms, so that many trials do not overflow."""
    return sum(
        math.exp(
            math.lgamma(trials + 1)
            - math.lgamma(k + 1)
            - math.lgamma(trials - k + 1)
            + k * math.log(share)
            + (trials - k) * math.log1p(-share)
        )
        for k in counts
    )


def _where(rising: Callable[[float], float]) -> float:
    """The root in (0, 1) of a rising function."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return (low + high) / 2
