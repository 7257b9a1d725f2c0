"""What the COCO formats share: finding files by COCO's own layouts, captions by image id."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.data.files import field, read_json
from smartmask.geometry import polygons_to_mask, rle_decode
from smartmask.scene import MAX_PIXELS

FAR = 10  # polygons may leave the image, but not by this many of its sides: rasterising them takes memory


def annotation_file(path: Path, kind: str) -> Path:
    """The JSON of a kind ("instances", "panoptic", "captions"): ``path`` itself, or the one in that folder.

    In a folder ``kind.json`` wins, else the only ``kind*.json``, also in ``annotations/`` (COCO's own layout).
    Raises ValueError if there is none, or several to choose from.
    """
    if path.is_file():
        return path
    for folder in (path, path / "annotations"):
        if (folder / f"{kind}.json").is_file():
            return folder / f"{kind}.json"
        found = sorted(folder.glob(f"{kind}_*.json")) if folder.is_dir() else []
        if len(found) > 1:
            names = ", ".join(f.name for f in found)
            raise ValueError(f"{folder} holds several {kind} files ({names}); give the path of one.")
        if found:
            return found[0]
    raise ValueError(f"{path} holds no {kind}.json or {kind}_*.json.")


def image_file(annotations: Path, file_name: str) -> Path | None:
    """The photograph, in ``images/`` beside the JSON or in COCO's own layout; None if it is not there."""
    split = annotations.stem.split("_")[-1]  # instances_val2017 -> val2017
    base = annotations.parent
    for folder in (base / "images", base, base / split, base.parent / split, base.parent / "images"):
        if (folder / file_name).is_file():
            return folder / file_name
    return None


def captions_near(annotations: Path) -> dict[int, tuple[str, ...]]:
    """``{image id: captions}`` from the caption files that can be found near an annotation file.

    Looked at: ``captions.json`` or the captions of the same split beside it, and in a folder ``text``
    next to its folder ``coco_captions_*.json``. No captions at all is no error.
    """
    split = annotations.stem.split("_")[-1]
    beside = [annotations.parent / "captions.json", annotations.parent / f"captions_{split}.json"]
    text = annotations.parent.parent / "text"
    merged: dict[int, tuple[str, ...]] = {}
    for file in [*beside, *sorted(text.glob("coco_captions_*.json"))]:
        if file.is_file():
            for image_id, captions in read_captions(file).items():
                merged.setdefault(image_id, captions)
    return merged


@lru_cache(maxsize=4)
def read_captions(file: Path) -> dict[int, tuple[str, ...]]:
    """``{image id: captions}`` of a COCO captions file. Raises ValueError, naming the file, if it is none."""
    found: dict[int, list[str]] = {}
    for annotation in table(read_json(file), "annotations", file):
        caption = str(field(annotation, "caption", file, "a caption"))
        found.setdefault(number(annotation, "image_id", file, "a caption"), []).append(" ".join(caption.split()))
    return {image_id: tuple(captions) for image_id, captions in found.items()}


def table(content: Any, name: str, file: Path) -> list[dict[str, Any]]:
    """The list ``content[name]`` of a COCO JSON. Raises ValueError, naming the file, if it is missing."""
    rows = field(content, name, file, "the file")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"{file}: '{name}' is not a list of objects.")
    return rows


def number(record: Any, name: str, file: Path, what: str) -> int:
    """The whole number ``record[name]``. Raises ValueError, naming the file, if it is missing or none."""
    value = field(record, name, file, what)
    if isinstance(value, bool) or not isinstance(value, (int, str)) or not str(value).lstrip("-").isdigit():
        raise ValueError(f"{file}: the '{name}' of {what} is {value!r}, not a whole number.")
    return int(value)


def size(record: Any, file: Path, what: str) -> tuple[int, int]:
    """``(height, width)`` of a COCO image record. Raises ValueError for none, or for too many, pixels."""
    height, width = number(record, "height", file, what), number(record, "width", file, what)
    if height < 1 or width < 1:
        raise ValueError(f"{file}: {what} is {width}x{height} pixels.")
    if height * width > MAX_PIXELS:
        raise ValueError(f"{file}: {what} is {width}x{height}, which is more than {MAX_PIXELS:,} pixels.")
    return height, width


def mask_of(segmentation: Any, height: int, width: int, file: Path, what: str) -> np.ndarray:
    """``(H, W)`` bool of a COCO ``segmentation``: a polygon, a list of polygons, or an RLE.

    Raises ValueError, naming the file, if it is neither or its size differs.
    """
    if isinstance(segmentation, dict):
        if segmentation.get("size") != [height, width]:
            stated = segmentation.get("size")
            raise ValueError(f"{file}: the RLE of {what} has size {stated}, but the image is [{height}, {width}].")
        try:
            return rle_decode(segmentation)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise ValueError(f"{file}: the RLE of {what} is broken ({error}).") from None
    polygons = segmentation if isinstance(segmentation, list) else []
    if polygons and not isinstance(polygons[0], list):
        polygons = [polygons]
    try:
        flat = [np.asarray(p, dtype=np.float64).reshape(-1, 2) for p in polygons]
    except (ValueError, TypeError):
        raise ValueError(f"{file}: a polygon of {what} is not a list of x, y pairs.") from None
    if not flat or not all(np.isfinite(p).all() for p in flat):
        raise ValueError(f"{file}: {what} has no usable segmentation.")
    far = max((float(np.abs(p).max(initial=0)) for p in flat), default=0.0)
    if far > FAR * max(height, width):
        raise ValueError(f"{file}: a polygon of {what} reaches to {far:g}, far outside its {width}x{height} image.")
    return polygons_to_mask(flat, height, width)
