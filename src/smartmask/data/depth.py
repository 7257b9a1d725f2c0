"""Which of several things stands in front: an order of layers from pairs that are known."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

import numpy as np

from smartmask.geometry import MaskWindow


def stacked(count: int, pairs: Iterable[tuple[int, int]], before: Sequence[float]) -> list[int]:
    """The numbers 0 to count - 1 from back to front, so that in every pair (front, back) the back comes first.

    before: (count,) what decides where pairs do not, the lower value first; ties go by number. Pairs that contradict
    each other in a circle are given up one thing at a time, others are kept.
    """
    fronts: list[list[int]] = [[] for _ in range(count)]
    backs: list[set[int]] = [set() for _ in range(count)]  # not yet found
    for front, back in sorted(set(pairs)):
        if front != back:
            fronts[back].append(front)
            backs[front].add(back)
    ready = [(before[i], i) for i in range(count) if not backs[i]]
    heapq.heapify(ready)
    left = dict.fromkeys(sorted(range(count), key=lambda i: (before[i], i)))
    found: list[int] = []
    while left:
        at = heapq.heappop(ready)[1] if ready else _in_circle(next(iter(left)), backs)
        del left[at]
        found.append(at)
        backs[at].clear()
        for front in fronts[at]:
            if front in left and at in backs[front]:
                backs[front].remove(at)
                if not backs[front]:
                    heapq.heappush(ready, (before[front], front))
    return found


def _in_circle(at: int, backs: Sequence[set[int]]) -> int:
    """A thing that stands, over others, behind itself: the first met twice on the way to the back."""
    met: set[int] = set()
    while at not in met:
        met.add(at)
        at = min(backs[at])
    return at


def pairs_seen(whole: Sequence[MaskWindow], seen: Sequence[MaskWindow]) -> list[tuple[int, int]]:
    """Pairs (front, back) of things whose whole masks overlap: what is seen where both are tells which is in front.

    whole, seen: of each thing all of its extent, and what of that is visible. Pairs that show equally much are none.
    """
    boxes = np.array([window.box for window in whole], dtype=np.int64).reshape(-1, 4)
    found = []
    for a in range(len(whole)):
        later = boxes[a + 1 :]
        near = np.all((later[:, :2] < boxes[a, 2:]) & (later[:, 2:] > boxes[a, :2]), axis=1)
        for b in (np.flatnonzero(near) + a + 1).tolist():
            both = whole[a] & whole[b]
            first, second = both.shared(seen[a]), both.shared(seen[b])
            if first != second:
                found.append((a, b) if first > second else (b, a))
    return found


def meets_border(window: MaskWindow) -> bool:
    """Whether a mask has a pixel at the picture's border, which then may cut it."""
    x0, y0, x1, y1 = window.box
    return x0 == 0 or y0 == 0 or x1 == window.width or y1 == window.height
