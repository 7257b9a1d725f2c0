"""Sheets of masks: how large their tiles are, and what they hold."""

from __future__ import annotations

import numpy as np
import pytest
from fake_pipeline import FakePipeline

from smartmask import Scene
from smartmask.image.sheets import stacked
from smartmask.masks.records import mask_records
from smartmask.masks.sheets import LARGEST_TILE, SHEET_WIDTH, SMALLEST_TILE, grid_of, mask_sheet


@pytest.mark.parametrize(("height", "width"), [(384, 512), (640, 428), (3000, 4000), (100, 900), (900, 100)])
@pytest.mark.parametrize("count", [1, 2, 5, 9, 13, 33, 60])
def test_tiles_are_as_large_as_their_number_allows(count: int, height: int, width: int) -> None:
    columns, side = grid_of(count, height, width)
    assert 1 <= columns <= count
    assert SMALLEST_TILE / 2 <= side <= LARGEST_TILE
    assert columns * (side * width / max(height, width) + 8) <= SHEET_WIDTH + columns
    if count <= 5 and 0.5 < width / height < 2:
        assert side > SMALLEST_TILE


def test_fewer_masks_have_larger_tiles() -> None:
    sides = [grid_of(count, 384, 512)[1] for count in (2, 9, 17, 60)]
    assert sides == sorted(sides, reverse=True)
    assert sides[0] > 2 * sides[-1]


def test_a_sheet_of_a_scene_without_photo() -> None:
    """Also one of extreme shape, whose captions are wider than its pictures."""
    for height, width in ((48, 64), (90, 3), (3, 90)):
        scene = Scene.empty(height, width)
        output = FakePipeline()(scene, "dog", num_masks=3)
        sheet = mask_sheet(output, mask_records(output, scene), scene, ())
        assert sheet.dtype == np.uint8
        assert sheet.shape[1] <= SHEET_WIDTH


def test_pictures_one_below_the_other() -> None:
    sheet = stacked([np.zeros((10, 20, 3), np.uint8), np.full((5, 40, 3), 9, np.uint8)])
    assert sheet.shape == (31, 48, 3)
    assert (sheet[4:14, 4:24] == 0).all()
    assert (sheet[22:27, 4:44] == 9).all()
    assert (sheet[4:14, 24:] == 255).all()
