"""Cityscapes fine annotations: a map of instance ids a picture, and the polygons it was drawn from.

``gtFine/SPLIT/CITY/CITY_SEQ_FRAME_gtFine_instanceIds.png`` holds ``label * 1000 + n`` for single things and ``label``
for all else; ``..._polygons.json`` lists what was drawn, from back to front, each over what was drawn before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from smartmask.data.record import Job, Record, reader
from smartmask.geometry import components
from smartmask.image.files import load_label_map
from smartmask.io.reading import field, files_in, photo_beside, read_json
from smartmask.io.sentences import short_repr
from smartmask.scene import Layer, Scene
from smartmask.scene.coco import size, table

# Labels by id; those without a name here are the car's own bonnet, borders, and what has no name at all.
LABELS = {
    6: "ground", 7: "road", 8: "sidewalk", 9: "parking", 10: "rail track", 11: "building", 12: "wall", 13: "fence",
    14: "guard rail", 15: "bridge", 16: "tunnel", 17: "pole", 18: "polegroup", 19: "traffic light", 20: "traffic sign",
    21: "vegetation", 22: "terrain", 23: "sky", 24: "person", 25: "rider", 26: "car", 27: "truck", 28: "bus",
    29: "caravan", 30: "trailer", 31: "train", 32: "motorcycle", 33: "bicycle",
}  # fmt: skip
UNNAMED = {
    "unlabeled": 0, "ego vehicle": 1, "rectification border": 2, "out of roi": 3, "static": 4, "dynamic": 5,
    "license plate": -1,
}  # fmt: skip
EVERYDAY = {"polegroup": "pole", "vegetation": "tree", "terrain": "grass"}
FIRST_THING = 24  # from here on single things are told apart
_SIGNS = (19, 20)  # things whose instances are not told apart: their parts are
MIN_SHARE = 0.0001  # smaller parts, as a share of the picture, are specks
_IDS = {name: key for key, name in LABELS.items()} | UNNAMED


@reader("cityscapes", "Cityscapes street scenes (gtFine/SPLIT/CITY/*_instanceIds.png with polygons; leftImg8bit/)")
def read_cityscapes(path: Path) -> Iterator[Job]:
    """One job a picture of gtFine/train and gtFine/val; of gtFine/test nothing is published.

    The key is the city: frames of one drive nearly repeat, and drives through a city meet. Masks are what is seen.
    Groups (cars of which none could be told apart) are unlabeled.
    """
    root = path / "gtFine" if (path / "gtFine").is_dir() else path
    found = [file for file in files_in(root, "*/*/*_gtFine_instanceIds.png", "Cityscapes maps")]
    for file in found:
        if file.parent.parent.name != "test":
            yield partial(_record, file)


def _record(file: Path) -> Record:
    ids = load_label_map(file)
    height, width = ids.shape
    stem = file.name.removesuffix("_gtFine_instanceIds.png")
    city, split = file.parent.name, file.parent.parent.name
    polygons = file.with_name(f"{stem}_gtFine_polygons.json")
    depth = _drawn(polygons, height, width) if polygons.is_file() else {}
    found: list[tuple[tuple[float, ...], Layer]] = []
    for key in np.unique(ids).tolist():
        label = key // 1000 if key >= 1000 else key
        if label not in LABELS and label not in UNNAMED.values():
            raise ValueError(f"{file} has the id {key}, which is no label of Cityscapes.")
        if label not in LABELS or FIRST_THING <= key < 1000:
            continue
        mask, name = ids == key, EVERYDAY.get(LABELS[label], LABELS[label])
        for part in components(mask, max(1, round(MIN_SHARE * ids.size))) if label in _SIGNS else (mask,):
            layer = Layer(name, part, label >= FIRST_THING or label in _SIGNS)
            place = float(depth.get(key, len(depth))) if depth else 0.0
            found.append(((place, float(layer.thing), -float(layer.window.area)), layer))
    found.sort(key=lambda item: item[0])
    scene = Scene(height, width, tuple(layer for _, layer in found))
    photo = photo_beside(file.parents[3] / "leftImg8bit" / split / city, f"{stem}_leftImg8bit")
    return Record(city, "cityscapes", scene, image=photo, name=stem, ordered=bool(depth))


def _drawn(file: Path, height: int, width: int) -> dict[int, int]:
    """``{id on the map: when it was first drawn}``, counted as Cityscapes' own scripts number the instances."""
    content = read_json(file)
    stated = size({"height": field(content, "imgHeight", file, "the file"),
                   "width": field(content, "imgWidth", file, "the file")}, file, "the picture")  # fmt: skip
    if stated != (height, width):
        raise ValueError(f"{file} is of a picture of {stated[1]}x{stated[0]}, but its map is {width}x{height}.")
    first: dict[int, int] = {}
    seen: Counter[int] = Counter()
    for place, thing in enumerate(table(content, "objects", file)):
        name = field(thing, "label", file, "an object")
        if thing.get("deleted"):
            continue
        group = isinstance(name, str) and name not in _IDS and name.endswith("group")
        name = name.removesuffix("group") if group else name
        if not isinstance(name, str) or name not in _IDS:
            raise ValueError(f"{file} has the label {short_repr(name)}, which is none of Cityscapes.")
        label = _IDS[name]
        if label >= FIRST_THING and not group:
            first[label * 1000 + seen[label]] = place
            seen[label] += 1
        else:
            first.setdefault(label, place)
    return first
