"""View: a scene as a network sees it, one index map with its names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smartmask.geometry import BoxXYXY

UNLABELED, OUTSIDE = -1, -2  # in an index map: nobody knows, and beyond the photo's border


@dataclass(frozen=True, eq=False)
class View:
    """What the model sees of a scene: a map of layer indices with its names.

    top: (H, W) int16, the front-most layer's index, -1 unlabeled or hidden, -2 outside the photo.
    front: (H, W) bool, what stands in front of the new object.
    photo: the photo's box (x0, y0, x1, y1) in the view's own pixel edges.
    """

    top: np.ndarray
    front: np.ndarray
    names: tuple[str, ...]
    things: tuple[bool, ...]
    photo: BoxXYXY
