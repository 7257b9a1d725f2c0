"""The memory: kept in bytes, joined, selected; damaged files are told in one sentence."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outlined import cup, lump, made_memory, record, ring, table
from safetensors.numpy import load_file, save_file

from smartmask.data.outlines import SETS
from smartmask.geometry import mask_iou
from smartmask.io.checks import is_open
from smartmask.masks.exemplar.memory import (
    CELLS,
    FORMAT,
    GRID,
    KINDS,
    Memory,
    cut_letters,
    join,
    read_file,
    read_memory,
    remember,
    write_memory,
)
from smartmask.masks.exemplar.outline import Outline, draw, place, trace

TRAIT_NAMES = ("sitting", "left")


def small() -> Memory:
    """Five outlines of three names and two sets, with all that can be known of them."""
    records = [
        record(lump(0), "dog", 0, traits={"sitting": 1.0, "left": -0.5}, quality=1.0),
        record(cup(), "cup", 0, set="other", licence="MIT", kind="model"),
        record(lump(1), "dog", 1, cut="lb", quality=0.25),
        record(ring(), "ring", 0, kind="drawn"),
        record(table(), "dog", 2, set="made", licence="CC BY 4.0"),
    ]
    return remember(records, TRAIT_NAMES)


def embedded(memory: Memory, size: int = 3) -> Memory:
    values = np.arange(len(memory) * 2 * size, dtype=np.int8).reshape(len(memory), 2, size)
    return replace(memory, embeddings=values)


def equal(a: Memory, b: Memory) -> None:
    """Two memories hold the same, whatever their tables' order."""
    assert len(a) == len(b)
    for row in range(len(a)):
        assert a.describe(row) == b.describe(row)
        assert len(a.outline(row).loops) == len(b.outline(row).loops)
        for one, other in zip(a.outline(row).loops, b.outline(row).loops, strict=True):
            np.testing.assert_array_equal(one, other)
    for key in ("quality", "traits", "pictures"):
        np.testing.assert_array_equal(getattr(a, key), getattr(b, key))
    if a.embeddings is None:
        assert b.embeddings is None
    else:
        np.testing.assert_array_equal(a.embeddings, b.embeddings)


# --- what is remembered --------------------------------------------------------------------------


def test_what_is_known_of_an_outline() -> None:
    memory = small()
    assert len(memory) == 5
    assert memory.names == ("cup", "dog", "ring")
    assert memory.rows("dog").tolist() == [0, 2, 4]
    assert memory.rows("unicorn").tolist() == []
    assert memory.describe(1) == {
        "name": "cup", "set": "other", "licence": "MIT", "source": "cup-0", "kind": "model", "cut": "",
    }  # fmt: skip
    assert memory.describe(2)["cut"] == "lb"
    assert memory.quality.tolist() == [255, 128, 64, 128, 128]
    np.testing.assert_array_equal(memory.traits[0], [127, -64])
    assert not memory.traits[1:].any()
    assert cut_letters(0) == ""
    assert cut_letters(15) == "ltrb"


@given(st.integers(0, 300), st.integers(30, 150), st.integers(30, 150))
def test_an_outline_is_kept_to_half_a_step_of_the_grid(seed: int, height: int, width: int) -> None:
    outline = trace(lump(seed, height, width))
    kept = remember([record(lump(seed, height, width))]).outline(0)
    assert kept.aspect == pytest.approx(outline.aspect, rel=0.02)
    for loop, back in zip(outline.loops, kept.loops, strict=True):
        size = np.array([min(1, outline.aspect), min(1, 1 / outline.aspect)]) * GRID
        away = np.abs(loop[:, None] - back[None]) * size
        assert away.max(axis=2).min(axis=1).max() <= 0.51 + 0.5  # half a step, and half of one for the box's rounding
    box = (0.0, 0.0, float(width), float(height))
    assert mask_iou(draw(place(outline, box), height, width), draw(place(kept, box), height, width)) > 0.97


def test_the_thinnest_outlines() -> None:
    """A hundredth as high as wide: one pixel of the grid at the least, never a division by nothing."""
    flat = Outline((np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32),), 3000.0)
    memory = remember([replace(record(lump(0)), outline=flat), replace(record(lump(0)), outline=flat.mirrored())])
    assert memory.size.tolist() == [[GRID, 1]] * 2
    assert memory.aspects(np.arange(2)).tolist() == [GRID, GRID]
    assert memory.outline(0).cells(8).all()


