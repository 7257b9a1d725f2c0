"""Shapes in the box's own frame, a square grid stretched over an object's tight box; banks of them for baselines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np

from smartmask.geometry import BoxXYXY, mask_box
from smartmask.guides.simulated import draw_guide
from smartmask.scene.categories import clean_name

SHAPE_SIDE = 64  # cells a side of the box's own frame
FIT_SHAPES = 200  # training shapes that tell how a guide's extent relates to the object's box


class OutlineItem(NamedTuple):
    """One outline for a bank: its bits in its box, width / height, set, split key, longer side in pixels (0: any)."""

    name: str
    packed: np.ndarray
    aspect: float
    set: str = ""
    key: str = ""
    side: int = 0


def shape_key(name: str) -> str:
    """The name under which shapes of one class meet: ``dining_table`` and ``Dining-Table`` are one."""
    return clean_name(name).lower()


def to_box_frame(mask: np.ndarray, side: int = SHAPE_SIDE) -> np.ndarray:
    """``(side, side)`` bool: a ``(H, W)`` mask seen in its tight box. ValueError for an empty mask."""
    box = mask_box(mask)
    if box is None:
        raise ValueError("An empty mask has no shape.")
    x0, y0, x1, y1 = (int(v) for v in box)
    return _stretch(mask[y0:y1, x0:x1], side, side)


def from_box_frame(shape: np.ndarray, box: BoxXYXY, height: int, width: int) -> np.ndarray:
    """``(height, width)`` bool: a box-frame shape pasted into the scene.

    The box's edges are rounded to whole pixels (at least one pixel a side); what leaves the scene is cut.
    """
    x0, y0 = round(box[0]), round(box[1])
    x1, y1 = max(round(box[2]), x0 + 1), max(round(box[3]), y0 + 1)
    pasted = np.zeros((height, width), dtype=bool)
    left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    if left < right and top < bottom:
        stretched = _stretch(shape, y1 - y0, x1 - x0)
        pasted[top:bottom, left:right] = stretched[top - y0 : bottom - y0, left - x0 : right - x0]
    return pasted


def _stretch(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    # Area averaging when it shrinks and linear interpolation when it grows keep thin parts honest.
    shrinks = height * width < mask.shape[0] * mask.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(mask.astype(np.float32), (width, height), interpolation=how) >= 0.5


def pairwise_ious(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """``(n, m)`` float32 IoU of each of ``(n, S, S)`` bool shapes with each of ``(m, S, S)``; two empty ones give 0."""
    a = some.reshape(len(some), -1).astype(np.float32)
    b = others.reshape(len(others), -1).astype(np.float32)
    inter = a @ b.T  # whole numbers, exact in float32
    union = a.sum(axis=1)[:, None] + b.sum(axis=1)[None, :] - inter
    return inter / np.maximum(union, 1)


@dataclass(frozen=True, eq=False)
class Places:
    """Where training objects stand. names: (M,) str, as ``shape_key`` writes them. boxes: (M, 4) x0, y0, x1, y1 as
    fractions of the image's width and height."""

    names: np.ndarray
    boxes: np.ndarray

    @cached_property
    def _members(self) -> dict[str, np.ndarray]:
        return _by_name(self.names)

    def of(self, name: str) -> np.ndarray:
        """``(m, 4)`` boxes of a class; of all classes for one that is not known."""
        return self.boxes[self._members.get(shape_key(name), np.arange(len(self.boxes)))]


def _by_name(names: np.ndarray) -> dict[str, np.ndarray]:
    return {str(name): np.flatnonzero(names == name) for name in np.unique(names)}


