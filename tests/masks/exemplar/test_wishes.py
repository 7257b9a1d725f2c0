"""What speaks for or against a candidate: clearness, traits, the border, twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outlined import lump, record

from smartmask.geometry import mask_box
from smartmask.masks.exemplar.attributes import TRAITS, read_wish
from smartmask.masks.exemplar.choose import UNITS
from smartmask.masks.exemplar.memory import CELLS, remember
from smartmask.masks.exemplar.wishes import (
    CLEAR,
    CUT,
    NEVER,
    TRAIT,
    TWIN_COST,
    border_units,
    quality_units,
    trait_units,
    twin_units,
)
from smartmask.scene import Layer, Scene

EMPTY = Scene(100, 200, ())


# --- clearness -----------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_the_clearer_the_better_up_to_a_cap(qualities: list[float]) -> None:
    memory = remember([record(lump(0), quality=q) for q in qualities])
    units = quality_units(memory, np.arange(len(memory)))
    assert units.dtype == np.int64
    assert units.max() <= 0
    assert units.min() >= -round(CLEAR * UNITS)
    order = np.argsort(memory.quality, kind="stable")
    assert (np.diff(units[order]) >= 0).all()


def test_a_perfect_one_costs_nothing() -> None:
    memory = remember([record(lump(0), quality=1.0), record(lump(0), quality=0.0)])
    assert quality_units(memory, np.arange(2)).tolist() == [0, -round(CLEAR * UNITS)]


# --- traits --------------------------------------------------------------------------------------


def test_traits_asked_for() -> None:
    memory = remember(
        [record(lump(0), traits={"sitting": sits, "left": left}) for sits, left in ((1, 0), (-1, 0), (0, 1), (0, 0))],
        TRAITS,
    )
    rows, plain = np.arange(4), np.zeros(4, dtype=bool)
    half = round(TRAIT * UNITS / 2)
    assert trait_units(memory, rows, plain, read_wish("dog")).tolist() == [0, 0, 0, 0]
    assert trait_units(memory, rows, plain, read_wish("sitting dog")).tolist() == [half, -half, 0, 0]
    assert trait_units(memory, rows, plain, read_wish("dog facing left")).tolist() == [0, 0, half, 0]
    assert trait_units(memory, rows, plain, read_wish("dog facing right")).tolist() == [0, 0, -half, 0]


def test_a_mirror_image_faces_the_other_way_and_still_sits() -> None:
    memory = remember([record(lump(0), traits={"sitting": 1.0, "left": 0.5})], TRAITS)
    rows, both = np.array([0, 0]), np.array([False, True])
    left = trait_units(memory, rows, both, read_wish("dog facing left"))
    assert abs(left[0] + left[1]) <= 1  # rounded downwards
    assert left[0] > 0
    sitting = trait_units(memory, rows, both, read_wish("sitting dog"))
    assert sitting[0] == sitting[1] > 0


def test_traits_that_a_memory_has_not() -> None:
    memory = remember([record(lump(0))])
    assert trait_units(memory, np.array([0]), np.array([False]), read_wish("sitting dog")).tolist() == [0]


# --- the border ----------------------------------------------------------------------------------

AT = {
    "l": (0, 20, 60, 80),
    "t": (50, 0, 100, 40),
    "r": (140, 20, 200, 80),
    "b": (50, 50, 90, 100),
    "": (50, 20, 90, 80),
}
AT |= {"rb": (100, 50, 200, 100), "lb": (0, 50, 60, 100), "ltrb": (0, 0, 200, 100)}


@pytest.mark.parametrize("cut", AT)
@pytest.mark.parametrize("at", AT)
def test_cut_outlines_belong_where_the_border_cuts_likewise(cut: str, at: str) -> None:
    memory = remember([record(lump(0), cut=cut)])
    units = border_units(memory, np.array([0]), np.array([False]), np.array([AT[at]], np.float64), EMPTY)
    wanted = 0 if cut == "" else round(CUT * UNITS) if cut == at else -round(NEVER * UNITS)
    assert units.tolist() == [wanted]


@pytest.mark.parametrize("cut", AT)
@pytest.mark.parametrize("at", AT)
def test_a_mirrored_cut_lies_on_the_other_side(cut: str, at: str) -> None:
    memory = remember([record(lump(0), cut=cut)])
    units = border_units(memory, np.array([0]), np.array([True]), np.array([AT[at]], np.float64), EMPTY)
    there = "".join(side for side in "ltrb" if {"l": "r", "r": "l"}.get(side, side) in cut)
    wanted = 0 if cut == "" else round(CUT * UNITS) if there == at else -round(NEVER * UNITS)
    assert units.tolist() == [wanted]


# --- twins ---------------------------------------------------------------------------------------


def scene_with(mask: np.ndarray, name: str = "dog", thing: bool = True) -> Scene:
    whole = np.zeros((100, 200), dtype=bool)
    whole[10 : 10 + mask.shape[0], 30 : 30 + mask.shape[1]] = mask
    return Scene(100, 200, (Layer(name, whole, thing),))


def cells_of(*masks: np.ndarray) -> np.ndarray:
    from smartmask.geometry import box_cells

    found = []
    for mask in masks:
        box = mask_box(mask)
        assert box is not None
        found.append(box_cells(mask, box, CELLS))
    return np.stack(found)


def test_what_stands_there_is_not_drawn_again() -> None:
    one, other = lump(3), lump(11)
    cells = cells_of(one, one[:, ::-1], other)
    units = twin_units(scene_with(one), "dog", cells, np.zeros((3, 4)))
    cost = -round(TWIN_COST * UNITS)
    assert units.tolist() == [cost, cost, 0]
    assert twin_units(scene_with(one, "cat"), "dog", cells, np.zeros((3, 4))).tolist() == [0, 0, 0]
    assert twin_units(scene_with(one, thing=False), "dog", cells, np.zeros((3, 4))).tolist() == [0, 0, 0]
    assert twin_units(EMPTY, "dog", cells, np.zeros((3, 4))).tolist() == [0, 0, 0]


def test_empty_layers_have_no_twins() -> None:
    scene = Scene(100, 200, (Layer("dog", np.zeros((100, 200), dtype=bool)),))
    assert twin_units(scene, "dog", cells_of(lump(1)), np.zeros((1, 4))).tolist() == [0]
