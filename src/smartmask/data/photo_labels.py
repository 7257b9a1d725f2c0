"""Photographs with what each of their pixels can show: the annotations of all sets in one vocabulary of few classes.

An annotation often says less than one class: a "far object" of IDD is a building or a tree, what COCO's instances
leave out is no person, and beside the one region of a LabelMe photograph anything can be. So a pixel holds the *set*
of classes that it may be (learning from partial labels: Cour, Sapp and Taskar, JMLR 2011), as the bits of a number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from smartmask.data.discover import Source
from smartmask.data.registry import Record, read
from smartmask.data.splits import split_of
from smartmask.images import load_photo

CLASSES = (
    "sky", "tree", "grass", "road", "pavement", "ground", "snow", "water", "mountain", "building", "wall", "floor",
    "ceiling", "table", "furniture", "person", "vehicle", "animal", "fence", "object",
)  # fmt: skip
THINGS = ("person", "vehicle", "animal")  # those that are told apart one by one
UNNAMED = "object"  # what is none of the other classes, from a banana to a laptop
ANYTHING = np.uint32((1 << len(CLASSES)) - 1)
CROWD = 10  # things of one name from which COCO's annotators may have drawn the rest as a crowd, which makes no layer

SOURCES = ("coco_panoptic", "coco_instances", "lalonde_efros", "pennfudan", "camvid", "idd_lite")
# Sets that annotate every thing of these classes, so that other pixels are none of them.
COMPLETE: dict[str, tuple[str, ...]] = {"coco_instances": THINGS, "pennfudan": ("person",)}

# class, or several with | between them: the names of all sets that mean it
_MEANT = {
    "sky": "sky-other-merged, sky",
    "tree": "tree-merged, tree, flower, plant, foliage, bush, palm tree, tree trunk, tree branches, forest",
    "grass": "grass-merged, grass, lawn",
    "road": "road, highway, street",
    "pavement": "pavement-merged, platform, pavement, sidewalk",
    "ground": "dirt-merged, sand, gravel, beach, soil",
    "snow": "snow",
    "water": "sea, river, water-other, water, lake, ocean, brook, surf, waterfall",
    "mountain": "mountain-merged, rock-merged, mountain, rock, rocks, rocky mountain, mountain range, mountain pass",
    "mountain|snow": "snowy mountain, snowy hill, snow covered mountain pass",
    "building": "building-other-merged, house, roof, bridge, building, skyscraper",
    "wall": "wall-other-merged, wall-tile, wall-brick, wall-stone, wall-wood, window-other, window-blind, door-stuff, "
    "curtain, mirror-stuff",
    "floor": "floor-other-merged, floor-wood, rug-merged",
    "ceiling": "ceiling-merged",
    "table": "table-merged, counter, dining table",
    "furniture": "cabinet-merged, shelf, bench, chair, couch, bed, toilet, refrigerator, oven, sink",
    "person": "person",
    "vehicle": "bicycle, car, motorcycle, airplane, bus, train, truck, boat, vehicle",
    "animal": "bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, goat, seal, leopard, "
    "wildcat, tiger, lizard, crocodile",
    "fence": "fence-merged, net, fence",
    "grass|ground": "playingfield, field",
    "road|ground": "railroad",
    "floor|pavement": "stairs",
    "building|object": "tent",
    "object": "pole, traffic sign, light",
    "person|vehicle": "bicyclist",
    "pavement|grass|ground": "ground",  # IDD's "non-drivable"
    "person|animal": "living thing",
    "wall|fence|building|object": "roadside objects",
    "building|tree": "buildings and trees",
}


def bits_of(classes: str) -> np.uint32:
    """The set of classes written with | between them."""
    return np.uint32(sum(1 << CLASSES.index(name) for name in classes.split("|")))


_BITS = {name.strip(): bits_of(classes) for classes, names in _MEANT.items() for name in names.split(",")}


@dataclass(frozen=True, eq=False)
class LabeledPhoto:
    """photo: (H, W, 3) uint8 RGB.  labels: (H, W) uint32, bit k set where a pixel may be of class k."""

    source: str
    key: str
    photo: np.ndarray
    labels: np.ndarray


def labels_of(record: Record) -> np.ndarray:
    """``(H, W)`` uint32: what each pixel of a record may be.

    COCO's other things are UNNAMED; a name that no class means (Lalonde and Efros have some) tells nothing.
    """
    scene = record.scene
    absent = set(COMPLETE.get(record.source, ()))
    counts = Counter(layer.name for layer in scene.layers)
    if counts and max(counts.values()) >= CROWD:
        absent = set()
    rest = ANYTHING if not absent else ANYTHING & ~bits_of("|".join(sorted(absent)))
    labels = np.full((scene.height, scene.width), rest, dtype=np.uint32)
    other = bits_of(UNNAMED) if record.source.startswith("coco_") else ANYTHING
    for layer in scene.layers:
        labels[layer.mask] = _BITS.get(layer.name, other)
    return labels


def read_photos(sources: Sequence[Source], splits: Sequence[str], side: int) -> Iterator[LabeledPhoto]:
    """Every photograph of the sources and splits with its labels, at most ``side`` pixels on its longer side.

    A COCO image that has a panoptic map and instances counts once, as what comes first in ``sources``.
    """
    seen: set[str] = set()
    for name, path in sources:
        for record in read(name, path):
            is_coco = record.source.startswith("coco_")
            if record.image is None or split_of(record.key) not in splits or (is_coco and record.key in seen):
                continue
            if is_coco:
                seen.add(record.key)
            yield _small(record, side)


def _small(record: Record, side: int) -> LabeledPhoto:
    assert record.image is not None
    photo, labels = load_photo(record.image), labels_of(record)
    if photo.shape[:2] != labels.shape:
        raise ValueError(f"{record.image} is {photo.shape[1]}x{photo.shape[0]}, its labels {labels.shape[::-1]}.")
    scale = min(side / max(labels.shape), 1.0)
    size = max(round(labels.shape[1] * scale), 8), max(round(labels.shape[0] * scale), 8)
    small = cv2.resize(labels.view(np.int32), size, interpolation=cv2.INTER_NEAREST).view(np.uint32)
    return LabeledPhoto(record.source, record.key, cv2.resize(photo, size, interpolation=cv2.INTER_AREA), small)
