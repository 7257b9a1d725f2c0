"""Relations between two drawn objects: when one holds, and boxes that make it hold. Plain geometry.

Whether a relation holds is read from boxes (pixel edges) and depth. Left, right, above and below follow NSR-1K:
the larger of the two differences of the centres decides; all of its annotated pairs agree with that.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from smartmask.geometry import BoxXYXY, mask_box
from smartmask.text.typical import PEOPLE
from smartmask.text.words import word_set

FLAT = word_set("rug carpet mat blanket towel plate tray stage doormat")  # lying on a surface, seen from above
TABLES = word_set(
    "table desk counter cabinet dresser oven stove refrigerator shelf sink box suitcase piano stand tray nightstand"
)
SEATS = word_set("couch sofa bed bench chair armchair stool toilet cushion pillow bathtub")
MOUNTS = word_set("horse elephant camel bicycle motorcycle scooter donkey cow")
BOARDS = word_set("skateboard surfboard snowboard skis sled boat raft")
SEATED = word_set("person man woman boy girl child lady guy kid baby people") | PEOPLE

# Resting on a thing, by contact; measured on COCO pairs that captions call "on" or otherwise (docs/decisions.md)
UPPER = 0.45  # of a thing's height, which rests on nothing
REACH = 0.04  # of its longer side: the gap that annotations leave between neighbours
TOUCH = 0.2  # of the narrower of the two that touches at least
HANGS = 0.15  # of the taller of the two that feet reach below the support
ASIDE = 0.35  # of the support's width that the middle may lie beyond its end


def centre(box: BoxXYXY) -> tuple[float, float]:
    """(x, y) of a box's centre."""
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def is_left(a: BoxXYXY, b: BoxXYXY) -> bool:
    """NSR-1K's "left": the centre of a lies to the left of b's, and more to the left than above or below."""
    (ax, ay), (bx, by) = centre(a), centre(b)
    return ax - bx < -abs(ay - by)


def is_above(a: BoxXYXY, b: BoxXYXY) -> bool:
    """NSR-1K's "top": the centre of a lies above b's, at least as much as beside it."""
    (ax, ay), (bx, by) = centre(a), centre(b)
    return ay - by <= -abs(ax - bx) and ay < by


def gap(a: BoxXYXY, b: BoxXYXY) -> float:
    """Free distance between two boxes along the axis that parts them most; negative where they overlap."""
    return max(max(a[0], b[0]) - min(a[2], b[2]), max(a[1], b[1]) - min(a[3], b[3]))


def _on(a: BoxXYXY, b: BoxXYXY, front: bool) -> bool:
    middle, width = (a[0] + a[2]) / 2, b[2] - b[0]
    stands = b[1] - 0.1 * (b[3] - b[1]) <= a[3] <= b[3] + 0.08 * max(b[3] - b[1], a[3] - a[1])
    return stands and b[0] - 0.1 * width <= middle <= b[2] + 0.1 * width and front


def _in(a: BoxXYXY, b: BoxXYXY, front: bool) -> bool:
    (x, y), _ = centre(a), front
    return b[0] <= x <= b[2] and b[1] - 0.1 * (b[3] - b[1]) <= y <= b[3]


def _beside(a: BoxXYXY, b: BoxXYXY, front: bool) -> bool:
    (ax, ay), (bx, by) = centre(a), centre(b)
    near = a[0] - b[2] if ax > bx else b[0] - a[2]
    size = max(a[2] - a[0], b[2] - b[0], 0.5 * max(a[3] - a[1], b[3] - b[1]))
    return abs(ax - bx) > abs(ay - by) and near <= 1.2 * size


def _behind(a: BoxXYXY, b: BoxXYXY, front: bool) -> bool:
    spread = 0.6 * (a[2] - a[0] + b[2] - b[0])
    return not front and a[3] <= b[3] + 2 and abs(centre(a)[0] - centre(b)[0]) <= spread


_RULES: dict[str, Callable[[BoxXYXY, BoxXYXY, bool], bool]] = {
    "on": _on,
    "in": _in,
    "beside": _beside,
    "behind": _behind,
    "in front of": lambda a, b, front: _behind(b, a, not front),
    "under": lambda a, b, front: is_above(b, a),
    "above": lambda a, b, front: is_above(a, b),
    "left of": lambda a, b, front: is_left(a, b),
    "right of": lambda a, b, front: is_left(b, a),
}


def holds(kind: str, subject: BoxXYXY, reference: BoxXYXY, in_front: bool) -> bool:
    """Whether ``subject`` stands ``kind`` the reference; in_front: the subject's layer lies nearer the front.

    Boxes are those of whole (amodal) masks. An unknown kind is a KeyError.
    """
    return _RULES[kind](subject, reference, in_front)


def masks_hold(kind: str, subject: np.ndarray, reference: np.ndarray, in_front: bool) -> bool:
    """Whether a relation holds between two drawn masks, (H, W) bool, whole or as seen; False where one is empty.

    "on" is told by contact (``rests_on``), all else by the boxes, as ``holds`` does.
    """
    a, b = mask_box(subject), mask_box(reference)
    if a is None or b is None:
        return False
    return rests_on(subject, reference, in_front) if kind == "on" else holds(kind, a, b, in_front)


