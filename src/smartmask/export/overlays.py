"""Masks drawn over a picture for people to judge: thin lines, a light fill, close-ups of what is small, names."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from smartmask.geometry import BoxXYXY, IntBox, MaskWindow, mask_box, window_of
from smartmask.guides import Guide
from smartmask.image.sheets import INK, PAPER, cut_text, fitted_to, rank_colour

Colour = tuple[int, int, int]

SEEN, HIDDEN = 0.35, 0.12  # how much of the fill's colour lies over the picture
SHADE = 0.4  # how much of the picture's light is left beside a line, so that it shows on any ground
LINE = 500  # drawn pixels of the longer side for which lines get one pixel wider
GUIDE_COLOUR = (255, 230, 0)
FILLED = 0.5  # the share of a close-up's width or height that the object takes
CLOSE = 0.7  # a window of the picture wider than this shows little more than the whole
LARGEST_SCALE = 8  # drawn pixels for one of the picture
INSET = 0.27  # side of the small picture beside a close-up


def overlay(
    picture: np.ndarray,
    mask: MaskWindow | np.ndarray | None = None,
    visible: MaskWindow | np.ndarray | None = None,
    guides: Sequence[Guide] = (),
    colour: Colour = (255, 40, 130),
    side: int = 256,
    window: IntBox | None = None,
    size: tuple[int, int] | None = None,
) -> np.ndarray:
    """The picture scaled to a longer side of ``side``, with a mask and guides drawn over it: (h, w, 3) uint8.

    picture: (H, W, 3) uint8 RGB.  mask: (H, W) bool, amodal: tinted, its edge drawn inside it.  visible: (H, W)
    bool; what of the mask is not visible gets a fainter tint (None: all visible).  guides: their
    half-height contour, yellow.  window: (x0, y0, x1, y1), the part of the picture to draw; None draws all.
    size: (height, width) that guides speak of, where the picture is a smaller one.  Masks may be windows.
    Lines are drawn after scaling and take from no gap between legs more than one dark pixel a side.
    """
    height, width = size or picture.shape[:2]
    x0, y0, x1, y1 = part = window or (0, 0, width, height)
    shown = picture if window is None else picture[y0:y1, x0:x1]
    drawn = np.ascontiguousarray(fitted_to(np.asarray(shown, dtype=np.uint8), side, window is not None))
    rows, columns = drawn.shape[:2]
    if mask is not None:
        whole = _cover(mask, columns, rows, part)
        seen = whole if visible is None else np.minimum(_cover(visible, columns, rows, part), whole)
        _paint(drawn, whole, seen, colour)
    if guides:
        x, y = np.meshgrid(
            x0 + (np.arange(columns) + 0.5) * (x1 - x0) / columns, y0 + (np.arange(rows) + 0.5) * (y1 - y0) / rows
        )
        for guide in guides:
            _line(drawn, guide.sample(x, y, height, width) >= 0.5, GUIDE_COLOUR)
    return drawn


def close_up(
    picture: np.ndarray,
    mask: MaskWindow | np.ndarray,
    visible: MaskWindow | np.ndarray,
    box: BoxXYXY | None,
    guides: Sequence[Guide] = (),
    colour: Colour = (255, 40, 130),
    side: int = 256,
    small: np.ndarray | None = None,
) -> np.ndarray:
    """``overlay`` of a window round the object where it is small, with the whole picture inset in a corner.

    box: of the mask's pixels, None for an empty mask.  small: the picture scaled to a longer side of about
    INSET * side, where several close-ups share it.
    """
    height, width = picture.shape[:2]
    window = None if box is None else window_round(box, height, width, side)
    drawn = overlay(picture, mask, visible, guides, colour, side, window)
    if window is None:
        return drawn
    little = np.array(fitted_to(picture, max(8, round(INSET * side))) if small is None else small)
    rows, columns = little.shape[:2]
    whole = _cover(mask, columns, rows)
    little[whole >= min(0.5, float(whole.max()))] = colour
    x0, y0, x1, y1 = (round(edge * columns / width) for edge in window)
    cv2.rectangle(little, (x0 - 1, y0 - 1), (x1, y1), (0, 0, 0), 1)
    cv2.rectangle(little, (x0, y0), (x1 - 1, y1 - 1), (255, 255, 255), 1)
    _inset(drawn, little, _cover(mask, drawn.shape[1], drawn.shape[0], window))
    return drawn


def window_round(box: BoxXYXY, height: int, width: int, side: int) -> IntBox | None:
    """The part of a picture to show of an object in a box: (x0, y0, x1, y1) of the picture's own shape, inside it.

    side: how large it is drawn. None where the object is so large that the whole picture shows it.
    """
    x0, y0, x1, y1 = box
    share = max((x1 - x0) / width, (y1 - y0) / height) / FILLED
    share = max(share, min(1.0, side / LARGEST_SCALE / max(height, width)))
    if share > CLOSE:
        return None
    wide, high = max(1, round(share * width)), max(1, round(share * height))
    left = min(max(round((x0 + x1 - wide) / 2), 0), width - wide)
    top = min(max(round((y0 + y1 - high) / 2), 0), height - high)
    return left, top, left + wide, top + high


def together(
    picture: np.ndarray,
    masks: Sequence[MaskWindow | np.ndarray],
    visible: Sequence[MaskWindow | np.ndarray],
    names: Sequence[str],
    side: int = 1024,
    order: Sequence[int] | None = None,
) -> np.ndarray:
    """All chosen masks in one picture, each in the colour of its rank and with its name: (h, w, 3) uint8.

    masks, visible: (H, W) bool each, whole objects and what of them is seen. order: the numbers of the masks from back
    to front, in which they are drawn; None draws them as they come.
    """
    drawn = np.ascontiguousarray(fitted_to(np.asarray(picture, dtype=np.uint8), side, smooth=True))
    rows, columns = drawn.shape[:2]
    corners = []
    for number in range(len(masks)) if order is None else order:
        whole = _cover(masks[number], columns, rows)
        _paint(drawn, whole, np.minimum(_cover(visible[number], columns, rows), whole), rank_colour(number))
        inside = np.argwhere(whole >= min(0.5, float(whole.max(initial=0)))) if whole.any() else np.zeros((1, 2), int)
        corners.append((number, *inside.min(axis=0).tolist()))
    return _named(drawn, [(names[number], rank_colour(number), x, y) for number, y, x in corners])


def _cover(mask: MaskWindow | np.ndarray, columns: int, rows: int, part: IntBox | None = None) -> np.ndarray:
    """Share of each drawn pixel that the mask covers, (rows, columns) float32 in [0, 1]; ``part``: of the picture."""
    window = window_of(mask)
    x0, y0, x1, y1 = part = part or (0, 0, window.width, window.height)
    if columns < x1 - x0:
        return window.cover(rows, columns, part)
    full = window.crop(x0, y0, x1, y1).view(np.uint8) * np.uint8(255)
    return cv2.resize(full, (columns, rows), interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255


def _paint(drawn: np.ndarray, whole: np.ndarray, seen: np.ndarray, colour: Colour) -> None:
    """Tint a mask and draw its edge, in place. whole, seen: (h, w) shares of each pixel."""
    box = mask_box(whole > 0)
    if box is None:
        return
    x0, y0, x1, y1 = (int(edge) for edge in box)
    part, weight = drawn[y0:y1, x0:x1], HIDDEN * whole[y0:y1, x0:x1]
    weight += (SEEN - HIDDEN) * seen[y0:y1, x0:x1]
    part[:] = np.rint(part + (np.array(colour, dtype=np.float32) - part) * weight[..., None])
    # A mask thinner than a drawn pixel still gets its outline.
    _line(drawn, whole >= min(0.5, float(whole.max())), colour)


def _line(drawn: np.ndarray, region: np.ndarray, colour: Colour) -> None:
    """The region's edge in place: a line of colour inside it, and a dark pixel outside. None along the border."""
    box = mask_box(region)
    if box is None:
        return
    x0, y0 = max(0, int(box[0]) - 1), max(0, int(box[1]) - 1)
    near = slice(y0, int(box[3]) + 1), slice(x0, int(box[2]) + 1)
    thick = max(1, round(max(region.shape) / LINE))
    inside, part = region[near].astype(np.uint8), drawn[near]
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    rim = cv2.dilate(inside, cross) > inside
    part[rim] = (part[rim] * SHADE).astype(np.uint8)
    part[inside > cv2.erode(inside, cross, iterations=thick)] = colour


