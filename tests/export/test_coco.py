"""COCO's JSON, read by COCO's own reader and by ours."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
from layered import a_scene, disc
from PIL import Image
from pycocotools.coco import COCO

from smartmask.export.coco import coco_instances
from smartmask.export.formats import Export, export
from smartmask.scene import Layer, Scene


def test_pycocotools_reads_the_instances(tmp_path: Path) -> None:
    scene = a_scene()
    (tmp_path / "coco.json").write_text(json.dumps(coco_instances(scene, "a.png")))
    found = COCO(str(tmp_path / "coco.json"))
    names = {one["id"]: one["name"] for one in found.loadCats(found.getCatIds())}
    notes = found.loadAnns(found.getAnnIds(imgIds=[1]))
    assert [names[one["category_id"]] for one in notes] == [layer.name for layer in scene.layers]
    for index, one in enumerate(notes):
        assert (found.annToMask(one).astype(bool) == scene.visible(index)).all()
        assert (found.annToMask({**one, "segmentation": one["amodal"]}).astype(bool) == scene.layers[index].mask).all()
        assert one["area"] == scene.visible(index).sum()
        x, y, width, height = one["bbox"]
        rows, columns = np.nonzero(scene.visible(index))
        assert (x, y, x + width, y + height) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_known_names_have_cocos_ids_and_hidden_layers_no_record() -> None:
    scene = Scene(60, 90, (Layer("dog", disc(40, 30, 5)), Layer("thingummy", disc(40, 30, 9))))
    stream = io.BytesIO()
    notes = export(Export(scene), "coco", stream)
    record = json.loads(stream.getvalue())
    assert notes == ["Wholly hidden layers have no record: dog."]
    assert [(one["id"], one["name"], one["isthing"]) for one in record["categories"]] == [(1001, "thingummy", 1)]
    dog = coco_instances(Scene(60, 90, scene.layers[:1]), "a.png")
    assert dog["categories"] == [{"id": 18, "name": "dog", "isthing": 1}]


def test_the_panoptic_map_reads_back() -> None:
    stream = io.BytesIO()
    export(Export(a_scene()), "panoptic", stream)
    with zipfile.ZipFile(stream) as archive:
        record = json.loads(archive.read("panoptic.json"))
        pixels = np.asarray(Image.open(io.BytesIO(archive.read(record["annotations"][0]["file_name"]))))
    again = Scene.from_panoptic(pixels, record["annotations"][0]["segments_info"], record["categories"])
    seen = {layer.name: a_scene().visible(index) for index, layer in enumerate(a_scene().layers)}
    assert {layer.name for layer in again.layers} == set(seen)
    assert all((layer.mask == seen[layer.name]).all() for layer in again.layers)
