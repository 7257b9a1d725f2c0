"""One reader for every set of named outlines, and the scenes among them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smartmask.data.discover import discover
from smartmask.data.outlines import SETS, read_pictures
from smartmask.data.registry import read
from smartmask.geometry import polygons_to_mask, rle_encode
from smartmask.scene.coco import crop_of
from smartmask.scene.outlines import Picture
from tests.data.outline_sets import H, W, box, write_objects, write_voc


def whole(picture: Picture, index: int) -> np.ndarray:
    """The outline pasted back into its picture."""
    outline = picture.outlines[index]
    x0, y0, x1, y1 = outline.box
    mask = np.zeros((picture.height, picture.width), dtype=bool)
    mask[y0:y1, x0:x1] = outline.mask
    return mask


def test_polygons_and_run_lengths_of_one_set(tmp_path: Path) -> None:
    polygon = [10.3, 20.2, 60.7, 25.1, 40.0, 90.9, 12.0, 70.0]
    disc = np.hypot(*np.mgrid[-60:60, -80:80]) < 30
    things = [("a", "sofa", [polygon]), ("a", "plastic film", [box(100, 10, 150, 60)]), ("b", "dog", rle_encode(disc))]
    write_objects(tmp_path, "furniture", things)
    first, second = read_pictures(tmp_path, ("furniture",))
    assert [(o.name, o.label, o.number) for o in first.outlines] == [("couch", "sofa", 0), (None, "plastic film", 1)]
    assert (first.set, first.source, first.height, first.width, first.size_known) == ("furniture", "a", H, W, True)
    expected = polygons_to_mask([np.array(polygon).reshape(-1, 2)], H, W)
    np.testing.assert_array_equal(whole(first, 0), expected)
    np.testing.assert_array_equal(whole(second, 0), disc)


@pytest.mark.parametrize("shift", [-40, 0, 90])
def test_crops_equal_the_mask_of_the_whole_picture(shift: int) -> None:
    polygon = [20.0 + shift, 15.5, 70.2 + shift, 18.0, 66.0 + shift, 110.4, 30.0 + shift, 100.0]
    found = crop_of([polygon], H, W, Path("x.json"), "a thing")
    expected = polygons_to_mask([np.array(polygon).reshape(-1, 2)], H, W)
    assert found is not None
    mask, (x0, y0, x1, y1) = found
    pasted = np.zeros((H, W), dtype=bool)
    pasted[y0:y1, x0:x1] = mask
    np.testing.assert_array_equal(pasted, expected)


def test_renders_have_views_and_no_border(tmp_path: Path) -> None:
    things = [("pack/Cow", "cow", [box(0, 0, W, H)])]
    write_objects(tmp_path, "quaternius", things, azimuth=90, elevation=8)
    (picture,) = read_pictures(tmp_path, ("quaternius",))
    assert picture.outlines[0].view == (90.0, 8.0)
    assert not picture.size_known
    assert SETS[picture.set].kind == "model"


def test_voc_components_in_a_fixed_order(tmp_path: Path) -> None:
    labels = np.zeros((H, W), np.uint8)
    labels[40:80, 100:140] = 12
    labels[10:50, 10:40] = 12
    labels[60:110, 20:60] = 8
    labels[58:60, 20:60] = 255
    write_voc(tmp_path, "2007_000001", labels)
    (picture,) = read_pictures(tmp_path, ("voc",))
    assert [(o.name, o.box) for o in picture.outlines] == [
        ("cat", (20, 60, 60, 110)),
        ("dog", (10, 10, 40, 50)),
        ("dog", (100, 40, 140, 80)),
    ]
    assert picture.void is not None
    assert picture.void.sum() == 80


def test_a_coco_photograph_counts_once(tmp_path: Path) -> None:
    (tmp_path / "coco").mkdir()
    write_objects(tmp_path, "coco_more", [("61", "dog", [box(5, 5, 50, 50)]), ("62", "cat", [box(5, 5, 50, 50)])])
    text = (tmp_path / "objects" / "coco_more.json").read_text(encoding="utf-8")
    text = text.replace('"id": 1, "file_name"', '"id": 61, "file_name"').replace('"image_id": 1,', '"image_id": 61,')
    text = text.replace('"source": "61"', '"licence": 1').replace('"source": "62"', '"source": "63"')
    (tmp_path / "coco" / "instances.json").write_text(text, encoding="utf-8")
    assert [(p.set, p.source) for p in read_pictures(tmp_path, ("coco", "coco_more"))] == [
        ("coco", "61"),
        ("coco", "63"),
        ("coco_more", "62"),
    ]


def test_what_is_no_set_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no outline set"):
        list(read_pictures(tmp_path))
    write_objects(tmp_path, "cats", [("a", "cat", [box(5, 5, 50, 50)])])
    with pytest.raises(ValueError, match="no outline set 'dogs'"):
        list(read_pictures(tmp_path, ("dogs",)))
    broken = tmp_path / "objects" / "cats.json"
    broken.write_text(broken.read_text(encoding="utf-8").replace('"category_id": 1', '"category_id": 7'))
    with pytest.raises(ValueError, match=r"cats\.json.*category"):
        list(read_pictures(tmp_path))


def test_frames_of_one_source_number_their_outlines_on(tmp_path: Path) -> None:
    write_objects(tmp_path, "davis", [("bear", "bear", [box(5, 5, 50, 50)]), ("bear", "bear", [box(9, 5, 54, 50)])])
    file = tmp_path / "objects" / "davis.json"
    text = file.read_text(encoding="utf-8").replace('"image_id": 1, "category_id": 1, "iscrowd": 0, "seg', "@", 1)
    text = text.replace('"image_id": 1,', '"image_id": 2,').replace(
        "@", '"image_id": 1, "category_id": 1, "iscrowd": 0, "seg'
    )
    image = '{"id": 1, "file_name": "bear.jpg", "height": 120, "width": 160, "source": "bear"}'
    file.write_text(text.replace(image, image + ", " + image.replace('"id": 1', '"id": 2')), encoding="utf-8")
    pictures = list(read_pictures(tmp_path, ("davis",)))
    assert [(p.source, [o.number for o in p.outlines]) for p in pictures] == [("bear", [0]), ("bear", [1])]


def test_what_the_project_drew_comes_last(tmp_path: Path) -> None:
    write_objects(tmp_path, "cats", [("a", "cat", [box(5, 5, 50, 50)])])
    pictures = list(read_pictures(tmp_path))
    assert [p.set for p in pictures[:2]] == ["cats", "smartmask"]
    drawn = {o.name for p in pictures for o in p.outlines if p.set == "smartmask"}
    assert drawn == {"hair drier"}


def test_scenes_among_the_sets(tmp_path: Path) -> None:
    things = [
        ("street", "window", [box(30, 30, 50, 60)]),
        ("street", "facade", [box(10, 5, 120, 100)]),
        ("street", "vegetation", [box(120, 60, 155, 110)]),
    ]
    write_objects(tmp_path, "facades", things)
    write_objects(tmp_path, "coco_more", [("785", "person", [box(10, 10, 40, 100)])], {"complete": True})
    write_objects(tmp_path, "small_plants", [("x", "plant", [box(10, 10, 40, 100)])], {"size_unknown": True})
    write_objects(tmp_path, "horses", [("horse001", "horse", [box(10, 10, 40, 100)])])
    assert discover(tmp_path) == [("objects", tmp_path / "objects")]
    person, street = read("objects", tmp_path / "objects")
    assert (person.key, person.source, person.name) == ("785", "coco_instances", "000000000785")
    assert (street.key, street.source) == ("street", "facades")
    assert [layer.name for layer in street.scene.layers] == ["building", "tree", "window"]
    assert [layer.thing for layer in street.scene.layers] == [False, False, False]
    assert street.scene.layers[2].mask.sum() == 20 * 30


def test_scenes_of_huge_photographs_are_small(tmp_path: Path) -> None:
    huge = {"width": 4000, "height": 3000}
    write_objects(tmp_path, "taco", [("1", "drink can", [box(1000, 900, 2000, 2400)])], huge)
    (record,) = read("objects", tmp_path / "objects")
    assert (record.scene.height, record.scene.width) == (768, 1024)
    assert record.scene.layers[0].mask.sum() == pytest.approx(256 * 384, rel=0.02)


def test_every_set_at_hand_is_in_the_table(data_root: Path) -> None:
    files = {file.stem for file in (data_root / "objects").glob("*.json")}
    if not files:
        pytest.skip(f"no objects/ in {data_root}")
    assert files <= set(SETS)
