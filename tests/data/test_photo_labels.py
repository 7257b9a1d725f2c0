"""What pixels of annotated photographs can show: names of all sets as sets of few classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from smartmask.categories import COCO_PANOPTIC
from smartmask.data.discover import discover
from smartmask.data.photo_labels import (
    _BITS,
    ANYTHING,
    CLASSES,
    SOURCES,
    THINGS,
    bits_of,
    labels_of,
    read_photos,
)
from smartmask.data.readers.semantic import CAMVID, IDD_LITE
from smartmask.data.registry import Record
from smartmask.data.splits import split_of
from smartmask.scene import Layer, Scene


def record(source: str, *names: str) -> Record:
    """A scene of 4 x 6 whose column k shows the k-th name."""
    layers = []
    for column, name in enumerate(names):
        mask = np.zeros((4, 6), dtype=bool)
        mask[:, column] = True
        layers.append(Layer(name, mask))
    return Record("1", source, Scene(4, 6, tuple(layers)))


def test_classes_fit_their_bits() -> None:
    assert len(CLASSES) <= 31, "a set of classes has to fit a signed 32-bit number, which pictures are scaled as"
    assert bits_of("sky") == 1
    assert bits_of("sky|tree") == 3
    assert set(THINGS) <= set(CLASSES)


def test_every_surface_of_the_sets_has_its_classes() -> None:
    stuff = [name for _, name, thing in COCO_PANOPTIC if not thing]
    told = sum(name in _BITS for name in stuff)
    assert told >= len(stuff) - 10, [name for name in stuff if name not in _BITS]
    for table in (CAMVID, IDD_LITE):
        assert all(name in _BITS for name in table.names.values())


def test_what_coco_leaves_out_is_no_thing() -> None:
    labels = labels_of(record("coco_instances", "person", "banana"))
    assert (labels[:, 0] == bits_of("person")).all()
    assert (labels[:, 1] == bits_of("object")).all()
    rest = int(labels[0, 5])
    assert not rest & int(bits_of("person|vehicle|animal"))
    assert rest & int(bits_of("sky"))


def test_where_there_may_be_a_crowd_the_rest_can_be_anything() -> None:
    people = record("coco_instances", *["person"] * 6)
    many = Record("1", "coco_instances", Scene(4, 6, people.scene.layers * 2))
    assert (labels_of(many)[:, :6] == bits_of("person")).all()
    empty = record("coco_instances")
    assert (labels_of(empty) == ANYTHING & ~bits_of("person|vehicle|animal")).all()


def test_beside_one_region_anything_can_be() -> None:
    labels = labels_of(record("lalonde_efros", "tree", "mandarin"))
    assert (labels[:, 0] == bits_of("tree")).all()
    assert (labels[:, 1:] == ANYTHING).all(), "a name that means no class tells nothing"


def test_a_vague_name_is_several_classes() -> None:
    labels = labels_of(record("idd_lite", "buildings and trees", "living thing"))
    assert labels[0, 0] == bits_of("building|tree")
    assert labels[0, 1] == bits_of("person|animal")


def test_real_photos_are_of_the_split_and_small(data_root: Path) -> None:
    sources = [source for source in discover(data_root) if source[0] == "coco_panoptic"]
    assert {source for source, _ in sources} <= set(SOURCES)
    photos = list(read_photos(sources, ("dev",), 64))
    assert len(photos) >= 10
    for photo in photos:
        assert split_of(photo.key) == "dev"
        assert max(photo.labels.shape) <= 64
        assert photo.photo.shape == (*photo.labels.shape, 3)
    assert np.mean([np.mean(photo.labels != ANYTHING) for photo in photos]) > 0.7