def test_cells_are_the_outline_in_its_box() -> None:
    memory = small()
    rows = np.array([1, 3])
    np.testing.assert_array_equal(memory.cells(rows)[0], trace(cup()).cells(CELLS))
    mirrored = memory.cells(rows, np.array([True, False]))
    np.testing.assert_array_equal(mirrored[0], memory.cells(rows)[0][:, ::-1])
    np.testing.assert_array_equal(mirrored[1], memory.cells(rows)[1])


def test_a_memory_of_nothing() -> None:
    memory = remember([], TRAIT_NAMES)
    assert len(memory) == 0
    assert memory.rows("dog").size == 0
    assert memory.select(np.zeros(0, np.int64)).names == ()


# --- parts and unions ----------------------------------------------------------------------------


def test_select_keeps_rows_in_their_order() -> None:
    memory = embedded(small())
    part = memory.select(np.array([4, 1]))
    assert [part.describe(row) for row in (0, 1)] == [memory.describe(row) for row in (4, 1)]
    assert part.names == ("cup", "dog")
    assert part.embeddings is not None
    np.testing.assert_array_equal(part.embeddings, memory.embeddings[[4, 1]])
    equal(memory.select(np.arange(5)), memory)


def test_join_is_the_rows_one_after_the_other() -> None:
    one, other = embedded(small()), embedded(made_memory(2))
    joined = join([one, other])
    equal(joined.select(np.arange(5)), one)
    back = joined.select(np.arange(5, len(joined)))
    assert [back.describe(row) for row in range(len(back))] == [other.describe(row) for row in range(len(other))]
    assert joined.trait_names == one.trait_names  # the first's; others' columns follow it
    assert joined.rows("dog").tolist() == [0, 2, 4, *(5 + other.rows("dog")).tolist()]
    assert joined.embeddings is not None
    assert join([one, small()]).embeddings is None  # not all have them
    assert join([one]) is one
    equal(join([one, remember([], TRAIT_NAMES), embedded(remember([]))]).select(np.arange(5)), small())


def test_traits_are_joined_by_name() -> None:
    first = remember([record(lump(0), traits={"a": 1.0})], ("a", "b"))
    second = remember([record(lump(1), traits={"a": -1.0, "c": 1.0})], ("c", "a"))
    np.testing.assert_array_equal(join([first, second]).traits, [[127, 0], [-127, 0]])


def test_more_sets_than_a_byte_counts() -> None:
    many = [remember([record(lump(0), "dog", i, set=f"set {i}")]) for i in range(300)]
    joined = join(many)
    assert [joined.describe(i)["set"] for i in (0, 255, 256, 299)] == ["set 0", "set 255", "set 256", "set 299"]
    assert joined.select(np.array([299])).describe(0)["set"] == "set 299"


# --- licences ------------------------------------------------------------------------------------


def test_the_licences_of_the_bundled_sets_are_of_their_tier() -> None:
    for item in SETS.values():
        assert is_open(item.licence) == (item.tier == "open"), item


@pytest.mark.parametrize(
    "licence", ["own", "CC-BY-4.0", "CC BY-SA 4.0", "cc0", "MIT License", "Apache-2.0", "Public Domain"]
)
def test_open_licences(licence: str) -> None:
    assert is_open(licence)


@pytest.mark.parametrize("licence", ["CC BY-NC 4.0", "cc-by-nd", "owned by me", "mitten", "", "all rights reserved"])
def test_other_licences(licence: str) -> None:
    assert not is_open(licence)


# --- files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "memory", [small(), embedded(small()), remember([], TRAIT_NAMES)], ids=["plain", "embedded", "empty"]
)
def test_what_is_written_is_read(memory: Memory, tmp_path: Path) -> None:
    file = tmp_path / "memory.safetensors"
    file.write_bytes(write_memory(memory, {"embedded_by": "me"}))
    back, metadata = read_file(file)
    equal(back, memory)
    assert (back.names, back.sets, back.trait_names, back.sources) == (
        memory.names, memory.sets, memory.trait_names, memory.sources,
    )  # fmt: skip
    assert metadata["embedded_by"] == "me"
    assert write_memory(read_memory(file), {"embedded_by": "me"}) == file.read_bytes()


