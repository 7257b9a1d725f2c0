from __future__ import annotations

import numpy as np
import pytest

from smartmask.export.pictures import UNLABELED_COLOUR, name_colour, scene_colours
from smartmask.image.sheets import contact_sheet
from smartmask.scene import Layer, Scene


def test_colours_are_stable_and_distinct() -> None:
    assert name_colour("dog") == name_colour(" Dog ")
    names = [f"name {i}" for i in range(200)]
    assert len({name_colour(name) for name in names}) > 190
    assert all(0 <= channel <= 255 for name in names for channel in name_colour(name))
    assert name_colour("grass-merged") == name_colour("grass") != name_colour("sky-other-merged")
    assert name_colour("dog") == (186, 96, 154)  # pinned: pictures of one layout look the same in every version


def test_scene_colours() -> None:
    left, right = np.zeros((10, 12), dtype=bool), np.zeros((10, 12), dtype=bool)
    left[:, :4], right[:, 4:8] = True, True
    picture = scene_colours(Scene(10, 12, (Layer("dog", left), Layer("dog", right))))
    assert picture.shape == (10, 12, 3)
    assert picture.dtype == np.uint8
    assert tuple(picture[5, 1]) == tuple(picture[5, 6]) == name_colour("dog")
    assert tuple(picture[5, 11]) == UNLABELED_COLOUR
    assert (picture[:, 4] < picture[:, 5]).all()  # a dark line between two of one name


def test_empty_scene_is_plain() -> None:
    assert (scene_colours(Scene.empty(4, 5)) == np.array(UNLABELED_COLOUR)).all()


def test_contact_sheet_places_tiles_in_rows() -> None:
    tiles = [np.full((20, 40, 3), 50 * (i + 1), dtype=np.uint8) for i in range(3)]
    sheet = contact_sheet(tiles, ["one", "two\nlines", "three"], columns=2, tile=64)
    assert sheet.dtype == np.uint8
    height, width = sheet.shape[:2]
    assert width == 2 * 72
    assert height % 2 == 0
    for index, value in enumerate((50, 100, 150)):
        x, y = index % 2 * 72 + 36, index // 2 * (height // 2) + 20  # rows are as high as the pictures
        assert tuple(sheet[y, x]) == (value,) * 3
    assert (sheet[height // 2 :, 72:] == 255).all()  # no fourth tile


def test_sheet_without_captions_and_with_long_ones() -> None:
    tile = np.zeros((9, 9, 3), dtype=np.uint8)
    assert contact_sheet([tile], tile=32).shape == (40, 40, 3)
    sheet = contact_sheet([tile], ["a very long caption indeed " * 9], tile=32)
    assert sheet.shape[1] == 40
    assert (sheet[:, -4:] == 255).all()  # nothing runs over the tile's edge


def test_bad_sheets() -> None:
    tile = np.zeros((9, 9, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match="at least one picture"):
        contact_sheet([], [])
    with pytest.raises(ValueError, match="2 pictures but 1 captions"):
        contact_sheet([tile, tile], ["a"])
    with pytest.raises(ValueError, match="0 columns"):
        contact_sheet([tile], columns=0)
