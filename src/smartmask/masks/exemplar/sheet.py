"""Sheets of remembered outlines for people: white on black, the set beneath each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smartmask.image.sheets import contact_sheet
from smartmask.masks.exemplar.memory import Memory
from smartmask.masks.exemplar.outline import Outline, draw, place

TILE = 160  # pixels a side of an outline's tile
COLUMNS = 8
ROOM = 0.04  # of the tile: the black round an outline


def tile_of(outline: Outline, side: int = TILE) -> np.ndarray:
    """``(side, side, 3)`` uint8: the outline in white, as large as it fits, on black."""
    room = side * (1 - 2 * ROOM)
    width, height = (room, room / outline.aspect) if outline.aspect >= 1 else (room * outline.aspect, room)
    x, y = (side - width) / 2, (side - height) / 2
    mask = draw(place(outline, (x, y, x + width, y + height)), side, side)
    return np.repeat((mask.astype(np.uint8) * 255)[..., None], 3, axis=2)


def outline_sheet(memory: Memory, rows: Sequence[int], columns: int = COLUMNS, tile: int = TILE) -> np.ndarray:
    """``(H, W, 3)`` uint8 contact sheet of some outlines, each with its set, and the sides at which it is cut.

    Raises ValueError for no rows.
    """
    captions = []
    for row in rows:
        known = memory.describe(row)
        captions.append(f"{known['set']}{', cut ' + known['cut'] if known['cut'] else ''}\n{known['source']}")
    return contact_sheet([tile_of(memory.outline(row), tile) for row in rows], captions, columns, tile)
