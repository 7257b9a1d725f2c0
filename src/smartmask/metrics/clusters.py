"""How many different answers there are: masks grouped by place and by scale."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from smartmask.geometry import BoxXYXY, mask_box

SAME_PLACE = 0.15  # two feet closer than this share of the scene's diagonal stand in one place
SAME_SCALE = math.log(1.5)  # heights within a factor of 1.5 are one scale


@dataclass(frozen=True)
class Clusters:
    """Suggestions sorted into groups.

    places, scales: (n,) ints, the group of each suggestion, numbered by size (0: the largest).
    both: (n,) ints, groups that agree in place and scale; 0 is the largest.
    """

    places: np.ndarray
    scales: np.ndarray
    both: np.ndarray


def cluster_masks(masks: np.ndarray) -> Clusters:
    """Groups of ``(n, H, W)`` bool masks, none empty, by complete linkage.

    Place is the middle of the box's lower edge (where the object touches the ground), and in one
    place all pairs lie within SAME_PLACE of the diagonal. Scale is the logarithm of the box's longer
    side, and in one scale all pairs lie within SAME_SCALE. Raises ValueError for an empty mask.
    """
    height, width = masks.shape[1:]
    boxes = [box_of(mask) for mask in masks]
    feet = np.array([((x0 + x1) / 2, y1) for x0, _, x1, y1 in boxes]) / math.hypot(height, width)
    sizes = np.log([[max(x1 - x0, y1 - y0)] for x0, y0, x1, y1 in boxes])
    places, scales = _groups(feet, SAME_PLACE), _groups(sizes, SAME_SCALE)
    return Clusters(places, scales, _by_size(places * len(masks) + scales))


def box_of(mask: np.ndarray) -> BoxXYXY:
    box = mask_box(mask)
    if box is None:
        raise ValueError("One of the masks is empty; it has no place.")
    return box


def _groups(points: np.ndarray, reach: float) -> np.ndarray:
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(points) == 1:
        return np.zeros(1, dtype=np.int64)
    return _by_size(fcluster(linkage(points, "complete"), reach, "distance"))


def _by_size(labels: np.ndarray) -> np.ndarray:
    """The labels renumbered: 0 for the most frequent, ties by first appearance."""
    _, first, numbers, counts = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(counts), dtype=np.int64)
    rank[np.lexsort((first, -counts))] = np.arange(len(counts))
    return rank[numbers]


def effective(labels: np.ndarray) -> float:
    """The effective number of groups: exp of the entropy of their shares (Hill number of order 1)."""
    shares = np.bincount(labels) / len(labels)
    return float(np.exp(-(shares * np.log(shares)).sum()))
