"""Layouts as pictures: the square canvas of a scene, eq. 5's guide, the picture to draw, and the way back to masks.

The model sees the whole scene at once, as the paper does: its longer side spans the canvas, what lies beyond the
scene's border has a colour of its own. Or it sees a frame, a square part of the scene, so that a small thing of a large
photo has as many cells as a large one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np

from smartmask.geometry import BoxXYXY, components
from smartmask.guides import Guide
from smartmask.guides.guide import sample
from smartmask.masks.latent.palette import OUTSIDE_COLOUR, UNLABELED_COLOUR, WHITE
from smartmask.scene import Scene
from smartmask.scene.view import OUTSIDE, UNLABELED

ALPHA = 0.7  # of eq. 5
LEAST_PART = 0.1  # of the largest part: smaller ones are crumbs
CRUMB = 0.01  # of the whole: not even looked at
LARGEST_HOLE = 0.02  # of the mask: smaller ones are filled
LEGIBLE = 0.5  # whiteness from which a cell belongs to the new object


@dataclass(frozen=True)
class Canvas:
    """A square of ``side`` cells over a scene (height, width in pixels), ``scale`` pixels a cell.

    frame: the square of the scene that it shows, in pixel edges; None: all of the scene, centred.
    """

    side: int
    height: int
    width: int
    frame: BoxXYXY | None = None

    @classmethod
    def of(cls, scene: Scene, side: int, frame: BoxXYXY | None = None) -> Self:
        """The canvas of a scene, or of a frame of it."""
        return cls(side, scene.height, scene.width, frame)

    @property
    def square(self) -> BoxXYXY:
        """What it shows, in the scene's pixel edges."""
        return self.frame or whole_square(self.height, self.width)

    @property
    def scale(self) -> float:
        """Scene pixels a cell."""
        x0, _, x1, _ = self.square
        return (x1 - x0) / self.side

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Scene coordinates ``x, y`` of the cells' centres, two (side, side) arrays."""
        left, top, right, bottom = self.square
        steps = (np.arange(self.side) + 0.5 - self.side / 2) * self.scale  # from the middle: exact for centred scenes
        x, y = np.meshgrid(steps + (left + right) / 2, steps + (top + bottom) / 2)
        return x, y

    def box(self, box: BoxXYXY) -> BoxXYXY:
        """A box of the scene (pixel edges) in the canvas's cells."""
        x0, y0, x1, y1 = box
        left, top, _, _ = self.square
        scale = self.scale
        return (x0 - left) / scale, (y0 - top) / scale, (x1 - left) / scale, (y1 - top) / scale

    def inside(self) -> np.ndarray:
        """``(side, side)`` bool: cells whose centre lies in the scene."""
        x, y = self.grid()
        return (x >= 0) & (x < self.width) & (y >= 0) & (y < self.height)

    def top(self, scene: Scene, count: int) -> np.ndarray:
        """``(side, side)`` int: the front-most of the first ``count`` layers (S_k), -1 unlabeled, -2 outside."""
        x, y = self.grid()
        inside = self.inside()
        x, y = x[inside], y[inside]
        seen = np.full(len(x), UNLABELED)
        for index, layer in enumerate(scene.layers[:count]):
            seen[layer.window.sample(x, y)] = index
        top = np.full((self.side, self.side), OUTSIDE)
        top[inside] = seen
        return top

    def guide(self, guides: Sequence[Guide]) -> np.ndarray:
        """``(side, side)`` float32 in [0, 1]: G, zeros without guides."""
        x, y = self.grid()
        return sample(guides, x, y, self.height, self.width)

    def back(self, field: np.ndarray) -> np.ndarray:
        """``(height, width)`` float32: a (side, side) field on the scene's pixels, linear between cells' centres; 0
        where the canvas does not reach."""
        scale, (left, top, right, bottom) = self.scale, self.square
        # cv2's coordinates count from pixel centres
        matrix = np.array([[scale, 0, left + (scale - 1) / 2], [0, scale, top + (scale - 1) / 2]])
        size = self.width, self.height
        grown = cv2.warpAffine(field.astype(np.float32), matrix, size, borderMode=cv2.BORDER_REPLICATE)
        if self.frame is not None:
            rows, columns = np.arange(self.height) + 0.5, np.arange(self.width) + 0.5
            grown[(rows < top) | (rows >= bottom)] = 0
            grown[:, (columns < left) | (columns >= right)] = 0
        return grown


def whole_square(height: int, width: int) -> BoxXYXY:
    """The square round all of a scene: its longer side from edge to edge."""
    span = max(height, width)
    left, top = (width - span) / 2, (height - span) / 2
    return left, top, left + span, top + span


