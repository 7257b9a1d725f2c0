"""COCO's category table, and stuff told from things by name."""

from __future__ import annotations

import pytest

from smartmask.scene.categories import COCO_PANOPTIC, clean_name, is_thing


def test_the_table_is_cocos() -> None:
    ids = [i for i, _, _ in COCO_PANOPTIC]
    assert len(COCO_PANOPTIC) == 133
    assert sum(thing for _, _, thing in COCO_PANOPTIC) == 80
    assert ids == sorted(set(ids))
    assert len({name for _, name, _ in COCO_PANOPTIC}) == 133


def test_names_in_plain_words() -> None:
    assert clean_name("wall-other-merged") == "wall"
    assert clean_name("potted_plant") == "potted plant"
    assert clean_name("door-stuff") == "door"
    assert clean_name("other") == "other"
    assert clean_name("") == ""


def test_coco_names_keep_their_kind_in_plain_words() -> None:
    for _, name, thing in COCO_PANOPTIC:
        assert is_thing(name) == is_thing(clean_name(name)) == thing, name


@pytest.mark.parametrize("name", ["sky", "Tree", "brick wall", "dirt road", "trees", "drivable area", "wooden floor"])
def test_stuff_by_its_last_noun(name: str) -> None:
    assert not is_thing(name)


@pytest.mark.parametrize("name", ["dragon", "wall clock", "floor lamp", "street sign", "water bottle", "", "été"])
def test_things_by_its_last_noun(name: str) -> None:
    assert is_thing(name)
