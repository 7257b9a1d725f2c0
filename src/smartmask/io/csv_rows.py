"""CSV files of millions of lines, by the value of a column: only where the lines begin is kept."""

from __future__ import annotations

import csv
from collections.abc import Container, Iterator, Sequence
from pathlib import Path

import numpy as np

from smartmask.io.reading import open_file

_LIMIT, _WANTED = "dataset_mb", "a CSV file"
_LONGEST = 1 << 16  # bytes of a line


class CsvRows:
    """The lines of a CSV file by the value of one column, for tables in which no value holds a line end.

    keys: the different values, in the order in which they first occur. Raises ValueError, naming the file, if a column
    is missing, a line is too long, or a value is not ASCII.
    """

    def __init__(
        self, path: Path, columns: Sequence[str], key: str, what: str = "table", only: Container[str] | None = None
    ) -> None:
        """columns: those that must be there, in any order.  only: the values whose lines are wanted."""
        self.path, self.what, self.named = path, what, f"The {what} '{path}'"
        found: dict[str, list[int]] = {}
        with open_file(path, what, _LIMIT, _WANTED) as handle:
            self.header = self._line(handle.readline(_LONGEST).removeprefix(b"\xef\xbb\xbf"), 1)
            missing = [column for column in columns if column not in self.header]
            if missing:
                needed = ", ".join(columns)
                raise ValueError(f"{self.named} has no column '{missing[0]}'; needed are {needed}.")
            place, at, number = self.header.index(key), handle.tell(), 1
            while line := handle.readline(_LONGEST):
                number += 1
                if len(line) == _LONGEST:
                    raise ValueError(f"{self.named} has more than {_LONGEST:,} characters in line {number:,}.")
                value = self._value(line, place, number)
                if value is not None and (only is None or value in only):
                    found.setdefault(value, []).append(at)
                at += len(line)
        self.places = {value: np.array(places, np.int64) for value, places in found.items()}
        self.keys = list(found)

    def of(self, key: str) -> Iterator[dict[str, str]]:
        """The rows of a value of the key's column, in the file's order."""
        places = self.places.get(key)
        if places is None:
            return
        with open_file(self.path, self.what, _LIMIT, _WANTED) as handle:
            for place in places:
                handle.seek(place)
                yield dict(zip(self.header, self._line(handle.readline(_LONGEST), None), strict=True))

    def _value(self, line: bytes, place: int, number: int) -> str | None:
        """The key of a line, None of an empty one."""
        if not line.strip():
            return None
        if b'"' in line or line.count(b",") + 1 != len(self.header):
            parts = self._line(line, number)
            if len(parts) != len(self.header):
                count = f"{len(parts)} columns in line {number:,}, not {len(self.header)}"
                raise ValueError(f"{self.named} has {count}; give the file as published.")
            return parts[place]
        try:
            return line.rstrip(b"\r\n").split(b",")[place].decode("ascii")
        except UnicodeDecodeError:
            raise ValueError(f"{self.named} has a key that is not ASCII in line {number:,}.") from None

    def _line(self, line: bytes, number: int | None) -> list[str]:
        where = "" if number is None else f" in line {number:,}"
        try:
            return next(csv.reader([line.decode("utf-8")]), [])
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{self.named} is not valid CSV{where} ({error}).") from None