def rests_on(mask: np.ndarray, support: np.ndarray, in_front: bool = True) -> bool:
    """Whether something sits, stands or lies on another thing: its lower part touches it over a good part of its
    width, its feet are not far below, and it is not beside it. Masks: (H, W) bool, whole or as seen, not empty.

    Who sits on a bench has the legs below it and may lean past its end. Where the thing lies behind its support, its
    lower part must not be hidden by it.
    """
    a, b = mask_box(mask), mask_box(support)
    if a is None or b is None:
        return False
    x0, y0, x1, y1 = (int(edge) for edge in a)
    wide, high = x1 - x0, y1 - y0
    reach = max(2, round(REACH * max(wide, high)))
    left, top = max(x0 - reach, 0), max(y0 + int(UPPER * high) - reach, 0)
    window = slice(top, y1 + reach), slice(left, x1 + reach)
    low, under = mask[window].copy(), support[window]
    low[: y0 + int(UPPER * high) - top] = False
    near = cv2.dilate(low.astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)).astype(bool)
    columns = np.count_nonzero((near & under)[:, x0 - left : x0 - left + wide].any(axis=0))
    touches = columns >= TOUCH * min(wide, b[2] - b[0])
    hangs = y1 - b[3] > HANGS * max(high, b[3] - b[1])
    aside = (x0 + x1) / 2 < b[0] - ASIDE * (b[2] - b[0]) or (x0 + x1) / 2 > b[2] + ASIDE * (b[2] - b[0])
    hidden = not in_front and np.count_nonzero(low & under) > 0.5 * np.count_nonzero(low)
    return bool(touches and not hangs and not aside and not hidden)


def stands_on(mask: np.ndarray, surface: np.ndarray) -> bool:
    """Whether the lower fifth of an object lies mostly on a surface, or the object within it."""
    rows = np.flatnonzero(mask.any(axis=1))
    low = mask.copy()
    low[: rows[0] + int(0.8 * (rows[-1] + 1 - rows[0]))] = False
    return bool((low & surface).sum() >= 0.5 * low.sum())


def sits(subject: str, reference: str) -> bool:
    """Whether who is on something sits there, rather than stands or lies."""
    return subject.split()[-1] in SEATED and reference.split()[-1] in (SEATS | MOUNTS) - {"bed"}


def seat_height(subject: str, reference: str) -> tuple[float, float]:
    """Where on its support a thing's lower edge lies, as a range of shares of the support's box from its top."""
    noun, carried = reference.split()[-1], subject.split()[-1]
    if noun in FLAT:
        return 0.35, 0.85
    if noun in TABLES:
        return 0.12, 0.3
    if noun in SEATS:
        return (0.85, 1.0) if carried in SEATED and noun != "bed" else (0.5, 0.7)
    if noun in MOUNTS:
        return 0.55, 0.75
    if noun in BOARDS:
        return 0.35, 0.7
    return 0.02, 0.12


def _nearer(rng: np.random.Generator) -> float:
    """How much lower than its reference a thing beside it stands, as a share of the picture's height.

    Mostly as low; sometimes much lower, as what hangs or is far away may have something on the ground beside it.
    """
    return float(rng.normal(0, 0.05)) if rng.random() < 0.6 else float(rng.uniform(-0.1, 0.5))


def propose(
    kind: str,
    names: tuple[str, str],
    reference: BoxXYXY,
    size: Callable[[float], tuple[float, float]],
    scene: tuple[int, int],
    rng: np.random.Generator,
) -> BoxXYXY:
    """A random box for a subject that stands ``kind`` the reference; may cross the picture's border.

    names: of subject and reference. size: (width, height) in pixels for a lower edge at row y.
    scene: (height, width). What is proposed must still be checked by ``holds``.
    """
    x0, y0, x1, y1 = reference
    wide, high = x1 - x0, y1 - y0
    cx, foot = rng.uniform(x0, x1), y1
    if kind in ("on", "in"):
        low, top = seat_height(*names) if kind == "on" else (0.55, 0.9)
        depth = foot if high < 0.9 * scene[0] else 0.85 * scene[0]
        w, h = size(depth)
        foot = y0 + rng.uniform(low, top) * high
        room = max(0.5 * wide - 0.45 * w, 0.0)
        cx = (x0 + x1) / 2 + rng.uniform(-room, room) * rng.uniform(0.2, 1)  # rather in the middle
    elif kind == "beside":
        foot = y1 + _nearer(rng) * scene[0]
        w, h = size(foot)
        side = rng.choice([-1.0, 1.0])
        cx = (x0 + x1) / 2 + side * (0.5 * (wide + w) + rng.uniform(-0.08, 0.4) * max(w, 0.5 * wide))
    elif kind in ("left of", "right of"):
        foot = y1 + _nearer(rng) * scene[0]
        w, h = size(foot)
        side = -1.0 if kind == "left of" else 1.0
        cx = (x0 + x1) / 2 + side * (0.5 * (wide + w) + rng.uniform(0.0, 0.8) * 0.5 * (wide + w))
    elif kind == "behind":
        foot = y1 - rng.uniform(0.03, 0.16) * scene[0]
        w, h = size(foot)
        cx = (x0 + x1) / 2 + rng.uniform(-0.55, 0.55) * (wide + w)
    elif kind == "in front of":
        foot = y1 + rng.uniform(0.04, 0.2) * scene[0]
        w, h = size(foot)
        cx = (x0 + x1) / 2 + rng.uniform(-0.5, 0.5) * (wide + w)
    elif kind == "under":
        w, h = size(y1)
        low = max(y1 - 0.05 * high, (y0 + y1) / 2 + 0.6 * h)
        foot = rng.uniform(low, low + 0.5 * h + 0.1 * high) if rng.random() < 0.5 else y1 + rng.uniform(0.4, 1.0) * h
        cx = (x0 + x1) / 2 + rng.uniform(-0.25, 0.25) * wide
    else:  # above
        w, h = size(y1)
        foot = y0 - rng.uniform(0.0, 0.5) * max(high, 0.2 * scene[0])
        cx = (x0 + x1) / 2 + rng.uniform(-0.25, 0.25) * max(wide, w)
    return cx - w / 2, foot - h, cx + w / 2, foot
