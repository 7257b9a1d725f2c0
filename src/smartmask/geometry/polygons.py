"""Polygons filled as COCO fills them."""

from __future__ import annotations

import numpy as np
from pycocotools import mask as coco_mask

from smartmask.geometry.run_lengths import rle_decode
from smartmask.io.limits import LIMITS


def polygons_to_mask(polygons: list[np.ndarray], height: int, width: int) -> np.ndarray:
    """``(H, W)`` bool mask filled by any of the polygons, rasterised as COCO does.

    Raises ValueError for a coordinate that is not finite or beyond ten image sides, and beyond LIMITS.outline_steps:
    COCO's rasteriser walks every fifth of a pixel of an outline, also outside the image, keeps them all, and does not
    look whether there is memory for them.
    """
    flat = [np.asarray(p, dtype=np.float64).reshape(-1) for p in polygons]
    flat = [p[: p.size // 2 * 2] for p in flat if p.size >= 6]
    limit = 10 * max(height, width)
    for polygon in flat:
        far = polygon[~(np.abs(polygon) <= limit)]
        if far.size:
            raise ValueError(f"A polygon has the coordinate {far[0]:g}, but the image is {width}x{height}.")
    if not flat:
        return np.zeros((height, width), dtype=bool)
    steps = sum(5 * np.abs(np.diff(p.reshape(-1, 2), axis=0, append=p[:2][None])).max(axis=1).sum() for p in flat)
    if steps > LIMITS.outline_steps:
        raise ValueError(
            f"The polygons' outlines are {steps / 5:,.0f} pixels long together; that is no outline of a thing."
        )
    rles = coco_mask.frPyObjects([p.tolist() for p in flat], height, width)
    return rle_decode(coco_mask.merge(rles))
