"""From the files that a user hands over to a Scene: shared by every command.

All errors are ValueError with one sentence that holds the offending value and what would be right.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.image.files import frames_noted, load_label_map, load_panoptic_png, load_photo
from smartmask.io.checks import check_prompt
from smartmask.io.reading import read_json
from smartmask.io.sentences import short_repr
from smartmask.io.settings import Settings, option
from smartmask.scene.photo import scene_of_photo
from smartmask.scene.scene import Scene
from smartmask.scene.scene_file import History, load_scene


class SceneFiles(Settings):
    """Where a scene comes from: a photo with the files that describe its layout, or a saved scene."""

    outputs = ("out", "segmenter_cache")

    layout: Path | None = option(
        None, "The photo's layout: a label map (with --names), or COCO's (with --panoptic).", metavar="PNG"
    )
    names: Path | None = option(None, 'Names of the label map\'s ids: {"1": "sky"}, or a list.', metavar="JSON")
    panoptic: Path | None = option(
        None, "COCO panoptic JSON of the layout, or one image's segments_info.", metavar="JSON"
    )
    scene: Path | None = option(
        None,
        "A saved scene.json (of 'insert' or 'layout') to go on with, instead of a layout.",
        metavar="JSON",
    )
    segmenter: str | None = option(
        None, "Panoptic model (hub name or folder) that reads a photo without --layout.", metavar="MODEL"
    )
    segmenter_cache: Path | None = option(None, "Folder that keeps what the panoptic model read.", metavar="DIR")

    @property
    def described(self) -> bool:
        """Whether anything says what the photo's layout is, or what reads it."""
        return any(value is not None for value in (self.layout, self.names, self.panoptic, self.scene, self.segmenter))

    def read(self, image: Path, photo: np.ndarray | None = None) -> tuple[Scene, tuple[str, ...]]:
        """``(scene, notes)`` of a photo's file, and of what it holds ((H, W, 3) uint8 RGB) if that is at hand.

        Without a layout or a saved scene a panoptic model (``segmenter``, or the default one, if it is here) reads the
        photo, else it stays unlabeled. Raises ValueError for files that do not go together, one sentence each.
        """
        with frames_noted() as frames:
            scene, notes = self._read(image, photo)
        return scene, (*frames, *notes)

    def _read(self, image: Path, photo: np.ndarray | None) -> tuple[Scene, tuple[str, ...]]:
        if self.scene is not None:
            self._refuse_beside()
        if self._file is not None:
            photo = load_photo(image) if photo is None else photo
            return _with_photo(self._file[0], photo, image, f"the scene '{self.scene}'"), ()
        if self.layout is None:
            if self.names is not None or self.panoptic is not None:
                given = f"--names {self.names}" if self.names is not None else f"--panoptic {self.panoptic}"
                raise ValueError(f"{given} describes a layout, but none is given; add --layout PNG.")
            photo = load_photo(image) if photo is None else photo  # a bad one should be named before a missing model is
            return scene_of_photo(photo, self.segmenter, cache=self.segmenter_cache)
        if self.names is not None and self.panoptic is not None:
            raise ValueError(f"The layout '{self.layout}' has both --names and --panoptic; give one of the two.")
        photo = load_photo(image) if photo is None else photo
        if self.names is not None:
            scene = Scene.from_label_map(load_label_map(self.layout), read_names(self.names))
        elif self.panoptic is not None:
            segments = read_panoptic(self.panoptic, self.layout, image)
            scene = Scene.from_panoptic(load_panoptic_png(self.layout), *segments)
        else:
            raise ValueError(f"The layout '{self.layout}' has neither --names nor --panoptic; give one of the two.")
        return _with_photo(scene, photo, image, f"its layout '{self.layout}'"), ()

    def _refuse_beside(self) -> None:
        beside = [name for name in ("layout", "names", "panoptic", "segmenter") if getattr(self, name) is not None]
        if beside:
            raise ValueError(f"--scene {self.scene} says what is in the photo; leave --{beside[0]} out.")

    @cached_property
    def _file(self) -> tuple[Scene, History] | None:
        return None if self.scene is None else load_scene(self.scene)

    @property
    def history(self) -> History:
        """What a saved scene says was done to it so far; without one nothing."""
        return [] if self._file is None else list(self._file[1])


def read_scene(image: Path, photo: np.ndarray | None = None, **files: Any) -> tuple[Scene, tuple[str, ...]]:
    """``SceneFiles(**files).read(image, photo)``: ``(scene, notes)``."""
    return SceneFiles.of(**files).read(image, photo)


