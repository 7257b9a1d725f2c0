from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smartmask.data.registry import formats, read


def test_formats_are_known_and_described() -> None:
    known = formats()
    assert {"cocoa", "coco_instances", "coco_panoptic", "voc", "semantic", "shapes"} <= set(known)
    assert all(known.values())


def test_unknown_format_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no format 'mapillary'; known are ade20k, camvid") as caught:
        list(read("mapillary", tmp_path))
    assert "\n" not in str(caught.value)


def test_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere does not exist; give the folder or file of the voc data"):
        list(read("voc", tmp_path / "nowhere"))


def voc_with_a_bad_map(folder: Path) -> Path:
    """Three class maps, the middle one cut off."""
    for name in "abc":
        Image.fromarray(np.random.default_rng(0).integers(0, 3, (40, 50), dtype=np.uint8)).save(folder / f"{name}.png")
    whole = (folder / "b.png").read_bytes()
    (folder / "b.png").write_bytes(whole[: len(whole) // 2])
    return folder


def test_a_bad_picture_stops_reading(tmp_path: Path) -> None:
    records = read("voc", voc_with_a_bad_map(tmp_path))
    assert next(records).name == "a"
    with pytest.raises(ValueError, match=r"b\.png' is damaged"):
        next(records)


def test_on_error_leaves_only_the_bad_picture_out(tmp_path: Path) -> None:
    errors: list[ValueError] = []
    records = list(read("voc", voc_with_a_bad_map(tmp_path), on_error=errors.append))
    assert [r.name for r in records] == ["a", "c"]
    assert len(errors) == 1
    assert "b.png" in str(errors[0])


def voc_with_photo(folder: Path, width: int) -> Path:
    (folder / "SegmentationClass").mkdir()
    (folder / "JPEGImages").mkdir()
    Image.fromarray(np.full((40, 50), 3, dtype=np.uint8)).save(folder / "SegmentationClass" / "2007_000032.png")
    Image.fromarray(np.full((40, width, 3), 90, dtype=np.uint8)).save(folder / "JPEGImages" / "2007_000032.jpg")
    return folder


def test_photos_are_loaded_only_on_request(tmp_path: Path) -> None:
    folder = voc_with_photo(tmp_path, 50)
    (record,) = read("voc", folder)
    assert record.scene.photo is None
    assert record.image == folder / "JPEGImages" / "2007_000032.jpg"
    (record,) = read("voc", folder, load_photos=True)
    assert record.scene.photo is not None
    assert record.scene.photo.shape == (40, 50, 3)
    assert record.scene.photo.dtype == np.uint8


def test_photo_of_another_size_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"2007_000032\.jpg: The photo is 51x40, but the scene is 50x40"):
        list(read("voc", voc_with_photo(tmp_path, 51), load_photos=True))
