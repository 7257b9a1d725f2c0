"""The mask frame: a square round an object, and masks in it as a band-limited truncated signed distance.

The frame is 1.5 times the object's larger side, so a 40-pixel bird and a 400-pixel horse get
equally fine outlines. Inside it a mask becomes ``(BAND, BAND)`` numbers: the signed distance to
the outline, truncated and scaled to [-1, 1], kept up to the BAND lowest frequencies of a cosine
transform a side. The transform is fixed and linear, so there is nothing to train; its
reconstruction of unseen masks is measured by ``smartmask eval frame``.

The shape prior uses a second, coarser frame: the object's box itself, stretched to a square, so that all
shapes of a class lie on top of each other whatever their aspect.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from smartmask.geometry import BoxXYXY, signed_distance

MARGIN = 1.5  # frame side over the larger side of the box
BAND = 72  # cosine frequencies a side that the mask keeps, and the side of the encoded mask
GRID = 128  # samples a side of the signed distance before the band limit, and after decoding
TRUNCATION = 1 / 12  # the distance that maps to 1, as a share of the frame's side
FINEST = 1024  # the finest grid on which the distance is measured
FRAME_GRID = 256  # grid on which a shape's distance is measured again in the frame
BOX_SIDE = 64  # samples a side of a shape in its box
BOX_SOFTNESS = 0.12  # the distance, in shares of the box, at which a shape's values reach tanh(1)


@dataclass(frozen=True)
class Frame:
    """A square of the scene: centre ``cx, cy`` and ``side`` in continuous pixel edges; may leave the scene."""

    cx: float
    cy: float
    side: float

    @classmethod
    def around(cls, box: BoxXYXY, margin: float = MARGIN) -> Frame:
        """The frame round a box ``(x0, y0, x1, y1)``."""
        x0, y0, x1, y1 = box
        return cls((x0 + x1) / 2, (y0 + y1) / 2, margin * max(x1 - x0, y1 - y0, 1.0))

    def to_frame(self, box: BoxXYXY) -> BoxXYXY:
        """A scene box in frame units: (0, 0) the frame's top left, (1, 1) its bottom right."""
        left, top = self.cx - self.side / 2, self.cy - self.side / 2
        x0, y0, x1, y1 = box
        return (x0 - left) / self.side, (y0 - top) / self.side, (x1 - left) / self.side, (y1 - top) / self.side

    def grid(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Scene coordinates ``x, y`` of the centres of ``n`` x ``n`` cells, two (n, n) float arrays."""
        steps = (np.arange(n) + 0.5) / n - 0.5
        x, y = np.meshgrid(self.cx + steps * self.side, self.cy + steps * self.side)
        return x, y

    def crop(self, image: np.ndarray, n: int, interpolation: int = cv2.INTER_LINEAR, border: float = 0) -> np.ndarray:
        """``(H, W)`` image -> ``(n, n)`` samples of the frame; ``border`` stands outside the image."""
        s = self.side / n
        # cv2 puts pixel centres at whole numbers, we put them at .5
        matrix = np.array(
            [[s, 0, self.cx - self.side / 2 + 0.5 * s - 0.5], [0, s, self.cy - self.side / 2 + 0.5 * s - 0.5]]
        )
        return cv2.warpAffine(
            image, matrix, (n, n), flags=interpolation | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_CONSTANT,
            borderValue=border,
        )  # fmt: skip

    def paste(self, values: np.ndarray, height: int, width: int, border: float) -> np.ndarray:
        """``(n, n)`` float samples of the frame -> ``(H, W)`` bicubic, ``border`` outside the frame."""
        s = self.side / values.shape[0]
        left, top = self.cx - self.side / 2, self.cy - self.side / 2
        matrix = np.array([[1 / s, 0, (0.5 - left) / s - 0.5], [0, 1 / s, (0.5 - top) / s - 0.5]])
        return cv2.warpAffine(
            values.astype(np.float32), matrix, (width, height), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT, borderValue=border,
        )  # fmt: skip


@lru_cache(maxsize=4)
def _band_matrix(n: int, band: int) -> np.ndarray:
    """``(band, n)``: resamples n values to band values through their lowest cosine frequencies."""

    def cosines(size: int) -> np.ndarray:  # orthonormal DCT-II, (frequency, sample)
        k, i = np.arange(size)[:, None], np.arange(size)[None, :]
        basis = np.cos(math.pi * (i + 0.5) * k / size) * math.sqrt(2 / size)
        basis[0] /= math.sqrt(2)
        return basis

    matrix = cosines(band).T @ cosines(n)[:band] * math.sqrt(band / n)  # the scale keeps a constant a constant
    return matrix.astype(np.float32)


def encode_mask(mask: np.ndarray, frame: Frame, finest: int = FINEST) -> np.ndarray:
    """``(H, W)`` bool mask -> ``(BAND, BAND)`` float32, about [-1, 1], positive inside the object.

    finest: cap on the grid that measures the distance (lower is faster and blurs large masks slightly).
    """
    n = min(max(GRID, 2 ** math.ceil(math.log2(max(frame.side, 1)))), finest)
    fine = frame.crop(mask.astype(np.uint8) * 255, n) > 127
    distance = np.clip(signed_distance(fine) / (n * TRUNCATION), -1, 1)
    if n != GRID:
        distance = cv2.resize(distance, (GRID, GRID), interpolation=cv2.INTER_AREA)
    band = _band_matrix(GRID, BAND)
    return band @ distance @ band.T


def decode_mask(values: np.ndarray, frame: Frame, height: int, width: int) -> np.ndarray:
    """``(BAND, BAND)`` encoded mask -> ``(H, W)`` bool mask at the scene's size."""
    return frame.paste(decode_distance(values), height, width, border=-1.0) > 0


def decode_distance(values: np.ndarray) -> np.ndarray:
    """``(BAND, BAND)`` encoded mask -> ``(GRID, GRID)`` float32 signed distance in the frame, 1 at TRUNCATION."""
    band = _band_matrix(GRID, BAND)
    return (band.T @ values.astype(np.float32) @ band) * (GRID / BAND) ** 2


def box_cells(mask: np.ndarray, box: BoxXYXY, n: int = BOX_SIDE) -> np.ndarray:
    """``(n, n)`` bool: a ``(H, W)`` bool mask seen in a box, stretched to a square."""
    x0, y0, x1, y1 = box
    sx, sy = max(x1 - x0, 1e-3) / n, max(y1 - y0, 1e-3) / n
    matrix = np.array([[sx, 0, x0 + 0.5 * sx - 0.5], [0, sy, y0 + 0.5 * sy - 0.5]])
    soft = cv2.warpAffine(mask.astype(np.uint8) * 255, matrix, (n, n), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return soft > 127


def box_shape(mask: np.ndarray, box: BoxXYXY) -> np.ndarray:
    """``(BOX_SIDE, BOX_SIDE)`` float32: a ``(H, W)`` bool mask seen in its box, stretched to a square.

    Values are tanh of the signed distance over BOX_SOFTNESS, positive inside. All beyond the box counts as
    outside, so the distance also grows from the box's own sides.
    """
    n = 2 * BOX_SIDE
    pad = n // 4
    distance = signed_distance(np.pad(box_cells(mask, box, n), pad))[pad:-pad, pad:-pad] / (n * BOX_SOFTNESS)
    return np.tanh(cv2.resize(distance, (BOX_SIDE, BOX_SIDE), interpolation=cv2.INTER_AREA)).astype(np.float32)


def box_shape_in_frame(values: np.ndarray, box: BoxXYXY, frame: Frame) -> np.ndarray:
    """``(BAND, BAND)`` encoded mask of ``frame`` for a ``(BOX_SIDE, BOX_SIDE)`` shape that fills ``box``.

    The distance is measured anew, because the box's stretch has bent it.
    """
    x0, y0, x1, y1 = (v * FRAME_GRID for v in frame.to_frame(box))
    sx, sy = BOX_SIDE / max(x1 - x0, 1e-3), BOX_SIDE / max(y1 - y0, 1e-3)
    matrix = np.array([[sx, 0, (0.5 - x0) * sx - 0.5], [0, sy, (0.5 - y0) * sy - 0.5]])
    fine = cv2.warpAffine(
        np.pad(values, 1, constant_values=-1).astype(np.float32), matrix + np.array([[0, 0, 1], [0, 0, 1]]),
        (FRAME_GRID, FRAME_GRID), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_CONSTANT,
        borderValue=-1.0,
    )  # fmt: skip
    distance = np.clip(signed_distance(fine > 0) / (FRAME_GRID * TRUNCATION), -1, 1)
    band = _band_matrix(GRID, BAND)
    return band @ cv2.resize(distance, (GRID, GRID), interpolation=cv2.INTER_AREA) @ band.T
