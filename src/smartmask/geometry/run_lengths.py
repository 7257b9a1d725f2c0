"""Run-length codes of masks, as COCO writes them."""

from __future__ import annotations

from typing import Any

import numpy as np
from pycocotools import mask as coco_mask


def rle_encode(mask: np.ndarray) -> dict[str, Any]:
    """COCO compressed RLE of a ``(H, W)`` bool mask: ``{"size": [H, W], "counts": str}``."""
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": [int(s) for s in rle["size"]], "counts": rle["counts"].decode("ascii")}


def rle_decode(rle: dict[str, Any]) -> np.ndarray:
    """``(H, W)`` bool mask of a COCO RLE, compressed (str or bytes) or as a list of counts.

    Raises ValueError if the runs do not fill the stated size.
    """
    height, width = (int(s) for s in rle["size"])
    given = rle["counts"]
    counts = np.asarray(given, dtype=np.int64) if isinstance(given, (list, tuple)) else _rle_counts(given)
    # each by itself first: a sum of huge ones wraps round, and nothing is allocated before they are known to fit
    if counts.size and (counts.min() < 0 or counts.max() > height * width):
        raise ValueError(
            f"RLE counts run to {counts.max()}, but the size {width}x{height} has {height * width} pixels."
        )
    if counts.sum() != height * width:
        raise ValueError(
            f"RLE counts add up to {counts.sum()}, but the size {width}x{height} has {height * width} pixels."
        )
    columns = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return np.ascontiguousarray(columns.reshape(width, height).T)


def _rle_counts(text: str | bytes) -> np.ndarray:
    """Run lengths, int64, of COCO's compressed counts: 5 bits a character, runs from the fourth on as differences."""
    codes = np.frombuffer(text.encode() if isinstance(text, str) else text, dtype=np.uint8).astype(np.int64) - 48
    if codes.size == 0 or codes.min() < 0 or codes.max() > 63 or codes[-1] & 0x20:
        raise ValueError("The RLE's counts are not a string that COCO's tools write.")
    last = np.flatnonzero(codes & 0x20 == 0)  # the sixth bit says that a number goes on
    first = np.concatenate([[0], last[:-1] + 1])
    if (last - first).max() > 6:
        raise ValueError("The RLE's counts hold a number beyond any picture's size.")
    shift = 5 * (np.arange(codes.size) - np.repeat(first, last - first + 1))
    counts = np.add.reduceat((codes & 0x1F) << shift, first)
    counts -= (codes[last] & 0x10 != 0) * (1 << (shift[last] + 5))  # the fifth bit of the last part is the sign
    for parity in (1, 2):
        counts[parity::2] = np.cumsum(counts[parity::2])
    return counts
