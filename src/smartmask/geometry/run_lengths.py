"""Run-length codes of masks, as COCO writes them."""

from __future__ import annotations

from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from smartmask.geometry.runs import runs_of


def rle_encode(mask: np.ndarray) -> dict[str, Any]:
    """COCO compressed RLE of a ``(H, W)`` bool mask: ``{"size": [H, W], "counts": str}``."""
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(s) for s in rle["size"]], "counts": rle["counts"].decode("ascii")}


def rle_decode(rle: dict[str, Any]) -> np.ndarray:
    """``(H, W)`` bool mask of a COCO RLE, compressed (str or bytes) or as a list of counts.

    Raises ValueError as ``runs_of`` does, before anything is allocated.
    """
    height, width, counts = runs_of(rle)
    columns = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return np.ascontiguousarray(columns.reshape(width, height).T)
