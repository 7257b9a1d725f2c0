"""Named silhouettes of single whole objects: a weak prior for rare names, no scenes."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from smartmask.data.record import Job, Record, reader
from smartmask.image.files import load_label_map
from smartmask.scene import Layer, Scene


@reader("shapes", "named silhouettes (1-bit PNGs listed in names.csv: file, name)")
def read_shapes(path: Path) -> Iterator[Job]:
    """One job a line of ``names.csv``; white is the object."""
    for row in read_table(path / "names.csv", ("file", "name")):
        yield partial(_record, path / row["file"], row["name"].strip().lower())


def _record(file: Path, name: str) -> Record:
    mask = load_label_map(file) > 0
    if not mask.any():
        raise ValueError(f"{file} is empty: it has no white pixel.")
    height, width = mask.shape
    scene = Scene(height, width, (Layer(name, mask),))
    return Record(file.stem, "shapes", scene, modal=False, name=f"{file.parent.name}/{file.stem}")


def read_table(file: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    """The rows of a CSV file with a header. Raises ValueError, naming the file, if a column is missing."""
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            rows = csv.DictReader(stream)
            missing = [c for c in columns if c not in (rows.fieldnames or [])]
            if missing:
                raise ValueError(f"{file} has no column '{missing[0]}'; needed are {', '.join(columns)}.")
            content = list(rows)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{file} cannot be read as CSV ({error}).") from None
    for number, row in enumerate(content, start=2):
        if any(row[c] is None for c in columns):
            raise ValueError(f"{file} has too few columns in line {number}.")
    return content
