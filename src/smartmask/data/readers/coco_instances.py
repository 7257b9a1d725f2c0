"""COCO instances and LVIS: every object a polygon list; crowds (RLE regions of many objects) are not objects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from smartmask.data.readers.coco_files import (
    Rows,
    annotation_files,
    captions_near,
    image_file,
    named_objects,
    read_coco,
)
from smartmask.data.record import Job, Record, reader
from smartmask.data.splits import coco_key
from smartmask.io.reading import field
from smartmask.scene import Layer, Scene
from smartmask.scene.coco import category_names, mask_of, number, size

LVIS_FILES = ("lvis_v1_*.json", "lvis_v0.5_*.json", "lvis_*.json")
_LVIS_IMAGES = ("train2017", "val2017", "test2017")  # LVIS draws its own splits from COCO's pictures


@reader("coco_instances", "COCO instances (instances.json, images/, captions.json if there; or COCO's own folder)")
def read_coco_instances(path: Path) -> Iterator[Job]:
    """One job an image, all of it unlabeled but its objects. path: the JSON file or its folder.

    Objects run from large to small, so that small ones stand in front; masks stay as annotated, and may
    overlap. Crowd regions make no layer.
    """
    for file in annotation_files(path, "instances"):
        content, pictures = read_coco(file)
        names = category_names(content, file)
        captions = captions_near(file)
        for image_id, image, objects in pictures:
            yield partial(_record, image, objects, names, captions.get(image_id, ()), file)


def _record(image: Rows, annotations: Rows, names: dict[int, str], captions: tuple[str, ...], file: Path) -> Record:
    (entry,) = image
    image_id = number(entry, "id", file, "an image")
    scene = _scene(entry, image_id, annotations, names, captions, file)
    photo = image_file(file, str(entry.get("file_name", f"{image_id:012d}.jpg")))
    return Record(coco_key(image_id), "coco_instances", scene, captions, image=photo, name=f"{image_id:012d}")


def _scene(
    image: dict[str, Any],
    image_id: int,
    annotations: Rows,
    names: dict[int, str],
    captions: tuple[str, ...],
    file: Path,
) -> Scene:
    height, width = size(image, file, f"image {image_id}")
    layers: list[tuple[int, Layer]] = []
    for annotation, what, name in named_objects(annotations, image_id, names, file):
        mask = mask_of(field(annotation, "segmentation", file, what), height, width, file, what)
        area = int(mask.sum())
        if area:
            layers.append((area, Layer(name, mask)))
    layers.sort(key=lambda item: -item[0])
    return Scene(height, width, tuple(layer for _, layer in layers), caption=captions[0] if captions else None)


@reader("lvis", "LVIS instances (lvis_v1_train.json, lvis_v1_val.json; COCO's train2017/, val2017/ near them)")
def read_lvis(path: Path) -> Iterator[Job]:
    """One job an image. path: a JSON file, or a folder of them; the key is COCO's image id.

    Layers as of COCO's instances. Names lose what only tells homonyms apart ("bow_(weapon)" is a bow). What is known
    not to be in a picture, and what is annotated there only in part, goes into ``absent`` and ``incomplete``.
    """
    for file in annotation_files(path, "lvis", LVIS_FILES):
        content, pictures = read_coco(file)
        names = {number: lvis_name(name) for number, name in category_names(content, file).items()}
        captions = captions_near(file)
        for image_id, image, objects in pictures:
            yield partial(_lvis_record, image, objects, names, captions.get(image_id, ()), file)


def lvis_name(name: str) -> str:
    """A category's name in everyday words: ``bow_(weapon)`` -> ``bow``, ``aerosol_can`` -> ``aerosol can``."""
    words = " ".join(re.sub(r"\([^)]*\)?", " ", name).replace("_", " ").split())
    return words or name


def _lvis_record(
    image: Rows, annotations: Rows, names: dict[int, str], captions: tuple[str, ...], file: Path
) -> Record:
    (entry,) = image
    image_id = number(entry, "id", file, "an image")
    scene = _scene(entry, image_id, annotations, names, captions, file)
    url = str(entry.get("coco_url") or entry.get("file_name") or f"{image_id:012d}.jpg")
    key = coco_key(url)
    absent = _named(entry, "neg_category_ids", names, file, image_id)
    incomplete = _named(entry, "not_exhaustive_category_ids", names, file, image_id)
    return Record(
        key, "lvis", scene, captions, image=_lvis_image(file, url), name=f"{int(key):012d}", absent=absent,
        incomplete=incomplete,
    )  # fmt: skip


def _named(image: dict[str, Any], name: str, names: dict[int, str], file: Path, image_id: int) -> tuple[str, ...]:
    """The names of a list of category ids of an image."""
    given = image.get(name, [])
    if not isinstance(given, list) or not all(isinstance(item, int) for item in given):
        raise ValueError(f"{file}: '{name}' of image {image_id} is no list of category ids.")
    wrong = [item for item in given if item not in names]
    if wrong:
        raise ValueError(f"{file}: '{name}' of image {image_id} holds {wrong[0]}, which the categories do not list.")
    return tuple(sorted({names[category] for category in given}))


def _lvis_image(file: Path, url: str) -> Path | None:
    """The photograph, by the last two parts of COCO's address: its folder and its name."""
    folder, _, name = url.rpartition("/")
    split = folder.rsplit("/", 1)[-1]
    for base in (file.parent, file.parent.parent, file.parent.parent / "coco", file.parent.parent.parent / "coco"):
        for part in (split, "images", *_LVIS_IMAGES):
            if part and (base / part / name).is_file():
                return base / part / name
    return image_file(file, name)