@dataclass(frozen=True, eq=False)
class Outlines:
    """Named outlines as pictures in their own boxes.

    packed: (N, side * side / 8) uint8, their bits.  names: (N,) str, as ``shape_key`` writes them.
    aspects: (N,) width / height in pixels.  sets: (N,) str, the annotated set of each.  keys: (N,) str, the split
    keys of their pictures.  sides: (N,) int, pixels of the longer side as annotated, 0 where they have any size.
    about: what they are, for reports.
    """

    packed: np.ndarray
    names: np.ndarray
    aspects: np.ndarray
    sets: np.ndarray
    keys: np.ndarray
    sides: np.ndarray
    about: str = "objects of the training split"

    @classmethod
    def of(cls, items: Iterable[OutlineItem], about: str) -> Outlines:
        """Outlines of OutlineItem. ValueError if there is none."""
        rows = list(items)
        if not rows:
            raise ValueError(f"There is no outline among {about}; give other data.")
        names, packed, aspects, sets, keys, sides = zip(*rows, strict=True)
        known = np.array([shape_key(name) for name in names])
        return cls(
            np.stack(packed), known, np.array(aspects), np.array(sets), np.array(keys), np.array(sides, np.int64), about
        )

    def select(self, rows: np.ndarray, about: str) -> Outlines:
        """Some of the outlines, by index or mask. ValueError for none."""
        arrays = (self.packed, self.names, self.aspects, self.sets, self.keys, self.sides)
        packed, names, aspects, sets, keys, sides = (array[rows] for array in arrays)
        if not len(names):
            raise ValueError(f"There is no outline among {about}; give other data.")
        return Outlines(packed, names, aspects, sets, keys, sides, about)

    def __len__(self) -> int:
        return len(self.names)

    def shape(self, index: int) -> np.ndarray:
        """``(side, side)`` bool shape number ``index``."""
        return self.shapes(np.array([index]))[0]

    def shapes(self, rows: np.ndarray) -> np.ndarray:
        """``(n, side, side)`` bool shapes of some rows."""
        return np.unpackbits(self.packed[rows], axis=1).reshape(-1, SHAPE_SIDE, SHAPE_SIDE).astype(bool)

    @cached_property
    def _members(self) -> dict[str, np.ndarray]:
        return _by_name(self.names)

    def knows(self, name: str) -> bool:
        """Whether there is an outline of this class."""
        return shape_key(name) in self._members

    def members(self, name: str) -> np.ndarray:
        """Indices of the outlines of a class; of all for a class without."""
        return self._members.get(shape_key(name), np.arange(len(self)))

    def nearest(self, name: str, aspect: float, count: int, least: int = 0) -> np.ndarray:
        """Up to ``count`` indices of a class's outlines, by distance in log aspect ratio.

        Where the class has fewer than ``least``, the nearest of all classes fill up to so many.
        """
        gaps = np.abs(np.log(self.aspects / aspect))
        members = self.members(name)
        found = members[np.argsort(gaps[members], kind="stable")[:count]]
        if len(found) < least:
            others = np.argsort(gaps, kind="stable")
            others = others[~np.isin(others, found)]
            found = np.concatenate([found, others[: least - len(found)]])
        return found


def outline_item(name: str, mask: np.ndarray, of_set: str = "", key: str = "") -> OutlineItem:
    """An outline from a ``(H, W)`` bool mask; ValueError for an empty one."""
    box = mask_box(mask)
    if box is None:
        raise ValueError("An empty mask has no shape.")
    width, height = box[2] - box[0], box[3] - box[1]
    side = int(max(width, height))
    return OutlineItem(name, np.packbits(to_box_frame(mask)), width / height, of_set, key, side)


@dataclass(frozen=True, eq=False)
class ShapeBank:
    """What the baselines may use: outlines that are remembered, and places of training objects."""

    outlines: Outlines
    places: Places
    _fits: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def from_layers(cls, layers: Iterable[tuple[str, np.ndarray]]) -> ShapeBank:
        """Bank of (name, (H, W) mask) pairs; empty masks are skipped. ValueError if nothing is left."""
        items, boxes = [], []
        for name, mask in layers:
            box = mask_box(mask)
            if box is not None:
                height, width = mask.shape
                items.append(outline_item(name, mask))
                boxes.append((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
        outlines = Outlines.of(items, "the objects of the training split")
        return cls(outlines, Places(outlines.names, np.array(boxes)))

    def edge_fit(self, kind: str) -> np.ndarray:
        """(4,) where an object's box edges lie, given the extent of a rough guide of this kind.

        In units of the extent's half sides from its centre, so (-1, -1, 1, 1) is the extent itself:
        the median over guides drawn for random outlines. A stroke through an object reaches
        less far than the object, and a baseline that took it for the box would be too easy to beat.
        """
        if kind not in self._fits:
            rng = np.random.default_rng(0)
            edges = []
            count = len(self.outlines)
            for index in rng.choice(count, min(FIT_SHAPES, count), replace=False):
                aspect = float(np.clip(self.outlines.aspects[index], 1 / 6, 6))
                half_width, half_height = 40 * aspect**0.5, 40 / aspect**0.5
                box = (128 - half_width, 128 - half_height, 128 + half_width, 128 + half_height)
                mask = from_box_frame(self.outlines.shape(int(index)), box, 256, 256)
                guide, true = draw_guide(mask, kind, rng, exact=True), mask_box(mask)
                if guide is not None and true is not None:
                    edges.append(_to_extent_units(true, guide.extent(256, 256)))
            self._fits[kind] = np.median(edges, axis=0)
        return self._fits[kind]


def _to_extent_units(box: BoxXYXY, extent: BoxXYXY) -> np.ndarray:
    x0, y0, x1, y1 = extent
    centre = np.tile([(x0 + x1) / 2, (y0 + y1) / 2], 2)
    return (np.array(box) - centre) / np.tile([(x1 - x0) / 2, (y1 - y0) / 2], 2)
