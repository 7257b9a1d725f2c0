"""Sheets of suggested masks to look at: as large as their number allows, small objects from near."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smartmask.export.overlays import INSET, close_up, overlay, together
from smartmask.export.pictures import scene_colours
from smartmask.geometry import MaskWindow
from smartmask.guides import Guide
from smartmask.image.sheets import MARGIN, contact_sheet, fitted_to, rank_colour, stacked
from smartmask.masks.model import MaskOutput
from smartmask.masks.records import MaskRecord
from smartmask.scene import Scene
from smartmask.scene.neighbours import said

SHEET_MASKS = 59  # masks on a sheet; with the layout 60 tiles
SHEET_WIDTH = 2000  # pixels, at most
SHEET_PIXELS = 1_400_000  # of all tiles, above which they get smaller: what a sheet may cost to write
LAYOUT_SIDE = 2048  # the longer side from which a layout is drawn from fewer pixels than it has
ROW = 5  # masks of each of several objects on their common sheet
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
    tiles = [overlay(scene_colours(scene, LAYOUT_SIDE), guides=guides, side=side, size=(scene.height, scene.width))]
    captions = [f"layout {scene.width}x{scene.height}\n{len(scene.layers)} layers"]
    picture = scene_colours(scene) if scene.photo is None else scene.photo
    tiles += _tiles(picture, output, records[:count], guides, [rank_colour(index) for index in range(count)], side)
    return contact_sheet(tiles, [*captions, *map(_caption, range(count), records)], columns, side)


def _tiles(
    picture: np.ndarray, output: MaskOutput, records: Sequence[MaskRecord], guides: Sequence[Guide],
    colours: Sequence[tuple[int, int, int]], side: int,
) -> list[np.ndarray]:  # fmt: skip
    small = fitted_to(picture, round(INSET * side))
    return [
        close_up(picture, output.windows[i], output.seen[i], record.box, guides, colour, side, small)
        for i, (record, colour) in enumerate(zip(records, colours, strict=True))
    ]


def _caption(index: int, record: MaskRecord) -> str:
    where = said(record.in_front_of, record.behind)
    return f"{index:02d}  score {record.score:.2f}  seed {record.seed}  order {record.order}\n{where}"


class ObjectsSheet:
    """One sheet of several objects: all best masks in one picture, and below a row of suggestions an object."""

    def __init__(self, scene: Scene, count: int) -> None:
        self.scene = scene
        self.picture_below = scene_colours(scene) if scene.photo is None else scene.photo
        self.side = min(LARGEST_TILE, grid_of(count * ROW, scene.height, scene.width)[1])
        self.names: list[str] = []
        self.best: list[tuple[MaskWindow, MaskWindow, int]] = []
        self.rows: list[np.ndarray] = []

    def add(self, name: str, output: MaskOutput, records: Sequence[MaskRecord], guides: Sequence[Guide]) -> None:
        """The next object: its name, and its masks, best first."""
        number, shown = len(self.names), records[:ROW]
        self.names.append(name)
        self.best.append((output.windows[0], output.seen[0], records[0].order))
        colours = [rank_colour(number)] * len(shown)
        tiles = _tiles(self.picture_below, output, shown, guides, colours, self.side)
        captions = [f"{name}  {_caption(index, record)}" for index, record in enumerate(shown)]
        self.rows.append(contact_sheet(tiles, captions, ROW, self.side))

    def picture(self) -> np.ndarray:
        """``(H, W, 3)`` uint8 RGB. Of masks that overlap, the one nearer the front lies over the other."""
        masks, visible, orders = zip(*self.best, strict=True)
        order = sorted(range(len(masks)), key=lambda number: orders[number])
        return stacked([together(self.picture_below, masks, visible, self.names, order=order), *self.rows])
