"""COCO panoptic: one PNG an image, segment id = R + 256 G + 65536 B, and its segments in the JSON."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.data.readers.coco_files import Rows, annotation_files, captions_near, image_file, read_coco
from smartmask.data.record import Job, Record, reader
from smartmask.data.splits import coco_key
from smartmask.image.files import load_panoptic_png
from smartmask.io.reading import field
from smartmask.scene import Scene
from smartmask.scene.coco import number, size, table


@reader("coco_panoptic", "COCO panoptic (panoptic.json with panoptic/*.png, captions by image id)")
def read_coco_panoptic(path: Path) -> Iterator[Job]:
    """One job an image. path: the JSON file (its PNGs in the folder of the same stem), or its folder, or COCO's own.

    Crowd segments (many objects in one) become unlabeled: they are neither one object nor stuff.
    """
    for file in annotation_files(path, "panoptic"):
        content, pictures = read_coco(file)
        categories = list(table(content, "categories", file))
        for category in categories:
            number(category, "id", file, "a category")
            field(category, "name", file, "a category")
        captions = captions_near(file)
        for image_id, image, annotation in pictures.by_annotation():
            yield partial(_record, image_id, image, annotation, categories, captions.get(image_id, ()), file)


def _record(
    image_id: int,
    images: Rows,
    annotations: Rows,
    categories: list[dict[str, Any]],
    captions: tuple[str, ...],
    file: Path,
) -> Record:
    image, (annotation,) = next(iter(images), None), annotations
    if image is None:
        raise ValueError(f"{file}: the annotation of image {image_id} has no entry in 'images'.")
    png = file.with_suffix("") / str(field(annotation, "file_name", file, f"the annotation of image {image_id}"))
    ids = load_panoptic_png(png)
    height, width = size(image, file, f"image {image_id}")
    if ids.shape != (height, width):
        raise ValueError(f"{png} is {ids.shape[1]}x{ids.shape[0]}, but {file.name} says {width}x{height}.")
    segments = table(annotation, "segments_info", file)
    crowds = [number(s, "id", file, "a segment") for s in segments if s.get("iscrowd", 0)]
    ids[np.isin(ids, crowds)] = 0
    try:
        scene = Scene.from_panoptic(ids, [s for s in segments if not s.get("iscrowd", 0)], categories)
    except (ValueError, KeyError) as error:
        raise ValueError(f"{png}: {error}") from None
    scene = Scene(height, width, scene.layers, caption=captions[0] if captions else None)
    photo = image_file(file, str(image.get("file_name", f"{image_id:012d}.jpg")))
    return Record(coco_key(image_id), "coco_panoptic", scene, captions, image=photo, name=f"{image_id:012d}")
