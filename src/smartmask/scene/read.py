"""From what a user hands over (files, option texts) to a Scene and guides: shared by every command.

All errors are ValueError with one sentence that holds the offending value and what would be right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.image.files import load_label_map, load_panoptic_png, load_photo
from smartmask.io.checks import check_prompt
from smartmask.io.files import read_json, short_repr
from smartmask.scene.scene import Scene


def read_scene(
    image: Path,
    layout: Path | None = None,
    names: Path | None = None,
    panoptic: Path | None = None,
    segmenter: str | None = None,
    cache: Path | None = None,
    photo: np.ndarray | None = None,
) -> tuple[Scene, tuple[str, ...]]:
    """``(scene, notes)`` of a photo and the files that describe its layout.

    image: the photo.  layout: a label map read with ``names``, or a COCO panoptic PNG read with
    ``panoptic``, of the upright photo's size.  Without a layout a panoptic model (``segmenter``: hub name, local
    folder, or None for the default one, if it is here) reads the photo, else it stays unlabeled; ``cache`` is a folder
    that keeps what the model read.  photo: (H, W, 3) uint8 RGB where the caller has read the file already.
    """
    if layout is None:
        if names is not None or panoptic is not None:
            given = f"--names {names}" if names is not None else f"--panoptic {panoptic}"
            raise ValueError(f"{given} describes a layout, but none is given; add --layout PNG.")
        photo = load_photo(image) if photo is None else photo  # a bad one should be named before a missing model is
        from smartmask.scene.photo import scene_of_photo

        return scene_of_photo(photo, segmenter, cache=cache)
    if names is not None and panoptic is not None:
        raise ValueError(f"The layout '{layout}' has both --names and --panoptic; give one of the two.")
    photo = load_photo(image) if photo is None else photo
    if names is not None:
        scene = Scene.from_label_map(load_label_map(layout), read_names(names))
    elif panoptic is not None:
        scene = Scene.from_panoptic(load_panoptic_png(layout), *read_panoptic(panoptic, layout, image))
    else:
        raise ValueError(f"The layout '{layout}' has neither --names nor --panoptic; give one of the two.")
    height, width = photo.shape[:2]
    if (height, width) != (scene.height, scene.width):
        raise ValueError(
            f"The photo '{image}' is {width}x{height} (upright), but its layout '{layout}' is "
            f"{scene.width}x{scene.height}; both must have one size."
        )
    return replace(scene, photo=photo), ()


def read_names(path: Path) -> dict[int, str]:
    """{id: name} of a JSON file: ``{"1": "sky"}``, or a list whose index is the id (null: no name)."""
    data = read_json(path, "names", unique=True)
    if isinstance(data, list):
        data = {index: name for index, name in enumerate(data) if name is not None}
    if not isinstance(data, dict) or not data:
        raise ValueError(f'The names \'{path}\' hold {short_repr(data)}; give {{"1": "sky"}} or a list of names.')
    names: dict[int, str] = {}
    for key, name in data.items():
        try:
            region = int(key)
        except ValueError as error:
            raise ValueError(f"The names '{path}' have the id {short_repr(key)}; ids are whole numbers.") from error
        names[region] = check_prompt(name, f"name of id {region} in '{path}'")
    return names


def read_panoptic(path: Path, layout: Path, image: Path) -> tuple[list[Any], list[Any] | None]:
    """``(segments_info, categories or None)`` of one image, from a JSON file.

    The file is a whole COCO panoptic JSON (the annotation is found by the layout's or the image's
    file name; a single one is taken as it is), one of its annotations, or a segments_info list.
    """
    data = read_json(path, "panoptic JSON", unique=True)
    categories = None
    if isinstance(data, dict):
        categories = data.get("categories")
        if "annotations" in data:
            data = _annotation_of(data, path, layout, image)
        data = data.get("segments_info") if isinstance(data, dict) else None
    if not isinstance(data, list):
        raise ValueError(f"The panoptic JSON '{path}' has no list of segments; give COCO's JSON or a segments_info.")
    _check_records(data, ("id", "category_id"), "segment", path)
    if categories is not None:
        _check_records(categories, ("id",), "category", path)
    return data, categories


def _annotation_of(data: dict[str, Any], path: Path, layout: Path, image: Path) -> Any:
    annotations, images = data["annotations"], data.get("images") or []
    if not isinstance(annotations, list) or not isinstance(images, list):
        raise ValueError(f"The panoptic JSON '{path}' has annotations or images that are not lists; give COCO's JSON.")
    annotations = [a for a in annotations if isinstance(a, dict)]
    exact = [a for a in annotations if a.get("file_name") == layout.name]
    stems = {layout.stem, image.stem}
    image_ids = [i.get("id") for i in images if isinstance(i, dict) and Path(str(i.get("file_name"))).stem in stems]
    close = [
        a for a in annotations if Path(str(a.get("file_name"))).stem in stems or a.get("image_id", path) in image_ids
    ]
    for found in (exact, close, annotations):
        if len(found) == 1:
            return found[0]
    raise ValueError(
        f"The panoptic JSON '{path}' has {len(annotations)} annotations, and not one for '{layout.name}' alone; "
        "name the layout or the photo as in the JSON, or give that image's segments_info."
    )


def _check_records(records: Any, keys: Sequence[str], what: str, path: Path) -> None:
    if not isinstance(records, list):
        raise ValueError(f"The panoptic JSON '{path}' has {short_repr(records)} instead of a list of {what} records.")
    for record in records:
        good = isinstance(record, Mapping) and all(
            isinstance(record.get(key), int) and not isinstance(record.get(key), bool) for key in keys
        )
        if not good:
            raise ValueError(
                f"The panoptic JSON '{path}' has the {what} {short_repr(record)}; it needs {' and '.join(keys)}."
            )
        if what == "category":
            check_prompt(record.get("name"), f"name of category {record['id']} in '{path}'")
