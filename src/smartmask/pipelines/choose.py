"""Choosing a few of many masks: plausible ones that differ from each other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from smartmask.pipelines.mask import MaskOutput

DIFFERENCE = 0.5  # weight of being different against being plausible
WORK_SIDE = 128  # overlaps are judged at this size; they only steer a choice


def choose_diverse(output: MaskOutput, count: int, difference: float = DIFFERENCE) -> MaskOutput:
    """The ``count`` masks of an output that are best together, in the order of their choice.

    Greedy maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): first the most plausible,
    then each time the one with the highest ``(1 - difference) * quality + difference * distance``, where
    quality is the mask's rank among all (1 best, 0 worst: plausibilities of one call lie too close
    together to be weighed against anything) and distance is 1 - IoU to the nearest mask already chosen.

    difference: 0 keeps the plain ranking, 1 looks at distance alone.
    Raises ValueError unless 1 <= count <= n and difference lies in [0, 1].
    """
    total = len(output.masks)
    if not 1 <= count <= total:
        raise ValueError(f"Cannot choose {count} of {total} masks; ask for 1 to {total}.")
    if not 0 <= difference <= 1:
        raise ValueError(f"The weight of difference is {difference:g}; it must be from 0 to 1.")
    distance = 1 - overlaps(output.masks)
    quality = np.linspace(1, 0, total) if total > 1 else np.ones(1)
    chosen = [0]
    while len(chosen) < count:
        value = (1 - difference) * quality + difference * distance[:, chosen].min(axis=1)
        value[chosen] = -1
        chosen.append(int(value.argmax()))
    return replace(
        output,
        masks=output.masks[chosen],
        visible=output.visible[chosen],
        scores=output.scores[chosen],
        orders=[output.orders[i] for i in chosen],
        seeds=[output.seeds[i] for i in chosen],
        boxes=[output.boxes[i] for i in chosen],
    )


def overlaps(masks: np.ndarray) -> np.ndarray:
    """``(n, n)`` float32 IoU of each pair of ``(n, H, W)`` bool masks, at a longer side of WORK_SIDE at most."""
    height, width = masks.shape[1:]
    scale = min(1.0, WORK_SIDE / max(height, width))
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    flat = np.stack([cv2.resize(m.astype(np.float32), size, interpolation=cv2.INTER_AREA).ravel() for m in masks])
    shared = flat @ flat.T
    area = np.diag(shared)
    union = area[:, None] + area[None, :] - shared
    return np.where(union > 0, shared / np.maximum(union, 1e-9), 1.0).astype(np.float32)
