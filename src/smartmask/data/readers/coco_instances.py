"""COCO instances: every object a polygon list; crowds (RLE regions of many objects) are not objects."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from smartmask.data.readers.coco_files import annotation_file, captions_near, image_file
from smartmask.data.record import Job, Record, reader
from smartmask.data.splits import coco_key
from smartmask.io.reading import field, read_json
from smartmask.scene import Layer, Scene
from smartmask.scene.coco import category_names, mask_of, number, size, table


@reader("coco_instances", "COCO instances (instances.json, images/, captions.json if there)")
def read_coco_instances(path: Path) -> Iterator[Job]:
    """One job an image, all of it unlabeled but its objects. path: the JSON file or its folder.

    Objects run from large to small, so that small ones stand in front; masks stay as annotated, and may
    overlap. Crowd regions make no layer.
    """
    file = annotation_file(path, "instances")
    content = read_json(file, dataset=True)
    names = category_names(content, file)
    captions = captions_near(file)
    by_image: dict[int, list[dict[str, Any]]] = {}
    for annotation in table(content, "annotations", file):
        by_image.setdefault(number(annotation, "image_id", file, "an annotation"), []).append(annotation)
    for image in table(content, "images", file):
        image_id = number(image, "id", file, "an image")
        annotations = by_image.get(image_id, [])
        yield partial(_record, image, image_id, annotations, names, captions.get(image_id, ()), file)


def _record(
    image: dict[str, Any],
    image_id: int,
    annotations: list[dict[str, Any]],
    names: dict[int, str],
    captions: tuple[str, ...],
    file: Path,
) -> Record:
    height, width = size(image, file, f"image {image_id}")
    layers: list[tuple[int, Layer]] = []
    for annotation in annotations:
        if annotation.get("iscrowd", 0):
            continue
        what = f"annotation {annotation.get('id')} of image {image_id}"
        category = number(annotation, "category_id", file, what)
        if category not in names:
            raise ValueError(f"{file}: {what} has category {category}, which the categories do not list.")
        mask = mask_of(field(annotation, "segmentation", file, what), height, width, file, what)
        area = int(mask.sum())
        if area:
            layers.append((area, Layer(names[category], mask)))
    layers.sort(key=lambda item: -item[0])
    scene = Scene(height, width, tuple(layer for _, layer in layers), caption=captions[0] if captions else None)
    photo = image_file(file, str(image.get("file_name", f"{image_id:012d}.jpg")))
    return Record(coco_key(image_id), "coco_instances", scene, captions, image=photo, name=f"{image_id:012d}")
