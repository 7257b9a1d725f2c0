"""What the COCO formats share: finding files by COCO's own layouts, annotations and captions by image id."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.io.json_rows import JsonRows, read_tables
from smartmask.io.reading import field
from smartmask.scene.coco import number, table

Rows = Sequence[dict[str, Any]]


def annotation_files(path: Path, kind: str, patterns: Sequence[str] = ()) -> list[Path]:
    """The JSONs of a kind ("instances", "panoptic", "captions"): ``path`` itself, or those in that folder.

    In a folder ``kind.json`` wins, else all ``kind_*.json``, also in ``annotations/`` (COCO's own layout).
    patterns: others than these. Raises ValueError if there is none.
    """
    if path.is_file():
        return [path]
    for folder in (path, path / "annotations"):
        for pattern in patterns or (f"{kind}.json", f"{kind}_*.json"):
            if found := sorted(folder.glob(pattern)) if folder.is_dir() else []:
                return found
    raise ValueError(f"{path} holds no {' or '.join(patterns) or f'{kind}.json or {kind}_*.json'}.")


def image_file(annotations: Path, file_name: str) -> Path | None:
    """The photograph, in ``images/`` beside the JSON or in COCO's own layout; None if it is not there."""
    split = annotations.stem.split("_")[-1]  # instances_val2017 -> val2017
    base = annotations.parent
    for folder in (base / "images", base, base / split, base.parent / split, base.parent / "images"):
        if (folder / file_name).is_file():
            return folder / file_name
    return None


@dataclass(frozen=True)
class Pictures:
    """The annotations of a COCO JSON by picture; all are read from the file when they are asked for.

    images, annotations: the file's lists.  ids: the images' ids.  of: row numbers of ``annotations`` by image id.
    """

    images: Rows
    annotations: Rows
    ids: list[int]
    of: dict[int, np.ndarray]

    def of_image(self, image_id: int) -> Rows:
        """The annotations of an image, in the file's order."""
        return picked(self.annotations, self.of.get(image_id, ()))

    def by_annotation(self) -> Iterator[tuple[int, Rows, Rows]]:
        """(image id, its row in ``images`` or none, the annotation), for files with an annotation a picture."""
        places = {image_id: place for place, image_id in enumerate(self.ids)}
        for row, image_id in sorted((int(row), image_id) for image_id, rows in self.of.items() for row in rows):
            image = picked(self.images, [places[image_id]] if image_id in places else [])
            yield image_id, image, picked(self.annotations, [row])

    def __iter__(self) -> Iterator[tuple[int, Rows, Rows]]:
        """(image id, the image's row alone, its annotations)."""
        for index, image_id in enumerate(self.ids):
            yield image_id, picked(self.images, [index]), self.of_image(image_id)


def read_coco(file: Path) -> tuple[dict[str, Any], Pictures]:
    """The content of a COCO JSON, and its annotations by picture. Raises ValueError, naming the file, for damage."""
    content = read_tables(file)
    images, annotations = table(content, "images", file), table(content, "annotations", file)
    ids = [number(image, "id", file, "an image") for image in images]
    return content, Pictures(images, annotations, ids, row_numbers(annotations, "image_id", file, "an annotation"))


def row_numbers(rows: Rows, name: str, file: Path, what: str) -> dict[int, np.ndarray]:
    """``{value: numbers of the rows}`` of a whole-number field, (n,) int64 each, ascending."""
    try:
        values = np.fromiter((number(row, name, file, what) for row in rows), np.int64, count=len(rows))
    except OverflowError:
        raise ValueError(f"{file}: the '{name}' of {what} is beyond 64 bits.") from None
    order = np.argsort(values, kind="stable")
    found, first = np.unique(values[order], return_index=True)
    return dict(zip(found.tolist(), np.split(order, first[1:]), strict=True)) if len(found) else {}


def picked(rows: Rows, numbers: Sequence[int] | np.ndarray) -> Rows:
    """The rows of these numbers; of a list in a file without reading them."""
    return rows.select(numbers) if isinstance(rows, JsonRows) else [rows[int(number)] for number in numbers]


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
    for annotation in table(read_tables(file), "annotations", file):
        caption = str(field(annotation, "caption", file, "a caption"))
        found.setdefault(number(annotation, "image_id", file, "a caption"), []).append(" ".join(caption.split()))
    return {image_id: tuple(captions) for image_id, captions in found.items()}


def named_objects(
    annotations: Rows, image_id: int, names: dict[int, str], file: Path
) -> Iterator[tuple[dict[str, Any], str, str]]:
    """``(annotation, what, name)`` of an image's annotations but crowds. what: names it in the sentence of an error."""
    for annotation in annotations:
        if annotation.get("iscrowd", 0):
            continue
        what = f"annotation {annotation.get('id')} of image {image_id}"
        category = number(annotation, "category_id", file, what)
        if category not in names:
            raise ValueError(f"{file}: {what} has category {category}, which the categories do not list.")
        yield annotation, what, names[category]
