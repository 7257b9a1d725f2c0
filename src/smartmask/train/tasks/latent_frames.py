"""Frames of training: square parts of scenes that show an object and do not tell where it is.

At a call the frame is drawn round a guide, so it tells no more than the guide. In training the guide may be missing or
rough, so the frame may say nothing: its size is a multiple of the object's with much chance in it, its place is even
over all that hold the object whole and do not leave the scene. What is hidden elsewhere (``LatentPairs.decoys``) lies
where another thing of the name lies in a frame of its own, drawn by the same law, so no hole stands out.
"""

from __future__ import annotations

import math

import numpy as np

from smartmask.geometry import BoxXYXY
from smartmask.masks.latent.layout import frame_start, whole_square

JITTER = 0.6, 1.8  # of the span, evenly in its logarithm
LEAST = 1.5  # times the object's side: less shows nothing of the scene
# Share of the pairs that yet show the whole scene: what has no guide is asked so first, what has one never but where
# its frame would be as large.
WHOLE, WHOLE_UNGUIDED = 0.1, 0.75


def check_frame(frame: float) -> float:
    """ValueError unless it is 0 (the whole scene) or at least LEAST."""
    if frame and frame < LEAST:
        raise ValueError(
            f"The frame spans {frame:g} times the object; it must be 0 (the whole scene) or {LEAST} or more."
        )
    return frame


def shows_whole(kind: str, rng: np.random.Generator) -> bool:
    """Whether a pair of a kind of guide shows the whole scene although its object is small."""
    return bool(rng.random() < (WHOLE_UNGUIDED if kind == "none" else WHOLE))


def draw_frame(box: BoxXYXY, height: int, width: int, times: float, rng: np.random.Generator) -> BoxXYXY | None:
    """A frame that holds ``box`` somewhere, about ``times`` its longer side; None where all of the scene is smaller."""
    x0, y0, x1, y1 = box
    longer = max(x1 - x0, y1 - y0)
    jitter = math.exp(rng.uniform(math.log(JITTER[0]), math.log(JITTER[1])))
    span = max(longer * times * jitter, longer + 1)  # no frame cuts the object
    if span >= max(height, width):
        return None
    left, top = _start(x0, x1, span, width, rng), _start(y0, y1, span, height, rng)
    return left, top, left + span, top + span


def _start(low: float, high: float, span: float, length: int, rng: np.random.Generator) -> float:
    """Where a frame begins that holds ``low`` to ``high``, and lies within ``length`` where it fits."""
    chance = rng.random()
    if span >= length:
        return frame_start(0, span, length)
    first, last = max(high - span, 0.0), min(low, length - span)
    return first + chance * (last - first)


def shape_of(frame: BoxXYXY | None, height: int, width: int) -> tuple[bool, bool] | None:
    """Whether a frame leaves the scene across, and down; None for the whole scene. A network sees it, and it says how
    large the object may be and how evenly it may lie."""
    if frame is None:
        return None
    span = frame[2] - frame[0]
    return span > width, span > height


def shares_in(box: BoxXYXY, frame: BoxXYXY | None, height: int, width: int) -> BoxXYXY:
    """A box as shares of what of the scene a frame shows; of the whole scene for None."""
    left, top, right, bottom = seen_part(frame, height, width)
    across, down = right - left, bottom - top
    return (box[0] - left) / across, (box[1] - top) / down, (box[2] - left) / across, (box[3] - top) / down


def box_of_shares(shares: BoxXYXY, frame: BoxXYXY | None, height: int, width: int) -> BoxXYXY:
    """The other way: pixel edges of the scene."""
    left, top, right, bottom = seen_part(frame, height, width)
    across, down = right - left, bottom - top
    return left + shares[0] * across, top + shares[1] * down, left + shares[2] * across, top + shares[3] * down


def seen_part(frame: BoxXYXY | None, height: int, width: int) -> BoxXYXY:
    """What of the scene lies in a frame, in pixel edges."""
    x0, y0, x1, y1 = frame or whole_square(height, width)
    return max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height))
