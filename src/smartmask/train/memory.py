"""Building the memory: curated outlines of the training split, traced, with traits, in one file a licence tier."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.targets import Protocol, admitted, choose
from smartmask.geometry import rle_decode
from smartmask.guides import Scribble
from smartmask.guides.simulated import draw_guide
from smartmask.io.publish import replacing_folder
from smartmask.io.reading import read_parquet
from smartmask.masks.exemplar.attributes import TRAITS
from smartmask.masks.exemplar.choose import Chooser
from smartmask.masks.exemplar.files import save_memories, save_model
from smartmask.masks.exemplar.guess import StrokeTable, table_row
from smartmask.masks.exemplar.memory import TIERS, Memory, Remembered, join, read_memory, remember
from smartmask.masks.exemplar.model import ExemplarModel
from smartmask.masks.exemplar.outline import trace
from smartmask.masks.exemplar.own import embedded
from smartmask.masks.exemplar.place import load_places
from smartmask.text.encoder import TextEncoder
from smartmask.train.loose import LOOSE, loose_rows

MOST_WHOLE = 1500  # whole outlines of a name: the clearest; more would only make it slower
MOST_CUT = 40  # cut outlines of a name and of a combination of sides
UNCLEAR, CLEAR = 0.62, 0.95  # curated qualities that become 0 and 1
LEAST_CUT = 0.15  # quality below which a cut outline is left out
STROKES_FILE = "strokes.safetensors"
RARE = ("sitting", "lying", "riding", "running", "jumping", "walking", "flying", "grazing")  # poses
STROKES = 4000  # rows of the stroke table
COLUMNS = ("name", "set", "tier", "licence", "kind", "source", "split", "number", "verdict", "cut", "quality",
           "azimuth", "counts", "h", "w")  # fmt: skip


def read_curated(file: Path) -> list[dict[str, Any]]:
    """Rows of ``smartmask data curate``'s table, in its order."""
    rows: list[dict[str, Any]] = read_parquet(file, "table of outlines", columns=list(COLUMNS)).to_pylist()
    return rows


def build_memories(file: Path, traits: dict[tuple[str, str, int], dict[str, float]]) -> dict[str, Memory]:
    """``{tier: memory}`` of a table of curated outlines: what is whole, what a border cuts, and loose ones (loose.py).

    traits: {(set, source, number): {trait: score}}.
    """
    rows = read_curated(file)
    known = [row for row in rows if row["split"] == "train" and row["verdict"] in ("whole", "cut")]
    chosen = _chosen(known, traits)
    chosen = sorted(chosen + loose_rows(rows, [row for row in chosen if row["verdict"] == "whole"]), key=_hash)
    memories = {}
    for tier in TIERS:
        records = [_record(row, traits) for row in chosen if row["tier"] == tier]
        memories[tier] = remember(records, TRAITS)
    return memories


def _chosen(rows: list[dict[str, Any]], traits: dict[tuple[str, str, int], dict[str, float]]) -> list[dict[str, Any]]:
    """The clearest of each name, whole and cut apart, those of rare poses first; ties by a hash, so that no set is."""

    def usual(row: dict[str, Any]) -> bool:
        known = traits.get((row["set"], row["source"], row["number"]), {})
        return max((known.get(trait, 0.0) for trait in RARE), default=0.0) < 0.75

    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        cut = row["cut"] if row["verdict"] == "cut" else ""
        if row["name"] and (not cut or (row["kind"] == "photo" and row["quality"] >= LEAST_CUT)):
            groups[row["name"], cut].append(row)
    kept = []
    for (_, cut), members in sorted(groups.items()):
        members.sort(key=lambda row: (not cut and usual(row), -round(row["quality"], 3), _hash(row)))
        kept += members[: MOST_CUT if cut else MOST_WHOLE]
    return kept


def _spread(quality: float) -> float:
    """A curated quality over the whole of [0, 1]: those of whole outlines lie close together."""
    return min(max((quality - UNCLEAR) / (CLEAR - UNCLEAR), 0.02), 1.0)


def _hash(row: dict[str, Any]) -> str:
    return hashlib.sha1(f"{row['set']}/{row['source']}/{row['number']}".encode()).hexdigest()


def mask_of_row(row: dict[str, Any]) -> np.ndarray:
    """``(h, w)`` bool mask of a row, cropped to its box."""
    return rle_decode({"size": [row["h"], row["w"]], "counts": row["counts"]})


def _record(row: dict[str, Any], traits: dict[tuple[str, str, int], dict[str, float]]) -> Remembered:
    known = traits.get((row["set"], row["source"], row["number"]), {})
    quality = 0.0 if row["verdict"] in LOOSE else _spread(float(row["quality"]))
    return Remembered(
        trace(mask_of_row(row)), row["name"], row["set"], row["source"], row["licence"], row["kind"],
        row["cut"] if row["verdict"] == "cut" else "", quality, known,
    )  # fmt: skip


def build_strokes(pack: Pack, text: TextEncoder, memory: Memory, count: int = STROKES, seed: int = 0) -> StrokeTable:
    """Strokes drawn over real training objects in their scenes, with the objects' boxes."""
    protocol = Protocol(split="train", limit=None, seed=seed)
    targets = choose(admitted(pack, protocol, "train"), count, seed)
    usual: dict[str, float] = {}
    rows = []
    for target in targets:
        name = text.understand(target.name).name
        if name not in usual:
            rows_of_name = memory.rows(name)
            aspects = memory.aspects(rows_of_name[memory.quality[rows_of_name] > 0])
            usual[name] = float(np.median(np.log(aspects))) if len(aspects) else 0.0
        mask = pack[target.record].scene.layers[target.layer].mask
        guide = draw_guide(mask, "scribble", np.random.default_rng(target.number(seed)))
        if isinstance(guide, Scribble):
            region = guide.extent(*mask.shape)
            rows.append(table_row(region, [guide], target.box, usual[name], *mask.shape))
    return StrokeTable(np.array(rows, np.float32))


def make_memory(curated: Path, pack: Path, text: Path, chooser: Path, out: Path) -> tuple[Path, dict[str, int]]:
    """The component ``out/memory``, a file a tier with the chooser's embeddings, and the table of strokes.

    Returns its folder and how many outlines each tier has. Raises ValueError for damaged components.
    """
    from smartmask.train.traits import all_traits

    reader = Chooser.load(chooser)
    memories = build_memories(curated, all_traits(curated))
    strokes = build_strokes(Pack(pack), TextEncoder.from_pretrained(text), join([*memories.values()]))
    folder = out / "memory"
    with replacing_folder(folder) as partial:
        save_memories(partial, {tier: embedded(memory, reader) for tier, memory in memories.items()})
        strokes.save(partial / STROKES_FILE)
    return folder, {tier: len(memory) for tier, memory in memories.items()}


def bundle_model(text: Path, chooser: Path, memory: Path, place: Path, out: Path) -> Path:
    """A folder that the pipeline loads, of components; the outlines are read by this chooser, whichever read them.

    Raises ValueError, naming the file, if a component is missing or damaged.
    """
    encoder = TextEncoder.from_pretrained(text)
    reader = Chooser.load(chooser)
    memories = [read_memory(memory / f"{tier}.safetensors") for tier in TIERS]
    strokes = StrokeTable.load(memory / STROKES_FILE)
    places = load_places(place, encoder)
    save_model(ExemplarModel(encoder, embedded(join(memories), reader), reader, strokes, places), out)
    return out
