"""The index of a folder of parts, ``pack.json``: which files it holds, of which split, how many scenes, checksums.

It is written last of all: a folder without one is not finished.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smartmask.data.pack_rows import VERSION
from smartmask.io.reading import read_json

INDEX = "pack.json"
PARQUET, TAR = "parquet", "tar"
_FILE = re.compile(r"[\w-]+\.(?:parquet|tar)")


@dataclass(frozen=True)
class Part:
    """A file of a pack. split: of all its scenes, "" where it holds several. scenes: how many. bytes, sha256: of it."""

    file: str
    split: str
    scenes: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class PackIndex:
    """form: PARQUET or TAR. photos: whether the photographs go with the layouts. parts: in order."""

    form: str
    photos: bool
    parts: tuple[Part, ...]

    @classmethod
    def of_json(cls, content: Any, where: str) -> PackIndex:
        """The index of what a ``pack.json`` holds. where: names it in the sentence of a ValueError."""
        if not isinstance(content, dict) or content.get("smartmask_pack") != VERSION:
            raise ValueError(
                f"{where} is not the index of a SmartMask pack of version {VERSION}; write the pack again."
            )
        try:
            parts = tuple(Part(**part) for part in content["parts"])
            good = all(_FILE.fullmatch(part.file) and part.scenes > 0 and part.bytes > 0 for part in parts)
            form, photos = str(content["form"]), bool(content["photos"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"{where} is damaged ({error}); write the pack again.") from None
        if not good or form not in (PARQUET, TAR):
            raise ValueError(f"{where} is damaged: it names files that cannot be its own; write the pack again.")
        return cls(form, photos, parts)


def read_index(folder: Path) -> PackIndex:
    """The index of a folder. Raises ValueError where there is none, or a damaged one."""
    if not (folder / INDEX).is_file():
        raise ValueError(
            f"{folder} holds no {INDEX}: it is no folder of 'smartmask data pack' or 'data shards', or their work has "
            "not ended; run the same command again."
        )
    return PackIndex.of_json(read_json(folder / INDEX, "index of the pack", dataset=True), str(folder / INDEX))


def pack_parts(folder: Path) -> list[Path]:
    """The Parquet files of a folder, in order. Raises ValueError for shards, and for a file of another size."""
    index = read_index(folder)
    if index.form != PARQUET:
        raise ValueError(f"{folder} holds shards to be read in turn, not a pack; 'data pack' writes one.")
    for part in index.parts:
        path = folder / part.file
        if path.is_file() and path.stat().st_size != part.bytes:
            raise ValueError(
                f"{path} has {path.stat().st_size:,} bytes, not the {part.bytes:,} of {INDEX}; restore it."
            )
    return [folder / part.file for part in index.parts]
