"""COCOA, on small files in its original format: one JSON an image, and the official bundle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from smartmask.data.registry import read
from smartmask.geometry import rle_encode

H, W = 48, 64
URL = "https://s3-us-west-1.amazonaws.com/coco-ann/coco-val/COCO_val2014_000000188819.jpg"


def rectangle(x0: int, y0: int, x1: int, y1: int) -> list[float]:
    return [float(v) for v in (x0, y0, x1, y0, x1, y1, x0, y1)]


def filled(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((H, W), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def region(name: str, order: int, box: tuple[int, int, int, int], **more: Any) -> dict[str, Any]:
    """A region as COCOA stores it: the polygon flat, not in a list of polygons."""
    return {"name": name, "order": order, "segmentation": rectangle(*box), "isStuff": 0, "occlude_rate": 0, **more}


def record() -> dict[str, Any]:
    phone, table = filled(10, 10, 30, 30), filled(5, 20, 60, 45)
    regions = [
        region("phone ", 1, (10, 10, 30, 30)),
        region(
            " Dinning  Table",
            4,  # 2 and 3 are missing
            (5, 20, 60, 45),
            visible_mask=rle_encode(table & ~phone),
            invisible_mask=rle_encode(table & phone),
            occlude_rate=0.1,
        ),
        region("wall", 7, (0, 0, 64, 25), isStuff=1),
    ]
    return {"author": "someone", "url": URL, "image_id": 188819, "id": 377, "size": 3, "regions": regions}


def write(folder: Path, content: Any, name: str = "1.json") -> Path:
    (folder / name).write_text(json.dumps(content))
    return folder


def test_record_back_to_front_and_amodal(tmp_path: Path) -> None:
    (found,) = read("cocoa", write(tmp_path, record()))
    scene = found.scene
    assert (scene.height, scene.width) == (H, W)
    assert [(layer.name, layer.thing) for layer in scene.layers] == [
        ("wall", False),
        ("dinning table", True),  # blanks and case go, the misspelling stays
        ("phone", True),
    ]
    np.testing.assert_array_equal(scene.layers[1].mask, filled(5, 20, 60, 45))
    np.testing.assert_array_equal(scene.visible(1), filled(5, 20, 60, 45) & ~filled(10, 10, 30, 30))
    assert (found.key, found.source, found.modal) == ("188819", "cocoa", False)


def test_bundled_official_file(tmp_path: Path) -> None:
    entries = [record(), record() | {"image_id": 6608, "url": URL.replace("188819", "006608"), "id": 2}]
    images = [{"id": i, "file_name": f"COCO_val2014_{i:012d}.jpg", "height": H, "width": W} for i in (188819, 6608, 5)]
    write(tmp_path, {"images": images, "annotations": entries}, "COCO_amodal_val2014.json")
    assert [r.key for r in read("cocoa", tmp_path / "COCO_amodal_val2014.json")] == ["188819", "6608"]


def test_size_from_the_photo_when_nothing_is_hidden(tmp_path: Path) -> None:
    content = record() | {"regions": [region("phone", 1, (10, 10, 30, 30))]}
    write(tmp_path, content)
    with pytest.raises(ValueError, match=r"1\.json does not tell the size of its image; put the photograph beside it"):
        list(read("cocoa", tmp_path))
    Image.new("RGB", (W, H)).save(tmp_path / "1.jpg")
    (found,) = read("cocoa", tmp_path)
    assert (found.scene.height, found.scene.width) == (H, W)
    assert found.image == tmp_path / "1.jpg"


def test_an_order_that_contradicts_the_visible_masks(tmp_path: Path) -> None:
    content = record()
    content["regions"][1]["order"] = 0  # now the table hides the phone, but its own visible_mask says otherwise
    content["regions"][1]["visible_mask"] = rle_encode(filled(5, 20, 60, 45) & ~filled(10, 10, 40, 45))
    with pytest.raises(ValueError, match=r"1\.json: the visible mask of 'dinning table' contradicts the orders"):
        list(read("cocoa", write(tmp_path, content)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"regions": [{"name": "x", "order": 1}]}, "region 0 of image 188819 has no 'segmentation'"),
        ({"regions": [region("x", 1, (0, 0, 5, 5)) | {"order": "front"}]}, "'order' .* is 'front', not a whole number"),
        ({"regions": 3}, "'regions' is not a list of objects"),
        ({"url": "https://example.org/photo.jpg"}, "holds no COCO image id"),
    ],
)
def test_bad_records(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    Image.new("RGB", (W, H)).save(tmp_path / "1.jpg")
    with pytest.raises(ValueError, match=message):
        list(read("cocoa", write(tmp_path, record() | change)))


def test_a_broken_file_stops_only_itself(tmp_path: Path) -> None:
    write(tmp_path, record(), "1.json")
    (tmp_path / "2.json").write_text('{"regions"')
    write(tmp_path, record() | {"url": URL.replace("188819", "006608")}, "3.json")
    errors: list[ValueError] = []
    assert [r.key for r in read("cocoa", tmp_path, on_error=errors.append)] == ["188819", "6608"]
    assert "2.json' is not valid JSON" in str(errors[0])


def test_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no COCOA file"):
        list(read("cocoa", tmp_path))
