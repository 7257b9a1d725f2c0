"""Named silhouettes of single whole objects: a weak prior for rare names, no scenes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from smartmask.data.record import Job, Record, reader
from smartmask.image.files import load_label_map
from smartmask.io.reading import read_rows
from smartmask.scene import Layer, Scene


@reader("shapes", "named silhouettes (1-bit PNGs listed in names.csv: file, name)")
def read_shapes(path: Path) -> Iterator[Job]:
    """One job a line of ``names.csv``; white is the object."""
    for row in read_rows(path / "names.csv", ("file", "name")):
        yield partial(_record, path / row["file"], row["name"].strip().lower())


def _record(file: Path, name: str) -> Record:
    mask = load_label_map(file) > 0
    if not mask.any():
        raise ValueError(f"{file} is empty: it has no white pixel.")
    height, width = mask.shape
    scene = Scene(height, width, (Layer(name, mask),))
    return Record(file.stem, "shapes", scene, modal=False, name=f"{file.parent.name}/{file.stem}")
