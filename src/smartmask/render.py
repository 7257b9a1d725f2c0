"""Pictures of layouts for people: coloured scenes and contact sheets. Nothing here feeds a model."""

from __future__ import annotations

import colorsys
import hashlib
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from smartmask.guidance import Guide
from smartmask.scene import Scene

UNLABELED_COLOUR = (40, 40, 40)
PAPER = (255, 255, 255)
INK = (20, 20, 20)
# What fills the ground and back of pictures gets a colour near its own, pale, so that a layout reads at a glance.
NATURAL: dict[str, tuple[int, int, int]] = {
    "sky": (176, 211, 240), "cloud": (225, 232, 240), "sea": (92, 150, 196), "water": (112, 166, 206),
    "river": (112, 166, 206), "grass": (142, 186, 102), "tree": (86, 138, 82), "sand": (232, 214, 168),
    "snow": (236, 242, 247), "dirt": (171, 137, 104), "mountain": (150, 152, 148), "rock": (140, 132, 124),
    "gravel": (176, 168, 158), "road": (122, 124, 130), "pavement": (190, 186, 180), "platform": (196, 188, 176),
    "railroad": (148, 134, 122), "playingfield": (110, 170, 92), "building": (198, 164, 140), "house": (206, 172, 146),
    "fence": (176, 146, 108), "wall": (226, 216, 202), "ceiling": (242, 240, 234), "floor": (198, 162, 122),
    "floor-wood": (186, 144, 102), "window": (190, 222, 232), "cabinet": (170, 128, 92), "shelf": (180, 140, 104),
    "bridge": (164, 156, 148), "wall-tile": (214, 226, 226), "wall-brick": (188, 120, 100),
    "wall-wood": (190, 152, 112), "wall-stone": (176, 170, 160),
}  # fmt: skip
CAPTION_HEIGHT = 14  # pixels a line of PIL's default font takes
_MARGIN = 4


def name_colour(name: str) -> tuple[int, int, int]:
    """RGB in 0..255, the same for a name in every scene, run and machine."""
    name = name.strip().lower()
    plain = name.removesuffix("-merged").removesuffix("-other")
    if plain in NATURAL:
        return NATURAL[plain]
    digest = hashlib.sha1(name.encode()).digest()
    hue = int.from_bytes(digest[:2], "big") / 65536
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.45 + digest[2] / 255 * 0.45, 0.6 + digest[3] / 255 * 0.4)
    return round(red * 255), round(green * 255), round(blue * 255)


def scene_colours(scene: Scene) -> np.ndarray:
    """``(H, W, 3)`` uint8 RGB of what is visible: one colour a name, thin dark outlines between layers."""
    palette = np.array([UNLABELED_COLOUR, *(name_colour(layer.name) for layer in scene.layers)], dtype=np.uint8)
    top = scene.top()
    picture = np.empty((*top.shape, 3), dtype=np.uint8)
    for rows, indices in zip(picture, top, strict=True):  # not at once, which takes 64-bit indices of the whole scene
        rows[:] = palette[indices + 1]
    edge = np.zeros(top.shape, dtype=bool)
    edge[:, 1:] |= top[:, 1:] != top[:, :-1]
    edge[1:] |= top[1:] != top[:-1]
    picture[edge] = picture[edge] // 3
    return picture


