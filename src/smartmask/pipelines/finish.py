"""From the network's encoded mask to a mask of the scene: tidied, fitted to the user's box, never empty."""

from __future__ import annotations

import cv2
import numpy as np

from smartmask.frame import GRID, Frame, decode_distance
from smartmask.geometry import BoxXYXY

SPECK = 0.1  # parts smaller than this share of the largest are dropped
HOLE = 0.03  # holes smaller than this share of the mask are filled
INNER = 0.35  # how deep in the mask a point should lie, as a share of its deepest
SHIFT = 0.06  # of its frame: how far a mask is moved to cover strokes
RELUCTANCE = 1.0  # share of the strokes that a move by the whole frame has to gain
SLACK = 0.2  # a mask whose sides all lie within this share of the box's is stretched to touch them


def finish(values: np.ndarray, frame: Frame, height: int, width: int, box: BoxXYXY | None = None) -> np.ndarray:
    """``(BAND, BAND)`` encoded mask -> ``(H, W)`` bool mask with at least one pixel.

    box: the exact box that the user drew, or None. Such a box says where the object ends, so a mask that
    nearly fills it is stretched to touch its sides (as far as they lie in the scene).
    """
    distance = tidy(decode_distance(values))
    if box is not None:
        inside = max(box[0], 0.0), max(box[1], 0.0), min(box[2], float(width)), min(box[3], float(height))
        distance = fit(distance, frame.to_frame(inside))
    mask = frame.paste(distance, height, width, border=-1.0) > 0
    if not mask.any():  # thinner than the scene's pixels: the deepest one
        depth = frame.paste(distance, height, width, border=-9.0)
        if depth.max() > -8.9:
            mask[np.unravel_index(int(depth.argmax()), mask.shape)] = True
        else:  # the frame lies between the centres of pixels, or beyond them all: the nearest one
            mask[min(max(int(frame.cy), 0), height - 1), min(max(int(frame.cx), 0), width - 1)] = True
    return mask


def tidy(distance: np.ndarray) -> np.ndarray:
    """The (GRID, GRID) distance map without specks and pinholes."""
    distance = distance.copy()
    inside = (distance > 0).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
    if count > 2:
        areas = stats[:, cv2.CC_STAT_AREA]
        small = np.flatnonzero(areas < SPECK * areas[1:].max())
        specks = np.isin(labels, small[small > 0])
        distance[specks] *= -1
    count, labels, stats, _ = cv2.connectedComponentsWithStats((distance <= 0).astype(np.uint8), connectivity=4)
    if count > 2:
        least = HOLE * int(np.count_nonzero(distance > 0))
        small = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] < least)
        holes = np.isin(labels, small[small > 0])
        distance[holes] = np.maximum(-distance[holes], 1e-3)
    return distance


def fit(distance: np.ndarray, box: BoxXYXY) -> np.ndarray:
    """The distance map stretched so that its inside touches ``box`` (frame units), if it nearly does already."""
    if not (distance > 0).any():
        return distance
    across, down = _span(distance.max(axis=0)), _span(distance.max(axis=1))
    have, want = np.array([across[0], down[0], across[1], down[1]]), np.array(box) * GRID
    size = np.array([want[2] - want[0], want[3] - want[1]] * 2)
    if (size < 1).any() or (np.abs(have - want) > SLACK * size).any():
        return distance
    sx, sy = (have[2:] - have[:2]) / size[:2]
    matrix = np.array([[sx, 0, have[0] + (0.5 - want[0]) * sx - 0.5], [0, sy, have[1] + (0.5 - want[1]) * sy - 0.5]])
    return cv2.warpAffine(
        distance.astype(np.float32), matrix, (GRID, GRID), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT, borderValue=-1.0,
    )  # fmt: skip


def reach(values: np.ndarray, frame: Frame, x: float, y: float) -> Frame:
    """The frame moved as little as needed for the ``(BAND, BAND)`` encoded mask to hold the point ``x, y``.

    It is held where the mask is at least INNER times as deep as at its deepest, so that it lies on the object
    and not on its rim. A mask that holds it so already stays.
    """
    distance = tidy(decode_distance(values))
    if not (distance > 0).any():
        return frame
    cells = np.argwhere(distance >= INNER * distance.max())
    centres = (cells[:, ::-1] + 0.5) / GRID
    left, top = frame.cx - frame.side / 2, frame.cy - frame.side / 2
    point = np.array([(x - left) / frame.side, (y - top) / frame.side])
    column, row = np.floor(point * GRID).astype(int)
    if 0 <= column < GRID and 0 <= row < GRID and distance[row, column] >= INNER * distance.max():
        return frame
    dx, dy = (point - centres[int(((centres - point) ** 2).sum(axis=1).argmin())]) * frame.side
    return Frame(frame.cx + float(dx), frame.cy + float(dy), frame.side)


def settle(values: np.ndarray, frame: Frame, drawn: np.ndarray) -> Frame:
    """The frame moved so that the ``(BAND, BAND)`` encoded mask covers the most of strokes, by at most SHIFT of it.

    drawn: (GRID, GRID) in [0, 1], the strokes in the frame. Of equal coverage the smaller move.
    """
    inside = (tidy(decode_distance(values)) > 0).astype(np.float32)
    most = round(SHIFT * GRID)
    padded = np.pad(inside, most)
    # [i, j]: what the mask covers if moved by most - i down and most - j to the right
    covered = cv2.matchTemplate(padded, drawn.astype(np.float32), cv2.TM_CCORR)
    moves = np.arange(most, -most - 1, -1)
    length = np.hypot(moves[:, None], moves[None, :])
    gain = covered / max(float(drawn.sum()), 1e-6) - RELUCTANCE * length / GRID
    i, j = np.unravel_index(int(gain.argmax()), gain.shape)
    step = frame.side / GRID
    return Frame(frame.cx + float(moves[j]) * step, frame.cy + float(moves[i]) * step, frame.side)


def touch(mask: np.ndarray, frame: Frame, x: float, y: float) -> Frame:
    """The frame moved by whole pixels so that the (H, W) mask, pasted from it, has the pixel of the point ``x, y``.

    Where an outline is thinner than the pixels of the scene, a point inside it may fall between them.
    """
    column, row = min(int(x), mask.shape[1] - 1), min(int(y), mask.shape[0] - 1)
    if mask[row, column]:
        return frame
    rows, columns = np.nonzero(mask)
    nearest = int(((rows - row) ** 2 + (columns - column) ** 2).argmin())
    return Frame(frame.cx + column - int(columns[nearest]), frame.cy + row - int(rows[nearest]), frame.side)


def _span(profile: np.ndarray) -> tuple[float, float]:
    """Where a profile of distances at cell centres rises above 0 and falls below again, in cells, between centres."""
    inside = np.flatnonzero(profile > 0)
    first, last = int(inside[0]), int(inside[-1])
    start, end = first + 0.5, last + 0.5
    if first > 0:
        start -= profile[first] / (profile[first] - profile[first - 1])
    if last < len(profile) - 1:
        end += profile[last] / (profile[last] - profile[last + 1])
    return start, end
