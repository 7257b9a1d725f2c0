"""What an object's text asks of its shape."""

from __future__ import annotations

import pytest

from smartmask.data.traits import ASPECTS, scores_of
from smartmask.masks.exemplar.attributes import MIRRORED, NAMES, TRAITS, UNSEEN, WORDS, read_wish


@pytest.mark.parametrize(
    ("text", "traits", "rest"),
    [
        ("man sitting", {"sitting": 1}, "man sitting"),  # the vocabulary reads the man
        ("Dog seen from behind", {"behind": 1}, "dog"),
        ("horse facing-left", {"left": 1}, "horse"),
        ("a bird looking to the right", {"left": -1}, "a bird"),
        ("boy on a bicycle", {"riding": 1}, "boy"),
        ("a running dog in profile", {"running": 1, "side": 1}, "a running dog"),
        ("car head-on", {"front": 1}, "car"),
        ("dog", {}, "dog"),
        ("sitting", {"sitting": 1}, "sitting"),
    ],
)
def test_words_of_pose_view_and_direction(text: str, traits: dict[str, float], rest: str) -> None:
    wish = read_wish(text)
    assert (wish.traits, wish.rest, wish.part, wish.number) == (traits, rest, "", 1)


def test_a_place_is_no_direction() -> None:
    wish = read_wish("a man to the left of the car")
    assert (wish.traits, wish.rest) == ({}, "a man")
    assert read_wish("dog on the right").rest == "dog"
    assert read_wish("to the left").rest == "to the left"


@pytest.mark.parametrize("text", [*NAMES, "two sleeping bags", "red walking stick"])
def test_names_with_such_words_are_no_wish(text: str) -> None:
    wish = read_wish(text)
    assert (wish.traits, wish.part) == ({}, "")


@pytest.mark.parametrize(
    ("text", "part", "rest"),
    [
        ("bust of a woman", "bust", "woman"), ("the head of the old man", "head", "old man"),
        ("dog head", "head", "dog"),
        ("portrait of a girl", "bust", "girl"), ("woman portrait", "bust", "woman"), ("head", "", "head"),
        ("bust", "", "bust"), ("headphones", "", "headphones"),
    ],
)  # fmt: skip
def test_parts(text: str, part: str, rest: str) -> None:
    wish = read_wish(text)
    assert (wish.part, wish.rest) == (part, rest)
    assert wish.traits == ({"bust": 1} if part else {})


@pytest.mark.parametrize(
    ("text", "number", "rest"),
    [
        ("two dogs", 2, "dogs"), ("a pair of shoes", 2, "shoes"), ("6 birds", 6, "birds"), ("dog", 1, "dog"),
        ("two", 1, "two"), ("twosome", 1, "twosome"),
    ],
)  # fmt: skip
def test_numbers(text: str, number: int, rest: str) -> None:
    wish = read_wish(text)
    assert (wish.number, wish.rest) == (number, rest)


@pytest.mark.parametrize("text", ["1000000000 dogs", "7 dogs", "a million dogs", "0 dogs", "-2 dogs"])
def test_more_things_than_one_mask_holds_are_refused_before_any_is_drawn(text: str) -> None:
    with pytest.raises(ValueError, match="dogs"):
        read_wish(text)


def test_what_no_outline_shows_is_told() -> None:
    wish = read_wish("a big red wooden chair facing left")
    assert wish.unseen == ("red", "wooden")
    assert wish.sizes == ("big",)
    assert wish.traits == {"left": 1}
    assert read_wish("running shoe").unseen == ()


def test_words_ask_for_traits_that_labels_tell() -> None:
    told = {trait for words in ASPECTS.values() for word in words for trait, score in scores_of(word).items() if score}
    assert told == set(TRAITS)
    assert {trait for asked in WORDS.values() for trait in asked} | {"bust"} == told  # parts ask for the bust
    assert set(MIRRORED) <= told
    assert not UNSEEN & set(WORDS)
