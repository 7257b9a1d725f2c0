"""The phrase parser: counts, colours, settings, relations, and what it refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartmask.io.package import BUNDLED_MASKS
from smartmask.plan.language import grammar
from smartmask.plan.language.phrases import Relation, parse
from smartmask.text.encoder import TextEncoder

TEXT = TextEncoder.from_pretrained(BUNDLED_MASKS / "text")


def read(text: str, known: tuple[str, ...] = ()) -> tuple[str | None, list[str], list[str]]:
    """(setting, keys of objects, relations as sentences) of a phrase."""
    request = parse(text, TEXT, known)
    return request.setting, [item.key for item in request.objects], [str(r) for r in request.relations]


@pytest.mark.parametrize(
    ("text", "setting", "objects", "relations"),
    [
        ("two dogs", None, ["dog", "dog 2"], []),
        ("3 wine glasses", None, ["wine glass", "wine glass 2", "wine glass 3"], []),
        ("a photo of two clocks", None, ["clock", "clock 2"], []),
        ("a pair of shoes", None, ["shoe", "shoe 2"], []),
        ("a slice of pizza", None, ["pizza"], []),
        ("a cup of coffee on the table", None, ["cup", "table"], ["cup on table"]),
        ("a toilet to the left of a dog", None, ["toilet", "dog"], ["toilet left of dog"]),
        ("a dog in front of a red car", None, ["dog", "car"], ["dog in front of car"]),
        ("a man riding a horse", None, ["man", "horse"], ["man on horse"]),
        ("a farmer riding a horse", None, ["person", "horse"], ["person on horse"]),
        ("a jogger on a path", "pavement", ["jogger", "pavement"], ["jogger on pavement"]),
        ("a goat beside a barn", "building", ["goat", "building"], ["goat beside building"]),
        ("a dog in a park", "park", ["dog"], []),
        ("a woman walking with her dog", None, ["woman", "dog"], ["woman beside dog"]),
        ("a boat behind people", None, ["boat", "person", "person 2"], ["boat behind person"]),
        ("a cow on the grass", "grass", ["cow", "grass"], ["cow on grass"]),
        (
            "a living room with a sofa, two lamps and a cat on the rug",
            "living room",
            ["sofa", "lamp", "lamp 2", "cat", "rug"],
            ["cat on rug"],
        ),
        (
            "man, woman and dog on the bench",
            None,
            ["man", "woman", "dog", "bench"],
            ["man on bench", "woman on bench", "dog on bench"],
        ),
        (
            "a kitchen with an oven and a table with three cups on it",
            "kitchen",
            ["oven", "table", "cup", "cup 2", "cup 3"],
            ["cup on table", "cup 2 on table", "cup 3 on table"],
        ),
        (
            "a dining table with a vase, and two chairs around the table",
            None,
            ["dining table", "vase", "chair", "chair 2"],
            ["vase on dining table", "chair beside dining table", "chair 2 beside dining table"],
        ),
    ],
)
def test_phrases(text: str, setting: str | None, objects: list[str], relations: list[str]) -> None:
    assert read(text) == (setting, objects, relations)


def test_a_chain_of_relations_speaks_of_the_first() -> None:
    assert read("a cat on a mat under a table")[2] == ["cat on mat", "cat under table"]


def test_colours_stay_with_their_object() -> None:
    request = parse("a red car and two small white dogs", TEXT)
    assert [item.prompt for item in request.objects] == ["red car", "small white dog", "small white dog"]


def test_an_unspoken_number_is_noted() -> None:
    request = parse("lamps", TEXT)
    assert len(request.objects) == grammar.PLURAL
    assert "plural without a number" in request.notes[0]


def test_definite_references_mean_layers_that_are_there() -> None:
    _, objects, relations = read("a man on the bench", known=("sky", "bench"))
    assert objects == ["man"]
    assert relations == ["man on bench"]
    assert parse("a man on the bench", TEXT, ("bench",)).relations == (Relation("man", "on", "layer:bench"),)
    assert read("a man on a bench", known=("bench",))[1] == ["man", "bench"]  # another bench


@pytest.mark.parametrize("text", ["", "   ", "with and of", "two hundred"])
def test_nothing_to_draw_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        parse(text, TEXT)


def test_too_many_objects_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 40"):
        parse("99 dogs", TEXT)


@given(st.text(alphabet=st.sampled_from("abc dog cat two on the , . with of and 3"), max_size=60))
def test_any_text_gives_a_sound_request_or_one_sentence(text: str) -> None:
    try:
        request = parse(text, TEXT)
    except ValueError:  # one sentence: tested above
        return
    keys = [item.key for item in request.objects]
    assert len(set(keys)) == len(keys)
    for relation in request.relations:
        assert relation.subject in keys
        assert relation.reference in keys
        assert relation.subject != relation.reference
        assert relation.kind in grammar.RELATIONS


@given(st.sampled_from(sorted(grammar.COUNTS)), st.sampled_from(["dog", "car", "wine glass", "potted plant"]))
def test_numbers_are_counted(number: str, noun: str) -> None:
    count = grammar.COUNTS[number]
    text = f"{number} {noun}{'' if count == 1 else 'es' if noun.endswith('s') else 's'} and a bench"
    request = parse(text, TEXT)
    assert sum(item.name == noun for item in request.objects) == count


def test_nouns_are_told_from_other_words() -> None:
    assert TEXT.is_noun("dog")
    assert TEXT.is_noun("wine glasses")
    assert not TEXT.is_noun("sitting")


def test_sentences_that_compare_add_no_object() -> None:
    text = "a photo of four cars with a few parking meters, the number of cars is more than that of parking meters"
    assert read(text)[1] == read("four cars with a few parking meters")[1]
    assert read("two cats and the same number of dogs")[1] == ["cat", "cat 2", "dog", "dog 2"]
    assert read("two cats and the equal number of dog")[1] == ["cat", "cat 2", "dog", "dog 2"]


@pytest.mark.parametrize(
    ("text", "cats", "dogs"),
    [
        ("two cats and a few dogs, the number of cats is more than that of dogs", 2, 1),
        ("one cat and a few dogs, the number of cat is more than that of dogs", 1, 1),
        ("three cats with some dogs, the number of cats is less than that of dogs", 3, 4),
        ("one cat with many dogs, the number of cats is less than that of dogs", 1, 5),
        ("one cat with two dogs, the number of cats is more than that of dogs", 1, 2),
        ("two cats and a few dogs, the number of cats is more than that of birds", 2, 3),
    ],
)
def test_a_comparison_settles_a_vague_number(text: str, cats: int, dogs: int) -> None:
    names = [key.split()[0] for key in read(text)[1]]
    assert (names.count("cat"), names.count("dog")) == (cats, dogs)


@pytest.mark.parametrize(
    ("text", "keys", "relations"),
    [
        ("a street with a man walking a dog", ["man", "dog"], ["man beside dog"]),
        ("three people reading books", ["person", "person 2", "person 3", "book", "book 2"], []),
        ("a dining table behind a parking meter", ["dining table", "parking meter"],
         ["dining table behind parking meter"]),
        ("a dog, and a man on the bench", ["dog", "man", "bench"], ["man on bench"]),
        ("a dog, a boy and a man on the bench", ["dog", "boy", "man", "bench"],
         ["dog on bench", "boy on bench", "man on bench"]),
        ("a pillow a bed and a table", ["pillow", "bed", "table"], []),
        ("a girl throwing a frisbee to a dog", ["girl", "frisbee", "dog"], []),
        ("a sofa, a man and a woman on the bench", ["sofa", "man", "woman", "bench"],
         ["man on bench", "woman on bench"]),
        ("a sofa, a lamp and a cat on the rug", ["sofa", "lamp", "cat", "rug"], ["cat on rug"]),
    ],
)  # fmt: skip
def test_who_does_what(text: str, keys: list[str], relations: list[str]) -> None:
    request = parse(text, TEXT)
    assert [item.key for item in request.objects] == keys
    assert [str(relation) for relation in request.relations] == relations


@pytest.mark.parametrize("place", sorted(grammar.SETTINGS))
def test_every_place_is_understood(place: str) -> None:
    """Also those that the vocabulary does not hold, such as an office or a farm."""
    request = parse(f"a {place} with a dog", TEXT)
    assert request.setting is not None
    assert grammar.SETTINGS[request.setting] == grammar.SETTINGS[place]
    assert [item.name for item in request.things] == ["dog"]


def test_what_the_scene_lacks_is_told() -> None:
    assert parse("a dog in front of the bus", TEXT, ("road", "bus")).notes == ()
    lacking = parse("a dog in front of the bus", TEXT, ("road", "car"))
    assert [item.key for item in lacking.objects] == ["dog", "bus"]
    assert lacking.notes == ("The scene has no 'bus'; one is put in.",)
    assert parse("a dog in front of a bus", TEXT, ("road", "car")).notes == ()


@pytest.mark.parametrize(
    "text",
    ["1000000000 dogs", "a million dogs", "dozens of dogs", "10^30 dogs", "-3 dogs", "2.5 dogs", "0 dogs",
     "two cats and 41 dogs", "twenty dogs, twenty cats and a dogs' horse"],
)  # fmt: skip
def test_a_count_that_cannot_be_drawn_is_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="dogs"):
        parse(text, TEXT)


@pytest.mark.parametrize(("text", "count"), [("a family", 3), ("a couple", 2), ("a crowd", 5), ("forty people", 40)])
def test_groups_of_people_are_people(text: str, count: int) -> None:
    assert [item.name for item in parse(f"{text} on a beach", TEXT).things] == ["person"] * count
