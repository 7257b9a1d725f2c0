"""Photographs with one named LabelMe region each, as in Lalonde and Efros: mostly stuff, some cars and people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from smartmask.data.record import Job, Record, reader
from smartmask.image.files import load_label_map
from smartmask.io.reading import photo_beside, read_rows
from smartmask.scene import Layer, Scene
from smartmask.scene.categories import is_thing

_VIEW = re.compile(
    r"\b(az\d+deg|left|right|front|frontal|rear|back view|back|side|mid|near|far|top|whole|walking|standing|sitting"
    r"|foreground|facade|\d+)\b"
)
# "goat left mid mountain" is a goat seen from its left, in the middle distance, on a mountain.
_ANIMAL_IN_PLACE = re.compile(r"^(\w+) (?:left|right|front|rear|top) (?:near|mid|far) \w+$")
_EVERYDAY = {
    "trees": "tree",
    "treee": "tree",
    "tree folage palm": "palm tree",
    "palm trees": "palm tree",
    "tree trunks": "tree trunk",
    "treewhole": "tree",
    "buildings": "building",
    "building skyscraper": "skyscraper",
    "skyscraper building": "skyscraper",
    "building edifice": "building",
    "curved of building": "building",
    "houses": "house",
    "mountains": "mountain",
    "plants": "plant",
    "plants flowers": "flower",
    "field flowers": "flower",
    "bushes": "bush",
    "motorbike": "motorcycle",
    "water river": "river",
    "river water": "river",
    "water lake": "lake",
    "lake water": "lake",
    "brook water": "brook",
    "sea water": "sea",
    "water sea": "sea",
    "water ocean": "ocean",
    "water ocean spray": "ocean",
    "water waterfall": "waterfall",
    "water surf": "surf",
    "sky clouds": "sky",
    "sky cloudy": "sky",
    "sky fog": "sky",
    "sky sunset": "sky",
    "road highway": "road",
    "asphalt road": "road",
    "wet road surface": "road",
    "sand beach": "beach",
    "field grass": "field",
    "shore coast rocky": "shore",
    "car suv": "car",
    "red flower": "flower",
    "bushy hair": "hair",
    "man": "person",
    "woman": "person",
    "pedestrian man": "person",
}
_STUFF = {
    "brook",
    "car entrance",
    "mountain pass",
    "mountain range",
    "snow covered mountain pass",
    "surf",
    "tree branches",
    "tree cut down",
    "tree trunk",
    "hair",
}


def everyday_name(label: str) -> str:
    """A LabelMe label in everyday words: ``carSide az30deg`` -> ``car``, ``sea water`` -> ``sea``."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", label.strip()).lower()
    words = " ".join(re.sub(r"[^\w ]", " ", words).split())
    animal = _ANIMAL_IN_PLACE.match(words)
    if animal is not None:
        return animal.group(1)
    kept = " ".join(_VIEW.sub(" ", words).split()) or words
    return _EVERYDAY.get(kept, kept)


@reader("lalonde_efros", "photographs with one named region each (masks/*.png with objects.csv: id, name)")
def read_regions(path: Path) -> Iterator[Job]:
    """One job a line of ``objects.csv``."""
    for row in read_rows(path / "objects.csv", ("id", "name")):
        yield partial(_record, path, row["id"].strip(), row["name"])


def _record(path: Path, stem: str, label: str) -> Record:
    file = path / "masks" / f"{stem}.png"
    mask = load_label_map(file) > 0
    if not mask.any():
        raise ValueError(f"{file} is empty: it has no white pixel.")
    name = everyday_name(label)
    height, width = mask.shape
    scene = Scene(height, width, (Layer(name, mask, is_thing(name) and name not in _STUFF),))
    return Record(stem, "lalonde_efros", scene, image=photo_beside(path / "images", stem), name=stem)
