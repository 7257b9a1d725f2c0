"""What the guides ask for, compiled once a call: what candidates are held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from smartmask.geometry import BoxXYXY, MaskWindow
from smartmask.guides import Guide, MaskGuide
from smartmask.guides.compile import SIDE, Compiled, promising, window_grid
from smartmask.masks.exemplar.beyond import Hidden, Sides


@dataclass(frozen=True, eq=False)
class Asked(Compiled):
    """Compiled guides, as the outlines of a memory meet them.

    unknown: (SIDE, SIDE) bool of the window, where the paint stops at what hides the rest, or None. reach: how far
    that goes beyond the region, in pixels: left, up, right, down. behind: the layers that hide it.
    """

    unknown: np.ndarray | None = None
    reach: Sides = (0.0, 0.0, 0.0, 0.0)
    behind: tuple[int, ...] = ()

    def coarse(self) -> Asked:
        """The same with maps of half as many cells a side."""

        def halved(cells: np.ndarray | None) -> np.ndarray | None:
            return None if cells is None else cells.astype(np.float32).reshape(SIDE // 2, 2, -1, 2).mean(axis=(1, 3))

        unknown = halved(self.unknown)
        return replace(
            self, strokes=halved(self.strokes), painted=halved(self.painted), avoid=halved(self.avoid),
            unknown=None if unknown is None else unknown >= 0.5,
        )  # fmt: skip


def compile_guides(
    guides: Sequence[Guide], not_here: Sequence[Guide], height: int, width: int, like: np.ndarray | None = None,
    fronts: Mapping[int, MaskWindow] | None = None,
) -> Asked:  # fmt: skip
    """The guides of a call on a (height, width) scene; ``like``: a mask (H, W) whose variations are wanted.

    fronts: {layer: mask} of what stands in front of the object.
    """
    if like is not None and not promising(guides, "bounds") and not promising(guides, "outline"):
        guides = [*guides, MaskGuide(like)]
    asked = Asked.of(guides, not_here, height, width)
    paints = promising(guides, "outline")
    if like is not None or asked.painted is None:
        return asked
    hidden = Hidden.at(paints, fronts or {}, asked.window, height, width)
    if hidden is None:
        return asked
    unknown = hidden.cells(*window_grid(asked.window)) & (asked.painted < 0.5)
    reach = (0.0, 0.0, 0.0, 0.0) if asked.region is None else hidden.reach(asked.region)
    return replace(asked, unknown=unknown, reach=reach, behind=tuple(hidden.fronts))


def seen_in(window: BoxXYXY, cells: np.ndarray, boxes: np.ndarray, count: int = SIDE) -> np.ndarray:
    """``(n, count, count)`` bool: pictures (n, C, C), each filling its box (n, 4) of the scene, seen in a window."""
    side = cells.shape[1]
    x0, y0, x1, y1 = window
    steps = (np.arange(count) + 0.5) / count
    u = (x0 + steps * (x1 - x0) - boxes[:, 0:1]) / np.maximum(boxes[:, 2:3] - boxes[:, 0:1], 1e-6) * side
    v = (y0 + steps * (y1 - y0) - boxes[:, 1:2]) / np.maximum(boxes[:, 3:4] - boxes[:, 1:2], 1e-6) * side
    inside = ((v >= 0) & (v < side))[:, :, None] & ((u >= 0) & (u < side))[:, None, :]
    column, row = np.clip(u, 0, side - 1).astype(np.int64), np.clip(v, 0, side - 1).astype(np.int64)
    return cells[np.arange(len(cells))[:, None, None], row[:, :, None], column[:, None, :]] & inside