def contact_sheet(
    tiles: Sequence[np.ndarray], captions: Sequence[str] = (), columns: int = 6, tile: int = 192
) -> np.ndarray:
    """``(H, W, 3)`` uint8 RGB sheet of pictures in rows of ``columns``, each with its caption below.

    tiles: (h, w, 3) uint8 pictures of any sizes; each is fitted into ``tile`` x ``tile`` pixels.
    captions: one text a tile, line breaks allowed, cut at the tile's width; empty for none.
    Raises ValueError without tiles, or if the counts differ.
    """
    if not len(tiles):
        raise ValueError("A contact sheet needs at least one picture.")
    if len(captions) and len(captions) != len(tiles):
        raise ValueError(f"There are {len(tiles)} pictures but {len(captions)} captions; give one for each, or none.")
    if columns < 1 or tile < 8:
        raise ValueError(f"A contact sheet of {columns} columns and {tile}-pixel tiles is too small to show anything.")
    columns = min(columns, len(tiles))
    lines = max((len(text.split("\n")) for text in captions), default=0)
    step_x, step_y = tile + 2 * _MARGIN, tile + 2 * _MARGIN + lines * CAPTION_HEIGHT
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * step_x, rows * step_y), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default()
    for index, picture in enumerate(tiles):
        x, y = index % columns * step_x + _MARGIN, index // columns * step_y + _MARGIN
        fitted = _fit(np.asarray(picture, dtype=np.uint8), tile)
        sheet.paste(Image.fromarray(fitted), (x + (tile - fitted.shape[1]) // 2, y + (tile - fitted.shape[0]) // 2))
        for row, line in enumerate(captions[index].split("\n") if len(captions) else ()):
            draw.text((x, y + tile + row * CAPTION_HEIGHT), _cut(line, draw, font, tile), INK, font)
    return np.asarray(sheet)


def _fit(picture: np.ndarray, tile: int) -> np.ndarray:
    """The picture scaled so that its longer side is ``tile``; outlines stay thin, colours stay pure when enlarged."""
    height, width = picture.shape[:2]
    factor = tile / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_NEAREST
    return cv2.resize(picture, size, interpolation=how)


def _cut(text: str, draw: ImageDraw.ImageDraw, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int) -> str:
    """The text, shortened with an ellipsis until it is at most ``width`` pixels wide."""
    if draw.textlength(text, font) <= width:
        return text
    while text and draw.textlength(text + "...", font) > width:
        text = text[:-1]
    return text + "..."


def rank_colour(index: int) -> tuple[int, int, int]:
    """RGB in 0..255 for the mask of this rank; neighbours in rank differ strongly in hue."""
    red, green, blue = colorsys.hsv_to_rgb((0.92 + index * 0.618034) % 1.0, 0.85, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)


def overlay(
    picture: np.ndarray,
    mask: np.ndarray | None = None,
    visible: np.ndarray | None = None,
    guides: Sequence[Guide] = (),
    colour: tuple[int, int, int] = (255, 40, 130),
    side: int = 256,
) -> np.ndarray:
    """The picture scaled to a longer side of ``side``, with a mask and guides drawn over it: (h, w, 3) uint8.

    picture: (H, W, 3) uint8 RGB.  mask: (H, W) bool, amodal: tinted and outlined.  visible: (H, W)
    bool; what of the mask is not visible gets a fainter tint (None: all visible).  guides: their
    half-height contour, yellow on black. Drawing after scaling keeps lines one pixel wide.
    """
    height, width = picture.shape[:2]
    drawn = np.ascontiguousarray(_fit(np.asarray(picture, dtype=np.uint8), side))
    rows, columns = drawn.shape[:2]
    if mask is not None and mask.any():
        whole = _cover(mask, columns, rows)
        seen = whole if visible is None else _cover(visible, columns, rows)
        weight = (0.2 * whole + 0.3 * np.minimum(seen, whole))[..., None]
        drawn = np.round(drawn * (1 - weight) + np.array(colour) * weight).astype(np.uint8)
        # A mask thinner than a drawn pixel still gets its outline.
        _outline(drawn, whole >= min(0.5, float(whole.max())), colour)
    if guides:
        x, y = np.meshgrid((np.arange(columns) + 0.5) * width / columns, (np.arange(rows) + 0.5) * height / rows)
        for guide in guides:
            _outline(drawn, guide.sample(x, y, height, width) >= 0.5, (255, 230, 0))
    return drawn


def _cover(mask: np.ndarray, columns: int, rows: int) -> np.ndarray:
    """Share of each drawn pixel that the mask covers, (rows, columns) float32 in [0, 1]."""
    how = cv2.INTER_AREA if columns < mask.shape[1] else cv2.INTER_NEAREST
    return cv2.resize(mask.astype(np.float32), (columns, rows), interpolation=how)


def _outline(picture: np.ndarray, region: np.ndarray, colour: tuple[int, int, int]) -> None:
    """Draw the region's outline into the picture: one pixel of colour on a dark rim, in place."""
    contours, _ = cv2.findContours(region.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, contours, -1, (0, 0, 0), 3)
    cv2.drawContours(picture, contours, -1, colour, 1)
