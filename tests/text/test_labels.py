"""Labels of data sets as names of the vocabulary."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smartmask.text.label_tables import CANONICAL, NAMES
from smartmask.text.labels import Namer, bundled_encoder


@pytest.fixture(scope="module")
def namer() -> Namer:
    return Namer()


@pytest.mark.parametrize(
    ("label", "set_name", "name"),
    [
        ("clear plastic bottle", "taco", "bottle"),
        ("swivel chair", "furniture", "chair"),
        ("sofa", "furniture", "couch"),
        ("british_shorthair", "small_pets", "cat"),
        ("boxer", "small_pets", "dog"),
        ("rhesus monkey", "animals", "monkey"),
        ("space craft3 w isometric", "kenney", "spacecraft"),
        ("lamp round floor", "kenney", "lamp"),
        ("arrow side", "kenney", "arrow"),
        ("doughnut", "noto", "donut"),
        ("mobile phone", "noto", "cell phone"),
        ("mouse", "noto", "rat"),
        ("mouse", "coco", "mouse"),
        ("pedestrian", "road", "person"),
    ],
)
def test_things(namer: Namer, label: str, set_name: str, name: str) -> None:
    assert namer(label, set_name) == name


@pytest.mark.parametrize(
    ("label", "set_name"),
    [
        ("story slim mat", "quaternius"),
        ("tower square top roof high", "kenney"),
        ("road corner large border inner", "kenney"),
        ("block snow corner small", "kenney"),
        ("unlabeled litter", "taco"),
        ("street", "facades"),
        ("qwrtzpl", "kitchen"),
        ("heavy multiplication x", "noto"),
    ],
)
def test_parts_and_nonsense_have_no_name(namer: Namer, label: str, set_name: str) -> None:
    assert namer(label, set_name) is None


def test_models_of_crops_are_plants_not_fruit(namer: Namer) -> None:
    assert namer("apple", "quaternius", "crops_pack/Apple_2") == "tree"
    assert namer("apple", "quaternius", "crops_pack/Apple_Harvested") == "tree"
    assert namer("bamboo", "quaternius", "crops_pack/Bamboo_2") == "bamboo"
    assert namer("carrot", "quaternius", "crops_pack/Carrot_3") is None
    assert namer("stand", "quaternius", "house_interior_pack/Light_Stand1") == "lamp"


def test_every_name_of_the_tables_is_in_the_vocabulary() -> None:
    known = set(bundled_encoder().names())
    assert {name for name in NAMES.values() if name is not None} <= known
    assert set(CANONICAL.values()) <= known
    assert not set(CANONICAL.values()) & set(CANONICAL), "a canonical name is renamed again"


def test_every_name_given_is_in_the_vocabulary(namer: Namer, data_root: Path) -> None:
    known = set(bundled_encoder().names())
    files = sorted((data_root / "objects").glob("*.json"))
    if not files:
        pytest.skip(f"no objects/ in {data_root}")
    for file in files:
        labels = [c["name"] for c in json.loads(file.read_text(encoding="utf-8"))["categories"]]
        names = {namer(label, file.stem) for label in labels}
        assert names - {None} <= known
        assert names - {None}, f"{file.stem} has no name at all"
