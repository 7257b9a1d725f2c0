"""Lines between points (x, y): how far, and whether they meet a box."""

from __future__ import annotations

from itertools import pairwise

import numpy as np


def segments(stroke: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """(start, end) of each piece of a stroke (n, 2); a single point is a piece by itself."""
    if len(stroke) == 1:
        return [(stroke[0], stroke[0])]
    return list(pairwise(stroke))


def distance(x: np.ndarray, y: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Distance of each point to the segment from start to end, all (x, y)."""
    delta = end - start
    length = float(delta @ delta)
    along = ((x - start[0]) * delta[0] + (y - start[1]) * delta[1]) / length if length else np.zeros_like(x)
    along = np.clip(along, 0.0, 1.0)
    return np.hypot(x - start[0] - along * delta[0], y - start[1] - along * delta[1])


def meets(start: np.ndarray, end: np.ndarray, low: np.ndarray, high: np.ndarray) -> bool:
    """Whether the segment from start to end has a point inside the box from low to high, all (x, y)."""
    delta = end - start
    between = (start > low) & (start < high)
    with np.errstate(divide="ignore", invalid="ignore"):
        to_low, to_high = (low - start) / delta, (high - start) / delta
    enter = np.where(delta == 0, np.where(between, -np.inf, np.inf), np.minimum(to_low, to_high))
    leave = np.where(delta == 0, np.inf, np.maximum(to_low, to_high))
    return bool(max(enter.max(), 0.0) < min(leave.min(), 1.0))
