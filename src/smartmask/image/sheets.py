"""Contact sheets for people: pictures in rows, each with its caption."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

PAPER = (255, 255, 255)
INK = (20, 20, 20)
MARGIN = 4  # pixels round each tile


def contact_sheet(
    tiles: Sequence[np.ndarray], captions: Sequence[str] = (), columns: int = 6, tile: int = 192
) -> np.ndarray:
    """``(H, W, 3)`` uint8 RGB sheet of pictures in rows of ``columns``, each with its caption below.

    tiles: (h, w, 3) uint8 pictures of any sizes; each is scaled to a longer side of ``tile``
        pixels. Rows and columns are as high and wide as the largest of them.
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
    fitted = [fitted_to(np.asarray(picture, dtype=np.uint8), tile) for picture in tiles]
    wide, high = max(one.shape[1] for one in fitted), max(one.shape[0] for one in fitted)
    wide = max(wide, tile // 2)  # captions want room
    size = max(10, tile // 28)
    line_height = round(1.4 * size)
    step_x, step_y = wide + 2 * MARGIN, high + 2 * MARGIN + lines * line_height
    rows = -(-len(tiles) // columns)
    sheet = Image.new("RGB", (columns * step_x, rows * step_y), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size)
    for index, picture in enumerate(fitted):
        x, y = index % columns * step_x + MARGIN, index // columns * step_y + MARGIN
        sheet.paste(Image.fromarray(picture), (x + (wide - picture.shape[1]) // 2, y + (high - picture.shape[0]) // 2))
        for row, line in enumerate(captions[index].split("\n") if len(captions) else ()):
            draw.text((x, y + high + row * line_height), cut_text(line, draw, font, wide), INK, font)
    return np.asarray(sheet)


def stacked(parts: Sequence[np.ndarray]) -> np.ndarray:
    """``(H, W, 3)`` uint8 RGB: pictures one below the other, as wide as the widest, with margins round each."""
    width = max(part.shape[1] for part in parts) + 2 * MARGIN
    sheet = np.full((sum(part.shape[0] + 2 * MARGIN for part in parts), width, 3), PAPER, dtype=np.uint8)
    top = MARGIN
    for part in parts:
        sheet[top : top + part.shape[0], MARGIN : MARGIN + part.shape[1]] = part
        top += part.shape[0] + 2 * MARGIN
    return sheet


def fitted_to(picture: np.ndarray, tile: int, smooth: bool = False) -> np.ndarray:
    """The picture scaled so that its longer side is ``tile``; outlines stay thin, colours stay pure when enlarged.

    smooth: enlarged as photos are, without squares.
    """
    height, width = picture.shape[:2]
    factor = tile / max(height, width)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST
    return cv2.resize(picture, size, interpolation=how)


def cut_text(
    text: str, draw: ImageDraw.ImageDraw, font: ImageFont.ImageFont | ImageFont.FreeTypeFont, width: int
) -> str:
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
