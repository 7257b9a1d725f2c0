"""ADE20K, full and as the scene parsing challenge has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from set_writers import ADE, ADE_STEM, BUS, CAR, ade20k, ade_object, filled, save, scene_parse150

from smartmask.data.discover import discover
from smartmask.data.record import Record
from smartmask.data.registry import read


def only(format: str, path: Path, **options: Any) -> Record:
    (record,) = read(format, path, **options)
    return record


@pytest.mark.parametrize("instances", [True, False])
def test_whole_objects_in_order_of_depth(tmp_path: Path, instances: bool) -> None:
    root = ade20k(tmp_path, instances)
    assert discover(root) == [("ade20k", root)]
    record = only("ade20k", root, load_photos=True)
    assert [(layer.name, layer.thing) for layer in record.scene.layers] == [
        ("sky", False),
        ("bus", True),
        ("car", True),
    ]
    np.testing.assert_array_equal(
        record.scene.layers[2].mask, filled(CAR) if instances else record.scene.layers[2].mask
    )
    np.testing.assert_array_equal(record.scene.visible(1), record.scene.layers[1].mask & ~record.scene.layers[2].mask)
    assert abs(int(record.scene.layers[1].mask.sum()) - int(filled(BUS).sum())) <= (0 if instances else 60)
    assert (record.key, record.modal, record.ordered) == (ADE_STEM, False, True)
    assert record.whole == (False, False, True), "the sky is cropped, the bus occluded"


def test_parts_belong_to_layers_through_parts(tmp_path: Path) -> None:
    record = only("ade20k", ade20k(tmp_path))
    assert [(p.name, p.level, record.scene.layers[p.layer].name) for p in record.parts] == [
        ("wheel", 1, "car"), ("rim", 2, "car"),
    ]  # fmt: skip
    np.testing.assert_array_equal(record.parts[0].window.dense(), filled((10, 20, 14, 26)))


def test_latin_1_and_parts_in_a_circle(tmp_path: Path) -> None:
    loop = {"hasparts": [], "ispartof": 3, "part_level": 1}
    objects = [
        ade_object(1, "Café, coffeehouse", 401, CAR),
        ade_object(3, "wheel", 2978, (10, 20, 14, 26), parts=loop),
    ]
    record = only("ade20k", ade20k(tmp_path, latin=True, object=objects))
    assert [layer.name for layer in record.scene.layers] == ["café"]
    assert record.parts == ()


def test_the_stack_shows_what_the_map_shows(tmp_path: Path) -> None:
    record = only("ade20k", ade20k(tmp_path))
    seg = np.asarray(Image.open(tmp_path / ADE / f"{ADE_STEM}_seg.png")).astype(int)
    classes = np.array([2420, 319, 401])[record.scene.top()]
    np.testing.assert_array_equal(classes, seg[..., 0] // 10 * 256 + seg[..., 1])


def test_bad_full_sets(tmp_path: Path) -> None:
    root = ade20k(tmp_path / "a")
    save(root / ADE / ADE_STEM / f"instance_001_{ADE_STEM}.png", np.zeros((5, 6), np.uint8))
    with pytest.raises(ValueError, match=r"instance_001_\w+\.png is 6x5, but its picture is 48x32"):
        only("ade20k", root)
    (root / ADE / f"{ADE_STEM}.json").unlink()
    with pytest.raises(ValueError, match=r"ADE_train_00016869\.json' does not exist"):
        only("ade20k", root)
    with pytest.raises(ValueError, match=r"holds no ADE20K maps"):
        only("ade20k", tmp_path / "a" / ADE / ADE_STEM)


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ([{"id": "x"}], "the 'id' of an object is 'x', not a whole number"),
        ([ade_object(9, "x", 1, CAR, polygon={"x": [1, 2], "y": [1]})], "the polygon of object 9 is no list of points"),
        ([ade_object(9, "x", 1, CAR, polygon={"x": [1e30, 2, 3], "y": [1, 2, 3]})], "polygon of object 9"),
        ([ade_object(9, "x", 1, CAR, parts=3)], "object 9 is a int|the parts of object 9"),
        (5, "'object' is not a list of objects"),
    ],
)
def test_bad_annotations(tmp_path: Path, objects: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        only("ade20k", ade20k(tmp_path, object=objects))
    assert "\n" not in str(caught.value)


# --- the challenge -------------------------------------------------------------------------------


def test_scene_parsing_challenge(tmp_path: Path) -> None:
    root = scene_parse150(tmp_path)
    assert discover(root) == [("scene_parse150", root)]
    record = only("scene_parse150", root, load_photos=True)
    assert [layer.name for layer in record.scene.layers] == ["sky", "car"]
    assert record.key == ADE_STEM, "the same key as in the full set"
    assert not record.scene.top()[:2].max() >= 0, "0 is unlabeled"


def test_instances_of_the_challenge_part_what_touches(tmp_path: Path) -> None:
    record = only("scene_parse150", scene_parse150(tmp_path, instances=True))
    assert [layer.name for layer in record.scene.layers] == ["sky", "car", "car"]
    np.testing.assert_array_equal(record.scene.layers[1].mask, filled((8, 10, 19, 26)))


def test_bad_challenge_sets(tmp_path: Path) -> None:
    root = scene_parse150(tmp_path, instances=True)
    labels = np.full((32, 48), 77, np.uint8)
    save(root / f"annotations/training/{ADE_STEM}.png", labels)
    with pytest.raises(ValueError, match="has the class 77"):
        only("scene_parse150", root)
    save(root / f"annotations/training/{ADE_STEM}.png", labels[:9])
    with pytest.raises(ValueError, match="its instances are 48x32, but the map is 48x9"):
        only("scene_parse150", root)
    (root / "objectInfo150.txt").write_text("nothing\n")
    with pytest.raises(ValueError, match=r"objectInfo150\.txt has no lines of an index, tabs and names"):
        only("scene_parse150", root)
