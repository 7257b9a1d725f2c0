"""Several objects of one request: which guide, picture and seed belong to which."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smartmask.guides import Box, Point
from smartmask.io.checks import MAX_SEED
from smartmask.io.sentences import slug
from smartmask.masks.draws import seed_of_object
from smartmask.masks.objects import ObjectTexts

SIZE = (48, 64)


def test_one_object_takes_all_guides() -> None:
    (one,) = ObjectTexts.of(object=("dog",), box=("1,2,30,40", "5,5,9,9"), point=("7,7",), order=1).asked(
        SIZE, "a lawn"
    )
    assert one.guides == (Box(1, 2, 30, 40), Box(5, 5, 9, 9), Point(7, 7))
    assert (one.prompt, one.order, one.context, one.seed) == ("dog", 1, "a lawn", None)


def test_of_several_each_takes_one_of_a_kind() -> None:
    texts = ObjectTexts.of(object=("dog", "cat"), box=("1,2,30,40", "5,5,9,9"))
    assert [one.guides for one in texts.asked(SIZE)] == [(Box(1, 2, 30, 40),), (Box(5, 5, 9, 9),)]


def test_arguments_name_objects_as_the_option_does() -> None:
    assert ObjectTexts(named=("dog", "a cat")) == ObjectTexts(object=("dog", "a cat"))
    assert ObjectTexts.of(object="dog") == ObjectTexts(object=("dog",))


def test_a_list_in_json_comes_after_the_others(tmp_path: Path) -> None:
    listed: list[dict[str, Any]] = [{"object": "cat", "point": [3, 4], "seed": 7, "order": 2, "context": "at night"},
                                    {"object": "bus"}]  # fmt: skip
    (tmp_path / "objects.json").write_text(json.dumps(listed))
    dog, cat, bus = ObjectTexts(named=("dog",), objects_json=tmp_path / "objects.json").asked(SIZE, "a street")
    assert (cat.prompt, cat.guides, cat.seed, cat.order, cat.context) == ("cat", (Point(3, 4),), 7, 2, "at night")
    assert (dog.context, bus.context) == ("a street", "a street")
    assert [one.seeded(5).seed for one in (dog, cat, bus)] == [5, 7, 5]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "There is no object; name one ('dog'), or give --object TEXT or --objects-json with a list."),
        ({"named": ("cat",), "object": ("dog",)}, "'cat' stands beside --object 'dog'; name all objects in one"),
        ({"named": ("dog", "b.PNG")}, "'b.PNG' stands where an object's name belongs; a call takes one photo."),
        ({"named": ("dog", " ")}, "object prompt is empty"),
        ({"named": ("dog", "cat"), "box": ("1,1,5,5",)}, "--box is given 1 times for 2 objects; give it once for each"),
        ({"named": ("dog", "cat"), "order": 0}, "--order 0 is given for 2 objects; use --objects-json to say whose."),
    ],
)
def test_what_cannot_be_asked(values: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011  (the sentence is compared)
        ObjectTexts(**values).asked(SIZE)
    assert says in str(error.value)


def test_seeds_of_objects_lie_apart() -> None:
    assert [seed_of_object(5, number) for number in range(3)] == [5, 1005, 2005]
    with pytest.raises(ValueError, match="seed"):
        seed_of_object(MAX_SEED, 1)


def test_names_of_folders() -> None:
    assert slug("A sitting  cat!") == "a_sitting_cat"
    assert slug("../..") == slug("狗") == "object"
    assert len(slug("x" * 99)) == 30
