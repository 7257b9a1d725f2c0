"""The end of a packing: doubles left out, what was noted added up, and the whole put in its place in one step."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.data.pack_rows import VERSION, PackWriter
from smartmask.data.packing.index import INDEX, PARQUET, Part
from smartmask.data.packing.plan import Plan
from smartmask.data.packing.unit import described, note_of
from smartmask.data.shards.files import ShardWriter, members_in
from smartmask.io.publish import replacing, save_json
from smartmask.io.reading import open_file, read_json, read_parquet


@dataclass
class Summed:
    """What all units gave. drops: by unit, which of its rows are doubles."""

    notes: list[dict[str, Any]]
    scenes: dict[str, int] = field(default_factory=dict)
    layers: dict[str, int] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    drops: dict[int, set[int]] = field(default_factory=dict)

    @property
    def doubles(self) -> int:
        """How many records were left out."""
        return sum(map(len, self.drops.values()))

    def parts(self) -> list[Part]:
        """The files of all units, in order."""
        return [Part(**part) for note in self.notes for part in note["parts"]]


def summed(plan: Plan, folder: Path) -> Summed:
    """Adds up the notes of all units. A COCO picture that an earlier record holds is a double."""
    found, seen = Summed([]), set[str]()
    for unit in plan.units():
        note = read_json(note_of(folder, unit.number), "note", dataset=True)
        found.notes.append(note)
        found.skipped += note["skipped"]
        for kind, total in ((note["scenes"], found.scenes), (note["layers"], found.layers)):
            for source, count in kind.items():
                total[source] = total.get(source, 0) + count
        for row, key, source, layers in note["coco"]:
            if key not in seen:
                seen.add(key)
                continue
            found.drops.setdefault(unit.number, set()).add(row)
            found.scenes[source] -= 1
            found.layers[source] -= layers
    found.scenes = {source: count for source, count in found.scenes.items() if count}
    found.layers = {source: count for source, count in found.layers.items() if source in found.scenes}
    return found


def merge(found: Summed, parts: Path, out: Path) -> None:
    """All rows in one Parquet file, the doubles left out; the same bytes as from one process that reads in turn."""
    with replacing(out) as handle, PackWriter(handle) as writer:
        for number, note in enumerate(found.notes):
            for part in note["parts"]:
                writer.add_table(_without(read_parquet(parts / part["file"], "part"), found, number))


def drop_doubles(plan: Plan, found: Summed, folder: Path) -> None:
    """Writes the parts that hold doubles anew, under other names, and tells ``found`` of them."""
    for number in found.drops:
        note = found.notes[number]
        parts = [part for old in note["parts"] for part in _rewritten(Part(**old), plan, found, number, folder)]
        found.notes[number] = {**note, "parts": [asdict(part) for part in parts]}


def _rewritten(part: Part, plan: Plan, found: Summed, number: int, folder: Path) -> list[Part]:
    path = folder / part.file
    single = path.with_stem(f"{path.stem}-once")
    if plan.recipe.form == PARQUET:
        table = _without(read_parquet(path, "part"), found, number)
        with replacing(single) as handle, PackWriter(handle) as writer:
            writer.add_table(table)
        return described([(single, "", len(table))])
    with open_file(path, "part", "table_mb") as stream, replacing(single) as handle, ShardWriter(handle) as tar:
        for members in members_in(stream, str(path)):
            if int(members["__key__"]) not in found.drops[number]:
                tar.add_members(members)
    return described([(single, part.split, tar.count)])


def _without(table: Any, found: Summed, number: int) -> Any:
    """A unit's rows without its doubles."""
    if number not in found.drops:
        return table
    stays = np.ones(len(table), bool)
    stays[sorted(found.drops[number])] = False
    return table.filter(stays)


def save_index(plan: Plan, found: Summed, folder: Path) -> None:
    """Writes the index of a folder of parts. Paths of the sources stay out of it: they are nobody else's business."""
    told = {
        "smartmask_pack": VERSION, "form": plan.recipe.form, "photos": plan.recipe.photos,
        "max_side": plan.recipe.max_side, "sources": [[format, count] for format, _, _, count in plan.sources],
        "scenes": found.scenes, "layers": found.layers, "doubles": found.doubles, "skipped": len(found.skipped),
        "parts": [asdict(part) for part in found.parts()],
    }  # fmt: skip
    save_json(told, folder / INDEX, indent=1)
