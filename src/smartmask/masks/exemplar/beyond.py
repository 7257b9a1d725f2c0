"""What a painted mask leaves open: where it stops at a thing in front or at the border, the rest of the object is
behind or beyond it, and what is painted there, or not, says nothing.

Only paint that runs along such an edge counts. Paint that goes on over a thing in front was meant so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from smartmask.geometry import BoxXYXY, MaskWindow, signed_distance
from smartmask.guides import Guide, sample
from smartmask.guides.compile import window_grid

NEAR = 2.5  # cells within which a contour runs along an edge
RIM = 2  # cells by which what hides is grown: paint seldom goes quite up to it
SHARE = 0.06  # of the paint's contour that runs along an edge which hides the rest
CHORD = 0.1  # the same along a border, which what is painted with a broad brush reaches easily
FARTHEST = 1.5  # of the longer side of what is painted: how far an object goes on unseen

Sides = tuple[float, float, float, float]  # left, up, right, down


@dataclass(frozen=True, eq=False)
class Hidden:
    """Where the rest of a painted object may be. fronts: {layer: mask} of what hides it; borders: whether the
    scene's left, upper, right, lower one does."""

    fronts: Mapping[int, MaskWindow]
    borders: tuple[bool, bool, bool, bool]
    height: int
    width: int

    @classmethod
    def at(
        cls, paints: Sequence[Guide], fronts: Mapping[int, MaskWindow], window: BoxXYXY, height: int, width: int
    ) -> Hidden | None:
        """Of the things in front and the borders those at which the paint stops; None if there is none."""
        x, y = window_grid(window)
        painted = sample(paints, x, y, height, width) >= 0.5
        contour = painted & ~_eroded(painted)
        least = max(SHARE * int(contour.sum()), 2.0)
        kept = {i: front for i, front in fronts.items() if _stops(painted, contour, front.sample(x, y), least)}
        borders = _cut(contour, x, y, height, width, max(CHORD * int(contour.sum()), 2.0))
        return cls(kept, borders, height, width) if kept or any(borders) else None

    def cells(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Bool at scene coordinates (s, s): hidden from view, or nearly."""
        left, upper, right, lower = self.borders
        found = left & (x < 0) | upper & (y < 0) | right & (x >= self.width) | lower & (y >= self.height)
        for front in self.fronts.values():
            found = found | front.sample(x, y)
        grown = cv2.dilate(found.astype(np.uint8), np.ones((2 * RIM + 1, 2 * RIM + 1), np.uint8))
        return grown.astype(bool)

    def reach(self, box: BoxXYXY) -> Sides:
        """How far, in pixels, what is hidden goes beyond each side of the painted part's box."""
        most = FARTHEST * max(box[2] - box[0], box[3] - box[1], 1.0)
        x, y = window_grid((box[0] - most, box[1] - most, box[2] + most, box[3] + most))
        found = self.cells(x, y)
        xs, ys = x[found], y[found]
        if not xs.size:
            return 0.0, 0.0, 0.0, 0.0
        ways = box[0] - xs.min(), box[1] - ys.min(), xs.max() - box[2], ys.max() - box[3]
        left, up, right, down = (float(max(way, 0.0)) for way in ways)
        return left, up, right, down


def _stops(painted: np.ndarray, contour: np.ndarray, front: np.ndarray, least: float) -> bool:
    """Whether the paint's contour runs along the edge of a thing in front, more than it goes on over it."""
    over = signed_distance(front)[contour] > NEAR
    along = (np.abs(signed_distance(front & ~painted)[contour]) <= NEAR) & ~over
    return bool(along.sum() >= least and along.sum() > over.sum())


def _cut(
    contour: np.ndarray, x: np.ndarray, y: np.ndarray, height: int, width: int, least: float
) -> tuple[bool, bool, bool, bool]:
    """At which of the scene's borders a contour stops: some of it has to run along, so that a foot on it is no cut."""
    wide, tall = x[0, 1] - x[0, 0], y[1, 0] - y[0, 0]
    near = (x < wide, y < tall, x >= width - wide, y >= height - tall)
    beyond = (x[0, 0] < 0, y[0, 0] < 0, x[0, -1] >= width, y[-1, 0] >= height)
    left, upper, right, lower = (
        bool(outside and (contour & strip).any(axis=axis).sum() >= least)
        for outside, strip, axis in zip(beyond, near, (1, 0, 1, 0), strict=True)
    )
    return left, upper, right, lower


def _eroded(cells: np.ndarray) -> np.ndarray:
    return cv2.erode(np.pad(cells, 1).astype(np.uint8), np.ones((3, 3), np.uint8))[1:-1, 1:-1].astype(bool)
