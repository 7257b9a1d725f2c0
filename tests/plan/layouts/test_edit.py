"""Editing a layout: what moves, what stays, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smartmask.geometry import mask_box
from smartmask.masks.pipeline import SmartMaskPipeline
from smartmask.plan.layouts import edit
from smartmask.plan.layouts.pipeline import Layout, draw_layout
from smartmask.plan.layouts.stuff import load_field


@pytest.fixture(scope="module")
def pipeline(tiny_weights: Path) -> SmartMaskPipeline:
    return SmartMaskPipeline.from_pretrained(tiny_weights)


@pytest.fixture(scope="module")
def layout(pipeline: SmartMaskPipeline) -> Layout:
    return draw_layout(
        "a room with a table, a cup on the table and a dog", 96, 128, pipeline, load_field(), num_masks=1
    )


def mask_of(layout: Layout, key: str) -> np.ndarray:
    return layout.items[edit.find(layout, key)].mask


def test_what_stands_on_a_thing_moves_with_it(layout: Layout) -> None:
    moved = edit.move(layout, "table", 5, 0)
    for key in ("table", "cup"):
        assert (mask_of(moved, key)[:, 5:] == mask_of(layout, key)[:, :-5]).all()
    assert (mask_of(moved, "dog") == mask_of(layout, "dog")).all()
    back = edit.move(moved, "table", -5, 0)
    inside = mask_of(layout, "table").copy()
    inside[:, -5:] = False
    assert (mask_of(back, "table")[:, :-5] == inside[:, :-5]).all()


def test_moving_down_brings_to_the_front(layout: Layout) -> None:
    table = layout.items[edit.find(layout, "table")]
    dog = layout.items[edit.find(layout, "dog")]
    down = edit.move(layout, "dog", 0, table.depth - dog.depth + 3)
    names = [layer.name for layer in down.scene().layers]
    assert names.index("dog") > names.index("table")
    up = edit.move(layout, "dog", 0, table.depth - dog.depth - 3)
    names = [layer.name for layer in up.scene().layers]
    assert names.index("dog") < names.index("table")


def test_scaling_keeps_the_feet(layout: Layout) -> None:
    half = edit.scale(layout, "dog", 0.5)
    before, after = (one.items[edit.find(one, "dog")].place for one in (layout, half))
    assert before is not None
    assert after is not None
    assert after.box[3] == pytest.approx(before.box[3])
    assert after.box[3] - after.box[1] == pytest.approx((before.box[3] - before.box[1]) / 2)
    box = mask_box(mask_of(half, "dog"))
    assert box is not None
    assert all(a >= b - 1 for a, b in zip(box[:2], after.box[:2], strict=True))
    assert all(a <= b + 1 for a, b in zip(box[2:], after.box[2:], strict=True))
    assert mask_of(half, "dog").sum() < 0.5 * mask_of(layout, "dog").sum()


def test_redo_changes_one_layer_only(layout: Layout, pipeline: SmartMaskPipeline) -> None:
    other = edit.redo(layout, "dog", pipeline, generator=4321, num_masks=1)
    assert (mask_of(other, "dog") != mask_of(layout, "dog")).any()
    assert (mask_of(other, "table") == mask_of(layout, "table")).all()
    again = edit.redo(layout, "dog", pipeline, generator=4321, num_masks=1)
    assert (mask_of(other, "dog") == mask_of(again, "dog")).all()


def test_locked_layers_and_surfaces_stay(layout: Layout) -> None:
    locked = edit.lock(layout, "cup")
    with pytest.raises(ValueError, match="locked"):
        edit.move(locked, "cup", 1, 1)
    with pytest.raises(ValueError, match="stands on 'table' and is locked"):
        edit.move(locked, "table", 1, 1)
    edit.move(edit.lock(locked, "cup", locked=False), "cup", 1, 1)
    with pytest.raises(ValueError, match="surface"):
        edit.scale(layout, "floor", 2)
    assert any(record["locked"] for record in locked.history())


def test_layers_are_found_by_key_and_index(layout: Layout) -> None:
    names = [layer.name for layer in layout.scene().layers]
    assert layout.items[edit.find(layout, names.index("cup"))].name == "cup"
    with pytest.raises(ValueError, match="no layer 'cow'"):
        edit.find(layout, "cow")
    with pytest.raises(ValueError, match="does not exist"):
        edit.find(layout, 99)
    with pytest.raises(ValueError, match="out of range"):
        edit.scale(layout, "dog", 0)
    with pytest.raises(ValueError, match="Nothing of 'dog'"):
        edit.move(layout, "dog", 1000, 0)


def test_a_broken_relation_is_told(layout: Layout) -> None:
    away = (
        edit.move(layout, "cup", -60, 0)
        if mask_box(mask_of(layout, "cup"))[0] > 62
        else edit.move(layout, "cup", 60, 0)
    )  # type: ignore[index]
    assert any(note == "Not met: cup on table." for note in away.notes)
    assert not any(layer.name == "cup" for layer in edit.remove(layout, "cup").scene().layers)
