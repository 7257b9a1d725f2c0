"""Guides as a user would give them, drawn at random from the object's own mask (for training and evaluation).

Nothing here is shown to the model but the guide itself: each is a rough statement of place or
extent that a person could have made without knowing the outline.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from smartmask.geometry import mask_box
from smartmask.guides.guides import KINDS, Blob, Box, Guide, MaskGuide, Point, Scribble


def draw_guide(mask: np.ndarray, kind: str, rng: np.random.Generator, exact: bool = False) -> Guide | None:
    """A guide of one kind for the object ``mask`` ((H, W) bool, not empty); None for ``none``.

    kind: one of KINDS, or ``stroke`` (a thin scribble through the object; ``scribble`` draws it too).
    exact: no jitter on box and blob, for evaluation.
    """
    box = mask_box(mask)
    if box is None:
        raise ValueError("Cannot draw a guide for an empty mask; give a mask with at least one pixel.")
    if kind == "none":
        return None
    if kind == "box":
        return _box(box, rng, exact)
    if kind == "point":
        return _point(mask, rng)
    if kind == "blob":
        return _blob(mask, rng, exact)
    if kind in ("scribble", "stroke"):
        return _stroke(mask, rng)
    if kind == "mask":
        return MaskGuide(roughen(mask, rng))
    raise ValueError(f"Unknown guide kind '{kind}'; use one of {', '.join(KINDS)}.")


def _box(box: tuple[float, float, float, float], rng: np.random.Generator, exact: bool) -> Box:
    x0, y0, x1, y1 = box
    if exact or rng.random() < 0.7:
        return Box(x0, y0, x1, y1)
    # a hand-drawn box: each side off by a few percent of its length, seldom more
    dx, dy = rng.normal(0, 0.03, 2) * (x1 - x0), rng.normal(0, 0.03, 2) * (y1 - y0)
    return Box(x0 + dx[0], y0 + dy[0], max(x1 + dx[1], x0 + dx[0] + 1), max(y1 + dy[1], y0 + dy[0] + 1))


def _inner_points(mask: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """``(count, 2)`` (x, y) points of the mask, likelier the deeper inside."""
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    rows, cols = np.nonzero(mask)
    weight = depth[rows, cols].astype(np.float64) ** 2
    chosen = rng.choice(rows.size, size=count, p=weight / weight.sum())
    return np.stack([cols[chosen], rows[chosen]], axis=1) + rng.random((count, 2))


def _point(mask: np.ndarray, rng: np.random.Generator) -> Point:
    x, y = _inner_points(mask, 1, rng)[0]
    return Point(float(x), float(y))


def _blob(mask: np.ndarray, rng: np.random.Generator, exact: bool) -> Blob:
    rows, cols = np.nonzero(mask)
    sx, sy = float(cols.std()) + 0.3, float(rows.std()) + 0.3
    cx, cy = float(cols.mean()) + 0.5, float(rows.mean()) + 0.5
    if not exact:
        cx, cy = cx + rng.normal(0, 0.15) * sx, cy + rng.normal(0, 0.15) * sy
        sx, sy = sx * math.exp(rng.normal(0, 0.12)), sy * math.exp(rng.normal(0, 0.12))
    return Blob(cx, cy, sx, sy)


def _stroke(mask: np.ndarray, rng: np.random.Generator) -> Scribble:
    """A stroke in order along the object's longer axis: through a few inner points, or from end to end.

    People do both: one draws a line into the body, another draws a stick figure of the whole.
    """
    if rng.random() < 0.5:
        points = _inner_points(mask, int(rng.integers(2, 7)), rng)
        points = points[np.argsort(_along_axis(points))]
    else:
        points = _spread_points(mask, int(rng.integers(3, 8)), rng)
    width = math.sqrt(mask.sum()) * rng.uniform(0.03, 0.15)
    return Scribble(points.tolist(), width=max(float(width), 1.0))


def _spread_points(mask: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """``(count, 2)`` (x, y) points of the mask in even steps along its longer axis, from near one end to the other."""
    rows, cols = np.nonzero(mask)
    pixels = np.stack([cols, rows], axis=1) + rng.random((rows.size, 2))
    ranked = pixels[np.argsort(_along_axis(pixels), kind="stable")]
    shares = np.linspace(rng.uniform(0.01, 0.08), rng.uniform(0.92, 0.99), count)
    jitter = rng.normal(0, 0.02, count)
    return ranked[np.clip((shares + jitter) * rows.size, 0, rows.size - 1).astype(int)]


def _along_axis(points: np.ndarray) -> np.ndarray:
    """``(n,)`` places of (n, 2) points along their longest principal axis."""
    centred = points - points.mean(axis=0)
    return centred @ np.linalg.eigh(centred.T @ centred)[1][:, -1]


def roughen(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """``(H, W)`` float32 in [0, 1]: the mask as a person would paint it, grown, lumpy and blurred.

    The outline moves by up to about a tenth of the object's size; details smaller than that are lost.
    """
    height, width = mask.shape
    size = math.sqrt(float(mask.sum()))
    sigma = max(size * rng.uniform(0.03, 0.12), 0.5)
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma)
    cells = max(3, round(max(height, width) / max(size, 1.0) * 4))
    lumps = cv2.resize(
        rng.normal(0, 1, (cells, cells)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC
    )
    level = rng.uniform(0.15, 0.5)  # below one half the mask is grown
    rough = soft + 0.1 * lumps * (soft > 0.02) * (soft < 0.98) > level
    if not rough.any():
        rough = mask
    return rough.astype(np.float32)