def changed(file: Path, **tensors: Any) -> None:
    """Writes a memory's file with some tensors replaced, None for one that is missing."""
    memory = embedded(small())
    file.write_bytes(write_memory(memory))
    kept = {k: v for k, v in (load_file(file) | tensors).items() if v is not None}
    about = {"names": memory.names, "sets": memory.sets, "traits": memory.trait_names}
    save_file(kept, file, metadata={"format": FORMAT, "about": json.dumps(about)})


FAULTS: dict[str, dict[str, Any]] = {
    "a tensor missing": {"points": None},
    "no sources": {"sources": None},
    "too few names": {"name": np.zeros(4, np.uint16)},
    "a name beyond the table": {"name": np.full(5, 3, np.uint16)},
    "a set beyond the table": {"set": np.full(5, 9, np.uint8)},
    "a negative set": {"set": np.full(5, -1, np.int16)},
    "an unknown kind": {"kind": np.full(5, len(KINDS), np.uint8)},
    "fewer points than told": {"points": np.zeros((7, 2), np.int8)},
    "more loops than told": {"loop_count": np.full(5, 9, np.uint16)},
    "an outline without a loop": {"loop_count": np.array([1, 2, 0, 2, 2], np.uint16)},
    "no size": {"size": np.zeros((5, 2), np.uint16)},
    "sizes in one column": {"size": np.ones(5, np.uint16)},
    "numbers with a point": {"quality": np.ones(5, np.float32)},
    "pictures of another side": {"pictures": np.zeros((5, 8), np.uint8)},
    "other traits": {"traits": np.zeros((5, 3), np.int8)},
    "embeddings of four": {"embeddings": np.zeros((4, 2, 3), np.int8)},
    "embeddings of one side": {"embeddings": np.zeros((5, 3), np.int8)},
    "other sources": {"sources": np.frombuffer(b"a\nb", np.uint8)},
    "sources that are no text": {"sources": np.full(9, 255, np.uint8)},
}


def told(file: Path) -> str:
    """The one sentence with which reading a file fails."""
    with pytest.raises(ValueError, match=re.escape(str(file))) as caught:
        read_memory(file)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.endswith(".")
    return sentence


@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_file_is_told_in_one_sentence(fault: str, tmp_path: Path) -> None:
    file = tmp_path / "open.safetensors"
    changed(file, **FAULTS[fault])
    assert "is damaged" in told(file)


def test_cut_off_and_garbled_files(tmp_path: Path) -> None:
    whole = write_memory(embedded(small()))
    file = tmp_path / "open.safetensors"
    for content in (b"", b"\x00", b"not a memory at all", whole[:7], whole[: len(whole) // 2], whole[:-1]):
        file.write_bytes(content)
        assert "is damaged" in told(file)


@given(st.integers(0, 3000), st.integers(1, 255))
def test_any_changed_byte_is_told_or_harmless(at: int, change: int) -> None:
    """What reads without complaint can be used: no outline of it raises."""
    import tempfile

    content = bytearray(write_memory(small()))
    content[at % len(content)] ^= change
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "open.safetensors"
        file.write_bytes(bytes(content))
        try:
            memory = read_memory(file)
        except ValueError as caught:
            sentence = str(caught)
            memory = small()
        else:
            sentence = f"{file}"
    assert str(file) in sentence
    assert "\n" not in sentence
    for row in range(len(memory)):
        memory.outline(row).cells(8)
        memory.describe(row)


def test_files_that_are_no_memory(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    save_file({"weight": np.zeros(3, np.float32)}, file)
    assert "is not a memory of outlines" in told(file)
    save_file({"weight": np.zeros(3, np.float32)}, file, metadata={"format": FORMAT})
    assert "is damaged" in told(file)
    save_file({"weight": np.zeros(3, np.float32)}, file, metadata={"format": FORMAT, "about": "{"})
    assert "is damaged" in told(file)
    assert "does not exist" in told(tmp_path / "nowhere.safetensors")
    told(tmp_path)  # a folder
