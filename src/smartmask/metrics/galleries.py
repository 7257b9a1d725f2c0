"""How far a gallery of made pictures lies from the real one: FID and KID, never where the number would mean nothing.

A Frechet distance of D features needs many more than D pictures: with fewer the covariances are of deficient rank, and
the figure tells the number of pictures. So the one that is called FID, on all features, is given for more pictures
than features alone; beside it stand the same distance on PROJECTED features and the unbiased KID, each over random
halves of the images with real against real as the floor (``metrics/sets.py``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from smartmask.metrics.intervals import Interval, rounded
from smartmask.metrics.sets import HALVES, frechet_distance, halves, kernel_distance

PROJECTED = 64  # features that Frechet distances of small sets are measured on


def projected(features: np.ndarray, width: int = PROJECTED, seed: int = 0) -> np.ndarray:
    """``(n, width)`` coordinates of (n, d) features along random orthonormal directions; d <= width: as they are.

    The directions depend on d, ``width`` and ``seed`` alone, never on the pictures: figures of two runs compare.
    """
    dimensions = features.shape[1]
    if dimensions <= width:
        return features
    gaussian = np.random.default_rng(seed).standard_normal((dimensions, width))
    directions, _ = np.linalg.qr(gaussian)
    return features @ directions


def gallery_distances(real: np.ndarray, made: np.ndarray, images: np.ndarray, seed: int = 0) -> dict[str, Any]:
    """FID, Frechet distance on PROJECTED features and KID of made pictures to real ones; JSON-ready.

    real, made: (n, d) features, row i of both of the same object.  images: (n,) the pictures they come from.
    pictures, features: n and d.  fid: on all features, all n against all n; None unless n > d.
    frechet, kid: [mean, low, high] over halves of the images, one half's made pictures against the other half's real
    ones; frechet_floor, kid_floor: the same of real ones; None where a half holds too few.
    Raises ValueError for sets of different shapes.
    """
    if real.shape != made.shape or len(real) != len(images):
        raise ValueError(
            f"Features of shapes {real.shape} and {made.shape} of {len(images)} pictures do not go together."
        )
    count, width = real.shape
    found: dict[str, Any] = {"pictures": count, "features": width, "fid": None}
    found |= dict.fromkeys(("frechet", "frechet_floor", "kid", "kid_floor"))
    if count > width:
        found["fid"] = round(frechet_distance(real, made), 4)
    pairs = _halves(images, seed)
    if not pairs:
        return found
    small_real, small_made = projected(real), projected(made)
    for name, rows in (("kid", made), ("kid_floor", real)):
        found[name] = _range([kernel_distance(rows[left], real[right]) for left, right in pairs], 6)
    if min(len(left) for left, _ in pairs) > small_real.shape[1]:
        for name, rows in (("frechet", small_made), ("frechet_floor", small_real)):
            found[name] = _range([frechet_distance(rows[left], small_real[right]) for left, right in pairs], 4)
    return found


def _halves(images: np.ndarray, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Random halves by image of two or more pictures each; none for fewer images than two."""
    if len(np.unique(images)) < 2:
        return []
    return [pair for pair in halves(images, HALVES, seed) if len(pair[0]) > 1]


def _range(values: list[float], digits: int) -> list[float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return rounded(Interval(float(np.mean(values)), float(low), float(high)), digits)
