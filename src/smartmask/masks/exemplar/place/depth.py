"""In front of what a thing stands: of two things on the ground, the one whose lower edge is lower is nearer."""

from __future__ import annotations

import math

from smartmask.geometry import BoxXYXY, MaskWindow
from smartmask.scene import Scene

OVERLAP = 0.05  # share of the smaller box from which two boxes count as overlapping
HELD = 0.9  # share of a box inside another from which it counts as lying on it
SMALL = 0.25  # of a thing's box: larger ones stand behind it rather than on it
CARRIED = 0.5  # share of a foot that lies on a thing from which the thing carries it
FOOT = 0.1  # share of a box's height that counts as its foot
STEPS = 1024  # a lower edge's lead is counted in such parts of the scene's height


def depth_order(scene: Scene, box: BoxXYXY) -> int:
    """The index in ``scene.layers`` at which a thing in a box (pixel edges) belongs: 0 is the back.

    It stands before things whose lower edge is above its own, and before what carries it (its foot lies on the
    thing and the box inside the thing's). Stuff is behind. Where the layers' own order contradicts, the index with
    the largest sum of leads is taken, the front-most of equals.
    """
    near: list[tuple[int, int]] = []
    for index, layer in enumerate(scene.layers):
        other = layer.window.bounds if layer.thing else None
        if other is not None and overlaps(box, other):
            near.append((index, lead(box, other, layer.window)))
    if not near:
        return len(scene.layers)
    gain, best, order = 0, 0, near[0][0]
    for index, ahead in near:
        gain += ahead
        if gain >= best:
            best, order = gain, index + 1
    return len(scene.layers) if order > near[-1][0] else order


def in_front(scene: Scene, box: BoxXYXY) -> list[int]:
    """The indices of the things in front of one of which a box (pixel edges) is seen: those whose lower edge is lower
    and which do not carry it. Whether they meet it at all is not looked at."""
    x0, y0, x1, y1 = box
    foot = x0, y0, x1, y1 + FOOT * (y1 - y0)  # on the edge of what carries it, it does not lie on it yet
    found = []
    for index, layer in enumerate(scene.layers):
        other = layer.window.bounds if layer.thing else None
        if other is not None and lead(box, other, layer.window) < 0 and not carried(foot, other, layer.window):
            found.append(index)
    return found


def lead(box: BoxXYXY, other: BoxXYXY, mask: MaskWindow) -> int:
    """How far a box is in front of a thing, in STEPS of the scene's height: over 0 in front, under 0 behind."""
    if carried(box, other, mask):
        return STEPS
    # of equal lower edges the new thing stands in front
    return round((box[3] - other[3]) * STEPS / mask.height) or 1


def carried(box: BoxXYXY, other: BoxXYXY, mask: MaskWindow) -> bool:
    """Whether a thing in a box lies on another that is much larger: a cup on a table, a tie on a person."""
    x0, y0, x1, y1 = box
    if (x1 - x0) * (y1 - y0) > SMALL * (other[2] - other[0]) * (other[3] - other[1]):
        return False
    width = min(x1, other[2]) - max(x0, other[0])
    height = min(y1, other[3]) - max(y0, other[1])
    if max(width, 0) < HELD * (x1 - x0) or y1 > other[3] or height <= 0:
        return False
    top, bottom = max(math.floor(y1 - FOOT * (y1 - y0)), 0), min(max(math.ceil(y1), 1), mask.height)
    quarter = (x1 - x0) / 4
    left, right = max(math.floor(x0 + quarter), 0), min(max(math.ceil(x1 - quarter), 1), mask.width)
    foot = mask.crop(left, top, max(right, left), max(bottom, top))
    return bool(foot.size and foot.mean() >= CARRIED)


def overlaps(a: BoxXYXY, b: BoxXYXY) -> bool:
    """Whether two boxes share at least OVERLAP of the smaller one."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return width > 0 and height > 0 and width * height >= OVERLAP * max(smaller, 1e-9)
