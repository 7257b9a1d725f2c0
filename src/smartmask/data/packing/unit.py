"""One unit of work: its records' rows in part files of its own, and last of all the note that it is done.

Every file is written whole or not at all, under a name that the unit alone decides, so a unit that was killed, or done
by two machines at once, leaves what it leaves when it is done once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from smartmask.data.captions import Captions
from smartmask.data.pack_rows import COCO_SOURCES, PackWriter, Row, row_of
from smartmask.data.packing.index import PARQUET, Part
from smartmask.data.packing.plan import CURSOR, Recipe, Unit
from smartmask.data.record import Job, Record
from smartmask.data.shards.files import ShardWriter, photo_bytes
from smartmask.data.splits import SPLITS
from smartmask.io.publish import remove_file, replacing, save_json
from smartmask.io.reading import file_sum, read_json

PARTS = "parts"  # the folder of part files in the working folder


@dataclass(frozen=True)
class Task:
    """A unit to be done in a working folder that all who work can write to."""

    unit: Unit
    recipe: Recipe
    folder: str


def note_of(folder: Path, number: int) -> Path:
    """Where it is noted that a unit is done, and what it gave."""
    return folder / f"unit-{number:05d}.json"


def is_done(folder: Path, number: int) -> bool:
    """Whether a unit was done before and its parts are there."""
    note = note_of(folder, number)
    if not note.is_file():
        return False
    parts = [Part(**part) for part in read_json(note, "note", dataset=True)["parts"]]
    files = [(folder / PARTS / part.file, part.bytes) for part in parts]
    return all(path.is_file() and path.stat().st_size == size for path, size in files)


def pack_unit(task: Task) -> int:
    """Does a unit, unless it is done; its number of jobs. Raises ValueError for a bad picture that is not skipped."""
    folder, unit = Path(task.folder), task.unit
    if not is_done(folder, unit.number):
        rows = _Rows(task)
        parts = rows.parquet(folder / PARTS) if task.recipe.form == PARQUET else rows.shards(folder / PARTS)
        note = {"parts": [asdict(part) for part in parts], "scenes": rows.scenes, "layers": rows.layers,
                "coco": rows.coco, "skipped": rows.skipped}  # fmt: skip
        save_json(note, note_of(folder, unit.number), indent=None)
    return unit.stop - unit.start


class _Rows:
    """The rows of a unit, one at a time, and what is noted of them.

    coco: ``[row, key, source, layers]`` of each row of a COCO source, since the same picture may be in other units.
    """

    def __init__(self, task: Task) -> None:
        self.task, self.count = task, 0
        self.scenes: dict[str, int] = {}
        self.layers: dict[str, int] = {}
        self.coco: list[list[Any]] = []
        self.skipped: list[str] = []

    def parquet(self, folder: Path) -> list[Part]:
        """All rows in one Parquet file."""
        path = folder / f"part-{self.task.unit.number:05d}.parquet"
        with replacing(path) as handle, PackWriter(handle) as writer:
            for row, _ in self._rows():
                writer.add(row)
        return described([(path, "", writer.count)])

    def shards(self, folder: Path) -> list[Part]:
        """The rows in a tar for each split."""
        made = []
        with ExitStack() as stack:
            for split in SPLITS:
                path = folder / f"{split}-{self.task.unit.number:05d}.tar"
                made.append((path, split, stack.enter_context(ShardWriter(stack.enter_context(replacing(path))))))
            writers = {split: writer for _, split, writer in made}
            for number, (row, photo) in enumerate(self._rows()):
                writers[row["split"]].add(row, photo, number)
        return described([(path, split, writer.count) for path, split, writer in made])

    def _rows(self) -> Iterator[tuple[Row, tuple[str, bytes] | None]]:
        for job in CURSOR.take(self.task.unit):
            try:
                found = self._row(job)
            except ValueError as error:
                if not self.task.recipe.skip_bad:
                    raise
                self.skipped.append(str(error))
                continue
            if found is not None:
                self._note(found[0])
                yield found

    def _row(self, job: Job) -> tuple[Row, tuple[str, bytes] | None] | None:
        """A picture's row, and its photograph where those go with them; None without one."""
        record: Record = job()
        if self.task.recipe.captions:
            record = _captions(self.task.recipe.captions, self.task.recipe.captions_mark).added(record)
        photo = None
        if self.task.recipe.photos:
            if record.image is None:
                return None
            photo = photo_bytes(record.image, record.scene.height, record.scene.width)
        return row_of(record, self.task.recipe.max_side), photo

    def _note(self, row: Row) -> None:
        source, layers = row["source"], len(row["layer_names"])
        self.scenes[source] = self.scenes.get(source, 0) + 1
        self.layers[source] = self.layers.get(source, 0) + layers
        if source in COCO_SOURCES:
            self.coco.append([self.count, row["key"], source, layers])
        self.count += 1


@lru_cache(maxsize=1)
def _captions(path: str, mark: str) -> Captions:
    return Captions.read([Path(path)])


def described(files: list[tuple[Path, str, int]]) -> list[Part]:
    """The parts of ``(file, split, scenes)``; files without a scene are removed."""
    parts = []
    for path, split, scenes in files:
        if scenes:
            parts.append(Part(path.name, split, scenes, path.stat().st_size, file_sum(path, "part", "table_mb")))
        else:
            remove_file(path)
    return parts
