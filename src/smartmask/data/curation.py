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

from smartmask.data.outlines import SETS, IntBox, NamedOutline, Picture
from smartmask.data.splits import Split, split_of

Verdict = Literal[
    "whole", "unnamed", "tiny", "cut", "fused", "touching", "parts", "ragged", "doubtful", "reviewed", "duplicate"
]
VERDICTS: tuple[Verdict, ...] = (
    *("whole", "unnamed", "tiny", "cut", "fused", "touching", "parts", "ragged", "doubtful", "reviewed", "duplicate"),
)

MIN_AREA, MIN_SIDE = 400, 16  # pixels; an outline below has no legs or handles to speak of
MAX_KEPT_SIDE = 400  # longest side of the masks that are kept
BORDER = 0.004  # of the picture's side: nearer to the border counts as cut by it
NEAR = 0.005  # of the picture's longer side: another outline within counts as touching
VOC_RING = 7  # pixels: VOC's ring is 5 wide
BROAD = 5  # pixels of the radius of a disc that fits into no ring
CONTACT = 0.01  # share of an outline that may lie near another and still not touch it
NESTED = 0.8  # a thing that lies by this share inside another's mask is in front of it, and hides none of its outline
LOOSE = 0.03  # share of the area outside the largest part
PINHOLE = 0.002  # share of the area: smaller holes are none
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


def cut_sides(picture: Picture, outline: NamedOutline) -> str:
    """The sides, of "ltrb", at which an outline meets the picture's border; none where the size is unknown.

    Where VOC's ring runs along the border, it counts as part of the border.
    """
    if not picture.size_known:
        return ""
    ring = VOC_RING - 1 if picture.void is not None and picture.void.any() else 0
    across, down = max(1.5, BORDER * picture.width, ring), max(1.5, BORDER * picture.height, ring)
    x0, y0, x1, y1 = outline.box
    met = (x0 < across, y0 < down, x1 > picture.width - across, y1 > picture.height - down)
    return "".join(side for side, is_met in zip("ltrb", met, strict=True) if is_met)


def contact(picture: Picture, index: int, unclear: np.ndarray | None = None) -> float:
    """Share of an outline, in [0, 1], that lies within a few pixels of other things; 0 for amodal outlines.

    Other things are the other outlines, but for those that lie inside this one's mask or it in theirs: they
    overlap, so neither was cut where they meet. unclear: ``(H, W)`` bool of what counts as things, too, and
    says that the set draws a ring round its objects, or None.
    """
    if picture.amodal or (len(picture.outlines) < 2 and unclear is None):
        return 0.0
    outline = picture.outlines[index]
    reach = VOC_RING if unclear is not None else max(2, round(NEAR * max(picture.height, picture.width)))
    x0, y0, x1, y1 = outline.box
    window = (max(x0 - reach, 0), max(y0 - reach, 0), min(x1 + reach, picture.width), min(y1 + reach, picture.height))
    others = _others(picture, index, window)
    if unclear is not None:
        others |= unclear[window[1] : window[3], window[0] : window[2]]
    if not others.any():
        return 0.0
    mask = np.zeros(others.shape, np.uint8)
    mask[y0 - window[1] : y1 - window[1], x0 - window[0] : x1 - window[0]] = outline.mask
    edge = (mask > 0) & (cv2.erode(mask, _disc(1), borderType=cv2.BORDER_CONSTANT, borderValue=0) == 0)
    close = cv2.dilate(others.astype(np.uint8), _disc(reach)) > 0
    return int(np.count_nonzero(edge & close)) / max(1, int(np.count_nonzero(edge)))


def _others(picture: Picture, index: int, window: IntBox) -> np.ndarray:
    """Bool mask of the window ``x0, y0, x1, y1``: other outlines that may hide this one."""
    here = picture.outlines[index]
    area = int(np.count_nonzero(here.mask))
    found = np.zeros((window[3] - window[1], window[2] - window[0]), dtype=bool)
    for j, other in enumerate(picture.outlines):
        if j == index or _overlap_box(other.box, window) is None:
            continue
        shared = _shared(here, other)
        if shared >= NESTED * min(area, int(np.count_nonzero(other.mask))):
            continue
        _paste(other, window, found)
    return found


def _overlap_box(a: IntBox, b: IntBox) -> IntBox | None:
    box = (max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]))
    return box if box[0] < box[2] and box[1] < box[3] else None


def _cut_out(outline: NamedOutline, box: IntBox) -> np.ndarray:
    x, y = outline.box[:2]
    return outline.mask[box[1] - y : box[3] - y, box[0] - x : box[2] - x]


def _shared(a: NamedOutline, b: NamedOutline) -> int:
    """Pixels that two outlines of one picture share."""
    box = _overlap_box(a.box, b.box)
    return 0 if box is None else int(np.count_nonzero(_cut_out(a, box) & _cut_out(b, box)))


def _paste(outline: NamedOutline, window: IntBox, into: np.ndarray) -> None:
    box = _overlap_box(outline.box, window)
    if box is not None:
        x, y = window[:2]
        into[box[1] - y : box[3] - y, box[0] - x : box[2] - x] |= _cut_out(outline, box)


def _disc(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def without_specks(mask: np.ndarray) -> tuple[np.ndarray, float]:
    """A ``(h, w)`` mask without parts below LOOSE of its area and without pinholes; not cropped anew.

    Also the share of its area, in [0, 1], that was outside the largest part.
    """
    padded = np.pad(mask, 1)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(padded.astype(np.uint8), connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    total = int(areas[1:].sum())
    areas[0] = 0
    largest = int(areas.max())
    if count > 2:
        padded = ((areas > LOOSE * total) | (areas == largest))[labels]
    count, labels, stats, _ = cv2.connectedComponentsWithStats(1 - padded.astype(np.uint8), connectivity=4)
    if count > 2:
        pinhole = stats[:, cv2.CC_STAT_AREA] < PINHOLE * total
        pinhole[0] = False
        padded = padded | pinhole[labels]
    return padded[1:-1, 1:-1], 1 - largest / max(1, total)


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
