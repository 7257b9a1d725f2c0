"""Layouts as pictures: the square canvas of a scene, eq. 5's guide, the picture to draw, and the way back to masks.

The model sees the whole scene at once, as the paper does: its longer side spans the canvas, what lies beyond the
scene's border has a colour of its own.
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
    """A square of ``side`` cells over a scene (height, width in pixels), centred, ``scale`` pixels a cell."""

    side: int
    height: int
    width: int

    @classmethod
    def of(cls, scene: Scene, side: int) -> Self:
        """The canvas of a scene."""
        return cls(side, scene.height, scene.width)

    @property
    def scale(self) -> float:
        """Scene pixels a cell."""
        return max(self.height, self.width) / self.side

    def grid(self) -> tuple[np.ndarray, np.ndarray]:
        """Scene coordinates ``x, y`` of the cells' centres, two (side, side) arrays."""
        steps = (np.arange(self.side) + 0.5 - self.side / 2) * self.scale
        x, y = np.meshgrid(steps + self.width / 2, steps + self.height / 2)
        return x, y

    def box(self, box: BoxXYXY) -> BoxXYXY:
        """A box of the scene (pixel edges) in the canvas's cells."""
        x0, y0, x1, y1 = box
        dx, dy = self.side / 2 - self.width / 2 / self.scale, self.side / 2 - self.height / 2 / self.scale
        return x0 / self.scale + dx, y0 / self.scale + dy, x1 / self.scale + dx, y1 / self.scale + dy

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
        """``(height, width)`` float32: a (side, side) field on the scene's pixels, linear between cells' centres."""
        scale, side = self.scale, self.side
        # cv2's coordinates count from pixel centres
        matrix = np.array([[scale, 0, self.width / 2 - side / 2 * scale + (scale - 1) / 2],
                           [0, scale, self.height / 2 - side / 2 * scale + (scale - 1) / 2]])  # fmt: skip
        size = self.width, self.height
        return cv2.warpAffine(field.astype(np.float32), matrix, size, borderMode=cv2.BORDER_REPLICATE)


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


def read_off(white: np.ndarray, canvas: Canvas) -> tuple[np.ndarray, float]:
    """The mask of a whiteness field (side, side), and how clearly it was drawn, in [0, 1].

    (height, width) bool: LEGIBLE cells, at the scene's size, largest parts alone, small holes filled; never empty:
    where nothing was drawn it is the one whitest pixel, and the clearness 0. Clearness is the soft overlap
    of mask and field, in thousandths.
    """
    field = canvas.back(np.where(canvas.inside(), white, 0))
    mask = _clean(field >= LEGIBLE)
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
