"""Geometry: masks, boxes, polygons and run-length codes come in as plain numpy and go out the same way.

It never reads a file, and never knows what a mask is of. Conventions used by the whole package:

* a mask is a ``(H, W)`` bool array, or a ``MaskWindow``: its tight box and the bits inside;
* a box is ``(x0, y0, x1, y1)`` in continuous pixel edges, ``x1, y1`` exclusive, so pixel
  ``(row, col)`` covers ``[col, col + 1) x [row, row + 1)`` and its centre is ``(col + .5, row + .5)``;
* polygons are ``(N, 2)`` arrays of (x, y) pixel edges.
"""

from smartmask.geometry.boxes import BoxXYXY, box_cells, box_iou, box_mask, mask_box, scale_box, shift_box
from smartmask.geometry.masks import components, mask_iou, signed_distance
from smartmask.geometry.polygons import polygons_to_mask
from smartmask.geometry.run_lengths import (
    WindowTooLargeError,
    rle_decode,
    rle_encode,
    rle_of_window,
    window_of_rle,
)
from smartmask.geometry.windows import IntBox, MaskWindow, window_of

__all__ = [
    "BoxXYXY",
    "IntBox",
    "MaskWindow",
    "WindowTooLargeError",
    "box_cells",
    "box_iou",
    "box_mask",
    "components",
    "mask_box",
    "mask_iou",
    "polygons_to_mask",
    "rle_decode",
    "rle_encode",
    "rle_of_window",
    "scale_box",
    "shift_box",
    "signed_distance",
    "window_of",
    "window_of_rle",
]
