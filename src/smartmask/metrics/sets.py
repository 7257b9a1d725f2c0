"""Are two sets of features alike? Frechet and kernel distances beside a floor, and the area under a classifier's curve.

Both distances depend on the size of the sets, so every comparison is between two sets of one size from
different images, and stands beside the same comparison of real with real: the floor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from smartmask.metrics.intervals import Interval, rounded

REAL = "real"
HALVES = 20  # random halves of the images that distances are averaged over


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Frechet distance of Gaussians fitted to two sets of features, (n, d) and (m, d); 0 for equal sets.

    ``|mu_a - mu_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2))``: Heusel et al., "GANs Trained by a Two
    Time-Scale Update Rule" (arXiv 1706.08500), eq. 6, on other features than Inception's, so its figures
    compare with none but its own. Biased upwards in small sets: compare sets of one size.
    Raises ValueError for sets of fewer than two rows.
    """
    a, b = _checked(a, b)
    root = _root(np.cov(a, rowvar=False))
    # tr (C_a C_b)^(1/2) equals tr (R C_b R)^(1/2) with R the root of C_a, which is symmetric: no complex parts.
    cross = np.linalg.eigvalsh(root @ np.atleast_2d(np.cov(b, rowvar=False)) @ root)
    traces = a.var(axis=0, ddof=1).sum() + b.var(axis=0, ddof=1).sum()
    between = np.sqrt(np.clip(cross, 0, None)).sum()
    return float(max(((a.mean(0) - b.mean(0)) ** 2).sum() + traces - 2 * between, 0.0))


def _root(covariance: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(np.atleast_2d(covariance))
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T


def kernel_distance(a: np.ndarray, b: np.ndarray) -> float:
    """KID: the unbiased squared maximum mean discrepancy of features (n, d), (m, d), kernel ``(x.y / d + 1)^3``.

    Binkowski et al., "Demystifying MMD GANs" (arXiv 1801.01401), section 3.2 and eq. 4. Expected 0
    for sets of one distribution, so it may be negative. Raises ValueError for fewer than two rows.
    """
    a, b = _checked(a, b)
    n, m, width = len(a), len(b), a.shape[1]
    within_a, within_b, across = ((x @ y.T / width + 1) ** 3 for x, y in ((a, a), (b, b), (a, b)))
    return float(
        (within_a.sum() - np.trace(within_a)) / (n * (n - 1))
        + (within_b.sum() - np.trace(within_b)) / (m * (m - 1))
        - 2 * across.mean()
    )


def _checked(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(
            f"Sets of shapes {a.shape} and {b.shape} cannot be compared; give (n, d) and (m, d), n, m > 1."
        )
    return a, b


def halves(images: np.ndarray, count: int = HALVES, seed: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """``count`` random pairs of index arrays of one length, from disjoint sets of images. ValueError for one image."""
    keys, index = np.unique(images, return_inverse=True)
    if len(keys) < 2:
        raise ValueError("All objects come from one image; halves of the images need at least two.")
    rng = np.random.default_rng(seed)
    for _ in range(count):
        first = rng.permutation(len(keys)) < len(keys) / 2
        left, right = np.flatnonzero(first[index]), np.flatnonzero(~first[index])
        size = min(len(left), len(right))
        yield rng.permutation(left)[:size], rng.permutation(right)[:size]


def distances(features: Mapping[str, np.ndarray], images: np.ndarray, seed: int = 0) -> dict[str, Any]:
    """Frechet and kernel distance of each system's set to the real one, each a mean and a 95 % range over halves.

    features: {system: (N, d)}, row i of every system for the same real object; REAL is one of them, and
    its row in the result is the floor. For each random half of the images, the system's features of one
    half are compared with the real ones of the other half, so all sets have one size and no object
    meets itself.
    """
    real = features[REAL]
    found: dict[str, dict[str, list[float]]] = {name: {"frechet": [], "kid": []} for name in features}
    sizes = []
    for left, right in halves(images, seed=seed):
        if len(left) < 2:
            raise ValueError(f"{len(images)} objects leave {len(left)} in a half; give more objects.")
        sizes.append(len(left))
        for name, rows in features.items():
            found[name]["frechet"].append(frechet_distance(rows[left], real[right]))
            found[name]["kid"].append(kernel_distance(rows[left], real[right]))
    result: dict[str, Any] = {"objects_a_side": int(np.median(sizes)), "halves": HALVES}
    for name, values in found.items():
        result[name] = {what: rounded(_range(np.array(some)), 5) for what, some in values.items()}
        floor = float(np.mean(found[REAL]["frechet"]))
        result[name]["frechet_over_floor"] = round(float(np.mean(values["frechet"])) / max(floor, 1e-12), 3)
    return result


def _range(values: np.ndarray) -> Interval:
    low, high = np.quantile(values, [0.025, 0.975])
    return Interval(float(values.mean()), float(low), float(high))


def auc(real: np.ndarray, other: np.ndarray) -> float:
    """Chance that a random score of ``other`` lies above one of ``real`` (ties count half), in [0, 1]."""
    scores = np.concatenate([real, other])
    order = np.argsort(scores, kind="stable")
    _, index, counts = np.unique(scores[order], return_inverse=True, return_counts=True)
    ranks = np.empty(len(scores))
    ranks[order] = (np.cumsum(counts) - (counts - 1) / 2)[index]  # ties share their mean rank
    above = ranks[len(real) :].sum() - len(other) * (len(other) + 1) / 2
    return float(above / (len(real) * len(other)))


def auc_interval(real: np.ndarray, other: np.ndarray, images: np.ndarray, seed: int = 0) -> Interval:
    """``auc`` and its 95 % bootstrap interval over images; row i of both scores belongs to image i."""
    return _resampled(lambda rows: auc(real[rows], other[rows]), images, seed)


def over_interval(
    some: tuple[np.ndarray, np.ndarray], others: tuple[np.ndarray, np.ndarray], images: np.ndarray, seed: int = 0
) -> Interval:
    """How much higher the AUC of one system's scores (real, other) is than another's; 95 % bootstrap over images."""
    return _resampled(lambda rows: auc(*(s[rows] for s in some)) - auc(*(s[rows] for s in others)), images, seed)


def _resampled(figure: Callable[[np.ndarray], float], images: np.ndarray, seed: int) -> Interval:
    """A figure of rows, and its 95 % interval when whole images are drawn again."""
    keys, index = np.unique(images, return_inverse=True)
    members = [np.flatnonzero(index == i) for i in range(len(keys))]
    rng = np.random.default_rng(seed)
    draws = (rng.integers(0, len(keys), len(keys)) for _ in range(500))
    drawn = [figure(np.concatenate([members[i] for i in draw])) for draw in draws]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(figure(np.arange(len(images))), float(low), float(high))


def folds_by_image(images: np.ndarray, folds: int, seed: int = 0) -> np.ndarray:
    """``(N,)`` fold of each object, 0 .. folds - 1; all objects of an image in one. ValueError for too few images."""
    keys, index = np.unique(images, return_inverse=True)
    if len(keys) < folds:
        raise ValueError(f"{len(keys)} images cannot be cut into {folds} folds; give more objects.")
    return (np.random.default_rng(seed).permutation(len(keys)) % folds)[index]
