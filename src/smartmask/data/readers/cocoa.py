"""COCOA (Semantic Amodal Segmentation, Zhu et al. 2017): whole objects with their depth order.

Its original JSON comes one file an image, or bundled with ``images`` and ``annotations`` (COCO_amodal_train2014.json).
A region has a ``name`` as typed, an ``order`` (1 is the front; numbers may be missing), an amodal polygon, ``isStuff``,
and, where something hides it, RLEs of its visible and invisible parts. Bundled annotations also have a
``depth_constraint``, "1-3,2-3": of two regions that meet, by their orders, which one is in front.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from smartmask.data.depth import meets_border, stacked
from smartmask.data.readers.coco_files import Rows, captions_near, image_file, read_coco
from smartmask.data.record import Job, Record, reader
from smartmask.data.splits import coco_key
from smartmask.geometry import mask_iou
from smartmask.image.files import photo_size
from smartmask.io.json_rows import read_tables
from smartmask.io.reading import field, file_says, photo_beside
from smartmask.io.sentences import short_repr
from smartmask.scene import Layer, Scene
from smartmask.scene.coco import mask_of, number, size, table

# A visible_mask contradicts order and polygons below this IoU, if more than a few pixels differ.
AGREEMENT = 0.8
OFFICIAL = "COCO_amodal_*.json"  # as published, in the folder ``annotations``
FEW_PIXELS = 50


@reader("cocoa", "COCOA amodal regions (one JSON an image, or the bundled official file)")
def read_cocoa(path: Path) -> Iterator[Job]:
    """One job an image. path: a JSON file of either kind, or a folder of them, itself or its ``annotations/``."""
    files = [path] if path.is_file() else [*sorted(path.glob("*.json")), *sorted(path.glob(f"annotations/{OFFICIAL}"))]
    if path.is_dir():
        files = [file for file in files if file_says(file, ['"regions"'])]
    if not files:
        raise ValueError(f"{path} holds no COCOA file (*.json with regions, or annotations/{OFFICIAL}).")
    for file in files:
        yield from _jobs(file)


def _jobs(file: Path) -> Iterator[Job]:
    try:
        content = read_tables(file)
        bundle = read_coco(file)[1] if "annotations" in content else None
        captions = captions_near(file)
    except ValueError as error:
        yield partial(_raise, error)  # inside the job, so that the other files are still read
        return
    if bundle is None:
        yield partial(_record, [content], [], file, captions)
        return
    for _, image, annotation in bundle.by_annotation():
        yield partial(_record, annotation, image, file, captions)


def _raise(error: ValueError) -> Record:
    raise error


def _record(annotations: Rows, images: Rows, file: Path, captions: dict[int, tuple[str, ...]]) -> Record:
    (annotation,), image = annotations, next(iter(images), None)
    regions = list(table(annotation, "regions", file))
    key = _key(annotation, image, file)
    photo = _photo(annotation, image, file)
    height, width = _size(regions, image, photo, file)
    found: list[_Region] = []
    for index, region in enumerate(regions):
        what = f"region {index} of image {key}"
        mask = mask_of(field(region, "segmentation", file, what), height, width, file, what)
        if not mask.any():
            continue
        name = " ".join(str(field(region, "name", file, what) or "").lower().split()) or "object"
        seen = region.get("visible_mask")
        shown = mask_of(seen, height, width, file, f"the visible mask of {what}") if seen is not None else None
        layer = Layer(name, mask, not region.get("isStuff", 0))
        whole = seen is None and not meets_border(layer.window)
        found.append(_Region(number(region, "order", file, what), layer, shown, whole))
    found = _in_order(found, annotation, regions, key, file)
    sentences = captions.get(int(key), ())
    layers = tuple(region.layer for region in found)
    scene = Scene(height, width, layers, caption=sentences[0] if sentences else None)
    _check_visible(scene, [region.shown for region in found], file)
    marks = tuple(region.whole for region in found)
    return Record(
        key, "cocoa", scene, sentences, modal=False, image=photo, name=f"{int(key):012d}", ordered=True, whole=marks
    )


class _Region(NamedTuple):
    """A region that is not empty. order: 1 is the front.  shown: its visible part, if something hides it."""

    order: int
    layer: Layer
    shown: np.ndarray | None
    whole: bool


def _in_order(
    found: list[_Region], annotation: dict[str, Any], regions: list[dict[str, Any]], key: str, file: Path
) -> list[_Region]:
    """From back to front: by the depth constraint where there is one, else by the orders."""
    given = annotation.get("depth_constraint") or ""
    pairs = [tuple(part.strip() for part in pair.split("-")) for pair in str(given).split(",") if pair.strip()]
    if not all(len(pair) == 2 and all(part.isdigit() and len(part) < 10 for part in pair) for pair in pairs):
        raise ValueError(
            f"{file}: the depth_constraint of image {key} is {short_repr(given)}; it must be as '1-3,2-3', the region "
            "in front first."
        )
    known = {number(region, "order", file, "a region") for region in regions}
    unknown = next((part for pair in pairs for part in pair if int(part) not in known), None)
    if unknown is not None:
        raise ValueError(f"{file}: the depth_constraint of image {key} names region {unknown}, which is not there.")
    places: dict[int, list[int]] = {}
    for place, region in enumerate(found):
        places.setdefault(region.order, []).append(place)
    fronts = [
        (front, back)
        for a, b in pairs
        for front in places.get(int(a), [])
        for back in places.get(int(b), [])
        if front != back
    ]
    return [found[i] for i in stacked(len(found), fronts, [-float(region.order) for region in found])]


def _key(annotation: dict[str, Any], image: dict[str, Any] | None, file: Path) -> str:
    """The COCO image id: from the URL, else from ``image_id``."""
    url = annotation.get("url") or (image or {}).get("coco_url") or (image or {}).get("file_name")
    return coco_key(url) if url else coco_key(number(annotation, "image_id", file, "the record"))


def _photo(annotation: dict[str, Any], image: dict[str, Any] | None, file: Path) -> Path | None:
    name = str((image or {}).get("file_name") or annotation.get("url", "")).rsplit("/", 1)[-1]
    found = image_file(file, name) if name else None
    return found or (None if image else photo_beside(file.parent, file.stem))


def _size(
    regions: list[dict[str, Any]], image: dict[str, Any] | None, photo: Path | None, file: Path
) -> tuple[int, int]:
    """(height, width): from the bundled image entry, else any RLE, else the photograph."""
    if image is not None and "height" in image:
        return size(image, file, "an image")
    for region in regions:
        rle = region.get("visible_mask") or region.get("invisible_mask")
        if isinstance(rle, dict) and isinstance(rle.get("size"), list) and len(rle["size"]) == 2:
            return size(dict(zip(("height", "width"), rle["size"], strict=True)), file, "an RLE")
    if photo is not None:
        return photo_size(photo)
    raise ValueError(f"{file} does not tell the size of its image; put the photograph beside it.")


def _check_visible(scene: Scene, given: list[np.ndarray | None], file: Path) -> None:
    """Raise ValueError if a ``visible_mask`` contradicts what order and polygons leave visible."""
    for index, mask in enumerate(given):
        if mask is None:
            continue
        seen = scene.visible(index)
        if np.count_nonzero(seen ^ mask) > FEW_PIXELS and mask_iou(seen, mask) < AGREEMENT:
            name = scene.layers[index].name
            raise ValueError(
                f"{file}: the visible mask of '{name}' contradicts the orders given; their IoU is below {AGREEMENT}."
            )
