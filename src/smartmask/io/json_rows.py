"""JSON objects of a gigabyte, read a row at a time: the annotation files of large data sets.

Such a file is one object whose large values are lists of objects (COCO's ``images``, ``annotations``). One pass finds
where each of those rows begins and ends; what is left, with a 0 for each row, is a small JSON text that is parsed as
any other. Rows are parsed when they are asked for. JSON nests, so that a file is valid exactly if its rows and what is
left of it are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload

import numpy as np

from smartmask.io.json_text import parse_json
from smartmask.io.limits import LIMITS, MEGABYTE, PREFIX
from smartmask.io.reading import open_file

_CHUNK = 16 * MEGABYTE  # read at a time while rows are looked for
_BATCH = 4 * MEGABYTE  # parsed at a time where rows follow each other
_LIMIT, _WANTED = "dataset_mb", "a JSON file"
_ESCAPE = re.compile(rb"\\.", re.DOTALL)
_QUOTE, _OPEN, _CLOSE = 1, 2, 3
_KINDS = np.zeros(256, np.uint8)  # of the characters that JSON nests by
_KINDS[[ord('"')]] = _QUOTE
_KINDS[[ord("["), ord("{")]] = _OPEN
_KINDS[[ord("]"), ord("}")]] = _CLOSE


class JsonRows(Sequence[dict[str, Any]]):
    """A list of JSON objects that stay in their file; each is parsed when it is asked for, and none is kept.

    begins, ends: (n,) int64, bytes in the file. Small to pickle, so that other processes can read their part.
    Reading raises ValueError, naming the file, for a row that is not valid JSON, and if the file has changed.
    """

    def __init__(self, path: Path, what: str, stamp: tuple[int, int], begins: np.ndarray, ends: np.ndarray) -> None:
        self.path, self.what, self.stamp = path, what, stamp
        self.begins, self.ends = begins, ends

    def __len__(self) -> int:
        return len(self.begins)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> JsonRows: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | JsonRows:
        if isinstance(index, slice):
            return self.select(np.arange(len(self))[index])
        return next(iter(self.select([range(len(self))[index]])))

    def select(self, rows: Sequence[int] | np.ndarray) -> JsonRows:
        """The rows of these numbers, in this order."""
        picked = np.asarray(rows, np.int64)
        return JsonRows(self.path, self.what, self.stamp, self.begins[picked], self.ends[picked])

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Neighbours in the file are read and parsed together: parsing alone takes the time."""
        named = f"The {self.what} '{self.path}'"
        with open_file(self.path, self.what, _LIMIT, _WANTED) as handle:
            if _stamp(handle.fileno()) != self.stamp:
                raise ValueError(f"{named} has changed since it was opened; read it again.")
            for first, last in _batches(self.begins, self.ends):
                handle.seek(self.begins[first])
                data = handle.read(self.ends[last] - self.begins[first])
                rows = parse_json(b"[" + data + b"]", named, limit="dataset_values")
                if len(rows) != last - first + 1:
                    raise ValueError(f"{named} is not valid JSON (its brackets do not match).")
                yield from rows


def _stamp(number: int) -> tuple[int, int]:
    about = os.fstat(number)
    return about.st_size, about.st_mtime_ns


def _batches(begins: np.ndarray, ends: np.ndarray) -> Iterator[tuple[int, int]]:
    """(first, last) of rows that follow each other in the file, up to _BATCH bytes together."""
    first = 0
    for at in range(1, len(begins) + 1):
        # what lies between rows is known to be commas, blanks and other rows; those take at least ",{},"
        if at == len(begins) or not 0 < begins[at] - ends[at - 1] <= 3 or ends[at] - begins[first] > _BATCH:
            yield first, at - 1
            first = at


