"""Figures of merit for masks, as plain numpy: overlap, outline, diversity.

Masks are ``(H, W)`` bool arrays of one shape. All functions crop to where there is something to
measure, so their cost follows the object's size and not the picture's.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from smartmask.geometry import mask_box

BOUNDARY_TOLERANCE = 0.008  # of the image diagonal, as the DAVIS benchmark sets it


def crop_window(*masks: np.ndarray, margin: int = 1) -> tuple[slice, slice]:
    """Rows and columns that hold every true pixel of all masks, and ``margin`` pixels round them.

    Masks are (H, W) or (n, H, W), of one H and W. The window stays inside the image and has at
    least one pixel; masks that are all empty give the top left pixel.
    """
    height, width = masks[0].shape[-2:]
    union = np.zeros((height, width), dtype=bool)
    for mask in masks:
        union |= mask if mask.ndim == 2 else mask.any(axis=0)
    box = mask_box(union)
    if box is None:
        return slice(0, 1), slice(0, 1)
    x0, y0, x1, y1 = (int(v) for v in box)
    return (
        slice(max(y0 - margin, 0), min(y1 + margin, height)),
        slice(max(x0 - margin, 0), min(x1 + margin, width)),
    )


def mask_ious(masks: np.ndarray, true: np.ndarray) -> np.ndarray:
    """IoU of each of ``(n, H, W)`` masks with one ``(H, W)`` mask: (n,) float64 in [0, 1]; two empty masks give 1."""
    rows, cols = crop_window(masks, true)
    masks, true = masks[:, rows, cols], true[rows, cols]
    inter = np.count_nonzero(masks & true, axis=(1, 2))
    union = np.count_nonzero(masks | true, axis=(1, 2))
    return np.where(union > 0, inter / np.maximum(union, 1), 1.0)


def own_ious(masks: np.ndarray, true: np.ndarray, side: int = 64) -> np.ndarray:
    """IoU of ``(n, H, W)`` masks with a ``(H, W)`` object, seen in the object's own tight box: (n,) float64.

    Both are stretched to ``side`` cells a side of the box, so that small and large objects count in the
    same detail; what of a mask lies outside the box counts by its area. Raises ValueError for an empty object.
    """
    box = mask_box(true)
    if box is None:
        raise ValueError("An object without a pixel has no box of its own.")
    x0, y0, x1, y1 = (int(v) for v in box)
    cell = (x1 - x0) * (y1 - y0) / side**2  # pixels
    real = _cells(true[y0:y1, x0:x1], side)
    if not real.any():  # a hair: thinner than a cell
        return mask_ious(masks, true)
    scores = np.zeros(len(masks))
    for i, mask in enumerate(masks):
        inside = mask[y0:y1, x0:x1]
        drawn = _cells(inside, side)
        outside = (np.count_nonzero(mask) - np.count_nonzero(inside)) / cell
        scores[i] = np.count_nonzero(drawn & real) / (np.count_nonzero(drawn | real) + outside)
    return scores


def _cells(mask: np.ndarray, side: int) -> np.ndarray:
    how = cv2.INTER_AREA if side**2 < mask.size else cv2.INTER_LINEAR
    return cv2.resize(mask.astype(np.float32), (side, side), interpolation=how) >= 0.5


def outline(mask: np.ndarray) -> np.ndarray:
    """``(H, W)`` bool: one-pixel-wide boundary of a mask; the image's own border is no boundary.

    A pixel counts if it differs from its right, lower or lower right neighbour, as ``seg2bmap`` of
    the DAVIS 2016 evaluation does (https://github.com/fperazzi/davis, after D. Martin's Berkeley code).
    """
    edge = np.zeros(mask.shape, dtype=bool)
    edge[:, :-1] |= mask[:, :-1] ^ mask[:, 1:]
    edge[:-1] |= mask[:-1] ^ mask[1:]
    edge[:-1, :-1] |= mask[:-1, :-1] ^ mask[1:, 1:]
    return edge


def boundary_f(pred: np.ndarray, true: np.ndarray, tolerance: float | None = None) -> float:
    """Boundary F-measure of two ``(H, W)`` masks, in [0, 1]: harmonic mean of boundary precision and recall.

    Precision is the share of the predicted outline within ``tolerance`` pixels (Euclidean) of the
    true outline, recall the reverse. Definition and default, 0.8 % of the diagonal of the *image*
    rounded up to whole pixels, are DAVIS's: Perazzi et al., "A Benchmark Dataset and Evaluation
    Methodology for Video Object Segmentation", CVPR 2016. So small objects are judged more leniently
    than large ones; give ``tolerance`` in pixels for another rule. Two masks without any outline give
    1, one alone gives 0.

    Raises ValueError if the shapes differ or the tolerance is negative.
    """
    return float(boundary_fs(pred[None], true, tolerance)[0])


def boundary_fs(preds: np.ndarray, true: np.ndarray, tolerance: float | None = None) -> np.ndarray:
    """``boundary_f`` of each of ``(n, H, W)`` masks with one ``(H, W)`` mask: (n,) float64."""
    if preds.shape[1:] != true.shape:
        raise ValueError(f"The masks have shapes {preds.shape[1:]} and {true.shape}; boundary F needs one shape.")
    if tolerance is None:
        tolerance = math.ceil(BOUNDARY_TOLERANCE * math.hypot(*true.shape))
    elif tolerance < 0:
        raise ValueError(f"The boundary tolerance is {tolerance:g} pixels; it must not be negative.")
    rows, cols = crop_window(preds, true)
    true_edge = outline(true[rows, cols])
    has_true = bool(true_edge.any())
    disk = _disk(tolerance)
    near_true = _grown(true_edge, disk)
    scores = np.zeros(len(preds))
    for i, pred in enumerate(preds):
        pred_edge = outline(pred[rows, cols])
        if not has_true or not pred_edge.any():
            scores[i] = has_true == bool(pred_edge.any())
            continue
        precision = float(near_true[pred_edge].mean())
        recall = float(_grown(pred_edge, disk)[true_edge].mean())
        scores[i] = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return scores


def _disk(radius: float) -> np.ndarray:
    steps = np.arange(-int(radius), int(radius) + 1)
    return (steps[:, None] ** 2 + steps[None, :] ** 2 <= radius**2).astype(np.uint8)


def _grown(edge: np.ndarray, disk: np.ndarray) -> np.ndarray:
    return cv2.dilate(edge.astype(np.uint8), disk).astype(bool)


def diversity(masks: np.ndarray) -> float:
    """Mean of 1 - IoU over all pairs of ``(n, H, W)`` masks, in [0, 1]; 0: all the same. n is at least 2."""
    count = len(masks)
    if count < 2:
        raise ValueError(f"Diversity compares pairs; {count} mask is not enough.")
    rows, cols = crop_window(masks)
    flat = masks[:, rows, cols].reshape(count, -1).astype(np.float32)  # exact up to 2^24 pixels
    inter = flat @ flat.T
    area = np.diag(inter)
    union = area[:, None] + area[None, :] - inter
    iou = np.where(union > 0, inter / np.maximum(union, 1), 1.0)
    upper = np.triu_indices(count, 1)
    return float((1 - iou[upper]).mean())
