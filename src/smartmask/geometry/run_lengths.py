"""Run-length codes of masks, as COCO writes them."""

from __future__ import annotations

from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from smartmask.geometry.runs import runs_of
from smartmask.geometry.windows import MaskWindow


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


def rle_of_window(window: MaskWindow) -> dict[str, Any]:
    """``rle_encode`` of a window; only its box is unpacked."""
    (height, width), (x0, y0, x1, y1) = window.shape, window.box
    tall = y1 - y0
    columns = np.zeros((x1 - x0, tall + 1), dtype=bool)  # a false pixel ends every column, and with it every run
    columns[:, :tall] = window.inside().T
    flat = columns.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    if flat.size and flat[0]:
        edges = np.concatenate([[0], edges])
    edges = (edges // (tall + 1) + x0) * height + edges % (tall + 1) + y0
    starts, stops = edges[0::2], edges[1::2]
    if tall == height:  # runs go on in the next column
        apart = starts[1:] != stops[:-1]
        starts, stops = starts[np.append(True, apart)[: len(starts)]], stops[np.append(apart, True)[: len(stops)]]
    marks = np.concatenate([[0], np.stack([starts, stops], axis=1).ravel(), [height * width]])
    counts = np.diff(marks)
    counts = counts[:-1] if counts[-1] == 0 else counts
    rle = coco_mask.frPyObjects({"size": [height, width], "counts": counts.tolist()}, height, width)
    return {"size": [height, width], "counts": rle["counts"].decode("ascii")}


def window_of_rle(rle: dict[str, Any], most: int | None = None) -> MaskWindow:
    """The window of a COCO RLE; only its box is ever unpacked.

    most: pixels that the box may hold. Raises ValueError as ``rle_decode`` does, WindowTooLargeError beyond ``most``.
    """
    height, width, counts = runs_of(rle)
    ends = np.cumsum(counts)
    starts, stops = ends[0 : len(ends) - 1 : 2], ends[1::2]
    full = stops > starts
    starts, stops = starts[full], stops[full]
    if not starts.size:
        return MaskWindow.empty(height, width)
    x0, x1 = int(starts[0]) // height, int(stops[-1] - 1) // height + 1
    if (starts // height != (stops - 1) // height).any():  # what goes over into the next column spans all rows
        y0, y1 = 0, height
    else:
        y0, y1 = int((starts % height).min()), int(((stops - 1) % height).max()) + 1
    if most is not None and (x1 - x0) * (y1 - y0) > most:
        raise WindowTooLargeError(f"The RLE's box holds {(x1 - x0) * (y1 - y0):,} pixels, more than {most:,}.")
    tall, lengths = y1 - y0, stops - starts
    starts = starts - x0 * height if tall == height else (starts // height - x0) * tall + starts % height - y0
    marks = np.concatenate([[0], np.stack([starts, starts + lengths], axis=1).ravel(), [tall * (x1 - x0)]])
    columns = np.repeat(np.arange(len(marks) - 1) % 2 == 1, np.diff(marks)).reshape(x1 - x0, tall)
    return MaskWindow(height, width, (x0, y0, x1, y1), np.packbits(columns.T, axis=1))


class WindowTooLargeError(ValueError):
    """The mask of an RLE would take more memory than there is room for."""
