"""The pool of a request: remembered outlines and mirror images, or groups and parts of them, as one kind of thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from smartmask.masks.exemplar.memory import CELLS, Memory
from smartmask.masks.exemplar.outline import Outline, normalised

FINE = 512  # pixels a side at which a group's outlines are drawn over each other
OVERLAP = 0.16  # of a thing's width that the next one of a group may cover
LOWEST = 0.8  # the smallest of a group, as a share of the tallest
TRIES = 5  # groups made of each outline that may lead them


@dataclass(frozen=True)
class Member:
    """One remembered outline in a pooled shape: its row, whether mirrored, its box in the shape's own unit box."""

    row: int
    mirrored: bool
    box: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True, eq=False)
class Pool:
    """n shapes. rows, mirrored: (n,) of the leading outline. aspects: (n,) width over height. cells: (n, C, C) bool.

    members: what each is made of; None where each is one whole outline. top: the share of the outline's height that
    is kept, below 1 for heads and busts.
    """

    rows: np.ndarray
    mirrored: np.ndarray
    aspects: np.ndarray
    cells: np.ndarray
    members: tuple[tuple[Member, ...], ...] | None = None
    top: float = 1.0

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, which: np.ndarray) -> Pool:
        """Some of the shapes, in that order."""
        members = None if self.members is None else tuple(self.members[i] for i in which.tolist())
        return Pool(self.rows[which], self.mirrored[which], self.aspects[which], self.cells[which], members, self.top)

    def outline(self, memory: Memory, index: int) -> Outline:
        """The shape's outline in its own box."""
        if self.members is not None:
            return _united(memory, self.members[index], float(self.aspects[index]))
        outline = memory.outline(int(self.rows[index]))
        outline = outline.mirrored() if self.mirrored[index] else outline
        return outline if self.top >= 1 else upper(outline, self.top)


def pool_of(memory: Memory, rows: np.ndarray) -> Pool:
    """Outlines and their mirror images."""
    both, mirrored = np.repeat(rows, 2), np.tile(np.array([False, True]), len(rows))
    return Pool(both, mirrored, memory.aspects(both), memory.cells(both, mirrored))


def upper_pool(memory: Memory, rows: np.ndarray, share: float) -> Pool:
    """The upper ``share`` of outlines (heads and busts of upright things), and their mirror images."""
    cells, aspects = [], []
    for row in rows.tolist():
        part = upper(memory.outline(row), share)
        cells += [part.cells(CELLS), part.mirrored().cells(CELLS)]
        aspects += [part.aspect] * 2
    both, mirrored = np.repeat(rows, 2), np.tile(np.array([False, True]), len(rows))
    return Pool(both, mirrored, np.array(aspects), np.stack(cells), None, share)


def upper(outline: Outline, share: float) -> Outline:
    """What of an outline lies in the upper ``share`` of its box, in its own tight box."""
    clipped = [_clip_below(loop.astype(np.float64), share) for loop in outline.loops]
    loops = [loop * np.array([outline.aspect, 1.0]) for loop in clipped if len(loop) >= 3]
    return normalised(loops)


def _clip_below(loop: np.ndarray, level: float) -> np.ndarray:
    """A closed polygon (n, 2) cut at y = level, what is above kept (Sutherland and Hodgman, CACM 1974)."""
    kept: list[np.ndarray] = []
    for start, end in zip(loop, np.roll(loop, -1, axis=0), strict=True):
        if start[1] <= level:
            kept.append(start)
        if (start[1] <= level) != (end[1] <= level):
            kept.append(start + (level - start[1]) / (end[1] - start[1]) * (end - start))
    return np.array(kept) if kept else np.zeros((0, 2))


def group_pool(memory: Memory, single: Pool, number: int, aspect: float | None) -> Pool:
    """Groups of ``number`` shapes that stand side by side on one ground, for a box of an aspect (None: any).

    Made by a fixed rule from the pool's order, so that the same request gives the same groups.
    """
    count = len(single)
    groups: list[tuple[Member, ...]] = []
    aspects: list[float] = []
    rng = np.random.Generator(np.random.PCG64(number))
    wanted = None if aspect is None else aspect / number
    near = single.aspects if wanted is None else np.abs(np.log(single.aspects / wanted))
    order = np.argsort(near, kind="stable")[: max(24, number)] if wanted is not None else np.arange(min(count, 60))
    for leader in order.tolist():
        for _ in range(TRIES):
            others = rng.choice(order, number - 1, replace=len(order) < number)
            group, width = _side_by_side(single, [leader, *others.tolist()], rng)
            groups.append(group)
            aspects.append(width)
    cells = np.stack([_united_cells(memory, group) for group in groups])
    rows, mirrored = np.array([g[0].row for g in groups]), np.array([g[0].mirrored for g in groups])
    return Pool(rows, mirrored, np.array(aspects), cells, tuple(groups))


def _side_by_side(single: Pool, which: Sequence[int], rng: np.random.Generator) -> tuple[tuple[Member, ...], float]:
    """Members in a unit box and the group's aspect; heights differ a little, neighbours overlap a little."""
    heights = rng.uniform(LOWEST, 1.0, len(which))
    heights /= heights.max()
    widths = single.aspects[list(which)] * heights
    lift = rng.uniform(0, 0.06, len(which)) * (1 - heights)  # who is smaller stands a little further back
    left, x = [], 0.0
    for width in widths.tolist():
        left.append(x)
        x += width * (1 - OVERLAP * float(rng.uniform(0, 1)))
    total = max(a + w for a, w in zip(left, widths.tolist(), strict=True))
    members = []
    for at, start, width, height, up in zip(which, left, widths, heights, lift, strict=True):
        box = start / total, 1 - height - up, (start + width) / total, 1 - up
        members.append(Member(int(single.rows[at]), bool(single.mirrored[at]), tuple(map(float, box))))  # type: ignore[arg-type]
    low = min(member.box[1] for member in members)
    if low < 0:
        members = [Member(m.row, m.mirrored, (m.box[0], max(m.box[1], 0.0), m.box[2], m.box[3])) for m in members]
    return tuple(members), total


def _united_cells(memory: Memory, group: Sequence[Member]) -> np.ndarray:
    picture = np.zeros((CELLS, CELLS), np.uint8)
    for member in group:
        cells = memory.cells(np.array([member.row]), np.array([member.mirrored]))[0]
        x0, y0, x1, y1 = (round(value * CELLS) for value in member.box)
        if x1 > x0 and y1 > y0:
            part = cv2.resize(cells.astype(np.uint8), (x1 - x0, y1 - y0), interpolation=cv2.INTER_NEAREST)
            picture[y0:y1, x0:x1] |= part[: CELLS - y0, : CELLS - x0]
    return picture.astype(bool)


def _united(memory: Memory, group: Sequence[Member], aspect: float) -> Outline:
    """One outline round all members, traced from a fine drawing (an odd-even fill would cut out where they overlap)."""
    from smartmask.masks.exemplar.outline import draw, trace

    width, height = (FINE, max(8, round(FINE / aspect))) if aspect >= 1 else (max(8, round(FINE * aspect)), FINE)
    picture = np.zeros((height, width), bool)
    for member in group:
        outline = memory.outline(member.row)
        outline = outline.mirrored() if member.mirrored else outline
        x0, y0, x1, y1 = member.box
        scale, corner = np.array([(x1 - x0) * width, (y1 - y0) * height]), np.array([x0 * width, y0 * height])
        picture |= draw([loop * scale + corner for loop in outline.loops], height, width)
    united = trace(picture)
    return Outline(united.loops, aspect)
