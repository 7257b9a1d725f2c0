"""COCO instances and panoptic, on small files in the official format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from smartmask.data.record import Record
from smartmask.data.registry import read
from smartmask.geometry import rle_encode

H, W = 40, 60
CATEGORIES = [
    {"supercategory": "person", "isthing": 1, "id": 1, "name": "person"},
    {"supercategory": "animal", "isthing": 1, "id": 18, "name": "dog"},
    {"supercategory": "sky", "isthing": 0, "id": 187, "name": "sky-other-merged"},
]


def rectangle(x0: int, y0: int, x1: int, y1: int) -> list[float]:
    return [float(v) for v in (x0, y0, x1, y0, x1, y1, x0, y1)]


def crowd() -> dict[str, Any]:
    mask = np.zeros((H, W), dtype=bool)
    mask[:10] = True
    runs = np.flatnonzero(np.diff(np.concatenate([[False], mask.T.ravel(), [False]]))).tolist()
    counts = np.diff([0, *runs, H * W]).tolist()
    return {"counts": counts, "size": [H, W]}  # uncompressed, as COCO stores crowds


def annotation(number: int, segmentation: Any, category: int = 1, image: int = 9, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "segmentation": segmentation,
        "iscrowd": 0,
        "area": 1.0,
        "bbox": [0, 0, 1, 1],
        **more,
    }


def instances() -> dict[str, Any]:
    return {
        "images": [
            {"id": 9, "file_name": "000000000009.jpg", "height": H, "width": W},
            {"id": 25, "file_name": "000000000025.jpg", "height": H, "width": W},
        ],
        "annotations": [
            annotation(1, [rectangle(20, 10, 30, 20)], category=18),
            annotation(2, [rectangle(10, 5, 40, 35), rectangle(50, 5, 55, 10)]),
            annotation(3, crowd(), iscrowd=1),
        ],
        "categories": CATEGORIES[:2],
    }


def write(folder: Path, content: Any, name: str = "instances.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(content))
    return folder


def only(records: list[Record], key: str) -> Record:
    (record,) = [r for r in records if r.key == key]
    return record


# --- instances ---------------------------------------------------------------------------------


def test_instances_large_to_small_without_crowds(tmp_path: Path) -> None:
    records = list(read("coco_instances", write(tmp_path, instances())))
    assert [r.key for r in records] == ["9", "25"]
    scene = records[0].scene
    assert [layer.name for layer in scene.layers] == ["person", "dog"]  # the crowd is no layer
    person, dog = (layer.mask for layer in scene.layers)
    assert person.sum() == 30 * 30 + 5 * 5
    assert dog.sum() == 10 * 10
    assert (person & dog).sum() == 100  # the overlap stays as annotated
    assert scene.top()[15, 25] == 1
    assert scene.top()[2, 2] == -1  # under the crowd: unlabeled
    assert records[0].modal
    assert records[1].scene.layers == ()  # an image without objects is still a scene


def test_instances_may_be_rle(tmp_path: Path) -> None:
    mask = np.zeros((H, W), dtype=bool)
    mask[3:9, 4:20] = True
    content = instances() | {"annotations": [annotation(1, rle_encode(mask))]}
    records = list(read("coco_instances", write(tmp_path, content)))
    np.testing.assert_array_equal(records[0].scene.layers[0].mask, mask)


def test_captions_beside_and_in_the_text_folder(tmp_path: Path) -> None:
    folder = write(tmp_path / "coco", instances())
    beside = {"images": [], "annotations": [{"id": 1, "image_id": 9, "caption": " A man and\n a dog. "}]}
    text = {"images": [], "annotations": [{"id": 2, "image_id": i, "caption": f"from text {i}"} for i in (9, 25)]}
    write(folder, beside, "captions.json")
    write(tmp_path / "text", text, "coco_captions_val2017.json")
    records = list(read("coco_instances", folder))
    assert records[0].captions == ("A man and a dog.",)  # beside wins: the same sentences twice would weigh double
    assert records[0].scene.caption == "A man and a dog."
    assert records[1].captions == ("from text 25",)


def test_official_folder_layout(tmp_path: Path) -> None:
    write(tmp_path / "annotations", instances(), "instances_val2017.json")
    (tmp_path / "val2017").mkdir()
    Image.new("RGB", (W, H)).save(tmp_path / "val2017" / "000000000009.jpg")
    records = list(read("coco_instances", tmp_path))
    assert only(records, "9").image == tmp_path / "val2017" / "000000000009.jpg"
    assert only(records, "25").image is None
    write(tmp_path / "annotations", instances(), "instances_train2017.json")
    assert len(list(read("coco_instances", tmp_path))) == 4  # both of COCO's own splits
    assert len(list(read("coco_instances", tmp_path / "annotations" / "instances_val2017.json"))) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"categories": CATEGORIES[:1]}, "annotation 1 of image 9 has category 18, which the categories do not list"),
        ({"annotations": [annotation(7, [[1, 2, 3]])]}, "polygon of annotation 7 of image 9 is not a list of x, y"),
        ({"annotations": [annotation(7, [])]}, "annotation 7 of image 9 has no usable segmentation"),
        ({"annotations": [annotation(7, "none")]}, "annotation 7 of image 9 has no usable segmentation"),
        ({"annotations": [annotation(7, [[1, 1, 1e300, 1, 1, 9]])]}, "reaches to 1e[+]300, far outside"),
        ({"annotations": [annotation(7, {"size": [1, 1], "counts": "1"})]}, r"size \[1, 1\], but the image is"),
        ({"annotations": [annotation(7, {"size": [H, W], "counts": [3]})]}, "RLE of annotation 7 of image 9 is broken"),
        ({"annotations": [annotation(7, {"size": [H, W], "counts": "é"})]}, "RLE of annotation 7 of image 9 is broken"),
        ({"annotations": [annotation(7, {"size": [H, W]})]}, "RLE of annotation 7 of image 9 is broken"),
        ({"annotations": [annotation(7, {"size": [H, W], "counts": None})]}, "RLE of annotation 7"),
        ({"annotations": [annotation(7, [], image="x")]}, "'image_id' of an annotation is 'x', not a whole number"),
        ({"annotations": [[]]}, "'annotations' is not a list of objects"),
        ({"images": None}, "'images' is not a list of objects"),
        ({"images": [{"id": 9, "height": 0, "width": 5}]}, "image 9 is 5x0 pixels"),
        ({"images": [{"id": 9, "height": 10**6, "width": 10**6}]}, "more than 100,000,000 pixels"),
        ({"images": [{"id": 9, "width": 5}]}, "image 9 has no 'height'"),
    ],
)
def test_bad_instances_name_the_file(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    write(tmp_path, instances() | change)
    with pytest.raises(ValueError, match=message) as caught:
        list(read("coco_instances", tmp_path))
    assert "instances.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_broken_json_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no instances\.json"):
        list(read("coco_instances", tmp_path))
    (tmp_path / "instances.json").write_text('{"images": [')
    with pytest.raises(ValueError, match=r"instances\.json' is not valid JSON"):
        list(read("coco_instances", tmp_path))
    (tmp_path / "instances.json").write_text("[1]")
    with pytest.raises(ValueError, match=r"instances\.json' is a JSON list, not an object"):
        list(read("coco_instances", tmp_path))
    (tmp_path / "instances.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"instances\.json' is not UTF-8"):
        list(read("coco_instances", tmp_path))


# --- panoptic ----------------------------------------------------------------------------------

SKY, PERSON, DOG, CROWD = 300, 70000, 255, 12


def panoptic(folder: Path, **change: Any) -> Path:
    ids = np.zeros((H, W), dtype=np.int64)
    ids[:15] = SKY
    ids[10:30, 10:20] = PERSON
    ids[20:30, 30:40] = DOG
    ids[35:, 40:] = CROWD
    rgb = np.stack([ids % 256, ids // 256 % 256, ids // 65536], axis=-1).astype(np.uint8)
    (folder / "panoptic").mkdir(parents=True)
    Image.fromarray(rgb).save(folder / "panoptic" / "000000000009.png")
    segments = [
        {"id": SKY, "category_id": 187, "iscrowd": 0},
        {"id": PERSON, "category_id": 1, "iscrowd": 0},
        {"id": DOG, "category_id": 18, "iscrowd": 0},
        {"id": CROWD, "category_id": 1, "iscrowd": 1},
    ]
    content = {
        "images": [{"id": 9, "file_name": "000000000009.jpg", "height": H, "width": W}],
        "annotations": [{"image_id": 9, "file_name": "000000000009.png", "segments_info": segments}],
        "categories": CATEGORIES,
    }
    return write(folder, content | change, "panoptic.json")


def test_panoptic(tmp_path: Path) -> None:
    folder = panoptic(tmp_path / "coco")
    captions = {"annotations": [{"id": 1, "image_id": 9, "caption": "A dog."}]}
    write(tmp_path / "text", captions, "coco_captions_val2017.json")
    (record,) = read("coco_panoptic", folder)
    layers = record.scene.layers
    assert [(layer.name, layer.thing) for layer in layers] == [
        ("sky-other-merged", False),
        ("person", True),
        ("dog", True),  # segment id 255 is a segment like any other
    ]
    assert [int(layer.mask.sum()) for layer in layers] == [15 * W - 50, 200, 100]
    assert record.scene.top()[38, 50] == -1  # the crowd is unlabeled
    assert (record.key, record.source, record.captions) == ("9", "coco_panoptic", ("A dog.",))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"categories": CATEGORIES[:2]}, "category 187, which the categories do not list"),
        ({"images": []}, "annotation of image 9 has no entry in 'images'"),
        ({"images": [{"id": 9, "height": H, "width": 7}]}, r"000000000009\.png is 60x40, but panoptic\.json says 7x40"),
        (
            {"annotations": [{"image_id": 9, "file_name": "000000000009.png", "segments_info": []}]},
            r"000000000009\.png: The panoptic map has segment ids that its segments_info lacks",
        ),
        ({"annotations": [{"image_id": 9, "segments_info": []}]}, "annotation of image 9 has no 'file_name'"),
        ({"annotations": [{"image_id": 9, "file_name": "no.png", "segments_info": []}]}, r"no\.png' does not exist"),
        ({"categories": [{"id": 1}]}, "a category has no 'name'"),
    ],
)
def test_bad_panoptic_names_the_file(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    panoptic(tmp_path, **change)
    with pytest.raises(ValueError, match=message):
        list(read("coco_panoptic", tmp_path))


def test_truncated_panoptic_png(tmp_path: Path) -> None:
    file = panoptic(tmp_path) / "panoptic" / "000000000009.png"
    file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(ValueError, match=r"000000000009\.png' is damaged"):
        list(read("coco_panoptic", tmp_path))
