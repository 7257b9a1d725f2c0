"""COCOA (Semantic Amodal Segmentation, Zhu et al. 2017): whole objects with their depth order.

Its original JSON comes one file an image, or bundled with ``images`` and ``annotations``. A region has a
``name`` as typed, an ``order`` (1 is the front; numbers may be missing), an amodal polygon, ``isStuff``,
and, where something hides it, RLEs of its visible and invisible parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.data.readers.coco_files import captions_near, image_file
from smartmask.data.record import Job, Record, reader
from smartmask.data.splits import coco_key
from smartmask.geometry import mask_iou
from smartmask.image.files import load_photo
from smartmask.io.reading import field, photo_beside, read_json
from smartmask.scene import Layer, Scene
from smartmask.scene.coco import mask_of, number, size, table

# A visible_mask contradicts order and polygons below this IoU, if more than a few pixels differ.
AGREEMENT = 0.8
FEW_PIXELS = 50


@reader("cocoa", "COCOA amodal regions (one JSON an image, or the bundled official file)")
def read_cocoa(path: Path) -> Iterator[Job]:
    """One job an image. path: a JSON file of either kind, or a folder of them."""
    files = [path] if path.is_file() else sorted(path.glob("*.json"))
    if not files:
        raise ValueError(f"{path} holds no COCOA file (*.json).")
    for file in files:
        yield from _jobs(file)


def _jobs(file: Path) -> Iterator[Job]:
    try:
        content = read_json(file, dataset=True)
    except ValueError as error:
        yield partial(_raise, error)  # inside the job, so that the other files are still read
        return
    if isinstance(content, dict) and "annotations" in content:
        images = {number(i, "id", file, "an image"): i for i in table(content, "images", file)}
        captions = captions_near(file)
        for annotation in table(content, "annotations", file):
            image = images.get(number(annotation, "image_id", file, "an annotation"))
            yield partial(_record, annotation, image, file, captions)
    else:
        yield partial(_record, content, None, file, captions_near(file))


def _raise(error: ValueError) -> Record:
    raise error


def _record(annotation: Any, image: dict[str, Any] | None, file: Path, captions: dict[int, tuple[str, ...]]) -> Record:
    regions = table(annotation, "regions", file)
    key = _key(annotation, image, file)
    photo = _photo(annotation, image, file)
    height, width = _size(regions, image, photo, file)
    found: list[tuple[int, Layer, np.ndarray | None]] = []
    for index, region in enumerate(regions):
        what = f"region {index} of image {key}"
        mask = mask_of(field(region, "segmentation", file, what), height, width, file, what)
        if not mask.any():
            continue
        name = " ".join(str(field(region, "name", file, what) or "").lower().split()) or "object"
        seen = region.get("visible_mask")
        shown = mask_of(seen, height, width, file, f"the visible mask of {what}") if seen is not None else None
        layer = Layer(name, mask, not region.get("isStuff", 0))
        found.append((number(region, "order", file, what), layer, shown))
    found.sort(key=lambda item: -item[0])
    sentences = captions.get(int(key), ())
    scene = Scene(height, width, tuple(f[1] for f in found), caption=sentences[0] if sentences else None)
    _check_visible(scene, [f[2] for f in found], file)
    return Record(key, "cocoa", scene, sentences, modal=False, image=photo, name=f"{int(key):012d}")


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
        height, width = load_photo(photo).shape[:2]
        return height, width
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
