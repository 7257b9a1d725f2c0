"""How well the mask frame keeps real, unseen masks: encode, decode, compare."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any

import numpy as np

from smartmask.data.pack import Pack
from smartmask.evaluate.metrics import bootstrap_interval, boundary_f
from smartmask.evaluate.targets import SIZES, Target
from smartmask.frame import BAND, GRID, Frame, decode_mask, encode_mask
from smartmask.geometry import mask_iou

QUANTILES = (0.01, 0.1, 0.5)


def frame_scores(
    pack: Pack, targets: Iterable[Target], advance: Callable[[], None] = lambda: None
) -> tuple[np.ndarray, np.ndarray]:
    """IoU and boundary F, (objects,) each, of every target's mask with itself after the frame's round trip.

    In the order of the pack. The frame is the one of the exact box, as for a box guide.
    """
    ious, outlines = [], []
    for position, group in groupby(_in_order(targets), key=lambda t: t.record):
        scene = pack.scene(position)
        for target in group:
            mask, frame = scene.layers[target.layer].mask, Frame.around(target.box)
            again = decode_mask(encode_mask(mask, frame), frame, scene.height, scene.width)
            ious.append(mask_iou(mask, again))
            outlines.append(boundary_f(again, mask))
            advance()
    return np.array(ious), np.array(outlines)


def frame_report(targets: Iterable[Target], ious: np.ndarray, outlines: np.ndarray) -> dict[str, Any]:
    """Mean with interval, and low quantiles of the IoU, over all objects and by size."""
    ordered = _in_order(targets)
    images = np.array([target.key for target in ordered])
    sizes = np.array([target.size for target in ordered])
    report: dict[str, Any] = {
        "numbers": BAND * BAND,
        "grid": GRID,
        "all": _figures(ious, outlines, images),
        "by_size": {},
    }
    for _, size in SIZES:
        some = sizes == size
        if some.any():
            report["by_size"][size] = _figures(ious[some], outlines[some], images[some])
    return report


def _in_order(targets: Iterable[Target]) -> list[Target]:
    return sorted(targets, key=lambda target: (target.record, target.layer))


def _figures(ious: np.ndarray, outlines: np.ndarray, images: np.ndarray) -> dict[str, Any]:
    quantiles = np.quantile(ious, QUANTILES)
    return {
        "objects": len(ious),
        "iou": [round(v, 5) for v in bootstrap_interval(ious, images)],
        "boundary": [round(v, 5) for v in bootstrap_interval(outlines, images)],
        "iou_quantiles": {f"{q:.0%}": round(float(v), 5) for q, v in zip(QUANTILES, quantiles, strict=True)},
        "iou_worst": round(float(ious.min()), 5),
    }