def frame_round(box: BoxXYXY, times: float, height: int, width: int) -> BoxXYXY | None:
    """The square of a scene ``times`` as wide as the longer side of ``box`` and round its middle, moved into the scene.

    None where it would show no less than all of it. What of the box lies beyond the border does not count, but for a
    pixel.
    """
    x0, x1 = _within(box[0], box[2], width)
    y0, y1 = _within(box[1], box[3], height)
    span = times * max(x1 - x0, y1 - y0)
    if span >= max(height, width):
        return None
    left, top = frame_start((x0 + x1 - span) / 2, span, width), frame_start((y0 + y1 - span) / 2, span, height)
    return left, top, left + span, top + span


def frame_start(start: float, span: float, length: int) -> float:
    """Where a frame of ``span`` begins on a line of ``length`` pixels: inside it if it fits, else centred."""
    return (length - span) / 2 if span >= length else min(max(start, 0.0), length - span)


def _within(low: float, high: float, length: int) -> tuple[float, float]:
    low = min(max(low, 0.0), length - 1.0)
    return low, min(max(high, low + 1), float(length))


def guided(picture: np.ndarray, guide: np.ndarray) -> np.ndarray:
    """S~_k = S_k (1 - alpha G) + alpha G of white (eq. 5): ``(H, W, 3)`` uint8 and ``(H, W)`` in [0, 1] -> float32."""
    drawn = picture.astype(np.float32)
    rows, columns = np.flatnonzero(guide.any(1)), np.flatnonzero(guide.any(0))
    if rows.size:  # elsewhere it is the layout
        part = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        weight = ALPHA * guide[part][..., None].astype(np.float32)
        drawn[part] = drawn[part] * (1 - weight) + np.array(WHITE, np.float32) * weight
    return drawn


def with_object(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """What is to be drawn: S_k with the new object white over it."""
    drawn = picture.copy()
    drawn[mask] = WHITE
    return drawn


def whiteness(drawn: np.ndarray, picture: np.ndarray) -> np.ndarray:
    """``(H, W)`` float32 in [0, 1]: how far a drawn picture (uint8 values, any float) is white rather than layout.

    Of each pixel two things are asked, and the lesser answer counts: how far it went from S_k's own colour there to
    white, and how much nearer to white it is than to any colour of S_k, so that a neighbour's colour that ran over a
    border is no object.
    """
    drawn, own = drawn.astype(np.float32), picture.astype(np.float32)
    white = np.array(WHITE, np.float32)
    way = white - own
    gone = ((drawn - own) * way).sum(-1) / (way**2).sum(-1)
    colours = np.unique(np.concatenate([picture.reshape(-1, 3), [UNLABELED_COLOUR, OUTSIDE_COLOUR]]), axis=0)
    to_white = np.sqrt(((drawn - white) ** 2).sum(-1))
    others = np.full(to_white.shape, np.inf, np.float32)
    for colour in colours.astype(np.float32):
        others = np.minimum(others, np.sqrt(((drawn - colour) ** 2).sum(-1)))
    nearer = others / np.maximum(others + to_white, 1e-6)
    return np.clip(np.minimum(gone, nearer), 0, 1)


def read_off(white: np.ndarray, canvas: Canvas, barred: np.ndarray | None = None) -> tuple[np.ndarray, float]:
    """The mask of a whiteness field (side, side), and how clearly it was drawn, in [0, 1].

    (height, width) bool: LEGIBLE cells, at the scene's size, largest parts alone, small holes filled; never empty:
    where nothing was drawn it is the one whitest pixel, and the clearness 0. Clearness is the soft overlap
    of mask and field, in thousandths. barred: (height, width) bool, where no object is to be.
    """
    field = canvas.back(np.where(canvas.inside(), white, 0))
    if barred is not None:
        field[barred] = -1  # never the whitest
    mask = _clean(field >= LEGIBLE)
    if barred is not None:
        mask &= ~barred  # it may have been a small hole
    if not mask.any():
        mask[np.unravel_index(int(np.argmax(np.rint(field * 1000))), mask.shape)] = True
        return mask, 0.0
    clear = float(field[mask].sum()) / float(np.maximum(field, mask).sum())
    return mask, round(clear, 3)


def _clean(mask: np.ndarray) -> np.ndarray:
    """Without crumbs and small holes."""
    if not mask.any():
        return mask
    parts = components(mask, int(CRUMB * mask.sum())) or components(mask)[:1]
    least = LEAST_PART * parts[0].sum()
    kept = np.logical_or.reduce([part for part in parts if part.sum() >= least])
    largest_hole = LARGEST_HOLE * kept.sum()
    count, labels, stats, _ = cv2.connectedComponentsWithStats((~kept).astype(np.uint8), connectivity=4)
    for hole in range(1, count):
        x, y, width, height, area = stats[hole]
        at_border = x == 0 or y == 0 or x + width == mask.shape[1] or y + height == mask.shape[0]
        if not at_border and area <= largest_hole:
            kept |= labels == hole
    return kept