def read_tables(path: str | Path, what: str = "file") -> dict[str, Any]:
    """The object of a JSON file; each of its values that is a list of objects comes as ``JsonRows``.

    Takes 16 bytes a row and the memory of all else, whatever the rows hold. Raises ValueError, naming the file, if it
    is missing, larger than LIMITS.dataset_mb, holds more than LIMITS.dataset_values, is nested too deep, is no JSON
    outside its rows, or is no object.
    """
    path = Path(path)
    named = f"The {what} '{path}'"
    with open_file(path, what, _LIMIT, _WANTED) as handle:
        stamp = _stamp(handle.fileno())
        scan = _Scan(named)
        while data := handle.read(_CHUNK):
            while (len(data) - len(data.rstrip(b"\\"))) % 2 and (more := handle.read(1)):
                data += more  # an escape is not cut in two
            scan.add(data)
    content = parse_json(b"".join(scan.left), named, unique=True, limit="dataset_values")
    if not isinstance(content, dict):
        raise ValueError(f"{named} is a JSON {type(content).__name__}, not an object.")
    begins, ends = _joined(scan.begins), _joined(scan.ends)
    opened, lists = _joined(scan.opened), np.concatenate([[False], *scan.lists])[1:]
    of = np.searchsorted(opened, begins) - 1  # the value that each row stands in
    holders = [name for name, value in content.items() if isinstance(value, (list, dict))]
    for number, name in enumerate(holders):
        low, high = np.searchsorted(of, [number, number + 1])
        if lists[number] and high > low:
            if len(content[name]) != high - low:
                raise ValueError(f"{named}: '{name}' is not a list of objects.")
            content[name] = JsonRows(path, what, stamp, begins[low:high], ends[low:high])
    return content


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.int64), *parts])


@dataclass
class _Scan:
    """The pass over a file. depth, quoted: at its present end. begins, ends: of rows. opened, lists: where the
    object's own lists and objects begin, and whether each is a list. left: the text without the rows."""

    named: str
    at: int = 0
    values: int = 0
    depth: int = 0
    quoted: bool = False
    in_list: bool = False
    in_row: bool = False
    begins: list[np.ndarray] = field(default_factory=list)
    ends: list[np.ndarray] = field(default_factory=list)
    opened: list[np.ndarray] = field(default_factory=list)
    lists: list[np.ndarray] = field(default_factory=list)
    left: list[bytes] = field(default_factory=list)

    def add(self, data: bytes) -> None:
        """The next part of the file, which ends in no half escape."""
        self.values += data.count(b",") + data.count(b"[") + data.count(b"{")
        if self.values > LIMITS.dataset_values:
            most = f"{LIMITS.dataset_values:,} values; {PREFIX}DATASET_VALUES raises this limit."
            raise ValueError(f"{self.named} holds more than {most}")
        text = np.frombuffer(data, np.uint8)
        plain = np.frombuffer(_ESCAPE.sub(b"__", data), np.uint8) if b"\\" in data else text
        marks = np.flatnonzero(_KINDS[plain])
        kinds = _KINDS[plain[marks]]
        quotes = (np.cumsum(kinds == _QUOTE) + self.quoted) & 1
        outside = (kinds != _QUOTE) & (quotes == 0)
        places, signs = marks[outside], plain[marks[outside]]
        opens = kinds[outside] == _OPEN
        depth = self.depth + np.cumsum(np.where(opens, 1, -1))
        if depth.size and depth.max() > LIMITS.json_depth:
            deep = f"({depth.max():,} levels); at most {LIMITS.json_depth} are read."
            raise ValueError(f"{self.named} is nested too deep {deep}")
        self._rows(text, places, signs, opens, depth)
        self.quoted = bool(quotes[-1]) if quotes.size else self.quoted
        self.depth = int(depth[-1]) if depth.size else self.depth
        self.at += len(data)

    def _rows(
        self, text: np.ndarray, places: np.ndarray, signs: np.ndarray, opens: np.ndarray, depth: np.ndarray
    ) -> None:
        holders = opens & (depth == 2)
        lists = signs[holders] == ord("[")
        within = np.concatenate([[self.in_list], lists])[np.cumsum(holders)]
        starts = places[within & opens & (depth == 3) & (signs == ord("{"))]
        # what closes at depth 2 is a row's end if a row was begun, not a list inside the list
        closing = within & ~opens & (depth == 2) & (signs == ord("}"))
        stops = places[closing] + 1
        self.begins.append(starts + self.at)
        self.ends.append(stops + self.at)
        self.opened.append(places[holders] + self.at)
        self.lists.append(lists)
        if len(starts) + self.in_row not in (len(stops), len(stops) + 1):
            raise ValueError(f"{self.named} is not valid JSON (its brackets do not match).")
        steps = np.zeros(len(text) + 1, np.int8)
        steps[starts] += 1
        steps[stops] -= 1
        steps[0] += self.in_row
        rows = np.cumsum(steps[:-1], dtype=np.int8)
        rest = text.copy()
        rest[starts] = ord("0")
        rows[starts] = 0
        self.left.append(rest[rows == 0].tobytes())
        self.in_row = len(starts) + self.in_row > len(stops)
        self.in_list = bool(lists[-1]) if lists.size else self.in_list
