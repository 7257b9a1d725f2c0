"""Where the baselines' outlines come from: a memory of outlines, or the whole objects of the training split."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.shapes import (
    SHAPE_SIDE,
    OutlineItem,
    Outlines,
    Places,
    ShapeBank,
    outline_item,
    shape_key,
)
from smartmask.data.targets import Protocol, Target, admitted, object_flags
from smartmask.geometry import rle_decode
from smartmask.io.reading import read_parquet


def train_bank(pack: Pack, protocol: Protocol, outlines: Outlines | None = None) -> ShapeBank:
    """What the baselines may use: outlines, or else whole objects, and the places of the training split's objects."""
    return ShapeBank(outlines or whole_outlines(pack, protocol, "train"), train_places(pack, protocol))


def train_places(pack: Pack, protocol: Protocol) -> Places:
    """Names and boxes of the training split's objects that the protocol admits. ValueError if there is none."""
    targets = admitted(pack, protocol, "train")
    if not targets:
        raise ValueError(f"The training split of {pack.path} has no object of {', '.join(protocol.sources)}.")
    return Places(np.array([shape_key(t.name) for t in targets]), np.stack([_shares(pack, t) for t in targets]))


def _shares(pack: Pack, target: Target) -> np.ndarray:
    height, width = float(pack.meta.heights[target.record]), float(pack.meta.widths[target.record])
    return np.array(target.box) / (width, height, width, height)


def whole_outlines(pack: Pack, protocol: Protocol, split: str) -> Outlines:
    """Outlines of a split's whole objects: in one part, clear of the border, touching nothing. ValueError for none."""
    items = []
    for position, group in groupby(admitted(pack, protocol, split), key=lambda t: t.record):
        scene = pack.scene(position)
        for target in group:
            if not object_flags(scene, target.layer):
                mask = scene.layers[target.layer].mask
                items.append(outline_item(target.name, mask, target.source, target.key))
    return Outlines.of(items, f"whole objects of the {split} split")


def memory_of(pipe: Any) -> Outlines | None:
    """The whole outlines that a pipeline's model remembers; None for a model without a memory."""
    memory = getattr(getattr(pipe, "model", None), "memory", None)
    return None if memory is None else remembered_outlines(memory, "of the model's own memory")


def remembered_outlines(memory: Any, about: str) -> Outlines:
    """A memory's whole outlines (masks/exemplar/memory.py) as pictures.

    Those that a border cuts, and loose ones, are left out. ValueError if none is left.
    """
    items: list[OutlineItem] = []
    aspects = memory.aspects(np.arange(len(memory.name)))
    for row in np.flatnonzero(memory.whole).tolist():
        shape = memory.outline(row).cells(SHAPE_SIDE)
        name, set_name = memory.names[int(memory.name[row])], memory.sets[int(memory.set[row])][0]
        items.append(OutlineItem(name, np.packbits(shape), float(aspects[row]), set_name, memory.sources[row]))
    return Outlines.of(items, about)


TABLE = ("name", "set", "tier", "kind", "source", "split", "verdict", "h", "w", "counts")


class WholeOutline(NamedTuple):
    """A curated outline: mask (h, w) bool in its tight box, as annotated; kind: photo, model or drawn."""

    name: str
    mask: np.ndarray
    set: str
    key: str
    kind: str


def curated_masks(path: Path, split: str, licences: str | None = None) -> Iterator[WholeOutline]:
    """The whole outlines of a split in the table that curation writes (``outlines.parquet``), as masks.

    licences: a tier, "open" or "research"; None or "all" for both. ValueError, naming the file, if it is missing or
    another table.
    """
    wanted = [("verdict", "==", "whole"), ("split", "==", split)]
    table = read_parquet(path, "table of outlines", columns=list(TABLE), filters=wanted)
    for row in table.to_pylist():
        if row["name"] is not None and licences in (None, "all", row["tier"]):
            mask = rle_decode({"size": [row["h"], row["w"]], "counts": row["counts"]})
            yield WholeOutline(row["name"], mask, row["set"], row["source"], row["kind"])


def curated_outlines(path: Path, split: str, licences: str | None = None) -> Outlines:
    """The whole outlines of a split in a curated table; see ``curated_masks``. ValueError if there is none."""
    tier = "" if licences in (None, "all") else f", licence tier {licences}"
    items = (outline_item(o.name, o.mask, o.set, o.key) for o in curated_masks(path, split, licences))
    return Outlines.of(items, f"whole ones of the {split} split in {path.name}{tier}")


def outlines_of(pack: Pack, protocol: Protocol, split: str, table: Path | None) -> Outlines:
    """The whole outlines of a split: of a curated table, or else the pack's own. ValueError if there is none."""
    return whole_outlines(pack, protocol, split) if table is None else curated_outlines(table, split)


def read_outlines(path: Path, licences: str | None = None) -> Outlines:
    """What baselines may remember: the training split of a curated table (``.parquet``), or a memory's file, or all
    memory files of a folder, one a licence tier (``open.safetensors``).

    licences: a tier; None or "all" for all. Raises ValueError for a path that is none of these, or has no such tier.
    """
    from smartmask.masks.exemplar.memory import join, read_memory

    if path.suffix == ".parquet":
        return curated_outlines(path, "train", licences)
    if not path.is_dir():
        return remembered_outlines(read_memory(path), f"of {path.name}")
    files = sorted(path.glob("*.safetensors"))
    chosen = [file for file in files if licences in (None, "all", file.stem)]
    if not chosen:
        there = ", ".join(file.stem for file in files) or "none"
        raise ValueError(f"{path} has no outlines of the licence tier '{licences}'; it has {there}.")
    return remembered_outlines(join([read_memory(file) for file in chosen]), f"of {path.name}")
