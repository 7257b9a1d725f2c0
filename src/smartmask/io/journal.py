"""A file of JSON records that only grows: what a long job has done, line by line, whatever ends it.

A line is one write of the kernel's, so a killed process leaves whole lines and at most one torn at the end, which the
next one cuts off. One process at a time may write to it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from smartmask.errors import BusyError
from smartmask.io.inputs import check_file_not_read
from smartmask.io.json_text import parse_json
from smartmask.io.locks import owned
from smartmask.io.places import explained, no_room
from smartmask.io.reading import lines_of


class Journal:
    """An open journal: ``records`` are those it held when it was opened."""

    def __init__(self, path: Path, file: int) -> None:
        self.path, self._file = path, file
        _cut_torn(file)
        self.records = list(_records(path))

    def add(self, record: dict[str, Any]) -> None:
        """Adds a line. Raises WriteError where there is no room, ValueError for what is no JSON."""
        line = json.dumps(record, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii") + b"\n"
        with no_room(self.path.parent, str(self.path), lambda: len(line)):
            while line:
                line = line[os.write(self._file, line) :]


@contextmanager
def journal(path: str | Path) -> Iterator[Journal]:
    """The journal of a path, made if it is missing. Raises BusyError if another process has it open."""
    path = Path(path)
    check_file_not_read(path)
    with explained(path, "journal"):
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0), 0o666)
    try:
        if not owned(file):
            raise BusyError(
                f"Another process works on '{path.parent}'; wait until it is done, or choose another folder."
            )
        yield Journal(path, file)
        os.fsync(file)
    finally:
        os.close(file)


def _cut_torn(file: int) -> None:
    """Cuts off a last line without its end."""
    size = os.fstat(file).st_size
    at, whole = size, 0
    while at > 0 and not whole:
        start = max(0, at - 65536)
        end = os.pread(file, at - start, start).rfind(b"\n")
        whole, at = (start + end + 1 if end >= 0 else 0), start
    if whole < size:
        os.ftruncate(file, whole)


def _records(path: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines_of(path, "journal"), start=1):
        record = parse_json(line, f"Line {number} of the journal '{path}'")
        if not isinstance(record, dict):
            raise ValueError(f"Line {number} of the journal '{path}' is no JSON object; choose another folder.")
        yield record
