"""A small painter: filled outlines with gradients, glow and shadow, and a label map drawn along with them.

Everything is drawn ``SCALE`` times too large and averaged down, which smooths the outlines; the label
map keeps the middle sample, so that every pixel belongs to exactly one region. All coordinates are
(x, y) in pixels of the finished picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np

SCALE = 3
Colour = tuple[float, float, float]
Points = Sequence[tuple[float, float]] | np.ndarray


def rgb(code: str) -> Colour:
    """``"#ffcc00"`` as three numbers from 0 to 255."""
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)


def blend(a: str, b: str, share: float) -> str:
    """The colour that lies ``share`` of the way from ``a`` to ``b``."""
    parts = (round(p + (q - p) * share) for p, q in zip(rgb(a), rgb(b), strict=True))
    return "#" + "".join(f"{part:02x}" for part in parts)


class Camera:
    """A pinhole ``height`` metres above the ground that looks straight ahead.

    focal: in pixels. vanish: (x, y) at which lines ahead meet; its y is the horizon.
    """

    def __init__(self, focal: float, vanish: tuple[float, float], height: float) -> None:
        self.focal, self.vanish, self.height = focal, vanish, height

    def __call__(self, x: float, y: float, z: float) -> tuple[float, float]:
        """Picture position of a point ``x`` metres to the right, ``y`` above the ground, ``z`` ahead."""
        return self.vanish[0] + self.focal * x / z, self.vanish[1] + self.focal * (self.height - y) / z

    def ground(self, x0: float, z0: float, x1: float, z1: float, y: float = 0.0) -> Points:
        """A level rectangle."""
        return [self(x0, y, z0), self(x1, y, z0), self(x1, y, z1), self(x0, y, z1)]

    def side(self, x: float, y0: float, z0: float, y1: float, z1: float) -> Points:
        """An upright rectangle that runs ahead, such as a wall of the street."""
        return [self(x, y0, z0), self(x, y1, z0), self(x, y1, z1), self(x, y0, z1)]

    def front(self, x0: float, y0: float, x1: float, y1: float, z: float) -> Points:
        """An upright rectangle that faces the camera."""
        return [self(x0, y0, z), self(x1, y0, z), self(x1, y1, z), self(x0, y1, z)]


def ellipse(cx: float, cy: float, rx: float, ry: float) -> Points:
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    return np.stack([cx + rx * np.cos(angle), cy + ry * np.sin(angle)], axis=1)


def rounded(x0: float, y0: float, x1: float, y1: float, radius: float) -> Points:
    """A rectangle with round corners."""
    radius = min(radius, (x1 - x0) / 2, (y1 - y0) / 2)
    quarter = np.linspace(0, np.pi / 2, 10)
    arcs = []
    for cx, cy, turn in (
        (x1 - radius, y1 - radius, 0.0),
        (x0 + radius, y1 - radius, np.pi / 2),
        (x0 + radius, y0 + radius, np.pi),
        (x1 - radius, y0 + radius, 3 * np.pi / 2),
    ):
        arcs.append(np.stack([cx + radius * np.cos(quarter + turn), cy + radius * np.sin(quarter + turn)], axis=1))
    return np.concatenate(arcs)


def leafy(cx: float, cy: float, rx: float, ry: float, rng: np.random.Generator) -> Points:
    """A bumpy ellipse, such as the outline of leaves."""
    angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    bumps = sum(
        size * np.sin(count * angle + rng.uniform(0, 6.3)) for count, size in ((5, 0.06), (9, 0.045), (17, 0.035))
    )
    return np.stack([cx + rx * (1 + bumps) * np.cos(angle), cy + ry * (1 + bumps) * np.sin(angle)], axis=1)


class Painting:
    """A picture and its label map, ``width`` x ``height`` pixels; later strokes cover earlier ones."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._rgb = np.zeros((height * SCALE, width * SCALE, 3), dtype=np.float32)
        self._labels = np.zeros((height * SCALE, width * SCALE), dtype=np.uint8)

    def fill(
        self,
        points: Points,
        colour: str,
        to: str | None = None,
        *,
        across: bool = False,
        label: int | None = None,
        alpha: float = 1.0,
        blur: float = 0.0,
        inside: int | tuple[int, ...] | None = None,
    ) -> None:
        """Fill an outline with a colour, or a gradient ``to`` another one (downwards, or ``across``).

        label: the region that the filled pixels become part of; None leaves the label map alone.
        blur: softness in pixels (for glow and shadow; such strokes take no label).
        inside: keep to the pixels that now belong to these labels.
        """
        corners = np.asarray(points, dtype=np.float64) * SCALE
        margin = int(np.ceil(3 * blur * SCALE)) + 2
        x0, y0 = np.maximum(np.floor(corners.min(axis=0)).astype(int) - margin, 0)
        x1 = min(int(corners[:, 0].max()) + margin, self.width * SCALE)
        y1 = min(int(corners[:, 1].max()) + margin, self.height * SCALE)
        if x1 <= x0 or y1 <= y0:
            return
        cover = np.zeros((y1 - y0, x1 - x0), dtype=np.float32)
        cv2.fillPoly(cover, [np.round((corners - (x0, y0) - 0.5) * 16).astype(np.int32)], 1.0, shift=4)
        labels, picture = self._labels[y0:y1, x0:x1], self._rgb[y0:y1, x0:x1]
        if label is not None and not blur:
            labels[cover > 0 if inside is None else (cover > 0) & np.isin(labels, inside)] = label
        if blur:
            cover = cv2.GaussianBlur(cover, (0, 0), blur * SCALE)
        if inside is not None:
            cover = cover * np.isin(labels, (*np.atleast_1d(inside), *([] if label is None else [label])))
        start, end = np.array(rgb(colour), np.float32), np.array(rgb(to or colour), np.float32)
        axis = 0 if across else 1
        low, high = corners[:, axis].min(), corners[:, axis].max()
        ramp = (np.arange(cover.shape[1 - axis]) + (x0, y0)[axis] - low) / max(high - low, 1e-6)
        ramp = np.clip(ramp, 0, 1).astype(np.float32)[None, :, None] if across else _column(ramp)
        picture += (start + (end - start) * ramp - picture) * (cover * alpha)[..., None]

    def line(self, points: Points, width: float, colour: str, *, label: int | None = None, alpha: float = 1.0) -> None:
        """A stroke of one width through the points, with square ends."""
        path = np.asarray(points, dtype=np.float64)
        for start, end in pairwise(path):
            along = (end - start) / max(float(np.hypot(*(end - start))), 1e-6)
            aside = np.array([-along[1], along[0]]) * width / 2
            self.fill([start + aside, end + aside, end - aside, start - aside], colour, label=label, alpha=alpha)

    def finish(self, grain: float = 1.0, vignette: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
        """``(H, W, 3) uint8 picture, (H, W) uint8 labels``, with a little film grain and darker corners."""
        size = (self.width, self.height)
        picture = cv2.resize(self._rgb, size, interpolation=cv2.INTER_AREA)
        y, x = np.mgrid[-1 : 1 : self.height * 1j, -1 : 1 : self.width * 1j]
        picture *= (1 - vignette * np.clip(x**2 + y**2 - 0.4, 0, None))[..., None]
        picture += np.random.default_rng(0).normal(0, grain, (self.height, self.width, 1))
        middle = SCALE // 2
        return np.clip(np.rint(picture), 0, 255).astype(np.uint8), self._labels[middle::SCALE, middle::SCALE].copy()


def _column(ramp: np.ndarray) -> np.ndarray:
    return np.clip(ramp, 0, 1).astype(np.float32)[:, None, None]
