"""Open Images' segmentation tables and masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from set_writers import BUS, CAR, OPEN_ID, filled, open_images, photo, save

from smartmask.data.discover import discover
from smartmask.data.record import Record
from smartmask.data.registry import read


def only(path: Path, **options: Any) -> Record:
    (record,) = read("open_images", path, **options)
    return record


def test_masks_of_another_size_in_the_photographs_own(tmp_path: Path) -> None:
    root = open_images(tmp_path)
    assert discover(root) == [("open_images", root)]
    record = only(root, load_photos=True)
    assert (record.key, record.modal, record.ordered) == (OPEN_ID, True, False)
    assert [layer.name for layer in record.scene.layers] == ["bus", "car"], "from large to small"
    np.testing.assert_array_equal(record.scene.layers[0].mask, filled(BUS))
    np.testing.assert_array_equal(record.scene.layers[1].mask, filled(CAR))
    assert record.whole == (False, True), "what the boxes say of being occluded"
    assert record.image == root / f"train/{OPEN_ID}.jpg"


def test_without_the_photograph_the_masks_tell_the_size(tmp_path: Path) -> None:
    root = open_images(tmp_path)
    (root / f"train/{OPEN_ID}.jpg").unlink()
    (root / "oidv6-train-annotations-bbox.csv").unlink()
    record = only(root)
    assert (record.scene.height, record.scene.width, record.image) == (64, 96, None)
    assert record.whole == (None, None)


def test_masks_by_archive_and_names_of_older_versions(tmp_path: Path) -> None:
    root = open_images(tmp_path)
    (root / "masks").rename(root / "train-masks-0")
    (root / "oidv7-class-descriptions-boxable.csv").unlink()
    (root / "class-descriptions-boxable.csv").write_text("/m/0k4j,Car\n/m/01bjv,Bus\n")
    assert len(only(root).scene.layers) == 2


def test_a_mask_of_another_shape(tmp_path: Path) -> None:
    root = open_images(tmp_path)
    photo(root / f"train/{OPEN_ID}.jpg", 32, 32)
    with pytest.raises(ValueError, match=r"mask '0001\w+\.png' is 96x64, another shape than its image, 32x32"):
        only(root)


ROW = f"{OPEN_ID}_m0k4j_x.png,{OPEN_ID},/m/0k4j,x,0,1,0,1,0.9,"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": "a,b"}, "has no column 'MaskPath'; needed are MaskPath, ImageID"),
        ({"row": "only,three,columns"}, "has 3 columns in line 4, not 10; give the file as published"),
        ({"row": ROW}, r"_m0k4j_x\.png' does not exist"),
        ({"row": ROW.replace("/m/0k4j", "/m/none")}, "has the label '/m/none', which the class descriptions lack"),
        (
            {"row": ROW.replace(f"{OPEN_ID}_m0k4j_x.png", "../a.png")},
            r"names the mask '\.\./a\.png', which is no plain",
        ),
        ({"row": f"{OPEN_ID}_m0k4j_4a8f1d3c.png,{OPEN_ID},/m/0k4j,x,a,1,0,1,0.9,"}, "is not four numbers"),
    ],
)
def test_bad_tables(tmp_path: Path, options: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        only(open_images(tmp_path, **options))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_bad_descriptions(tmp_path: Path) -> None:
    root = open_images(tmp_path)
    (root / "oidv7-class-descriptions-boxable.csv").write_text("a,b,c\n")
    with pytest.raises(ValueError, match="have 3 columns in line 1, not 2"):
        only(root)
    (root / "oidv7-class-descriptions-boxable.csv").unlink()
    with pytest.raises(ValueError, match=r"holds no \*class-descriptions\*\.csv"):
        only(root)


def test_an_empty_mask_makes_no_layer(tmp_path: Path) -> None:
    root = open_images(tmp_path)
    save(root / "masks" / f"{OPEN_ID}_m0k4j_4a8f1d3c.png", np.zeros((64, 96), bool))
    assert [layer.name for layer in only(root).scene.layers] == ["bus"]
