"""Where the baselines' outlines come from: a memory of outlines, or the whole objects of the training split."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.data.pack import Pack
from smartmask.evaluate.shapes import (
    SHAPE_SIDE,
    OutlineItem,
    Outlines,
    Places,
    ShapeBank,
    outline_item,
    shape_key,
    to_box_frame,
)
from smartmask.evaluate.targets import Protocol, Target, admitted, object_flags
from smartmask.geometry import rle_decode


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
    """A memory's whole outlines (masks/exemplar/memory.py) as pictures; those that a border cuts are left out.

    ValueError if none is left.
    """
    items: list[OutlineItem] = []
    aspects = memory.aspects(np.arange(len(memory.name)))
    for row in np.flatnonzero(memory.cut == 0).tolist():
        shape = memory.outline(row).cells(SHAPE_SIDE)
        name, set_name = memory.names[int(memory.name[row])], memory.sets[int(memory.set[row])][0]
        items.append(OutlineItem(name, np.packbits(shape), float(aspects[row]), set_name, memory.sources[row]))
    return Outlines.of(items, about)


TABLE = ("name", "set", "tier", "source", "split", "verdict", "x0", "y0", "x1", "y1", "h", "w", "counts")


def curated_outlines(path: Path, split: str, licences: str | None = None) -> Outlines:
    """The whole outlines of a split in the table that curation writes (``outlines.parquet``).

    licences: a tier, "open" or "research"; None or "all" for both. ValueError, naming the file, if it is missing or
    another table, or if nothing is left.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=list(TABLE))
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist; give the table of outlines that curation writes.") from None
    except (pa.ArrowInvalid, KeyError, OSError) as error:
        raise ValueError(f"{path} is no table of outlines ({str(error).splitlines()[0]}).") from None
    chosen = []
    for row in table.to_pylist():
        if row["verdict"] != "whole" or row["split"] != split or row["name"] is None:
            continue
        if licences not in (None, "all", row["tier"]):
            continue
        shape = to_box_frame(rle_decode({"size": [row["h"], row["w"]], "counts": row["counts"]}))
        width, height = row["x1"] - row["x0"], row["y1"] - row["y0"]
        item = (row["name"], np.packbits(shape), width / height, row["set"], row["source"], max(width, height))
        chosen.append(OutlineItem(*item))
    tier = "" if licences in (None, "all") else f", licence tier {licences}"
    return Outlines.of(chosen, f"whole ones of the {split} split in {path.name}{tier}")


def read_outlines(path: Path, licences: str | None = None) -> Outlines:
    """The training split's whole outlines of a curated table, for the baselines; see ``curated_outlines``."""
    return curated_outlines(path, "train", licences)