def _inset(drawn: np.ndarray, little: np.ndarray, cover: np.ndarray) -> None:
    """Put a small picture, with a white frame, into the corner where it hides least of the mask, in place."""
    framed = cv2.copyMakeBorder(little, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=PAPER)
    high, wide = min(framed.shape[0], drawn.shape[0]), min(framed.shape[1], drawn.shape[1])
    rows, columns = drawn.shape[:2]
    corners = [(y, x) for y in (0, rows - high) for x in (0, columns - wide)]
    y, x = min(corners, key=lambda at: int(cover[at[0] : at[0] + high, at[1] : at[1] + wide].sum()))
    drawn[y : y + high, x : x + wide] = framed[:high, :wide]


def _named(drawn: np.ndarray, tags: Sequence[tuple[str, Colour, int, int]]) -> np.ndarray:
    """A picture with names beside places: (text, colour, x, y of the object's upper left) each, none over another."""
    image = Image.fromarray(drawn)
    draw, size = ImageDraw.Draw(image), max(11, round(max(drawn.shape) / 64))
    font = ImageFont.load_default(size)
    high, taken = size + size // 2, list[IntBox]()
    for text, colour, x, y in tags:
        text = cut_text(" ".join(text.split()), draw, font, drawn.shape[1] // 2)
        wide = round(draw.textlength(text, font)) + size
        x = min(max(x, 0), max(0, drawn.shape[1] - wide))
        rows = sorted(range(0, max(1, drawn.shape[0] - high), 2), key=lambda row: abs(row - (y - high)))
        free = (row for row in rows if not any(_meet((x, row, x + wide, row + high), other) for other in taken))
        at = (x, row := next(free, max(0, y - high)), x + wide, row + high)
        taken.append(at)
        dark = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] < 128
        draw.rectangle((at[0], at[1], at[2] - 1, at[3] - 1), colour)
        draw.text((x + size // 2, row + high // 2), text, PAPER if dark else INK, font, anchor="lm")
    return np.asarray(image)


def _meet(a: IntBox, b: IntBox) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
