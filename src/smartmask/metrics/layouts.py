"""Features of layouts, read from square maps of names, and overlap of boxes.

A map is ``(G, G)`` ints from 0 to below ``count``; the last name stands for the unlabeled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from smartmask.geometry import BoxXYXY

COARSE = 8  # cells a side at which places are read
Project = Callable[[np.ndarray], np.ndarray]


def area_features(names: np.ndarray, count: int) -> np.ndarray:
    """``(count,)`` square roots of the names' shares of a map; their squares sum to 1."""
    return np.sqrt(np.bincount(names.ravel(), minlength=count) / names.size)


def adjacency_features(names: np.ndarray, count: int) -> np.ndarray:
    """``(2 count^2,)`` square roots of the shares of meetings: (upper, lower), then (one, other) side by side.

    Zeros for a map of one name.
    """
    upper, lower = names[:-1].ravel(), names[1:].ravel()
    low, high = np.minimum(names[:, :-1], names[:, 1:]).ravel(), np.maximum(names[:, :-1], names[:, 1:]).ravel()
    above = np.bincount((upper * count + lower)[upper != lower], minlength=count**2)
    beside = np.bincount((low * count + high)[low != high], minlength=count**2)
    found = np.concatenate([above, beside]).astype(np.float64)
    return np.sqrt(found / max(found.sum(), 1))


def place_features(names: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """``(COARSE^2 d,)`` mean name vector of each cell; vectors: (count - 1, d), zeros stand for the last."""
    table = np.concatenate([vectors, np.zeros((1, vectors.shape[1]))])
    step = len(names) // COARSE
    return table[names].reshape(COARSE, step, COARSE, step, -1).mean(axis=(1, 3)).ravel()


def projection(rows: np.ndarray, components: int) -> Project:
    """A function (m, d) -> (m, k): coordinates along the first k principal directions of rows (n, d)."""
    mean = rows.mean(axis=0)
    _, _, directions = np.linalg.svd(rows - mean, full_matrices=False)
    kept = directions[:components]
    return lambda others: (others - mean) @ kept.T


def box_overlap(boxes: Sequence[BoxXYXY]) -> float:
    """The mean over boxes of the largest common area with another one, as a share of the smaller of the two; [0, 1]."""
    if len(boxes) < 2:
        return 0.0
    x0, y0, x1, y1 = np.array(boxes, np.float64).T
    wide = np.minimum(x1[:, None], x1) - np.maximum(x0[:, None], x0)
    tall = np.minimum(y1[:, None], y1) - np.maximum(y0[:, None], y0)
    areas = (x1 - x0) * (y1 - y0)
    shares = np.maximum(wide, 0) * np.maximum(tall, 0) / np.maximum(np.minimum(areas[:, None], areas), 1e-9)
    np.fill_diagonal(shares, 0)
    return float(shares.max(axis=1).mean())
