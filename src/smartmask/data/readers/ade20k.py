"""ADE20K: the full set of 2021 (whole and hidden, with parts), and the scene parsing challenge of 150 classes.

Full (ADE20K_2021_17_01), beside each ``NAME.jpg``: ``NAME.json`` with all objects and their polygons; ``NAME/`` with a
PNG an object, 255 where it is seen and 128 where something hides it; ``NAME_seg.png``, whose class is R / 10 * 256 + G
and whose B tells instances apart; ``NAME_parts_1.png`` and so on, which say of parts what the PNGs of parts say too.
``depth_ordering_rank`` is the order of annotation, not depth: in the one picture that its authors publish openly it
agrees with what is seen in 42 of 120 overlapping pairs, so that depth comes from the hidden pixels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.data.depth import pairs_seen, stacked
from smartmask.data.record import Job, Part, Record, reader
from smartmask.geometry import MaskWindow, polygons_to_mask
from smartmask.image.files import load_label_map, load_panoptic_png
from smartmask.io.json_text import parse_json
from smartmask.io.reading import field, files_in, photo_beside, read_bytes
from smartmask.io.sentences import short_repr
from smartmask.scene import Layer, Scene
from smartmask.scene.categories import is_thing
from smartmask.scene.coco import number, table

HIDDEN, SEEN = 128, 255  # in the PNG of an object
_DEEPEST = 4  # parts of parts
_HIDDEN_SHARE = 0.02  # of an object: less is the width of outlines drawn twice


@reader("ade20k", "ADE20K, full (ADE20K_2021_17_01: NAME.json, NAME_seg.png, NAME/instance_*.png beside NAME.jpg)")
def read_ade20k(path: Path) -> Iterator[Job]:
    """One job an image: its objects whole, and their parts. path: the set's folder, or any below it.

    Names are the first of their synonyms. The key is the file's name, as in the challenge's set.
    """
    for file in files_in(path, "**/*_seg.png", "ADE20K maps"):
        yield partial(_record, file)


@dataclass(frozen=True)
class _Thing:
    """An object or part as annotated. level: 0 for objects.  of: the id of what it is a part of.  seen: its visible
    part.  whole: whether it is marked as neither occluded nor cropped."""

    id: int
    name: str
    level: int
    of: int | None
    window: MaskWindow
    seen: MaskWindow
    whole: bool | None


def _record(file: Path) -> Record:
    stem = file.name.removesuffix("_seg.png")
    encoded = load_panoptic_png(file)
    classes = (encoded & 0xFF) // 10 * 256 + (encoded >> 8 & 0xFF)
    listed = file.with_name(f"{stem}.json")
    content = _read_json(listed)
    objects = table(field(content, "annotation", listed, "the file"), "object", listed)
    things = [thing for entry in objects if (thing := _thing(entry, classes, listed)).window.any()]
    found = [thing for thing in things if not thing.level]
    pairs = pairs_seen([thing.window for thing in found], [thing.seen for thing in found])
    order = stacked(len(found), pairs, [-float(thing.window.area) for thing in found])
    layers = tuple(Layer(found[i].name, found[i].window, is_thing(found[i].name)) for i in order)
    places = {found[i].id: place for place, i in enumerate(order)}
    height, width = classes.shape
    scene = Scene(height, width, layers)
    return Record(
        stem, "ade20k", scene, modal=False, image=photo_beside(file.parent, stem), name=stem, ordered=True,
        whole=tuple(found[i].whole for i in order), parts=_parts(things, places),
    )  # fmt: skip


def _read_json(file: Path) -> Any:
    """The annotation of a picture; some of the published ones are Latin-1."""
    data = read_bytes(file, "annotation", "json_mb", "the set's JSON file")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        data = data.decode("latin-1").encode("utf-8")
    return parse_json(data, f"The annotation '{file}'")


def _thing(entry: dict[str, Any], classes: np.ndarray, file: Path) -> _Thing:
    key = number(entry, "id", file, "an object")
    what = f"object {key}"
    synonyms = str(entry.get("name") or entry.get("raw_name") or "")
    name = " ".join(synonyms.split(",")[0].lower().split()) or "object"
    parts = field(entry, "parts", file, what)
    level = number(parts, "part_level", file, f"the parts of {what}")
    holder = parts.get("ispartof")
    holder = holder if isinstance(holder, int) and not isinstance(holder, bool) else None
    window, seen = _masks(entry, key, classes, file, what)
    hidden = window.area - seen.area > _HIDDEN_SHARE * window.area
    said = (entry.get("occluded"), str(entry.get("crop")))
    whole = False if hidden or said[0] == "yes" or said[1] == "1" else (True if said == ("no", "0") else None)
    return _Thing(key, name, level, holder, window, seen, whole)


def _masks(
    entry: dict[str, Any], key: int, classes: np.ndarray, file: Path, what: str
) -> tuple[MaskWindow, MaskWindow]:
    """(all of an object, what is seen of it): from its PNG, else from its polygon and the map of classes."""
    png = file.with_suffix("") / f"instance_{key:03d}_{file.stem}.png"
    if png.is_file():
        values = load_label_map(png)
        if values.shape != classes.shape:
            height, width = classes.shape
            raise ValueError(f"{png} is {values.shape[1]}x{values.shape[0]}, but its picture is {width}x{height}.")
        return MaskWindow.of(values > 0), MaskWindow.of(values > (HIDDEN + SEEN) // 2)
    polygon = field(entry, "polygon", file, what)
    x, y = field(polygon, "x", file, f"the polygon of {what}"), field(polygon, "y", file, f"the polygon of {what}")
    try:
        points = np.array([x, y], np.float64).T.reshape(-1, 2)
        mask = polygons_to_mask([points], *classes.shape)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(f"{file}: the polygon of {what} is no list of points, and {png} is not there.") from None
    seen = mask & (classes == number(entry, "name_ndx", file, what))
    # parts have no pixels of their own on the map of classes, and what is wholly hidden has none either
    return MaskWindow.of(mask), MaskWindow.of(seen if seen.any() else mask)


def _parts(things: list[_Thing], places: dict[int, int]) -> tuple[Part, ...]:
    """The parts whose object, through parts of parts, is a layer."""
    holders = {thing.id: thing.of for thing in things if thing.level}
    found = []
    for thing in things:
        at: int | None = thing.of if thing.level else None
        for _ in range(_DEEPEST):
            at = holders.get(at, at) if at is not None else None
        if at in places:
            found.append(Part(places[at], thing.name, thing.level, thing.window))
    return tuple(found)


# --- the challenge -------------------------------------------------------------------------------


@reader("scene_parse150", "ADE20K's scene parsing challenge (ADEChallengeData2016: annotations/, objectInfo150.txt)")
def read_scene_parse150(path: Path) -> Iterator[Job]:
    """One job a label map: 0 unlabeled, 1 to 150 the classes of objectInfo150.txt. path: ADEChallengeData2016 itself.

    Things are told apart by ``annotations_instance/`` where it is there (its G channel), else by their parts.
    """
    names = object_names(path / "objectInfo150.txt")
    for file in files_in(path / "annotations", "*/*.png", "label maps"):
        yield partial(_parsed, file, names, path)


MIN_SHARE = 0.001  # smaller parts of a thing class, as a share of the picture, are specks


def object_names(file: Path) -> dict[int, str]:
    """``{class: name}`` of objectInfo150.txt: columns parted by tabs, the first an index and the last the names."""
    lines = read_bytes(file, "table of classes").decode("utf-8", "replace").splitlines()
    rows = [line.split("\t") for line in lines if line.strip()]
    names = {
        int(row[0]): row[-1].split(",")[0].strip().lower()
        for row in rows
        if re.fullmatch(r"[0-9]{1,3}", row[0].strip()) and len(row) > 1
    }
    if not names or not all(names.values()) or max(names) > 255:
        raise ValueError(f"{file} has no lines of an index, tabs and names, as the challenge's objectInfo150.txt has.")
    return names


def _parsed(file: Path, names: dict[int, str], root: Path) -> Record:
    labels = load_label_map(file)
    instances = root / "annotations_instance" / file.parent.name / file.name
    min_area = max(1, round(MIN_SHARE * labels.size))
    things = {key for key, name in names.items() if is_thing(name)}
    try:
        if instances.is_file():
            labels, names, things = _instances(labels, load_panoptic_png(instances) >> 8 & 0xFF, names, things)
        scene = Scene.from_label_map(labels, names, things, split_instances=not instances.is_file(), min_area=min_area)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None
    photo = photo_beside(root / "images" / file.parent.name, file.stem)
    return Record(file.stem, "scene_parse150", scene, image=photo, name=file.stem)


def _instances(
    labels: np.ndarray, instances: np.ndarray, names: dict[int, str], things: set[int]
) -> tuple[np.ndarray, dict[int, str], set[int]]:
    """The map with an id of its own for each instance of a class, and names and things of the new ids."""
    if instances.shape != labels.shape:
        shape = f"{instances.shape[1]}x{instances.shape[0]}"
        raise ValueError(f"its instances are {shape}, but the map is {labels.shape[1]}x{labels.shape[0]}.")
    unknown = set(np.unique(labels).tolist()) - names.keys() - {0}
    if unknown:
        raise ValueError(f"the map has the class {min(unknown)}, which {short_repr('objectInfo150.txt')} lacks.")
    both = np.where((instances > 0) & np.isin(labels, list(things)), instances * 256 + labels, labels)
    ids = [int(i) for i in np.unique(both) if i]
    return both, {i: names[i % 256] for i in ids}, {i for i in ids if i % 256 in things}
