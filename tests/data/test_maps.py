"""Class maps, instance maps and single regions, on small files in each set's own format."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smartmask.data.readers.regions import everyday_name
from smartmask.data.record import Record
from smartmask.data.registry import read


def save(array: np.ndarray, file: Path, palette: bool = False) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(array)
    if palette:
        image.putpalette([(i * 37 + c * 91) % 256 for i in range(256) for c in range(3)])
    image.save(file)


def layers(record: Record) -> list[tuple[str, bool, int]]:
    return [(layer.name, layer.thing, int(layer.mask.sum())) for layer in record.scene.layers]


# --- VOC -----------------------------------------------------------------------------------------


def test_voc_components_ring_and_specks(tmp_path: Path) -> None:
    labels = np.zeros((100, 100), dtype=np.uint8)
    labels[9:31, 9:31] = 255  # the void ring round an object
    labels[10:30, 10:30] = 1
    labels[50:90, 50:60] = 15  # two people ...
    labels[50:90, 70:85] = 15
    labels[60, 60] = 15  # ... one with a pixel that touches at a corner
    labels[5:8, 90:93] = 15  # 9 pixels: a speck under 0.1 % of 10,000
    save(labels, tmp_path / "SegmentationClassAug" / "2007_000032.png", palette=True)
    (record,) = read("voc", tmp_path)
    assert layers(record) == [("person", True, 600), ("person", True, 401), ("airplane", True, 400)]
    assert record.scene.top()[9, 9] == -1  # 255 is unlabeled
    assert record.scene.top()[6, 91] == -1
    assert (record.key, record.modal, record.captions) == ("2007_000032", True, ())


def test_voc_unknown_class_and_wrong_file(tmp_path: Path) -> None:
    save(np.full((10, 10), 21, dtype=np.uint8), tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"a\.png: The label map has ids without a name: 21"):
        list(read("voc", tmp_path))
    save(np.zeros((10, 10, 3), dtype=np.uint8), tmp_path / "a.png")
    with pytest.raises(ValueError, match=r"a\.png' has RGB pixels, not ids"):
        list(read("voc", tmp_path))
    (tmp_path / "a.png").unlink()
    with pytest.raises(ValueError, match="holds no class maps"):
        list(read("voc", tmp_path))


# --- street scenes ---------------------------------------------------------------------------------


def test_idd_lite(tmp_path: Path) -> None:
    labels = np.full((40, 50), 6, dtype=np.uint8)
    labels[20:] = 0
    labels[25:35, 5:15] = 3
    labels[25:35, 30:40] = 3
    labels[39, 49] = 255
    save(labels, tmp_path / "gtFine" / "train" / "156" / "689771_label.png")
    save(np.zeros((40, 50, 3), dtype=np.uint8), tmp_path / "leftImg8bit" / "train" / "156" / "689771_image.jpg")
    (record,) = read("idd_lite", tmp_path)
    assert layers(record) == [
        ("sky", False, 1000),
        ("road", False, 799),  # id 0 is the road here, not unlabeled
        ("vehicle", True, 100),
        ("vehicle", True, 100),
    ]
    assert (record.key, record.name) == ("156", "train/156/689771")
    assert record.image is not None
    assert record.image.name == "689771_image.jpg"


def test_camvid(tmp_path: Path) -> None:
    labels = np.zeros((40, 50), dtype=np.uint8)
    labels[30:] = 3
    labels[20:30, 5:15] = 9
    labels[0, 0] = 11  # void
    save(labels, tmp_path / "train" / "labels" / "0001TP_006690.png")
    (record,) = read("camvid", tmp_path)
    assert layers(record) == [("sky", False, 1399), ("road", False, 500), ("person", True, 100)]
    assert (record.key, record.name, record.image) == ("0001TP", "0001TP_006690", None)
    save(np.full((4, 4), 12, dtype=np.uint8), tmp_path / "train" / "labels" / "0001TP_006691.png")
    with pytest.raises(ValueError, match=r"0001TP_006691\.png: The label map has ids without a name: 12"):
        list(read("camvid", tmp_path))


def test_semantic_with_names(tmp_path: Path) -> None:
    labels = np.zeros((20, 20), dtype=np.uint8)
    labels[5:10, 5:10] = 7
    labels[12:15, 12:15] = 7
    labels[15:] = 2
    labels[19, 19] = 255
    save(labels, tmp_path / "labels" / "a.png")
    names = tmp_path / "names.json"
    names.write_text(json.dumps({"0": "wall", "2": {"name": "counter", "thing": True}, "7": "dog"}))
    (record,) = read("semantic", tmp_path)
    assert layers(record) == [
        ("wall", False, 266),
        ("counter", True, 99),
        ("dog", True, 25),
        ("dog", True, 9),
    ]
    for content, message in (
        ("{}", "must be a JSON object"),
        ('{"a": "dog"}', "has the id 'a', which is not a whole number"),
        ('{"1": ""}', "gives no name for id '1'"),
        ('{"1": {"thing": true}}', "gives no name for id '1'"),
        ('{"7": "dog"}', r"a\.png: The label map has ids without a name: 2"),
    ):
        names.write_text(content)
        with pytest.raises(ValueError, match=message):
            list(read("semantic", tmp_path))


# --- instance maps and single regions --------------------------------------------------------------


def test_pennfudan(tmp_path: Path) -> None:
    ids = np.zeros((30, 30), dtype=np.uint8)
    ids[5:25, 5:10] = 1
    ids[5:25, 10:13] = 2  # touches the first: still two people
    save(ids, tmp_path / "instance_masks" / "FudanPed00001_mask.png")
    save(np.zeros((30, 30, 3), dtype=np.uint8), tmp_path / "images" / "FudanPed00001.jpg")
    (record,) = read("pennfudan", tmp_path)
    assert layers(record) == [("person", True, 100), ("person", True, 60)]
    assert record.key == "FudanPed00001"
    assert record.image is not None


def test_lalonde_efros(tmp_path: Path) -> None:
    mask = np.zeros((16, 16), dtype=bool)
    mask[:8] = True
    for name in ("image_1", "image_2"):
        save(mask, tmp_path / "masks" / f"{name}.png")
    table = tmp_path / "objects.csv"
    table.write_text('id,name,keyword\nimage_1,sea water,water\nimage_2,"carSide az30deg",car\n')
    records = list(read("lalonde_efros", tmp_path))
    assert [layers(r) for r in records] == [[("sea", False, 128)], [("car", True, 128)]]
    table.write_text("id,keyword\nimage_1,water\n")
    with pytest.raises(ValueError, match=r"objects\.csv' has no column 'name'"):
        list(read("lalonde_efros", tmp_path))
    table.write_text("id,name,keyword\nimage_1\n")
    with pytest.raises(ValueError, match=r"objects\.csv' has too few columns in line 2"):
        list(read("lalonde_efros", tmp_path))


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("carLeft", "car"),
        ("car side az210deg", "car"),
        ("Trees", "tree"),
        ("sky clouds", "sky"),
        ("goat left mid mountain", "goat"),
        ("bird right near water", "bird"),
        ("pedestrian, man", "person"),
        ("back", "back"),  # nothing but a view word is a name after all
        ("placard", "placard"),  # the set's keyword column calls it a car
    ],
)
def test_labelme_labels_in_everyday_words(label: str, name: str) -> None:
    assert everyday_name(label) == name


def test_shapes(tmp_path: Path) -> None:
    mask = np.zeros((20, 30), dtype=bool)
    mask[5:15, 5:25] = True
    save(mask, tmp_path / "mpeg7" / "Bone-1.png")
    save(np.zeros((5, 5), dtype=bool), tmp_path / "emoji" / "u2a.png")
    table = tmp_path / "names.csv"
    table.write_text("file,name\nmpeg7/Bone-1.png,Bone \nemoji/u2a.png,star\n")
    records = read("shapes", tmp_path)
    record = next(records)
    assert layers(record) == [("bone", True, 200)]
    assert (record.key, record.name, record.modal) == ("Bone-1", "mpeg7/Bone-1", False)
    with pytest.raises(ValueError, match=r"u2a\.png is empty"):
        next(records)
    with pytest.raises(ValueError, match=r"names\.csv' does not exist"):
        list(read("shapes", tmp_path / "mpeg7"))
