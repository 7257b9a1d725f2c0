"""Masks as windows: the tight box round what is true, and the bits inside it.

A photo of 48 megapixels takes 48 MB a mask as bools; as a window the mask of an object takes an eighth of its box.
Everything that scenes do with masks is done in the windows; dense arrays are made when somebody asks for one.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from smartmask.geometry.boxes import BoxXYXY

IntBox = tuple[int, int, int, int]

NOTHING: IntBox = (0, 0, 0, 0)
_BAND = 1 << 20  # pixels that are unpacked at a time where more than one byte a pixel is needed


@dataclass(frozen=True, eq=False)
class MaskWindow:
    """A mask of a (height, width) picture, immutable.

    box: (x0, y0, x1, y1), whole pixels, x1 and y1 exclusive: the tight box of its true pixels; NOTHING if there are
    none. bits: (y1 - y0, ceil((x1 - x0) / 8)) uint8, the pixels of the box row by row as ``np.packbits`` packs them.
    """

    height: int
    width: int
    box: IntBox
    bits: np.ndarray

    # --- ways in -----------------------------------------------------------------------------

    @classmethod
    def of(cls, mask: np.ndarray) -> MaskWindow:
        """The window of an ``(H, W)`` bool mask."""
        return cls.within(mask.shape, 0, 0, mask)

    @classmethod
    def empty(cls, height: int, width: int) -> MaskWindow:
        """No pixel."""
        return cls(height, width, NOTHING, np.zeros((0, 0), np.uint8))

    @classmethod
    def within(cls, shape: tuple[int, ...], x0: int, y0: int, inside: np.ndarray) -> MaskWindow:
        """``inside`` (h, w) bool lies with its corner at (x0, y0) of a picture of a shape that holds all of it."""
        height, width = shape
        rows = np.flatnonzero(inside.any(axis=1))
        if not rows.size:
            return cls.empty(height, width)
        top, bottom = int(rows[0]), int(rows[-1]) + 1
        columns = np.flatnonzero(inside[top:bottom].any(axis=0))
        left, right = int(columns[0]), int(columns[-1]) + 1
        box = x0 + left, y0 + top, x0 + right, y0 + bottom
        return cls(height, width, box, np.packbits(inside[top:bottom, left:right], axis=1))

    def __reduce__(self) -> tuple[Any, ...]:
        return MaskWindow, (self.height, self.width, self.box, self.bits)

    # --- what it is --------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the picture."""
        return self.height, self.width

    @property
    def bounds(self) -> BoxXYXY | None:
        """The box in pixel edges; None for no pixel: what ``mask_box`` says of the dense mask."""
        x0, y0, x1, y1 = self.box
        return (float(x0), float(y0), float(x1), float(y1)) if self.bits.size else None

    @property
    def area(self) -> int:
        """How many pixels are true."""
        return int(np.bitwise_count(self.bits).sum(dtype=np.int64))

    def any(self) -> bool:
        """Whether a pixel is true."""
        return self.bits.size > 0

    # --- pixels ------------------------------------------------------------------------------

    def dense(self) -> np.ndarray:
        """``(H, W)`` bool, read only; as long as somebody holds it, the same one is given again."""
        kept = self.__dict__.get("_dense")
        found = None if kept is None else kept()
        if found is None:
            found = np.zeros(self.shape, dtype=bool)
            x0, y0, x1, y1 = self.box
            found[y0:y1, x0:x1] = self.inside()
            found.setflags(write=False)
            self.__dict__["_dense"] = weakref.ref(found)
        return found

    def inside(self) -> np.ndarray:
        """``(y1 - y0, x1 - x0)`` bool: the pixels of the box."""
        return self._rows(0, self.bits.shape[0])

    def crop(self, x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
        """``(y1 - y0, x1 - x0)`` bool: the pixels of a part of the picture, false beyond its border."""
        found = np.zeros((y1 - y0, x1 - x0), dtype=bool)
        left, top, right, bottom = _common(self.box, (x0, y0, x1, y1))
        if left < right and top < bottom:
            start = self.box[0]
            first, last = (left - start) // 8, (right - start + 7) // 8
            packed = self.bits[top - self.box[1] : bottom - self.box[1], first:last]
            unpacked = np.unpackbits(packed, axis=1).view(bool)
            skip = left - start - 8 * first
            found[top - y0 : bottom - y0, left - x0 : right - x0] = unpacked[:, skip : skip + right - left]
        return found

    def paint_into(self, array: np.ndarray, value: Any = True) -> None:
        """Writes ``value`` into an ``(H, W)`` array where the mask is true."""
        x0, y0, x1, y1 = self.box
        if self.any():
            np.copyto(array[y0:y1, x0:x1], value, where=self.inside())

    def at(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """``(rows, columns)`` bool: the pixels where whole rows (r,) and columns (c,) meet; false beyond the border."""
        x0, y0, x1, y1 = self.box
        across, down = (columns >= x0) & (columns < x1), (rows >= y0) & (rows < y1)
        found = np.zeros((len(rows), len(columns)), dtype=bool)
        chosen = columns[across] - x0
        octets = self.bits[rows[down] - y0][:, chosen >> 3]
        found[np.ix_(down, across)] = octets >> (7 - (chosen & 7)).astype(np.uint8) & 1
        return found

    def sample(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Bool at coordinates of the picture in pixel edges, x and y of one shape; false beyond the border."""
        columns, rows = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
        x0, y0, x1, y1 = self.box
        found = (columns >= x0) & (columns < x1) & (rows >= y0) & (rows < y1)
        chosen = columns[found] - x0
        found[found] = self.bits[rows[found] - y0, chosen >> 3] >> (7 - (chosen & 7)).astype(np.uint8) & 1
        return found

    def cover(self, rows: int, columns: int, part: IntBox | None = None) -> np.ndarray:
        """``(rows, columns)`` float32: the share of each cell of a grid that the mask covers.

        part: (x0, y0, x1, y1), what of the picture the grid divides; None for all of it.
        """
        left, top, right, bottom = part or (0, 0, self.width, self.height)
        if not self.any():
            return np.zeros((rows, columns), np.float32)
        x0, y0, x1, y1 = self.box
        across = np.concatenate([_summed(band, x0 - left, x1 - left, right - left, columns) for band in self._bands()])
        down = _summed(across.T, y0 - top, y1 - top, bottom - top, rows).T
        return (down / ((bottom - top) / rows * ((right - left) / columns))).astype(np.float32)

    def _bands(self) -> Iterator[np.ndarray]:
        """``inside`` in bands of rows."""
        step = max(1, _BAND // max(self.box[2] - self.box[0], 1))
        return (self._rows(top, top + step) for top in range(0, self.bits.shape[0], step))

    def _rows(self, top: int, bottom: int) -> np.ndarray:
        return np.unpackbits(self.bits[top:bottom], axis=1, count=self.box[2] - self.box[0]).view(bool)

    # --- with others -------------------------------------------------------------------------

    def __and__(self, other: MaskWindow) -> MaskWindow:
        """What both hold."""
        box = _common(self.box, other.box)
        if box[0] >= box[2] or box[1] >= box[3]:
            return MaskWindow.empty(*self.shape)
        return MaskWindow.within(self.shape, *box[:2], self.crop(*box) & other.crop(*box))

    def __or__(self, other: MaskWindow) -> MaskWindow:
        """What either holds."""
        if not (self.any() and other.any()):
            return self if self.any() else other
        (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = self.box, other.box
        box = min(ax0, bx0), min(ay0, by0), max(ax1, bx1), max(ay1, by1)
        return MaskWindow.within(self.shape, *box[:2], self.crop(*box) | other.crop(*box))

    def __sub__(self, other: MaskWindow) -> MaskWindow:
        """What this one holds and the other does not."""
        return self.without((other,))

    def without(self, others: Iterable[MaskWindow]) -> MaskWindow:
        """What none of the others holds."""
        near = [other for other in others if self.meets(other)]
        if not near:
            return self
        left = self.inside()
        x0, y0 = self.box[:2]
        for other in near:
            bx0, by0, bx1, by1 = box = _common(self.box, other.box)
            left[by0 - y0 : by1 - y0, bx0 - x0 : bx1 - x0] &= ~other.crop(*box)
        return MaskWindow.within(self.shape, x0, y0, left)

    def meets(self, other: MaskWindow) -> bool:
        """Whether the two boxes share a pixel."""
        x0, y0, x1, y1 = _common(self.box, other.box)
        return x0 < x1 and y0 < y1

    def shared(self, other: MaskWindow) -> int:
        """How many pixels both hold."""
        if not self.meets(other):
            return 0
        box = _common(self.box, other.box)
        return int(np.count_nonzero(self.crop(*box) & other.crop(*box)))

    def iou(self, other: MaskWindow) -> float:
        """Intersection over union, in [0, 1]; two empty masks give 1."""
        shared = self.shared(other)
        union = self.area + other.area - shared
        return shared / union if union else 1.0


def window_of(mask: np.ndarray | MaskWindow) -> MaskWindow:
    """The window of an ``(H, W)`` bool mask, or the one that is given."""
    return mask if isinstance(mask, MaskWindow) else MaskWindow.of(mask)


def _common(a: IntBox, b: IntBox) -> IntBox:
    return max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])


def _summed(values: np.ndarray, low: int, high: int, length: int, count: int) -> np.ndarray:
    """``(n, count)`` float64 sums of values (n, high - low) over ``count`` equal parts of a line of ``length``."""
    edges = np.clip(np.arange(count + 1) * (length / count) - low, 0, high - low)
    whole = np.minimum(edges.astype(np.intp), high - low - 1)
    sums = np.zeros((len(values), high - low + 1), np.float64 if values.dtype.kind == "f" else np.int32)
    np.cumsum(values, axis=1, out=sums[:, 1:])
    before = sums[:, whole] + (edges - whole) * (sums[:, whole + 1] - sums[:, whole])
    return np.diff(before, axis=1)
