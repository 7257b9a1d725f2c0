"""Which outlines show whole single objects: a verdict for each, from the picture that it stands in.

Half of what is annotated in photographs is cut by the border, hidden in part, or several things in one;
what learns from fragments draws fragments. ``judge`` looks at one outline after the other; what only a
look at all of them can tell (doubles, doubtful names) comes after it, in ``curation_doubles`` and
``curation_clear``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from smartmask.data.outlines import SETS
from smartmask.data.splits import Split, split_of
from smartmask.scene.outlines import (
    CONTACT,
    LOOSE,
    MIN_AREA,
    MIN_SIDE,
    IntBox,
    Picture,
    _disc,
    contact,
    cut_sides,
    without_specks,
)

Verdict = Literal[
    "whole", "unnamed", "tiny", "cut", "fused", "touching", "parts", "ragged", "doubtful", "reviewed", "duplicate"
]
VERDICTS: tuple[Verdict, ...] = (
    *("whole", "unnamed", "tiny", "cut", "fused", "touching", "parts", "ragged", "doubtful", "reviewed", "duplicate"),
)
MAX_KEPT_SIDE = 400  # longest side of the masks that are kept
BROAD = 5  # pixels of the radius of a disc that fits into no ring
ROUGH = 1.25  # length of the outline over that of its smoothed self


@dataclass(frozen=True, eq=False)
class PackedMask:
    """A ``(h, w)`` bool mask at a bit a pixel: tens of thousands are held at once.

    bits: uint8, rows one after the other.
    """

    bits: np.ndarray
    shape: tuple[int, int]

    @classmethod
    def of(cls, mask: np.ndarray) -> PackedMask:
        return cls(np.packbits(mask), (mask.shape[0], mask.shape[1]))

    def unpack(self) -> np.ndarray:
        """The mask, the caller's own."""
        height, width = self.shape
        return np.unpackbits(self.bits, count=height * width).reshape(height, width).astype(bool)


@dataclass(eq=False)
class Curated:
    """One outline with its verdict.

    name, label, set, source, number, split, view, height, width, size_known: as in Picture and NamedOutline.
    cut: the sides at which the picture's border cuts it, of "ltrb".  box: in the picture, as annotated.
    packed: its mask, ``(h, w)`` of the box, the longest side at most MAX_KEPT_SIDE, specks gone.
    contact: share of the outline, in [0, 1], that lies near other outlines.  rough: length of the outline over
    that of its smoothed self, 1 is smooth.  quality: in [0, 1], how clearly and crisply it reads as its name.
    reason: why, where the verdict alone does not say.
    """

    name: str | None
    label: str
    set: str
    source: str
    number: int
    split: Split
    verdict: Verdict
    cut: str
    view: tuple[float, float] | None
    height: int
    width: int
    size_known: bool
    box: IntBox
    packed: PackedMask
    contact: float
    rough: float
    quality: float
    reason: str = ""

    @property
    def mask(self) -> np.ndarray:
        """``(h, w)`` bool."""
        return self.packed.unpack()

    @property
    def kind(self) -> str:
        """ "photo", "model" or "drawn"."""
        return SETS[self.set].kind


def judge(picture: Picture) -> list[Curated]:
    """The verdict of every outline of a picture, as far as the picture tells."""
    unclear = _broad_void(picture)
    return [_judged(picture, index, unclear) for index in range(len(picture.outlines))]


def _broad_void(picture: Picture) -> np.ndarray | None:
    """``(H, W)`` bool of open areas broader than a ring, in which something unclear stands; None without a void."""
    if picture.void is None or not picture.void.any():
        return None
    return cv2.morphologyEx(picture.void.astype(np.uint8), cv2.MORPH_OPEN, _disc(BROAD)) > 0


def _judged(picture: Picture, index: int, unclear: np.ndarray | None) -> Curated:
    outline = picture.outlines[index]
    near = contact(picture, index, unclear)
    area = int(np.count_nonzero(outline.mask))
    cut = cut_sides(picture, outline)
    mask, loose = without_specks(shrunk(outline.mask))
    rough = roughness(mask)
    verdict: Verdict = "whole"
    if outline.name is None:
        verdict = "unnamed"
    elif area < MIN_AREA or min(outline.mask.shape) < MIN_SIDE:
        verdict = "tiny"
    elif outline.crowd:
        verdict = "fused"
    elif cut:
        verdict = "cut"
    elif near > CONTACT:
        verdict = "touching"
    elif loose > LOOSE:
        verdict = "parts"
    elif rough > ROUGH:
        verdict = "ragged"
    return Curated(
        outline.name,
        outline.label,
        picture.set,
        picture.source,
        outline.number,
        split_of(picture.source),
        verdict,
        cut,
        outline.view,
        picture.height,
        picture.width,
        picture.size_known,
        outline.box,
        PackedMask.of(mask),
        near,
        rough,
        crispness(mask, rough),
    )


def shrunk(mask: np.ndarray, longest: int = MAX_KEPT_SIDE) -> np.ndarray:
    """The mask with its longest side at most ``longest``; pixels covered by a third stay, so thin parts do."""
    height, width = mask.shape
    scale = longest / max(height, width)
    if scale >= 1:
        return mask
    new = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(mask.astype(np.float32), new, interpolation=cv2.INTER_AREA) > 0.34


def outline_points(mask: np.ndarray) -> np.ndarray:
    """``(n, 2)`` float (x, y): the longest outer contour of a mask, a point a pixel; (0, 2) for an empty one."""
    found, _ = cv2.findContours(np.pad(mask, 2).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    longest = max(found, key=len, default=np.zeros((0, 1, 2), np.int32))
    return longest[:, 0].astype(np.float64) - 2


def roughness(mask: np.ndarray) -> float:
    """Length of the outline over that of itself smoothed along its length by .6 %; 1 is smooth.

    Smoothing along the outline leaves thin legs alone, which opening and closing would not.
    """
    points = outline_points(mask)
    if len(points) < 32:
        return 1.0
    fine, coarse = (_length(_smoothed(points, sigma)) for sigma in (1.5, max(3.0, 0.006 * len(points))))
    return fine / max(coarse, 1e-9)


def _smoothed(points: np.ndarray, sigma: float) -> np.ndarray:
    frequency = np.fft.rfftfreq(len(points))
    weight = np.exp(-2 * (np.pi * frequency * sigma) ** 2)[:, None]
    return np.fft.irfft(np.fft.rfft(points, axis=0) * weight, len(points), axis=0)


def _length(points: np.ndarray) -> float:
    return float(np.linalg.norm(points - np.roll(points, 1, axis=0), axis=1).sum())


def crispness(mask: np.ndarray, rough: float) -> float:
    """In [0, 1]: how finely an outline is drawn, from its pixels and its corners.

    Full marks from 160 pixels of the longer side, and where no straight run is longer than a tenth of the
    outline or so: polygons of 20 points have facets.
    """
    size = min(1.0, max(0.0, math.log2(max(mask.shape) / 24) / math.log2(160 / 24)))
    points = outline_points(mask)
    if not len(points):
        return 0.0
    corners = len(cv2.approxPolyDP(points.astype(np.float32)[:, None], 0.0025 * len(points), True))
    detail = min(1.0, max(0.0, (corners - 4) / 26))
    smooth = min(1.0, max(0.0, (1.3 - rough) / 0.25))
    return size * (0.5 + 0.25 * detail + 0.25 * smooth)
