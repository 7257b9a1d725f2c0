"""Runs mask systems over the benchmark's objects and measures each answer."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from smartmask.data.targets import Case, Protocol, Target
from smartmask.evaluate.baselines import SPECIAL, Prediction, System
from smartmask.evaluate.tasks.masks.grabcut import GRABCUT, GrabCut
from smartmask.geometry import box_iou, mask_box, rle_encode
from smartmask.guides import Blob, Box, Guide, MaskGuide
from smartmask.metrics.masks import boundary_fs, diversity, mask_ious, own_ious


@dataclass(frozen=True, eq=False)
class Row:
    """What one system scored on one object with one kind of guide.

    iou, own, boundary, box_iou: (n,) against the real object (its mask in the scene, its mask in its own box
    at 64 x 64, its outline and its tight box), in the system's order, best first. first: index of the sample
    of the first seed. obedience: mean share of the masks that keeps to the guide; obedience_true: the real
    object's own. seconds: of the call.
    top: the first mask as RLE, for pictures.
    """

    target: Target
    kind: str
    system: str
    flags: tuple[str, ...]
    iou: np.ndarray
    own: np.ndarray
    boundary: np.ndarray
    box_iou: np.ndarray
    first: int
    diversity: float
    obedience: float
    obedience_true: float
    seconds: float
    top: dict[str, Any]


def run(
    questions: Iterable[Case], systems: Mapping[str, System], protocol: Protocol,
    sighted: GrabCut | None = None,
) -> list[Row]:  # fmt: skip
    """Asks every system every question; those of SPECIAL only about their own kind of guide.

    sighted: also looks at the photographs of exact boxes.
    Raises ValueError for an answer of another shape than asked for.
    """
    rows: list[Row] = []
    for case in questions:
        asked = {name: system for name, system in systems.items() if SPECIAL.get(name, case.kind) == case.kind}
        looking = {GRABCUT: sighted} if sighted is not None and case.kind == "box" else {}
        for name in (*asked, *looking):
            start = time.perf_counter()
            if name in asked:
                seed = case.target.number(protocol.seed)
                answer = asked[name](case.scene, case.target.name, case.guide, protocol.num_masks, seed)
            else:
                answer = looking[name].look(case)
            rows.append(measure(case, name, answer, protocol.num_masks, time.perf_counter() - start))
    return rows


def measure(case: Case, system: str, answer: Prediction, num_masks: int, seconds: float = 0.0) -> Row:
    """One row of figures. A system that gave a single mask counts as having given it ``num_masks`` times."""
    masks, true = answer.masks.astype(bool), case.true
    if masks.ndim != 3 or masks.shape[1:] != true.shape or len(masks) not in (1, num_masks):
        raise ValueError(
            f"System '{system}' gave masks of shape {masks.shape}; ({num_masks}, {true.shape[0]}, {true.shape[1]}) "
            "or one such mask was asked for."
        )
    boxes = [mask_box(mask) for mask in masks]
    overlaps = [box_iou(box, case.target.box) if box else 0.0 for box in boxes]

    def spread(values: Sequence[float] | np.ndarray) -> np.ndarray:
        return np.resize(np.asarray(values, dtype=np.float64), num_masks)

    return Row(
        target=case.target,
        kind=case.kind,
        system=system,
        flags=case.flags,
        iou=spread(mask_ious(masks, true)),
        own=spread(own_ious(masks, true)),
        boundary=spread(boundary_fs(masks, true)),
        box_iou=spread(overlaps),
        first=answer.first,
        diversity=diversity(masks) if len(masks) > 1 else 0.0,
        obedience=float(np.mean([obedience(mask, case.guide, case.drawn) for mask in masks])),
        obedience_true=obedience(true, case.guide, case.drawn),
        seconds=seconds,
        top=rle_encode(masks[0]),
    )


def obedience(mask: np.ndarray, guide: Guide | None, drawn: np.ndarray) -> float:
    """How far a mask keeps to its guide, in [0, 1]; 1 without a guide, 0 for an empty mask.

    drawn: (H, W) in [0, 1], the guide as ``guides.draw`` draws it. Guides that bound the object
    (box, blob's ellipse of two standard deviations, painted mask): the share of the mask inside.
    Guides that lie on it (point, scribble): the share of the guide covered.
    """
    if guide is None:
        return 1.0
    area = np.count_nonzero(mask)
    if area == 0:
        return 0.0
    if isinstance(guide, (Box, Blob, MaskGuide)):
        level = math.exp(-2) if isinstance(guide, Blob) else 0.5
        return np.count_nonzero(drawn[mask] >= level) / area
    return float(drawn[mask].sum()) / max(float(drawn.sum()), 1e-9)
