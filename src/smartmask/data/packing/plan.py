"""The plan of a packing: sources, settings, and the units of work, each a range of one reader's jobs.

What a unit gives depends on the plan and its number alone, so whoever does it, once or twice, writes the same bytes
under the same names. The plan is kept beside the parts; a run that goes on must have the same one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from smartmask.data.discover import Source
from smartmask.data.packing.index import PARQUET
from smartmask.data.record import Job
from smartmask.data.registry import jobs


@dataclass(frozen=True)
class Recipe:
    """What is made of the records. form: PARQUET or TAR. max_side: of the layouts in pixels, None where photographs go
    with them. photos: whether they do. skip_bad: leave bad pictures out. unit: jobs of a part. captions: where those of
    a model lie, and their mark, empty for none."""

    form: str = PARQUET
    max_side: int | None = 512
    photos: bool = False
    skip_bad: bool = False
    unit: int = 1000
    captions: str = ""
    captions_mark: str = ""


@dataclass(frozen=True)
class Unit:
    """Jobs ``start`` to ``stop`` (exclusive) of a source."""

    number: int
    format: str
    path: str
    start: int
    stop: int


@dataclass(frozen=True)
class Plan:
    """sources: ``(format, path, its mark, number of jobs)``, in the order that decides which of two doubles stays."""

    recipe: Recipe
    sources: tuple[tuple[str, str, str, int], ...]

    def units(self) -> list[Unit]:
        """The work, in order."""
        found: list[Unit] = []
        for format, path, _, count in self.sources:
            for start in range(0, count, self.recipe.unit):
                found.append(Unit(len(found), format, path, start, min(start + self.recipe.unit, count)))
        return found

    def to_json(self) -> dict[str, Any]:
        """The plan in JSON's types."""
        return {"recipe": asdict(self.recipe), "sources": [list(source) for source in self.sources]}

    @classmethod
    def of_json(cls, content: Any) -> Plan:
        """What ``to_json`` gave. Raises ValueError for anything else."""
        try:
            sources = tuple((str(f), str(p), str(mark), int(count)) for f, p, mark, count in content["sources"])
            return cls(Recipe(**content["recipe"]), sources)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"it is no plan of a packing ({error})") from None

    def begins_as(self, recipe: Recipe, sources: list[Source]) -> bool:
        """Whether it is of this recipe and these sources as they are now; to skip bad pictures may be asked for later,
        since those units that are done had none."""
        known = [(format, path, mark) for format, path, mark, _ in self.sources]
        same = recipe in (self.recipe, replace(self.recipe, skip_bad=True))
        return same and known == [(format, str(path), mark_of(path)) for format, path in sources]


def mark_of(path: Path) -> str:
    """A mark of what a file or folder holds: of names, sizes and times of it and of what is directly in it.

    It tells files that were changed, added or taken away there; what is changed deeper down it does not see.
    """
    lines = [_line("", os.stat(path))] if path.exists() else []
    if path.is_dir():
        with os.scandir(path) as entries:
            lines = sorted(_line(entry.name, entry.stat()) for entry in entries)
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _line(name: str, status: os.stat_result) -> str:
    return f"{name} {status.st_size} {status.st_mtime_ns}"


class Cursor:
    """Goes through the jobs of one source after the other; forwards it reads nothing twice, and it keeps no list."""

    def __init__(self) -> None:
        self._source: tuple[str, str] | None = None
        self._jobs: Iterator[Job] = iter(())
        self._at = 0

    def take(self, unit: Unit) -> list[Job]:
        """The jobs of a unit. Raises ValueError as readers do, and if there are fewer than when the plan was made."""
        source, known, at = (unit.format, unit.path), self._source, self._at
        self._source = None  # until all went well: a reader that was interrupted is of no use
        if source != known or at > unit.start:
            self._jobs, at = iter(()), 0  # what the last source held is let go before the next is read
            self._jobs = jobs(*source)
        next(islice(self._jobs, unit.start - at, unit.start - at), None)
        found = list(islice(self._jobs, unit.stop - unit.start))
        if unit.start + len(found) == unit.stop:
            self._source, self._at = source, unit.stop
        else:
            raise ValueError(f"{unit.path} has changed since the packing began; begin anew with --no-resume.")
        return found


CURSOR = Cursor()  # of this process: units that follow each other do not read a source's annotations again


def count_jobs(source: Source) -> int:
    """How many jobs a source has. Raises ValueError as its reader does."""
    format, path = source
    return sum(1 for _ in jobs(format, path))
