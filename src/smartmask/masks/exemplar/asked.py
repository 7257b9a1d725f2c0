"""What the guides ask for, compiled once a call: what candidates are held against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smartmask.geometry import BoxXYXY
from smartmask.guides import Guide, MaskGuide
from smartmask.guides.compile import SIDE, Compiled, promising


@dataclass(frozen=True, eq=False)
class Asked(Compiled):
    """Compiled guides, as the outlines of a memory meet them."""


def compile_guides(
    guides: Sequence[Guide], not_here: Sequence[Guide], height: int, width: int, like: np.ndarray | None = None
) -> Asked:
    """The guides of a call on a (height, width) scene; ``like``: a mask (H, W) whose variations are wanted."""
    if like is not None and not promising(guides, "bounds") and not promising(guides, "outline"):
        guides = [*guides, MaskGuide(like)]
    return Asked.of(guides, not_here, height, width)


def seen_in(window: BoxXYXY, cells: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """``(n, SIDE, SIDE)`` bool: pictures (n, C, C), each filling its box (n, 4) of the scene, seen in a window."""
    side = cells.shape[1]
    x0, y0, x1, y1 = window
    steps = (np.arange(SIDE) + 0.5) / SIDE
    u = (x0 + steps * (x1 - x0) - boxes[:, 0:1]) / np.maximum(boxes[:, 2:3] - boxes[:, 0:1], 1e-6) * side
    v = (y0 + steps * (y1 - y0) - boxes[:, 1:2]) / np.maximum(boxes[:, 3:4] - boxes[:, 1:2], 1e-6) * side
    inside = ((v >= 0) & (v < side))[:, :, None] & ((u >= 0) & (u < side))[:, None, :]
    column, row = np.clip(u, 0, side - 1).astype(np.int64), np.clip(v, 0, side - 1).astype(np.int64)
    return cells[np.arange(len(cells))[:, None, None], row[:, :, None], column[:, None, :]] & inside
