"""Which remembered outlines a name has, and from whom a name without any borrows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from outlined import lump, record

from smartmask.masks.exemplar.attributes import read_wish
from smartmask.masks.exemplar.memory import Memory, Remembered, remember
from smartmask.masks.exemplar.names import BORROWED, ENOUGH, LENT, SLENDER, Own, own_rows, own_words, remembered_name
from smartmask.text.labels import bundled_encoder

TEXT = bundled_encoder()


def some(name: str, count: int, **more: object) -> list[Remembered]:
    return [record(lump(i), name, i, **more) for i in range(count)]


def asked(memory: Memory, text: str) -> Own:
    wish = read_wish(text)
    return own_rows(memory, TEXT, TEXT.understand(wish.rest), wish)


def names_of(memory: Memory, rows: np.ndarray) -> set[str]:
    return {memory.names[i] for i in memory.name[rows].tolist()}


ZOO = remember(
    some("dog", ENOUGH) + some("cat", 40) + some("horse", 3) + some("cow", 30) + some("table", 30) + some("donut", 12)
)


# --- a name's own --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("dog", "dog"),
        ("two black dogs", "dog"),
        ("a dog facing left", "dog"),
        ("two cats", "cat"),
        ("doughnut", "donut"),
    ],
)
def test_a_name_with_enough_has_its_own(text: str, name: str) -> None:
    found = asked(ZOO, text)
    np.testing.assert_array_equal(found.rows, ZOO.rows(name))
    assert not found.borrowed.any()
    assert found.note is None
    assert found.top == 1
    assert not found.penalty(found.rows).any()


def test_real_outlines_do_without_drawn_ones() -> None:
    memory = remember(some("cup", 5, kind="drawn") + some("cup", ENOUGH) + some("cup", 4, kind="model"))
    assert asked(memory, "cup").rows.tolist() == list(range(5, 5 + ENOUGH))
    few = remember(some("cup", ENOUGH, kind="drawn") + some("cup", ENOUGH - 1))
    assert len(asked(few, "cup").rows) == 2 * ENOUGH - 1


def test_cut_outlines_come_along_but_are_not_enough() -> None:
    memory = remember(some("dog", 50, cut="b") + some("dog", 3) + some("cat", 30))
    found = asked(memory, "dog")
    assert names_of(memory, found.rows) == {"cat", "dog"}
    assert len(found.rows[~found.borrowed]) == 53


# --- borrowing -----------------------------------------------------------------------------------


def test_few_of_its_own_are_helped_by_neighbours() -> None:
    found = asked(ZOO, "horse")
    assert found.note is None
    own, lent = found.rows[~found.borrowed], found.rows[found.borrowed]
    np.testing.assert_array_equal(own, ZOO.rows("horse"))
    assert names_of(ZOO, lent) == {"cow"}
    assert (np.diff(found.rows) > 0).all()
    np.testing.assert_array_equal(found.penalty(found.rows), np.where(found.borrowed, -BORROWED, 0))


def test_a_name_without_any_borrows_and_says_so() -> None:
    found = asked(ZOO, "donkey")
    assert found.borrowed.all()
    assert len(found.rows) >= LENT
    assert found.note is not None
    assert found.note.startswith("No outline of 'donkey' is remembered; it borrows those of horse")
    assert found.note.endswith(".")


def test_nothing_near_is_told_too() -> None:
    memory = remember(some("spoon", 30))
    found = asked(memory, "airplane")
    assert found.note is not None
    assert "only remotely like it" in found.note
    assert len(found.rows) == 30


def test_names_that_only_the_user_has_are_lent_last() -> None:
    memory = remember(some("unicorn", 30) + some("gizmo", 30) + some("horse", 30) + some("spoon", 30))
    assert names_of(memory, asked(memory, "donkey").rows) == {"horse"}
    assert names_of(memory, asked(memory, "airplane").rows) <= {"horse", "spoon"}
    alone = remember(some("gizmo", 30))
    assert names_of(alone, asked(alone, "airplane").rows) == {"gizmo"}


def test_cut_outlines_are_not_lent() -> None:
    memory = remember(some("cow", 30) + some("cow", 9, cut="lb"))
    found = asked(memory, "donkey")
    assert (memory.cut[found.rows] == 0).all()


def test_an_empty_memory_is_an_error() -> None:
    with pytest.raises(ValueError, match="The memory holds no outline"):
        asked(remember([]), "dog")


def test_what_is_lent_does_not_depend_on_the_order_of_outlines() -> None:
    records = some("horse", 2) + some("cow", 30) + some("cat", 30)
    forwards, backwards = remember(records), remember(records[::-1])
    a, b = asked(forwards, "donkey"), asked(backwards, "donkey")
    assert a.note == b.note
    assert names_of(forwards, a.rows) == names_of(backwards, b.rows)


# --- parts ---------------------------------------------------------------------------------------


def people() -> Memory:
    """Slender ones that stand, broad ones that sit."""
    standing = [record(lump(i, 120, 40), "person", i) for i in range(12)]
    return remember(standing + [record(lump(i, 60, 80), "person", 50 + i) for i in range(12)])


@pytest.mark.parametrize(("text", "least", "most"), [("head of a man", 0, 0.25), ("bust of a woman", 0.25, 0.5)])
def test_heads_and_busts_come_from_upright_people(text: str, least: float, most: float) -> None:
    memory = people()
    found = asked(memory, text)
    assert (memory.aspects(found.rows) < SLENDER).all()
    assert least < found.top < most


def test_parts_of_other_things_are_whole() -> None:
    assert asked(ZOO, "head of a dog").top == 1
    broad = remember([record(lump(i, 60, 80), "person", i) for i in range(12)])
    assert asked(broad, "head of a man").top == 1  # none that stands


# --- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a red sofa", ["sofa"]), ("dog sitting", ["dog"]), ("wine glass", ["wine", "glass"]), ("the", []),
        ("an old wooden gizmo", ["gizmo"]), ("white", ["white"]),
    ],
)  # fmt: skip
def test_words_that_name_a_thing(text: str, words: Sequence[str]) -> None:
    assert own_words(text) == words


def test_the_users_own_words_come_before_the_vocabularys_reading() -> None:
    memory = remember(some("unicorn", 2) + some("horse", 20) + some("dog", 2))
    assert remembered_name(memory, TEXT.understand("unicorn")) == "unicorn"
    assert remembered_name(memory, TEXT.understand("a pink unicorn")) == "unicorn"
    assert remembered_name(memory, TEXT.understand("unicorns")) == "unicorn"
    assert remembered_name(memory, TEXT.understand("horse")) == "horse"
    assert remembered_name(memory, TEXT.understand("puppy")) == "puppy"
    assert remembered_name(ZOO, TEXT.understand("unicorn")) == "horse"  # none of the user's own
    assert remembered_name(ZOO, TEXT.understand("doughnut")) == "donut"
