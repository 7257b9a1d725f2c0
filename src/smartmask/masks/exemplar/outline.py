"""Outlines as curves: traced from masks, kept in few points, crisp at any size.

An outline is a list of closed loops in the object's own box, ``(0, 0)`` its top left and ``(1, 1)`` its bottom right;
what an odd number of loops surrounds is inside, so holes are loops too. Between points it runs as a smooth curve
(Catmull and Rom 1974, centripetal tangents), broken at corners and along straight edges, so that a polygon of few
points shows no facets at twelve megapixels and a table keeps its corners.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from smartmask.geometry import BoxXYXY, IntBox, MaskWindow

UPSAMPLED = 4  # how much finer than its pixels a mask is traced
SMOOTHING = 1.0  # pixels: standard deviation of the blur that takes the stairs from an outline
TOLERANCE = 0.6  # pixels by which the kept points may leave the traced outline
SHARE = 0.002  # the same as a share of the longer side, for large masks
LEAST_LOOP = 0.0004  # of the box's area: smaller loops are dropped
CORNER = math.cos(math.radians(50))  # a sharper turn stays a corner
LONG = 3.5  # an edge this many times longer than its neighbour is straight: it is an edge of the thing itself
STEP = 3.0  # pixels a piece of a drawn curve


@dataclass(frozen=True, eq=False)
class Outline:
    """Closed loops of a thing in its own box.

    loops: float32 arrays ``(n, 2)`` of x, y in [0, 1], n >= 3.  aspect: width over height of the box.
    """

    loops: tuple[np.ndarray, ...]
    aspect: float

    def mirrored(self) -> Outline:
        """The outline with left and right exchanged."""
        return Outline(tuple(np.stack([1 - loop[:, 0], loop[:, 1]], axis=1) for loop in self.loops), self.aspect)

    def cells(self, side: int) -> np.ndarray:
        """``(side, side)`` bool: the outline seen in its own box, stretched to a square."""
        return fill([loop * side for loop in self.loops], side, side)


def trace(mask: np.ndarray) -> Outline:
    """The outline of a ``(h, w)`` bool mask with at least one pixel, in its tight box.

    Raises ValueError for an empty mask.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        raise ValueError("The mask is empty; an outline needs at least one pixel.")
    crop = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = crop.shape
    fine = min(UPSAMPLED, max(1, 2400 // max(height, width)))
    padded = np.pad(crop.astype(np.float32), 2)
    soft = cv2.GaussianBlur(padded, (0, 0), SMOOTHING) if min(height, width) > 8 else padded
    large = cv2.resize(soft, None, fx=fine, fy=fine, interpolation=cv2.INTER_LINEAR)
    contours, _ = cv2.findContours((large > 0.5).astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    tolerance = max(TOLERANCE, SHARE * max(height, width)) * fine
    loops = []
    for contour in contours:
        if abs(cv2.contourArea(contour)) < LEAST_LOOP * width * height * fine**2:
            continue
        kept = cv2.approxPolyDP(contour, tolerance, True)[:, 0].astype(np.float32)
        if len(kept) >= 3:
            loops.append((kept + 0.5) / fine - 2)
    if not loops:  # thinner than the blur: its pixels' box
        loops = [np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)]
    return normalised(loops)


def normalised(loops: Sequence[np.ndarray]) -> Outline:
    """Loops of x, y in any unit, as an outline in their own tight box."""
    points = np.concatenate(list(loops))
    low, high = points.min(axis=0), points.max(axis=0)
    size = np.maximum(high - low, 1e-6)
    return Outline(tuple(((loop - low) / size).astype(np.float32) for loop in loops), float(size[0] / size[1]))


def draw(loops: Sequence[np.ndarray], height: int, width: int) -> np.ndarray:
    """``(height, width)`` bool mask of loops whose points are ``(n, 2)`` x, y in pixel edges, drawn as curves.

    Only pixels whose centre lies inside; may be empty.
    """
    return drawn(loops, height, width).dense()


def drawn(loops: Sequence[np.ndarray], height: int, width: int) -> MaskWindow:
    """``draw`` as a window; no more than what the loops span is ever filled."""
    span = span_of(loops, height, width)
    if span is None:
        return MaskWindow.empty(height, width)
    x0, y0, x1, y1 = span
    shifted = [curve(loop) - np.array([x0, y0]) for loop in loops]
    return MaskWindow.within((height, width), x0, y0, fill(shifted, y1 - y0, x1 - x0))


def span_of(loops: Sequence[np.ndarray], height: int, width: int) -> IntBox | None:
    """Whole pixels ``(x0, y0, x1, y1)`` that hold the drawn loops inside the picture; None if there are none."""
    points = np.concatenate(list(loops))
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.02 * (high - low) + 2  # a curve may swing a little beyond its points
    x0, y0 = np.maximum(np.floor(low - margin), 0).astype(int).tolist()
    x1, y1 = np.minimum(np.ceil(high + margin), (width, height)).astype(int).tolist()
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def fill(loops: Sequence[np.ndarray], height: int, width: int) -> np.ndarray:
    """``(height, width)`` bool: pixels whose centre an odd number of polygons ``(n, 2)`` (x, y) surrounds.

    Each polygon edge toggles, in every row whose centre it crosses, all pixels to its right.
    """
    toggles = np.zeros((height, width + 1), dtype=np.uint8)
    for loop in loops:
        start, end = loop.astype(np.float64), np.roll(loop, -1, axis=0).astype(np.float64)
        low, high = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
        first = np.clip(np.ceil(low - 0.5), 0, height).astype(np.int64)
        last = np.clip(np.ceil(high - 0.5), 0, height).astype(np.int64)  # rows first .. last - 1
        counts = last - first
        edge = np.repeat(np.arange(len(start)), counts)
        if not edge.size:
            continue
        row = np.arange(edge.size) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
        along = (row + 0.5 - start[edge, 1]) / (end[edge, 1] - start[edge, 1])
        x = start[edge, 0] + along * (end[edge, 0] - start[edge, 0])
        column = np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64)
        np.bitwise_xor.at(toggles, (row, column), 1)
    return np.bitwise_xor.accumulate(toggles[:, :width], axis=1, out=toggles[:, :width]).view(bool)


def curve(points: np.ndarray, step: float = STEP) -> np.ndarray:
    """``(m, 2)`` points along the smooth closed curve through ``(n, 2)`` points in pixels, at most ``step`` apart."""
    points = np.asarray(points, dtype=np.float64)
    ahead = np.roll(points, -1, axis=0) - points
    length = np.maximum(np.hypot(ahead[:, 0], ahead[:, 1]), 1e-9)
    pieces = np.clip(np.ceil(length / step), 1, 64).astype(np.int64)
    if len(points) < 4 or pieces.max() == 1:
        return points
    leaving, arriving = _tangents(ahead, length)
    edge = np.repeat(np.arange(len(points)), pieces)
    t = ((np.arange(edge.size) - np.repeat(np.cumsum(pieces) - pieces, pieces)) / pieces[edge])[:, None]
    after = np.roll(points, -1, axis=0)
    h00, h10 = 2 * t**3 - 3 * t**2 + 1, t**3 - 2 * t**2 + t
    h01, h11 = 3 * t**2 - 2 * t**3, t**3 - t**2
    return h00 * points[edge] + h10 * leaving[edge] + h01 * after[edge] + h11 * arriving[edge]


def _tangents(ahead: np.ndarray, length: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hermite tangents ``(n, 2)`` of each edge at its start and at its end; straight at corners and on long edges."""
    unit = ahead / length[:, None]
    unit_before, length_before = np.roll(unit, 1, axis=0), np.roll(length, 1)
    # centripetal: a tangent leans to the shorter of its two edges
    weight = np.sqrt(length_before) / (np.sqrt(length) + np.sqrt(length_before))
    tangent = unit * weight[:, None] + unit_before * (1 - weight)[:, None]
    tangent /= np.maximum(np.hypot(tangent[:, 0], tangent[:, 1]), 1e-9)[:, None]
    corner = (unit * unit_before).sum(axis=1) < CORNER
    straight = length > LONG * np.maximum(length_before, np.roll(length, -1))
    keep = corner | straight | np.roll(straight, 1)
    leaving = np.where(keep[:, None], unit, tangent) * length[:, None]
    following = np.roll(keep, -1)
    arriving = np.where(following[:, None], unit, np.roll(tangent, -1, axis=0)) * length[:, None]
    return leaving, arriving


def place(outline: Outline, box: BoxXYXY) -> list[np.ndarray]:
    """The loops in a box ``(x0, y0, x1, y1)`` of the scene, float64 x, y in pixel edges."""
    x0, y0, x1, y1 = box
    return [loop * np.array([x1 - x0, y1 - y0], dtype=np.float64) + np.array([x0, y0]) for loop in outline.loops]
