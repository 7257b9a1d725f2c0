"""Every named outline at hand as one stream: pictures of sets, with what is annotated in them.

A set's table entry says under which licence it comes and of what kind it is. Masks are cropped to
their boxes, at the picture's own resolution, so that a picture of many small things stays small.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from smartmask.data.curation_eye import drawn_polygons
from smartmask.data.readers.coco_files import Rows, annotation_files, read_coco
from smartmask.data.readers.voc import MIN_SHARE, VOC_NAMES
from smartmask.geometry import polygons_to_mask
from smartmask.image.files import load_label_map
from smartmask.io.reading import field as value_of
from smartmask.io.reading import files_in, read_rows
from smartmask.scene.coco import category_names, crop_of, number, size
from smartmask.scene.outlines import IntBox, NamedOutline, Picture, cropped
from smartmask.text.labels import Namer

Tier = Literal["open", "research"]
Kind = Literal["photo", "model", "drawn"]


@dataclass(frozen=True)
class OutlineSet:
    """A set of outlines. licence: as its authors state it. tier: "open" may be bundled and used freely,
    "research" has no such statement. kind: traced in photographs, rendered from 3D models, or drawn."""

    name: str
    licence: str
    tier: Tier
    kind: Kind = "photo"


_NOT_STATED = "not stated"
SETS: dict[str, OutlineSet] = {
    s.name: s
    for s in (
        OutlineSet("coco", "CC BY 4.0", "open"),
        OutlineSet("coco_more", "CC BY 4.0", "open"),
        OutlineSet("cocoa", "Apache-2.0 (annotations CC BY 4.0)", "open"),
        OutlineSet("taco", "CC BY 4.0", "open"),
        OutlineSet("animals", "CC BY 4.0", "open"),
        OutlineSet("facades", "CC BY 4.0", "open"),
        OutlineSet("small_dog", "CC BY 4.0", "open"),
        OutlineSet("small_straw", "CC BY 4.0", "open"),
        OutlineSet("furniture", "public domain", "open"),
        OutlineSet("cats", "public domain", "open"),
        OutlineSet("kitchen", "MIT", "open"),
        OutlineSet("small_pig", "MIT", "open"),
        OutlineSet("small_dogcat", "MIT", "open"),
        OutlineSet("small_fire", "MIT", "open"),
        OutlineSet("small_oud", "MIT", "open"),
        OutlineSet("small_veh", "MIT", "open"),
        OutlineSet("small_pets", "MIT", "open"),
        OutlineSet("ccp_people", "Apache-2.0", "open"),
        OutlineSet("kenney", "CC0", "open", "model"),
        OutlineSet("quaternius", "CC0", "open", "model"),
        OutlineSet("noto", "SIL OFL 1.1", "open", "drawn"),
        OutlineSet("smartmask", "as SmartMask itself", "open", "drawn"),
        OutlineSet("voc", "annotation of Pascal VOC and SBD, research", "research"),
        OutlineSet("pennfudan", _NOT_STATED, "research"),
        OutlineSet("davis", "not stated (DAVIS 2016, research)", "research"),
        OutlineSet("horses", "research (Weizmann horses)", "research"),
        OutlineSet("mpeg7", "research (MPEG-7 CE-Shape-1)", "research", "drawn"),
        OutlineSet("road", "CC BY 4.0 (part: not stated)", "research"),
        OutlineSet("small_bfly", _NOT_STATED, "research"),
        OutlineSet("small_bottles", _NOT_STATED, "research"),
        OutlineSet("small_fish", _NOT_STATED, "research"),
        OutlineSet("small_kang", _NOT_STATED, "research"),
        OutlineSet("small_mixed", _NOT_STATED, "research"),
        OutlineSet("small_mugs", _NOT_STATED, "research"),
        OutlineSet("small_plants", _NOT_STATED, "research"),
        OutlineSet("small_rodent", _NOT_STATED, "research"),
    )
}


def read_pictures(root: str | Path, sets: tuple[str, ...] | None = None) -> Iterator[Picture]:
    """The pictures of every known set under ``root``, or of those named, always in the same order.

    root: the folder with ``objects/*.json``, ``coco/``, ``cocoa/``, ``voc/``, ``pennfudan/`` and ``shapes/``, as
    many as there are. A COCO image that ``coco`` holds is left out of ``cocoa`` and of sets under ``objects``.
    Raises ValueError if none is there, or for a file that is broken.
    """
    root = Path(root)
    found = [name for name in SETS if name != "smartmask" and _place(root, name).exists()]
    found = [name for name in found if sets is None or name in sets]
    unknown = sorted(set(sets or ()) - set(SETS))
    if unknown:
        raise ValueError(f"There is no outline set '{unknown[0]}'; known are {', '.join(SETS)}.")
    if not found:
        raise ValueError(f"{root} holds no outline set; expected are folders such as objects/, voc/ or coco/.")
    namer = Namer()
    seen: set[str] = set()
    for name in found:
        for picture in _READERS.get(name, _read_objects)(_place(root, name), name, namer):
            if name in _WITH_COCO_IMAGES:  # the first set that has a picture keeps it
                key = picture.source
                if key in seen:
                    continue
                if name == "coco" or key.isdigit():
                    seen.add(key)
            yield picture
    if sets is None or "smartmask" in sets:
        yield from _drawn()


_WITH_COCO_IMAGES = ("coco", "coco_more", "cocoa")


def _place(root: Path, name: str) -> Path:
    """Where a set lies under the root."""
    places = {"coco": "coco", "cocoa": "cocoa", "voc": "voc", "pennfudan": "pennfudan"}
    places |= {"mpeg7": "shapes/mpeg7", "noto": "shapes/emoji"}
    return root / places.get(name, f"objects/{name}.json")


def _read_objects(file: Path, name: str, namer: Namer) -> Iterator[Picture]:
    for job in object_jobs(file, name, namer):
        yield job()


def object_jobs(file: Path, name: str, namer: Namer, sized: bool = False) -> Iterator[Callable[[], Picture]]:
    """One job a picture of a COCO JSON, whose images carry ``source`` where their id is not the split key.

    name: the set's key in SETS. sized: leave out pictures whose size is unknown.
    Raises ValueError, naming the file, if it is broken; jobs if their picture is.
    """
    content, pictures = read_coco(file)
    labels = category_names(content, file)
    before: Counter[str] = Counter()  # annotations of earlier pictures of the same source: frames, views, variants
    for image, image_id in zip(pictures.images, pictures.ids, strict=True):
        annotations = pictures.of_image(image_id)
        source = str(image.get("source", image["id"]))
        if not (sized and image.get("size_unknown")):
            yield partial(_picture, image, annotations, labels, file, name, namer, before[source])
        before[source] += len(annotations)


def _picture(
    image: dict[str, Any],
    annotations: Rows,
    labels: dict[int, str],
    file: Path,
    name: str,
    namer: Namer,
    first: int,
) -> Picture:
    height, width = size(image, file, f"image {image['id']}")
    source = str(image.get("source", image["id"]))
    outlines = []
    for index, annotation in enumerate(annotations):
        what = f"annotation {annotation.get('id')} of image {image['id']}"
        label = labels.get(number(annotation, "category_id", file, what))
        if label is None:
            raise ValueError(f"{file}: {what} has a category that the categories do not list.")
        crop = crop_of(value_of(annotation, "segmentation", file, what), height, width, file, what)
        if crop is None:
            continue
        view = (float(annotation["azimuth"]), float(annotation["elevation"])) if "azimuth" in annotation else None
        crowd = bool(annotation.get("iscrowd", 0))
        outlines.append(NamedOutline(namer(label, name, source), label, first + index, *crop, crowd, view))
    photo = SETS[name].kind == "photo"  # renders fill their picture, and nothing cuts them
    complete = name == "coco" or bool(image.get("complete"))
    known = photo and not image.get("size_unknown")
    return Picture(name, source, height, width, tuple(outlines), known, complete, file=str(image.get("file_name", "")))


def _read_coco(folder: Path, name: str, namer: Namer) -> Iterator[Picture]:
    for file in annotation_files(folder, "instances"):
        yield from _read_objects(file, name, namer)


def _read_voc(folder: Path, name: str, namer: Namer) -> Iterator[Picture]:
    """Components of VOC's class maps; the order within a picture is that of classes, then of boxes."""
    for file in files_in(folder / "SegmentationClassAug", "*.png", "class maps"):
        labels = load_label_map(file)
        height, width = labels.shape
        found: list[tuple[tuple[int, ...], np.ndarray, IntBox]] = []
        for label in range(1, len(VOC_NAMES) + 1):
            here = labels == label
            if not here.any():
                continue
            _, parts, stats, _ = cv2.connectedComponentsWithStats(here.astype(np.uint8), connectivity=8)
            for part in range(1, len(stats)):
                x, y, w, h, area = (int(s) for s in stats[part])
                if area >= max(1, round(MIN_SHARE * labels.size)):
                    mask = parts[y : y + h, x : x + w] == part
                    found.append(((label, y, x, h, w, area), mask, (x, y, x + w, y + h)))
        found.sort(key=lambda item: item[0])
        outlines = [
            NamedOutline(VOC_NAMES[order[0] - 1], VOC_NAMES[order[0] - 1], index, mask, box)
            for index, (order, mask, box) in enumerate(found)
        ]
        yield Picture(name, file.stem, height, width, tuple(outlines), void=labels == 255)


def _read_pennfudan(folder: Path, name: str, namer: Namer) -> Iterator[Picture]:
    for file in files_in(folder / "instance_masks", "*_mask.png", "instance masks"):
        ids = load_label_map(file)
        crops = [cropped(ids == i) for i in np.unique(ids) if i > 0]
        outlines = [NamedOutline("person", "person", i, *crop) for i, crop in enumerate(crops) if crop is not None]
        yield Picture(name, file.name.removesuffix("_mask.png"), ids.shape[0], ids.shape[1], tuple(outlines))


def _read_cocoa(folder: Path, name: str, namer: Namer) -> Iterator[Picture]:
    from smartmask.data.readers.cocoa import read_cocoa

    for job in read_cocoa(folder):
        record = job()
        scene = record.scene
        outlines = []
        for index, layer in enumerate(scene.layers):
            crop = cropped(layer.mask)
            if crop is not None and layer.thing:
                outlines.append(NamedOutline(namer(layer.name, name, record.key), layer.name, index, *crop))
        yield Picture(name, record.key, scene.height, scene.width, tuple(outlines), complete=True, amodal=True)


def _read_shapes(folder: Path, name: str, namer: Namer) -> Iterator[Picture]:
    """Silhouettes listed in ``names.csv`` beside the folder."""
    rows = read_rows(folder.parent / "names.csv", ("file", "name"))
    rows = [row for row in rows if row["file"].split("/")[0] == folder.name]
    for row in rows:
        file = folder.parent / row["file"]
        mask = load_label_map(file) > 0
        crop = cropped(mask)
        if crop is not None:
            label = row["name"].strip().lower()
            outline = NamedOutline(namer(label, name, file.stem), label, 0, *crop)
            yield Picture(name, file.stem, mask.shape[0], mask.shape[1], (outline,), size_known=False)


def _drawn() -> Iterator[Picture]:
    """What this project drew itself."""
    for name, polygons in drawn_polygons().items():
        for index, polygon in enumerate(polygons):
            crop = cropped(polygons_to_mask([polygon], 200, 200))
            if crop is not None:
                outline = NamedOutline(name, name, 0, *crop)
                yield Picture("smartmask", f"{name} {index}", 200, 200, (outline,), size_known=False)


_READERS: dict[str, Callable[[Path, str, Namer], Iterator[Picture]]] = {
    "coco": _read_coco,
    "cocoa": _read_cocoa,
    "voc": _read_voc,
    "pennfudan": _read_pennfudan,
    "mpeg7": _read_shapes,
    "noto": _read_shapes,
}
