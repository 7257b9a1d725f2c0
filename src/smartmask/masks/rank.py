"""Choosing a few of many suggestions: plausible ones that differ from each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smartmask.geometry import MaskWindow
from smartmask.masks.model import Suggestion

DIFFERENCE = 0.75  # weight of being different against being plausible; less, and neighbouring seeds differ more
WORK_SIDE = 128  # overlaps are judged at this size; they only steer a choice


def spread(ranked: Sequence[Suggestion], count: int, difference: float = DIFFERENCE) -> list[Suggestion]:
    """The ``count`` suggestions that are best together, of some ranked best first, in the order of their choice.

    Greedy maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): first the most plausible, then each time
    the one with the highest ``(1 - difference) * quality + difference * distance``, where quality is the rank among
    all (1 best, 0 worst) and distance is 1 - IoU to the nearest one already chosen, over the largest distance of all.
    Raises ValueError unless 1 <= count <= n and difference lies in [0, 1].
    """
    total = len(ranked)
    if not 1 <= count <= total:
        raise ValueError(f"Cannot choose {count} of {total} masks; ask for 1 to {total}.")
    if not 0 <= difference <= 1:
        raise ValueError(f"The weight of difference is {difference:g}; it must be from 0 to 1.")
    distance = 1 - overlaps([suggestion.window for suggestion in ranked])
    distance = distance / max(float(distance.max()), 1e-9)
    quality = np.linspace(1, 0, total) if total > 1 else np.ones(1)
    chosen = [0]
    while len(chosen) < count:
        value = (1 - difference) * quality + difference * distance[:, chosen].min(axis=1)
        value[chosen] = -1
        chosen.append(int(np.round(value * 1e9).argmax()))
    return [ranked[index] for index in chosen]


def overlaps(masks: Sequence[MaskWindow]) -> np.ndarray:
    """``(n, n)`` IoU of each pair of masks of one picture, at a longer side of WORK_SIDE at most."""
    height, width = masks[0].shape
    scale = min(1.0, WORK_SIDE / max(height, width))
    rows, columns = (_spaced(side, max(round(side * scale), 1)) for side in (height, width))
    flat = np.stack([mask.at(rows, columns).ravel() for mask in masks])
    shared = flat.astype(np.float32) @ flat.astype(np.float32).T
    area = np.diag(shared)
    union = area[:, None] + area[None, :] - shared
    return np.where(union > 0, shared / np.maximum(union, 1), 1.0)


def _spaced(side: int, count: int) -> np.ndarray:
    """``(count,)`` whole places along a side, at equal distances from 0 on."""
    return np.minimum(np.floor(np.arange(count) * (1 / (count / side))).astype(np.intp), side - 1)