def _with_photo(scene: Scene, photo: np.ndarray, image: Path, what: str) -> Scene:
    height, width = photo.shape[:2]
    if (height, width) != (scene.height, scene.width):
        raise ValueError(
            f"The photo '{image}' is {width}x{height} (upright), but {what} is "
            f"{scene.width}x{scene.height}; both must have one size."
        )
    return replace(scene, photo=photo)


def read_names(path: Path) -> dict[int, str]:
    """{id: name} of a JSON file: ``{"1": "sky"}``, or a list whose index is the id (null: no name)."""
    return names_of(read_json(path, "names", unique=True), f"The names '{path}'")


def names_of(data: Any, what: str) -> dict[int, str]:
    """{id: name} of JSON values; ``what`` begins the sentence of an error (ValueError)."""
    if isinstance(data, list):
        data = {index: name for index, name in enumerate(data) if name is not None}
    if not isinstance(data, dict) or not data:
        raise ValueError(f'{what} hold {short_repr(data)}; give {{"1": "sky"}} or a list of names.')
    names: dict[int, str] = {}
    for key, name in data.items():
        try:
            region = int(key)
        except ValueError as error:
            raise ValueError(f"{what} have the id {short_repr(key)}; ids are whole numbers.") from error
        names[region] = check_prompt(name, f"name of id {region} in {what[0].lower()}{what[1:]}")
    return names


def read_panoptic(path: Path, layout: Path, image: Path) -> tuple[list[Any], list[Any] | None]:
    """``(segments_info, categories or None)`` of one image, from a JSON file.

    The file is a whole COCO panoptic JSON (the annotation is found by the layout's or the image's
    file name; a single one is taken as it is), one of its annotations, or a segments_info list.
    """
    return segments_of(read_json(path, "panoptic JSON", unique=True), f"The panoptic JSON '{path}'", (layout, image))


def segments_of(data: Any, what: str, files: Sequence[Path] = ()) -> tuple[list[Any], list[Any] | None]:
    """``(segments_info, categories or None)`` of JSON values; ``what`` begins the sentence of an error (ValueError).

    files: layout and photo, by whose names a whole COCO panoptic JSON tells which of its annotations is meant.
    """
    categories = None
    if isinstance(data, dict):
        categories = data.get("categories")
        if "annotations" in data:
            data = _annotation_of(data, what, files)
        data = data.get("segments_info") if isinstance(data, dict) else None
    if not isinstance(data, list):
        raise ValueError(f"{what} has no list of segments; give COCO's JSON or a segments_info.")
    _check_records(data, ("id", "category_id"), "segment", what)
    if categories is not None:
        _check_records(categories, ("id",), "category", what)
    return data, categories


def _annotation_of(data: dict[str, Any], what: str, files: Sequence[Path]) -> Any:
    annotations, images = data["annotations"], data.get("images") or []
    if not isinstance(annotations, list) or not isinstance(images, list):
        raise ValueError(f"{what} has annotations or images that are not lists; give COCO's JSON.")
    annotations = [a for a in annotations if isinstance(a, dict)]
    exact = [a for a in annotations if a.get("file_name") in [file.name for file in files[:1]]]
    stems = {file.stem for file in files}
    image_ids = [i.get("id") for i in images if isinstance(i, dict) and Path(str(i.get("file_name"))).stem in stems]
    close = [
        a for a in annotations if Path(str(a.get("file_name"))).stem in stems or a.get("image_id", what) in image_ids
    ]
    for found in (exact, close, annotations):
        if len(found) == 1:
            return found[0]
    alone = f"not one for '{files[0].name}' alone" if files else "not a single one"
    raise ValueError(
        f"{what} has {len(annotations)} annotations, and {alone}; "
        "name the layout or the photo as in the JSON, or give that image's segments_info."
    )


def _check_records(records: Any, keys: Sequence[str], kind: str, what: str) -> None:
    if not isinstance(records, list):
        raise ValueError(f"{what} has {short_repr(records)} instead of a list of {kind} records.")
    for record in records:
        good = isinstance(record, Mapping) and all(
            isinstance(record.get(key), int) and not isinstance(record.get(key), bool) for key in keys
        )
        if not good:
            raise ValueError(f"{what} has the {kind} {short_repr(record)}; it needs {' and '.join(keys)}.")
        if kind == "category":
            check_prompt(record.get("name"), f"name of category {record['id']} in {what[0].lower()}{what[1:]}")
