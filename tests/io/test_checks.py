"""Values of requests, by kind: through Python, a command's options and JSON alike."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from telling import assert_one_sentence

from smartmask import Scene
from smartmask.io.checks import (
    MAX_GUIDES,
    MAX_MASKS,
    MAX_PROMPT,
    MAX_SEED,
    check_num_masks,
    check_order,
    check_pick,
    check_prompt,
    check_scale,
    check_seed,
    real,
    whole,
)
from smartmask.io.sentences import short_repr
from smartmask.masks.model import MaskRequest
from smartmask.scene import Layer

WHOLE = [3, np.int64(3), np.uint8(3), np.array(3), torch.tensor(3)]
NOT_WHOLE = [True, np.True_, 3.0, np.float32(3), "3", None, [3], Fraction(3), 1j, np.array([3, 4]), b"3"]
REAL = [2, 2.0, np.float32(2), np.float64(2), np.int16(2), Decimal(2), Fraction(2), torch.tensor(2.0)]
NOT_REAL = [True, "2", "x", None, [2.0], 1j, float("nan"), float("inf"), 10**400, np.array([1.0, 2.0]), b"2"]


@pytest.mark.parametrize("value", WHOLE, ids=repr)
def test_any_kind_of_whole_number_is_one(value: Any) -> None:
    assert type(whole(value)) is int
    assert (check_num_masks(value), check_seed(value), check_order(value, 5), check_pick(value, 4)) == (3, 3, 3, 3)
    assert MaskRequest.of(object="dog", steps=value, order=value).steps == 3


@pytest.mark.parametrize("value", NOT_WHOLE, ids=repr)
def test_what_only_looks_like_a_whole_number_is_refused(value: Any) -> None:
    assert whole(value) is None
    for check in (check_num_masks, check_seed):
        with pytest.raises(ValueError, match="whole number"):
            check(value)
    if value is not None:
        for check in (lambda v: check_order(v, 5), lambda v: check_pick(v, 5), lambda v: asked(steps=v)):
            with pytest.raises(ValueError, match=r"outside|exist|whole number"):
                check(value)


@pytest.mark.parametrize("value", REAL, ids=repr)
def test_any_kind_of_number_is_a_scale(value: Any) -> None:
    assert check_scale(value) == real(value) == 2.0
    assert asked(guidance_scale=value).guidance_scale == 2.0


@pytest.mark.parametrize("value", NOT_REAL, ids=lambda value: repr(value)[:20])
def test_what_is_no_number_is_no_scale(value: Any) -> None:
    assert real(value) is None
    if value is not None:
        with pytest.raises(ValueError, match="must be a number") as caught:
            check_scale(value)
        assert_one_sentence(caught.value)
        with pytest.raises(ValueError, match="must be a number"):
            asked(guidance_scale=value)


def asked(**values: Any) -> MaskRequest:
    return MaskRequest.of(object="dog", **values)


@pytest.mark.parametrize(
    "values",
    [
        {"steps": "x"}, {"steps": 10**6}, {"steps": True}, {"steps": 3.0}, {"steps": 10**30}, {"steps": [1]},
        {"guidance_scale": "2"}, {"guidance_scale": 101}, {"guidance_scale": -1}, {"guidance_scale": True},
        {"context_guidance_scale": 1e300}, {"like_distance": 2}, {"like_distance": "far"}, {"like_distance": False},
        {"diverse": "yes"}, {"diverse": 1}, {"facing": "up"}, {"facing": 3}, {"order": "back"}, {"order": 1.5},
        {"object": 3}, {"object": "\x1b[31m"}, {"context": ""}, {"colour": "red"}, {"\x1b[2J": 1}, {"x" * 10**4: 1},
        {"steps": 10**4000}, {"object": "x" * 10**6}, {"context": ["a"] * 10**5}, {"facing": "\n" * 1000},
    ],
    ids=lambda values: str(values)[:30],
)  # fmt: skip
def test_python_and_json_refuse_alike(values: dict[str, Any]) -> None:
    """One sentence for both, and the same."""
    request = {"object": "dog"} | values
    with pytest.raises(ValueError) as of_python:  # noqa: PT011, the sentence is what is compared
        MaskRequest.of(**request)
    with pytest.raises(ValueError) as of_json:  # noqa: PT011
        MaskRequest.of_json(json.dumps(request))
    assert_one_sentence(of_python.value)
    assert str(of_python.value) == str(of_json.value)


@pytest.mark.parametrize("text", ["", "[1", "[]", "3", '{"object": NaN}', "[" * 10**5, '{"object": "\ud800"}', "null"])
def test_a_request_that_is_no_json_object(text: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        MaskRequest.of_json(text)
    assert_one_sentence(caught.value)


# --- seeds ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("added", [0, 1, MAX_MASKS, 10**6])
def test_seeds_leave_room_for_what_is_counted_up_from_them(added: int) -> None:
    assert check_seed(MAX_SEED - added, added) == MAX_SEED - added
    if added:
        with pytest.raises(ValueError, match=rf"seed is {MAX_SEED}, .* from 0 to {MAX_SEED - added}\."):
            check_seed(MAX_SEED, added)
    with pytest.raises(ValueError, match=f"seed is {MAX_SEED + 1}; it must be from 0 to {MAX_SEED}"):
        check_seed(MAX_SEED + 1, added)


# --- names ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["dog", "blue whale", "été", "狗", "كلب", "🐕", "👨‍👩‍👧", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "...", "می‌خواهم", "e\u0301", "C++"]
)
def test_names_of_any_script_stay(name: str) -> None:
    assert check_prompt(name) == Layer(name, np.ones((2, 2), bool)).name == name


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        (" dog ", "dog"),
        ("a\r\ndog", "a dog"),
        ("a\tdog\u2028", "a dog"),
        ("\ufeffdog", "dog"),
        ("a\u00a0 dog", "a dog"),
    ],
)
def test_blanks_and_line_ends_become_single_blanks(name: str, cleaned: str) -> None:
    assert check_prompt(name) == cleaned == Layer(name, np.ones((2, 2), bool)).name


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("\x1b[31mdog", r"control character U\+001B; leave it out"),
        ("a\0b", r"U\+0000"),
        ("dog\x7f", r"U\+007F"),
        ("dog\u009b31m", r"U\+009B"),
        ("dog\u202egod", r"U\+202E"),
        ("\u2066dog", r"U\+2066"),
        ("\ud800", "not valid Unicode"),
        ("\u0301\u0301", "no letter or sign"),
        ("\u200b\u200d", "no letter or sign"),
        ("   ", "is empty"),
        ("d" * (MAX_PROMPT + 1), f"has {MAX_PROMPT + 1} characters"),
        ("\x1b" * 10**6, "has 1000000 characters"),
        (7, "is 7"),
    ],
)
def test_names_that_would_not_show_as_they_are(name: Any, says: str) -> None:
    for check in (check_prompt, lambda n: Layer(n, np.ones((2, 2), bool)), lambda n: check_prompt(n, "name of id 3")):
        with pytest.raises(ValueError, match=says) as caught:
            check(name)
        assert_one_sentence(caught.value)


@given(st.text(max_size=40))
def test_a_name_is_kept_cleaned_or_refused_in_one_sentence(name: str) -> None:
    try:
        cleaned = check_prompt(name)
    except ValueError as error:
        assert_one_sentence(error)
    else:
        assert check_prompt(cleaned) == cleaned
        assert "".join(cleaned.split()) == "".join(name.replace("\ufeff", "").split())
        assert Scene.empty(2, 2).insert(np.ones((2, 2), bool), name).layers[0].name == cleaned


# --- values in sentences ------------------------------------------------------------------------------


@given(
    st.recursive(
        st.none() | st.integers() | st.text() | st.floats(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
    )
)
def test_any_value_fits_into_a_sentence(value: Any) -> None:
    shown = short_repr(value)
    assert len(shown) <= 60
    assert shown.isprintable()


def test_large_values_fit_into_a_sentence() -> None:
    deep: list[Any] = []
    for _ in range(10**5):
        deep = [deep]
    for value in (
        deep,
        10**5000,
        "x" * 10**7,
        list(range(10**6)),
        np.zeros((50, 50)),
        {str(i): i for i in range(10**5)},
    ):
        assert len(short_repr(value)) <= 60
    while deep:  # else Python's own clearing away goes as deep
        deep = deep.pop()


def test_guides_of_a_call_are_limited() -> None:
    from smartmask.guides import Point, as_guides

    assert len(as_guides([Point(1, 1)] * MAX_GUIDES, 9, 9)) == MAX_GUIDES
    with pytest.raises(ValueError, match=f"There are {MAX_GUIDES + 1} guides; a call takes at most {MAX_GUIDES}"):
        as_guides([Point(1, 1)] * (MAX_GUIDES + 1), 9, 9)
