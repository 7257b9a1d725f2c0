"""Semantic maps, one class id a pixel: IDD Lite, CamVid, and any set with a ``names.json``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from smartmask.data.record import Job, Record, reader
from smartmask.image.files import load_label_map
from smartmask.io.reading import files_in, photo_beside, read_json
from smartmask.io.sentences import short_repr
from smartmask.scene import Scene
from smartmask.scene.categories import is_thing

MIN_SHARE = 0.001  # smaller parts of a thing class, as a share of the picture, are specks


@dataclass(frozen=True)
class Table:
    """The classes of a set: names by id, the ids of things (split into their parts), the ids without a name."""

    names: Mapping[int, str]
    things: Collection[int]
    void: Collection[int] = (255,)


# IDD Lite's own seven names are: drivable, non-drivable, living things, vehicles, roadside objects, far
# objects, sky. A person who describes the picture says it in these words.
IDD_LITE = Table(
    {
        0: "road",
        1: "ground",
        2: "living thing",
        3: "vehicle",
        4: "roadside objects",
        5: "buildings and trees",
        6: "sky",
    },
    things=(2, 3),
)
CAMVID = Table(
    {
        0: "sky",
        1: "building",
        2: "pole",
        3: "road",
        4: "pavement",
        5: "tree",
        6: "traffic sign",
        7: "fence",
        8: "car",
        9: "person",
        10: "bicyclist",
    },
    things=(6, 8, 9, 10),
    void=(11,),
)


@reader("idd_lite", "IDD Lite street scenes (gtFine/SPLIT/DRIVE/*_label.png)")
def read_idd_lite(path: Path) -> Iterator[Job]:
    """One job a label map; the key is the drive folder."""
    for file in files_in(path / "gtFine", "*/*/*_label.png", "IDD Lite label maps"):
        stem = file.name.removesuffix("_label.png")
        photos = path / "leftImg8bit" / file.parent.parent.name / file.parent.name
        name = f"{file.parent.parent.name}/{file.parent.name}/{stem}"
        yield partial(_record, file, IDD_LITE, "idd_lite", file.parent.name, name, partial(_idd_photo, photos, stem))


def _idd_photo(folder: Path, stem: str) -> Path | None:
    return photo_beside(folder, f"{stem}_image")


@reader("camvid", "CamVid video frames with 11 classes (SPLIT/labels/*.png)")
def read_camvid(path: Path) -> Iterator[Job]:
    """One job a frame; the key is the drive, the file name up to its first underscore."""
    for file in files_in(path, "*/labels/*.png", "CamVid label maps"):
        photo = partial(photo_beside, file.parent.parent / "images", file.stem)
        yield partial(_record, file, CAMVID, "camvid", file.stem.split("_")[0], file.stem, photo)


@reader("semantic", "any label maps (PNG) in a folder, with names.json (id -> name) beside or above them")
def read_semantic(path: Path) -> Iterator[Job]:
    """One job a label map. path: the folder with ``names.json`` and either the maps or ``labels/``.

    An entry of names.json is a name, or an object with ``name`` and ``thing``; photographs are looked
    for in ``images/``.
    """
    table = _read_table(path / "names.json")
    folder = path / "labels" if (path / "labels").is_dir() else path
    for file in files_in(folder, "*.png", "label maps"):
        photo = partial(photo_beside, path / "images", file.stem)
        yield partial(_record, file, table, "semantic", file.stem, file.stem, photo)


def _read_table(file: Path) -> Table:
    content = read_json(file)
    if not isinstance(content, dict) or not content:
        raise ValueError(f'{file} must be a JSON object such as {{"1": "dog", "2": "grass"}}.')
    names: dict[int, str] = {}
    things: list[int] = []
    for key, entry in content.items():
        if not str(key).lstrip("-").isdigit():
            raise ValueError(f"{file} has the id {short_repr(key)}, which is not a whole number.")
        name = entry.get("name") if isinstance(entry, dict) else entry
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"{file} gives no name for id {short_repr(key)}.")
        names[int(key)] = name.strip()
        if entry.get("thing", is_thing(name)) if isinstance(entry, dict) else is_thing(name):
            things.append(int(key))
    return Table(names, things, void=tuple({0, 255} - names.keys()))


def _record(file: Path, table: Table, source: str, key: str, name: str, photo: Callable[[], Path | None]) -> Record:
    labels = load_label_map(file)
    for void in table.void:
        labels[labels == void] = 255
    min_area = max(1, round(MIN_SHARE * labels.size))
    try:
        scene = Scene.from_label_map(labels, table.names, table.things, split_instances=True, min_area=min_area)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None
    return Record(key, source, scene, image=photo(), name=name)
