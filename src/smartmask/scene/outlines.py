"""Pictures with named outlines: what is annotated in them, and what of it is whole."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from smartmask.geometry import mask_box

IntBox = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class NamedOutline:
    """One annotated thing.

    name: in the vocabulary's words, or None if the label names no object.  label: as the set writes it.
    number: index of the annotation among those of its source in its set, so that the three name it.
    mask: ``(h, w)`` bool, cropped to its box.
    box: ``x0, y0, x1, y1`` of that crop in the picture, whole pixel edges, x1 and y1 exclusive.
    crowd: several things in one annotation, as the set says.  view: (azimuth, elevation) in degrees of a
    rendered model, azimuth 0 the front, 90 a side, elevation from above; else None.
    """

    name: str | None
    label: str
    number: int
    mask: np.ndarray
    box: IntBox
    crowd: bool = False
    view: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class Picture:
    """An annotated picture: what ``read_pictures`` yields.

    set: key of SETS.  source: the split key.  height, width: pixels; where ``size_known`` is False only the
    extent of the outlines.  complete: every thing of the picture is annotated, as far as the set goes.
    amodal: outlines go on behind what stands in front.  void: ``(H, W)`` bool of what the set leaves open,
    such as the ring round VOC's objects, or None.
    file: the photograph's name as the set gives it, or "".
    """

    set: str
    source: str
    height: int
    width: int
    outlines: tuple[NamedOutline, ...]
    size_known: bool = True
    complete: bool = False
    amodal: bool = False
    void: np.ndarray | None = field(default=None, repr=False)
    file: str = ""


def cropped(mask: np.ndarray) -> tuple[np.ndarray, IntBox] | None:
    """A ``(H, W)`` mask cut to its tight box, and that box; None if the mask is empty."""
    box = mask_box(mask)
    if box is None:
        return None
    x0, y0, x1, y1 = (int(edge) for edge in box)
    return np.ascontiguousarray(mask[y0:y1, x0:x1]), (x0, y0, x1, y1)


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


MIN_AREA, MIN_SIDE = 400, 16  # pixels; an outline below has no legs or handles to speak of
BORDER = 0.004  # of the picture's side: nearer to the border counts as cut by it
NEAR = 0.005  # of the picture's longer side: another outline within counts as touching
VOC_RING = 7  # pixels: VOC's ring is 5 wide
CONTACT = 0.01  # share of an outline that may lie near another and still not touch it
NESTED = 0.8  # a thing that lies by this share inside another's mask is in front of it, and hides none of its outline
LOOSE = 0.03  # share of the area outside the largest part
PINHOLE = 0.002  # share of the area: smaller holes are none
