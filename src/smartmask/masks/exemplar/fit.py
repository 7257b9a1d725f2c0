"""How a chosen outline meets the guide: a smooth warp of its points, so that what was crisp stays crisp.

The warp is found on a small grid by the demons of Thirion (Medical Image Analysis 1998) in their symmetric form
(Vercauteren et al., NeuroImage 2009, eq. 5), with a Gaussian as the regulariser, and moves the points themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from smartmask.geometry import BoxXYXY, signed_distance
from smartmask.masks.exemplar.asked import SIDE, Asked
from smartmask.masks.exemplar.outline import Outline, normalised

SOFT = 3.0  # cells over which inside goes over into outside
ITERATIONS = 40
FLUID, ELASTIC = 2.0, 1.4  # cells: blur of each step, and of the whole displacement
FARTHEST = 0.12  # of the window: no point moves further
INNER = 0.3  # how deep in the outline a point should lie, as a share of its deepest
PAD = 12  # cells of margin round a box when outlines are blended


def warp_to(target: np.ndarray, current: np.ndarray, strength: float = 1.0) -> np.ndarray:
    """``(2, SIDE, SIDE)`` displacement in cells (x, y), where points of ``current`` move to follow ``target``.

    Both (SIDE, SIDE) bool. strength: [0, 1], the share of the way. It is found from where the points are, not as the
    inverse of where the target's come from: an inverse of so steep a field folds, and a fold tears an outline.
    """
    goal, here = _soft(target), _soft(current)
    shift = np.zeros((2, SIDE, SIDE), np.float32)
    columns, rows = np.meshgrid(np.arange(SIDE, dtype=np.float32), np.arange(SIDE, dtype=np.float32))
    for _ in range(ITERATIONS):
        met = cv2.remap(goal, columns + shift[0], rows + shift[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        gap = met - here
        slope_y, slope_x = (g.astype(np.float32) for g in np.gradient(met + here))
        slope_x, slope_y = slope_x / 2, slope_y / 2
        force = gap / (slope_x**2 + slope_y**2 + gap**2 + 1e-3)
        step = np.stack([_blur(-force * slope_x, FLUID), _blur(-force * slope_y, FLUID)])
        shift = np.stack([_blur(part, ELASTIC) for part in shift + step])
    length = np.hypot(shift[0], shift[1])
    shift *= np.minimum(1.0, FARTHEST * SIDE / np.maximum(length, 1e-6))
    return strength * shift


def moved(loops: Sequence[np.ndarray], shift: np.ndarray, window: BoxXYXY) -> list[np.ndarray]:
    """Loops of scene points (n, 2), each moved by the displacement at its place in the window."""
    x0, y0, x1, y1 = window
    scale = np.array([(x1 - x0) / SIDE, (y1 - y0) / SIDE])
    result = []
    for loop in loops:
        cells = ((loop - (x0, y0)) / scale - 0.5).astype(np.float32)
        at = np.ascontiguousarray(cells[:, 0:1]), np.ascontiguousarray(cells[:, 1:2])
        steps = [cv2.remap(part, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0] for part in shift]
        result.append(loop + np.stack(steps, axis=1) * scale)
    return result


def settle(cells: np.ndarray, box: BoxXYXY, asked: Asked) -> tuple[float, float]:
    """``(dx, dy)`` in pixels by which an outline (C, C cells in its box) moves to hold its points.

    As little as is needed for all points to lie well inside it; towards the nearest place where most of them do.
    """
    if not len(asked.points):
        return 0.0, 0.0
    side = cells.shape[0]
    width, height = box[2] - box[0], box[3] - box[1]
    depth = signed_distance(np.pad(cells, 1))[1:-1, 1:-1]
    inner = depth >= INNER * depth.max()
    offsets = asked.points - (box[0], box[1])
    rows, columns = np.nonzero(inner)
    wanted = np.stack([(columns + 0.5) / side * width, (rows + 0.5) / side * height], axis=1)
    u = np.clip((offsets[:, 0] / width * side).astype(int), 0, side - 1)
    v = np.clip((offsets[:, 1] / height * side).astype(int), 0, side - 1)
    within = (offsets >= 0).all(axis=1) & (offsets[:, 0] < width) & (offsets[:, 1] < height)
    if (within & inner[v, u]).all():
        return 0.0, 0.0
    moves = offsets[0][None, :] - wanted  # each puts the first point on an inner cell
    best, found = -1, (0.0, 0.0)
    for index in np.argsort((moves**2).sum(axis=1), kind="stable")[:400]:
        at = offsets - moves[index]
        uu, vv = (at[:, 0] / width * side).astype(int), (at[:, 1] / height * side).astype(int)
        ok = (uu >= 0) & (vv >= 0) & (uu < side) & (vv < side)
        held = int((ok & cells[np.clip(vv, 0, side - 1), np.clip(uu, 0, side - 1)]).sum())
        if held > best:
            best, found = held, (float(moves[index][0]), float(moves[index][1]))
        if best == len(offsets):
            break
    return found


def _soft(mask: np.ndarray) -> np.ndarray:
    """``(SIDE, SIDE)`` float32: tanh of the signed distance over SOFT cells."""
    return np.tanh(signed_distance(mask) / SOFT).astype(np.float32)


def _blur(values: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(values.astype(np.float32), (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)


def blend(outline: Outline, cells: np.ndarray, others: np.ndarray, weights: np.ndarray, strength: float) -> Outline:
    """An outline led a little of the way to the middle of its neighbours (generalised Procrustes mean, Gower 1975).

    cells: (C, C) bool of the outline; others: (n, C, C) bool, weights: (n,) int64 of them. Only what is smooth and
    common moves, so legs stay legs while a body takes the size that bodies have there.
    """
    if strength <= 0 or len(others) < 2:
        return outline
    mean = np.tensordot(weights.astype(np.float64), others.astype(np.float64), 1) / float(weights.sum())
    inner = SIDE - 2 * PAD
    shift = warp_to(_padded(mean, inner) > 0.5, _padded(cells, inner) > 0.5, strength)
    loops = moved([loop * inner + PAD for loop in outline.loops], shift, (0.0, 0.0, float(SIDE), float(SIDE)))
    return Outline(normalised(loops).loops, outline.aspect)


def _padded(cells: np.ndarray, inner: int) -> np.ndarray:
    picture = np.zeros((SIDE, SIDE), np.float32)
    resized = cv2.resize(cells.astype(np.float32), (inner, inner), interpolation=cv2.INTER_AREA)
    picture[PAD : PAD + inner, PAD : PAD + inner] = resized
    return picture
