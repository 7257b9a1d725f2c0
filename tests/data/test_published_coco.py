"""COCO, LVIS, COCOA, COCOA-cls and KINS in the folders and files in which they are published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from set_writers import (
    BUS,
    CAR,
    H,
    W,
    coco,
    cocoa,
    cocoa_cls,
    cocoa_regions,
    filled,
    kins,
    kins_annotations,
    lvis,
    polygon,
)

from smartmask.data.discover import discover, read_all
from smartmask.data.pack import Pack, write_pack
from smartmask.data.readers.coco_instances import lvis_name
from smartmask.data.record import Record
from smartmask.data.registry import read


def only(format: str, path: Path, **options: Any) -> Record:
    (record,) = read(format, path, **options)
    return record


def names(record: Record) -> list[str]:
    return [layer.name for layer in record.scene.layers]


# --- COCO ------------------------------------------------------------------------------------------


def test_coco_as_published_both_splits_both_annotations(tmp_path: Path) -> None:
    root = coco(tmp_path)
    assert discover(root) == [("coco_panoptic", root), ("coco_instances", root)]
    panoptic = list(read("coco_panoptic", root, load_photos=True))
    assert [(r.key, names(r), r.captions) for r in panoptic] == [
        (key, ["sky-other-merged", "car"], ("A car under the sky.",)) for key in ("9", "139")
    ]
    assert [r.image for r in panoptic] == [
        root / "train2017/000000000009.jpg", root / "val2017/000000000139.jpg"
    ]  # fmt: skip
    instances = list(read("coco_instances", root))
    assert [(r.key, names(r)) for r in instances] == [("9", ["car"]), ("139", ["car"])], "crowds are no objects"


def test_a_picture_with_both_annotations_is_packed_once(tmp_path: Path) -> None:
    report = write_pack(read_all(discover(coco(tmp_path))), tmp_path / "p.parquet")
    assert (report.scenes, report.doubles) == ({"coco_panoptic": 2}, 2)
    assert sorted(r.key for r in Pack(tmp_path / "p.parquet")) == ["139", "9"]


# --- LVIS ------------------------------------------------------------------------------------------


def test_lvis(tmp_path: Path) -> None:
    root = lvis(tmp_path)
    assert discover(root) == [("lvis", root)]
    record = only("lvis", root, load_photos=True)
    assert (record.key, record.source, names(record)) == ("9", "lvis", ["car", "bow"])
    np.testing.assert_array_equal(record.scene.layers[0].mask, filled(CAR))
    assert (record.absent, record.incomplete) == (("aerosol can",), ("car",))
    assert record.image == root / "train2017/000000000009.jpg"


def test_lvis_beside_coco_shares_its_keys_and_pictures(tmp_path: Path) -> None:
    root = coco(tmp_path)
    (lvis(tmp_path / "l") / "lvis_v1_train.json").rename(root / "annotations/lvis_v1_train.json")
    assert ("lvis", root) in discover(root)
    assert only("lvis", root).image == root / "train2017/000000000009.jpg"


@pytest.mark.parametrize(
    ("name", "clean"), [("bow_(decorative_ribbons)", "bow"), ("cat", "cat"), ("(x)", "(x)"), ("a_b", "a b")]
)
def test_lvis_names(name: str, clean: str) -> None:
    assert lvis_name(name) == clean


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": {"neg_category_ids": [99]}}, "'neg_category_ids' of image 9 holds 99, which the categories do not"),
        ({"image": {"not_exhaustive_category_ids": "x"}}, "is no list of category ids"),
        ({"image": {"coco_url": "http://example.org/a.jpg"}}, "holds no COCO image id"),
        ({"categories": []}, "annotation 1 of image 9 has category 3, which the categories do not list"),
        ({"annotations": [{"id": 1, "image_id": 9, "category_id": 3}]}, "has no 'segmentation'"),
        ({"annotations": [{"id": 1, "image_id": 2**70, "category_id": 3}]}, "too large|beyond 64 bits"),
    ],
)
def test_bad_lvis(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        only("lvis", lvis(tmp_path, **change))
    assert "\n" not in str(caught.value)


# --- COCOA -----------------------------------------------------------------------------------------


def test_cocoa_as_published(tmp_path: Path) -> None:
    root = cocoa(tmp_path)
    assert discover(root) == [("cocoa", root)]
    record = only("cocoa", root, load_photos=True)
    assert (record.key, record.modal, record.ordered) == ("9", False, True)
    assert names(record) == ["road", "bus", "car"]
    assert [layer.thing for layer in record.scene.layers] == [False, True, True]
    assert record.whole == (False, False, True)
    np.testing.assert_array_equal(record.scene.layers[1].mask, filled(BUS))
    assert record.image == root / "train2014/COCO_train2014_000000000009.jpg"


def test_cocoa_depth_constraint_decides_over_the_orders(tmp_path: Path) -> None:
    regions = cocoa_regions()
    regions[0]["order"], regions[1]["order"] = 2, 1  # the bus would be in front, and contradict what is seen
    with pytest.raises(ValueError, match="visible mask of 'bus' contradicts the orders"):
        only("cocoa", cocoa(tmp_path / "a", regions=regions, depth_constraint=""))
    record = only("cocoa", cocoa(tmp_path / "b", regions=regions, depth_constraint="2-1,1-3,2-3"))
    assert names(record) == ["road", "bus", "car"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("1-9", "depth_constraint of image 9 names region 9, which is not there"),
        ("1-2-3", r"depth_constraint of image 9 is '1-2-3'; it must be as '1-3,2-3'"),
        ("front", "it must be as '1-3,2-3'"),
        ([1, 2], "it must be as '1-3,2-3'"),
    ],
)
def test_bad_depth_constraints(tmp_path: Path, given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        only("cocoa", cocoa(tmp_path, depth_constraint=given))


def test_cocoa_broken_run_lengths(tmp_path: Path) -> None:
    regions = cocoa_regions()
    regions[1]["visible_mask"]["counts"] = "!!"
    with pytest.raises(ValueError, match="the RLE of the visible mask of region 1 of image 9 is broken"):
        only("cocoa", cocoa(tmp_path, regions=regions))


def test_cocoa_cls(tmp_path: Path) -> None:
    root = cocoa_cls(tmp_path / "cocoa_cls")
    assert discover(tmp_path) == [("cocoa_cls", root)]
    record = only("cocoa_cls", root)
    assert (record.key, names(record), record.whole) == ("9", ["bus", "car"], (False, True))
    np.testing.assert_array_equal(record.scene.visible(0), filled(BUS) & ~filled(CAR))


# --- KINS ------------------------------------------------------------------------------------------


def test_kins(tmp_path: Path) -> None:
    root = kins(tmp_path)
    assert discover(root) == [("kins", root)]
    record = only("kins", root, load_photos=True)
    assert (record.modal, record.ordered, record.key) == (False, True, "kitti_training_000007")
    assert names(record).index("misc") < names(record).index("car"), "what is hidden lies behind"
    np.testing.assert_array_equal(record.scene.layers[names(record).index("misc")].mask, filled(BUS))
    assert dict(zip(names(record), record.whole, strict=True)) == {"misc": False, "car": True, "cyclist": False}
    assert record.image == root / "training/image_2/000007.png"


def test_kins_by_drive_where_kitti_tells_it(tmp_path: Path) -> None:
    assert only("kins", kins(tmp_path, mapped=True)).key == "2011_09_26_drive_0009_sync"
    second = tmp_path / "again"
    kins(second, mapped=True)
    (second / "mapping/train_rand.txt").write_text("1,2,77")
    with pytest.raises(ValueError, match=r"names line '77', which train_mapping\.txt lacks"):
        only("kins", second)


def test_kins_test_frames_are_not_those_of_training(tmp_path: Path) -> None:
    record = only("kins", kins(tmp_path, "update_test_2020.json", mapped=True))
    assert record.key == "kitti_testing_000007"


def test_kins_depth_by_counts_where_nothing_overlaps(tmp_path: Path) -> None:
    rows = kins_annotations()
    box = (31, 10, 40, 26)  # beside the car, as low as it
    rows[1] |= {"a_segm": [polygon(box)], "i_segm": [polygon(box)], "ico_id": 3}
    record = only("kins", kins(tmp_path, annotations=rows))
    assert names(record).index("misc") < names(record).index("car")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a_segm": None}, "annotation 0 of image 7 has no a_segm, the mask of the whole object"),
        ({"a_segm": {"size": [9, 9], "counts": "1"}}, r"has size \[9, 9\], but the image is \[32, 48\]"),
        ({"i_segm": {"size": [H, W], "counts": [W * H, 5]}}, "the RLE of i_segm of annotation 0 of image 7 is broken"),
        ({"category_id": 77}, "has category 77, which the categories do not list"),
        ({"ico_id": "near"}, "the 'ico_id' of annotation 0 of image 7 is 'near', not a whole number"),
        ({"a_segm": [[1e9, 0, 1, 1, 2, 2]]}, "far outside its 48x32 image"),
    ],
)
def test_bad_kins(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    rows = kins_annotations()
    rows[0] |= change
    with pytest.raises(ValueError, match=message) as caught:
        only("kins", kins(tmp_path, annotations=rows))
    assert "\n" not in str(caught.value)


def test_crowds_are_left_out_and_a_missing_picture_is_none(tmp_path: Path) -> None:
    rows = kins_annotations()
    rows[0]["iscrowd"] = 1
    (kins(tmp_path, annotations=rows) / "training/image_2/000007.png").unlink()
    record = only("kins", tmp_path)
    assert "car" not in names(record)
    assert record.image is None


def test_a_broken_picture_leaves_the_others(tmp_path: Path) -> None:
    content = json.loads((kins(tmp_path) / "update_train_2020.json").read_text())
    content["images"].append({"id": 8, "file_name": "000008.png", "height": -1, "width": 3})
    (tmp_path / "update_train_2020.json").write_text(json.dumps(content))
    errors: list[ValueError] = []
    assert len(list(read("kins", tmp_path, on_error=errors.append))) == 1
    assert "image 8 is 3x-1 pixels" in str(errors[0])
