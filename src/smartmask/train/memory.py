"""Building the memory: curated outlines of the training split, traced, with traits, in one file a licence tier."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.data.guides import draw_guide
from smartmask.geometry import mask_box, rle_decode
from smartmask.guidance import Scribble
from smartmask.masks.exemplar.attributes import TRAITS
from smartmask.masks.exemplar.guess import StrokeTable, table_row
from smartmask.masks.exemplar.memory import TIERS, Memory, Remembered, remember
from smartmask.masks.exemplar.outline import trace

MOST_WHOLE = 1500  # whole outlines of a name: the clearest; more would only make it slower
MOST_CUT = 40  # cut outlines of a name and of a combination of sides
LEAST_CUT = 0.15  # quality below which a cut outline is left out
STROKES = 3000  # rows of the stroke table
COLUMNS = ("name", "set", "tier", "licence", "kind", "source", "split", "number", "verdict", "cut", "quality",
           "azimuth", "counts", "h", "w")  # fmt: skip


def read_curated(file: Path, splits: Sequence[str] = ("train",)) -> list[dict[str, Any]]:
    """Rows of ``smartmask data curate``'s table that are whole or cut, of some splits, in the table's order."""
    import pyarrow.parquet as pq

    table = pq.read_table(file, columns=list(COLUMNS))
    rows: list[dict[str, Any]] = table.to_pylist()
    return [row for row in rows if row["split"] in splits and row["verdict"] in ("whole", "cut")]


def build_memories(
    file: Path, traits: dict[tuple[str, str, int], dict[str, float]], splits: Sequence[str] = ("train",)
) -> dict[str, Memory]:
    """``{tier: memory}`` of a table of curated outlines. traits: {(set, source, number): {trait: score}}."""
    chosen = _chosen(read_curated(file, splits))
    memories = {}
    for tier in TIERS:
        records = [_record(row, traits) for row in chosen if row["tier"] == tier]
        memories[tier] = remember(records, TRAITS)
    return memories


def _chosen(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The clearest of each name, whole and cut apart; ties by a hash, so that no set comes first."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        cut = row["cut"] if row["verdict"] == "cut" else ""
        if row["name"] and (not cut or (row["kind"] == "photo" and row["quality"] >= LEAST_CUT)):
            groups[row["name"], cut].append(row)
    kept = []
    for (_, cut), members in sorted(groups.items()):
        members.sort(key=lambda row: (-round(row["quality"], 3), _hash(row)))
        kept += members[: MOST_CUT if cut else MOST_WHOLE]
    kept.sort(key=_hash)
    return kept


def _hash(row: dict[str, Any]) -> str:
    return hashlib.sha1(f"{row['set']}/{row['source']}/{row['number']}".encode()).hexdigest()


def mask_of_row(row: dict[str, Any]) -> np.ndarray:
    """``(h, w)`` bool mask of a row, cropped to its box."""
    return rle_decode({"size": [row["h"], row["w"]], "counts": row["counts"]})


def _record(row: dict[str, Any], traits: dict[tuple[str, str, int], dict[str, float]]) -> Remembered:
    known = traits.get((row["set"], row["source"], row["number"]), {})
    return Remembered(
        trace(mask_of_row(row)), row["name"], row["set"], row["source"], row["licence"], row["kind"],
        row["cut"] if row["verdict"] == "cut" else "", float(row["quality"]), known,
    )  # fmt: skip


def build_strokes(file: Path, count: int = STROKES, seed: int = 0) -> StrokeTable:
    """Strokes drawn over whole training objects, with the objects' boxes."""
    rows = [row for row in read_curated(file) if row["verdict"] == "whole" and row["kind"] == "photo"]
    rng = np.random.default_rng(seed)
    return StrokeTable(np.array(list(_stroke_rows(rows, count, rng)), np.float32))


def _stroke_rows(rows: list[dict[str, Any]], count: int, rng: np.random.Generator) -> Iterator[list[float]]:
    for index in rng.choice(len(rows), count, replace=len(rows) < count).tolist():
        mask = np.pad(mask_of_row(rows[index]), 40)
        guide, box = draw_guide(mask, "scribble", rng), mask_box(mask)
        if isinstance(guide, Scribble) and box is not None:
            yield table_row(guide.extent(*mask.shape), box)
