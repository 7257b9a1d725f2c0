"""Silhouettes: masks as small pictures of one size, the only thing that the evaluation networks see.

Real, retrieved and generated masks all come here as boolean masks of the scene's own size and go
through the same resampling, so that a network cannot tell them apart by how they were stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

import cv2
import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.shapes import shape_key
from smartmask.data.targets import Target
from smartmask.geometry import mask_box

SIDE = 64
MARGIN = 1.125  # side of the square window over the larger side of the mask's tight box


def silhouette(mask: np.ndarray, side: int = SIDE) -> np.ndarray:
    """``(side, side)`` uint8 grey picture (255: object) of a ``(H, W)`` mask in a square round its tight box.

    The aspect ratio is kept and the object fills 8/9 of the window; size and place in the scene are
    lost. Raises ValueError for an empty mask.
    """
    box = mask_box(mask)
    if box is None:
        raise ValueError("An empty mask has no silhouette.")
    x0, y0, x1, y1 = (int(v) for v in box)
    window = max(x1 - x0, y1 - y0) * MARGIN
    shrinks = window > side
    # Whole pixels would shift the object by up to half of one, so the crop is warped, and averaged
    # from a finer picture where it shrinks.
    fine = side * int(np.ceil(window / side)) if shrinks else side
    scale = fine / window
    left, top = (x0 + x1 - window) / 2, (y0 + y1 - window) / 2
    # OpenCV counts from pixel centres: x' + .5 = (x + .5 - left) * scale
    move = np.array([[scale, 0, (0.5 - left) * scale - 0.5], [0, scale, (0.5 - top) * scale - 0.5]])
    crop = mask[max(y0, 0) : y1, max(x0, 0) : x1].astype(np.uint8) * 255
    move[:, 2] += move[:, :2] @ (x0, y0)
    picture = cv2.warpAffine(crop, move, (fine, fine), flags=cv2.INTER_LINEAR)
    return picture if fine == side else cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)


@dataclass(frozen=True, eq=False)
class Silhouettes:
    """Silhouettes of objects. pictures: (N, 64, 64) uint8.  names: (N,) as ``shape_key`` writes them.
    images: (N,) keys of the pictures they come from, the unit of resampling and of folds."""

    pictures: np.ndarray
    names: np.ndarray
    images: np.ndarray

    @classmethod
    def of(cls, items: Iterable[tuple[np.ndarray, str, str]]) -> Silhouettes:
        """Silhouettes of (mask, name, image key); ValueError if there is none or one is empty."""
        pictures, names, images = [], [], []
        for mask, name, image in items:
            pictures.append(silhouette(mask))
            names.append(shape_key(name))
            images.append(image)
        if not pictures:
            raise ValueError("There is no mask to make a silhouette of.")
        return cls(np.stack(pictures), np.array(names), np.array(images))

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, rows: np.ndarray) -> Silhouettes:
        return Silhouettes(self.pictures[rows], self.names[rows], self.images[rows])


def real_silhouettes(pack: Pack, targets: Iterable[Target]) -> Silhouettes:
    """The silhouettes of real objects, in the order of the pack."""
    ordered = sorted(targets, key=lambda t: (t.record, t.layer))
    by_record = groupby(ordered, key=lambda t: t.record)
    scenes = ((pack.scene(position), group) for position, group in by_record)
    return Silhouettes.of((scene.layers[t.layer].mask, t.name, t.key) for scene, group in scenes for t in group)
