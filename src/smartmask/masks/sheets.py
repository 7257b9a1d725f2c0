"""Sheets of suggested masks to look at: as large as their number allows, small objects from near."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smartmask.export.overlays import INSET, close_up, overlay
from smartmask.export.pictures import scene_colours
from smartmask.guides import Guide
from smartmask.image.sheets import MARGIN, contact_sheet, fitted_to, rank_colour
from smartmask.masks.model import MaskOutput
from smartmask.masks.records import MaskRecord
from smartmask.scene import Scene
from smartmask.scene.neighbours import said

SHEET_MASKS = 59  # masks on a sheet; with the layout 60 tiles
SHEET_WIDTH = 2000  # pixels, at most
SHEET_PIXELS = 1_400_000  # of all tiles, above which they get smaller: what a sheet may cost to write
LARGEST_TILE, SMALLEST_TILE = 640, 256  # their longer side


def grid_of(count: int, height: int, width: int) -> tuple[int, int]:
    """``(columns, side)`` of a sheet of ``count`` pictures of height x width: the longer side of each, in pixels."""
    shape = width / max(height, width), height / max(height, width)
    columns = min(count, int(np.ceil(np.sqrt(count))))
    while True:
        side = min(LARGEST_TILE, int((SHEET_WIDTH // columns - 2 * MARGIN) / max(shape[0], 0.5)))
        if columns == count or side <= SMALLEST_TILE or count * side * side * shape[0] * shape[1] <= SHEET_PIXELS:
            return columns, side
        columns += 1


def mask_sheet(output: MaskOutput, records: Sequence[MaskRecord], scene: Scene, guides: Sequence[Guide]) -> np.ndarray:
    """``(H, W, 3)`` uint8 RGB: the layout, then the photo (or layout) with each mask, its score, seed and depth.

    records: of the output's masks. Shows the best SHEET_MASKS of them, small ones from near; guides are drawn on every
    tile.
    """
    count = min(len(records), SHEET_MASKS)
    columns, side = grid_of(count + 1, scene.height, scene.width)
    colours = scene_colours(scene)
    tiles = [overlay(colours, guides=guides, side=side)]
    captions = [f"layout {scene.width}x{scene.height}\n{len(scene.layers)} layers"]
    picture = colours if scene.photo is None else scene.photo
    small = fitted_to(picture, round(INSET * side))
    for index, record in enumerate(records[:count]):
        mask, visible = output.masks[index], output.visible[index]
        tiles.append(close_up(picture, mask, visible, record.box, guides, rank_colour(index), side, small))
        captions.append(
            f"{index:02d}  score {record.score:.2f}  seed {record.seed}  order {record.order}\n"
            f"{said(record.in_front_of, record.behind)}"
        )
    return contact_sheet(tiles, captions, columns, side)
