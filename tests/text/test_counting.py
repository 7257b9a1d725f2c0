"""Numbers in phrases: what counts, what names, and what nobody could draw."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartmask.text.counting import counted, leading_count, whole_numbers
from smartmask.text.words import tokens

MOST = 40


def words_of(text: str) -> str:
    return " ".join(counted(tokens(whole_numbers(text, MOST)), MOST))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("twenty-five dogs", "25 dogs"),
        ("forty dogs", "40 dogs"),
        ("half a dozen eggs", "6 eggs"),
        ("two dozen eggs", "24 eggs"),
        ("3.0 dogs and 4x cats", "3 dogs and 4 cats"),
        ("2-3 dogs, two or three cats", "2 dogs 2 cats"),
        ("a 747 airplane", "a airplane"),
        ("number 7 bus", "number bus"),
        ("bus 42 at a station", "bus at a station"),
        ("a 2.5 litre bottle", "a litre bottle"),
        ("a 35-year-old man", "a year old man"),
        ("the year 1950, a car.", "the year a car"),
    ],
)
def test_numbers_are_read(text: str, read: str) -> None:
    assert words_of(text) == read


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1000000000 dogs", "asks for 1000000000 objects; at most 40"),
        ("41 dogs", "asks for 41 objects"),
        ("1,000 dogs", "asks for 1000 objects"),
        ("a million dogs", "asks for 1000000 objects"),
        ("a hundred and one dalmatians", "asks for 101 objects"),
        ("10^30 dogs", "'10^30 dogs'"),
        ("1e9 dogs", "'1e9 dogs'"),
        ("9" * 900 + " dogs", "999999999999... objects"),
        ("dozens of dogs", "'dozens of dogs' says no number"),
        ("countless dogs", "'countless dogs' says no number"),
        ("-3 dogs", "'-3 dogs' counts -3; give a whole number from 0 to 40"),
        ("minus three dogs", "counts minus three"),
        ("2.5 dogs", "counts 2.5"),
        ("1/2 dogs", "counts 1/2"),
        ("\u00bd dogs", "counts \u00bd"),
    ],
)
def test_what_nobody_could_draw_is_a_sentence(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)) as error:
        words_of(text)
    assert len(str(error.value)) < 120


@pytest.mark.parametrize(
    ("text", "count", "rest"),
    [("two dogs", 2, "dogs"), ("6 dogs", 6, "dogs"), ("a dog", 1, "a dog"), ("a man with 20 balloons", 1, None),
     ("2 dogs with 20 balloons", 2, "dogs with 20 balloons"), ("t-shirt", 1, None), ("747", 1, None)],
)  # fmt: skip
def test_one_object_may_begin_with_a_number(text: str, count: int, rest: str | None) -> None:
    assert leading_count(text, 6) == (count, rest or text)


@pytest.mark.parametrize("text", ["7 dogs", "a million dogs", "0 dogs", "zero dogs", "-1 dogs", "dozens of dogs"])
def test_one_object_is_not_any_number_of_things(text: str) -> None:
    with pytest.raises(ValueError, match="dogs"):
        leading_count(text, 6)


@given(st.integers(0, MOST))
def test_every_number_that_can_be_drawn_is_itself(number: int) -> None:
    assert words_of(f"{number} dogs") == f"{number} dogs"


@given(st.text(alphabet="0123456789.,-+^*/e x\u00bddogs", min_size=1, max_size=40))
def test_any_text_is_read_or_refused_in_a_sentence(text: str) -> None:
    with contextlib.suppress(ValueError):  # and nothing else
        words_of(text)
