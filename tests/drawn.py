"""Drawn masks and scenes for tests: smooth shapes, and layouts whose neighbours trace an object."""

from __future__ import annotations

import cv2
import numpy as np

from smartmask.geometry import BoxXYXY, mask_box
from smartmask.scene import Layer, Scene


def ellipse(height: int, width: int, cx: float, cy: float, rx: float, ry: float, angle: float = 0.0) -> np.ndarray:
    """``(height, width)`` bool: the pixels whose centre lies in an ellipse turned by ``angle`` (radians)."""
    x, y = np.meshgrid(np.arange(width) + 0.5 - cx, np.arange(height) + 0.5 - cy)
    u, v = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    return (u / rx) ** 2 + (v / ry) ** 2 <= 1


def block(height: int, width: int, x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    """``(height, width)`` bool: a filled box."""
    mask = np.zeros((height, width), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def lumpy(height: int, width: int, box: BoxXYXY, rng: np.random.Generator) -> np.ndarray:
    """``(height, width)`` bool: a random star-shaped outline that touches all four sides of ``box``."""
    turn = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    radius = 1 + sum(rng.normal(0, 0.35 / k) * np.cos(k * turn + rng.uniform(0, 2 * np.pi)) for k in range(2, 7))
    points = np.stack([np.cos(turn), np.sin(turn)], axis=1) * np.maximum(radius, 0.25)[:, None]
    low, high = points.min(axis=0), points.max(axis=0)
    corner, size = np.array(box[:2]), np.array([box[2] - box[0], box[3] - box[1]])
    points = corner + (points - low) / (high - low) * size - 0.5  # cv2 puts pixel centres at whole numbers
    mask = np.zeros((height, width), dtype=np.uint8)
    cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 1, shift=4)
    return mask.astype(bool)


def random_box(rng: np.random.Generator, height: int, width: int, low: float = 0.2, high: float = 0.45) -> BoxXYXY:
    """A box inside the scene, each side ``low`` to ``high`` of the scene's."""
    w, h = rng.uniform(low, high) * width, rng.uniform(low, high) * height
    x, y = rng.uniform(6, width - w - 6), rng.uniform(6, height - h - 6)
    return x, y, x + w, y + h


def traced_scene(rng: np.random.Generator, side: int = 160, ring: int = 3) -> tuple[Scene, int]:
    """A scene of visible parts and the index of one object in it, which everything else gives away.

    The object's neighbours (four cells that fill the picture, things and stuff in turn) end at an
    unlabeled ring round it, as the classes of Pascal VOC end at the void label.
    """
    target = lumpy(side, side, random_box(rng, side, side), rng)
    x0, y0, x1, y1 = mask_box(target) or (0, 0, 0, 0)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * ring + 1, 2 * ring + 1))
    free = ~cv2.dilate(target.astype(np.uint8), kernel).astype(bool)
    x, y = np.meshgrid(np.arange(side) - (x0 + x1) / 2, np.arange(side) - (y0 + y1) / 2)
    sector = ((np.arctan2(y, x) + rng.uniform(0, 2 * np.pi)) % (2 * np.pi) * 4 / (2 * np.pi)).astype(int)
    names = ("grass", "cat", "sky", "person")
    layers = [Layer(name, (sector == i) & free, thing=i % 2 == 1) for i, name in enumerate(names)]
    index = int(rng.integers(5))
    layers.insert(index, Layer("dog", target))
    return Scene(side, side, tuple(layers)), index
