"""Cityscapes' fine annotations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from set_writers import BUS, CAR, cityscapes, filled, save

from smartmask.data.discover import discover
from smartmask.data.record import Record
from smartmask.data.registry import read


def only(path: Path, **options: Any) -> Record:
    (record,) = read("cityscapes", path, **options)
    return record


def test_instances_in_the_order_in_which_they_were_drawn(tmp_path: Path) -> None:
    root = cityscapes(tmp_path)
    assert discover(root) == [("cityscapes", root)]
    record = only(root, load_photos=True)
    assert [(layer.name, layer.thing) for layer in record.scene.layers] == [
        ("road", False), ("bus", True), ("car", True), ("traffic sign", True), ("traffic sign", True),
    ]  # fmt: skip
    np.testing.assert_array_equal(record.scene.layers[1].mask, filled(BUS) & ~filled(CAR))
    assert (record.key, record.name, record.modal, record.ordered) == ("aachen", "aachen_000003_000019", True, True)
    assert record.image == root / "leftImg8bit/train/aachen/aachen_000003_000019_leftImg8bit.png"


def test_groups_and_the_own_car_are_unlabeled(tmp_path: Path) -> None:
    top = only(cityscapes(tmp_path)).scene.top()
    assert (top[:4, :6] == -1).all()
    assert (top[29:] == -1).all()


def test_without_polygons_there_is_no_order(tmp_path: Path) -> None:
    root = cityscapes(tmp_path)
    (root / "gtFine/train/aachen/aachen_000003_000019_gtFine_polygons.json").unlink()
    record = only(root)
    assert not record.ordered
    assert record.scene.layers[0].name == "road", "stuff first"


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ([{"label": "unicorn", "polygon": []}], "has the label 'unicorn', which is none of Cityscapes"),
        ([{"label": 5, "polygon": []}], "has the label 5, which is none of Cityscapes"),
        ([{"polygon": []}], "an object has no 'label'"),
        ([3], "'objects' is not a list of objects"),
    ],
)
def test_bad_polygons(tmp_path: Path, objects: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        only(cityscapes(tmp_path, objects))


def test_bad_maps(tmp_path: Path) -> None:
    root = cityscapes(tmp_path)
    file = root / "gtFine/train/aachen/aachen_000003_000019_gtFine_instanceIds.png"
    save(file, np.full((32, 48), 99, np.uint16))
    with pytest.raises(ValueError, match="has the id 99, which is no label of Cityscapes"):
        only(root)
    save(file, np.full((32, 40), 7, np.uint16))
    with pytest.raises(ValueError, match="is of a picture of 48x32, but its map is 40x32"):
        only(root)
    with pytest.raises(ValueError, match="holds no Cityscapes maps"):
        only(root / "leftImg8bit")
