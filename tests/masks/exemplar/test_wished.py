"""Outlines that show what is asked for come before those nearest in aspect."""

from __future__ import annotations

import numpy as np
import pytest

from smartmask.masks.exemplar.attributes import TRAITS, read_wish
from smartmask.masks.exemplar.memory import Memory, Remembered, remember
from smartmask.masks.exemplar.outline import trace
from smartmask.masks.exemplar.wished import FEW, reshaped, unknown_traits, wished_rows


def some(lying: int = FEW, standing: int = 6, cut: str = "") -> Memory:
    """Lying ones are 30 x 10, standing ones 10 x 20; every second faces right."""
    records = []
    for number in range(lying + standing):
        lies = number < lying
        traits = {"lying": 1.0 if lies else -1.0, "left": -1.0 if number % 2 else 1.0}
        outline = trace(np.ones((10, 30) if lies else (20, 10), bool))
        records.append(Remembered(outline, "dog", "drawn", f"s{number}", "x", cut=cut if lies else "", traits=traits))
    return remember(records, TRAITS)


def test_only_those_that_show_it() -> None:
    memory = some()
    rows = memory.rows("dog")
    assert wished_rows(memory, rows, read_wish("dog lying")).tolist() == [0, 1, 2]
    assert wished_rows(memory, rows, read_wish("dog")).tolist() == rows.tolist()
    assert wished_rows(memory, rows, read_wish("dog facing left")).tolist() == rows.tolist()  # or their mirror images
    assert wished_rows(memory, rows, read_wish("dog lying facing left")).tolist() == [0, 1, 2]


def test_all_where_too_few_show_it() -> None:
    memory = some(FEW - 1)
    rows = memory.rows("dog")
    assert wished_rows(memory, rows, read_wish("dog lying")).tolist() == rows.tolist()
    assert wished_rows(memory, rows, read_wish("dog flying")).tolist() == rows.tolist()
    cut = some(FEW + 2, cut="b")  # cut ones serve at a border only
    assert len(wished_rows(cut, cut.rows("dog"), read_wish("dog lying"))) == len(cut)
    bare = remember([Remembered(trace(np.ones((4, 4), bool)), "dog", "drawn", "a", "x")], ())
    assert wished_rows(bare, bare.rows("dog"), read_wish("dog lying")).tolist() == [0]


def test_a_drawn_box_is_not_filled_with_what_does_not_suit_it() -> None:
    memory = some()
    rows = memory.rows("dog")
    assert wished_rows(memory, rows, read_wish("dog lying"), aspect=2.5).tolist() == [0, 1, 2]
    assert wished_rows(memory, rows, read_wish("dog lying"), aspect=0.5).tolist() == rows.tolist()


def test_a_proposed_box_takes_the_shape_asked_for() -> None:
    memory = some()
    rows = memory.rows("dog")
    box = (100.0, 50.0, 130.0, 110.0)
    wished = wished_rows(memory, rows, read_wish("dog lying"))
    x0, y0, x1, y1 = reshaped(memory, rows, wished, box)
    assert (x0 + x1) / 2 == 115
    assert y1 == 110
    assert (x1 - x0) * (y1 - y0) == pytest.approx(30 * 60)
    assert (x1 - x0) / (y1 - y0) == pytest.approx(3, rel=0.05)
    assert reshaped(memory, rows, rows, box) == box


def test_what_no_outline_shows() -> None:
    memory = some()
    rows = memory.rows("dog")
    assert unknown_traits(memory, rows, read_wish("dog lying facing right")) == []
    assert unknown_traits(memory, rows, read_wish("dog flying from behind")) == ["flying", "behind"]
    assert unknown_traits(memory, rows[FEW:], read_wish("dog lying")) == ["lying"]
