"""Shards at a place, a folder or an address: their index, and windows of scenes read in turn."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from smartmask.data.packing.index import INDEX, TAR, PackIndex, Part
from smartmask.data.shards.files import Checked, Members, members_in
from smartmask.data.shards.order import Order
from smartmask.io.addresses import is_address, open_address, read_address
from smartmask.io.json_text import parse_json
from smartmask.io.reading import open_file, read_bytes

COMMAND = "pipe:"  # WebDataset's way to run a command; whoever gives an address would run anything here


@dataclass(frozen=True)
class Shards:
    """The shards of one split. place: their folder, or its address (http, https)."""

    place: str
    index: PackIndex
    parts: tuple[Part, ...]

    @classmethod
    def at(cls, place: str | Path, split: str) -> Shards:
        """Raises ValueError for a place without an index of shards, a command, or no scene of that split."""
        place = checked_place(place)
        data = read_address(_below(place, INDEX)) if is_address(place) else _local_index(Path(place))
        index = PackIndex.of_json(parse_json(data, f"The index of {place}", limit="dataset_values"), place)
        if index.form != TAR:
            raise ValueError(f"{place} holds no shards but a pack; 'smartmask data shards' writes shards.")
        parts = tuple(part for part in index.parts if part.split == split)
        if not parts:
            raise ValueError(f"The shards at {place} hold no scene of the {split} split.")
        return cls(place, index, parts)

    @property
    def mark(self) -> str:
        """What a run that goes on must find again: a text that tells these shards from others."""
        return "-".join(part.sha256[:4] for part in self.parts[:8]) + f"-{len(self.parts)}"

    def order(self, seed: int, lanes: int, piece: int) -> Order:
        """The order of their samples."""
        return Order(tuple(part.scenes for part in self.parts), seed, lanes, piece)

    def scenes(self, number: int, start: int = 0) -> Iterator[Members]:
        """The scenes of a shard from ``start`` on, as members. Raises ValueError where it is damaged or cut off."""
        part, where = self.parts[number], _below(self.place, self.parts[number].file)
        stream = open_address(where) if is_address(where) else open_file(where, "shard", "table_mb", "a tar file")
        with closing(stream):
            checked = Checked(_binary(stream), part.bytes, part.sha256, where)
            count = 0
            for members in members_in(checked, where):
                if count >= start:
                    yield members
                count += 1
            checked.finish()
        if count != part.scenes:
            raise ValueError(f"{where} has {count:,} scenes, not the {part.scenes:,} of its index; restore it.")


def is_shards(place: str | Path) -> bool:
    """Whether a path or an address is meant as shards: an address, or a folder with an index of them."""
    text = str(place)
    if is_address(text) or text.startswith(COMMAND):
        return True
    folder = Path(text)
    found = folder.parent if folder.name == INDEX else folder
    return (found / INDEX).is_file() and PackIndex.of_json(
        parse_json(_local_index(found), str(found), limit="dataset_values"), str(found)
    ).form == TAR  # fmt: skip


def checked_place(place: str | Path) -> str:
    """The folder or address, without the index's name. Raises ValueError for a command."""
    text = str(place)
    if text.startswith(COMMAND):
        raise ValueError(f"'{text}' is a command, which is not run; give a folder, or an address (https://...).")
    return text.removesuffix("/" + INDEX).rstrip("/") or "/"


def _below(place: str, name: str) -> str:
    return f"{place}/{name}"


def _local_index(folder: Path) -> bytes:
    return read_bytes(folder / INDEX, "index of the shards", "dataset_mb", "a folder of 'smartmask data shards'")


def _binary(stream: object) -> BinaryIO:
    return stream  # type: ignore[return-value]


class WindowReader:
    """Windows of an order's samples, with the tars kept open where the next window goes on.

    Whoever forks opens them anew: two processes must not share where they are in a file.
    """

    def __init__(self, shards: Shards, order: Order) -> None:
        self.shards, self.order = shards, order
        self._process = os.getpid()
        self._open: dict[int, tuple[int, int, Iterator[Members]]] = {}  # by stretch: epoch, position, what comes next

    def window(self, lane: int, epoch: int, window: int) -> list[Members]:
        """The samples of a window as they lie; ``Place.at`` counts in them."""
        if self._process != os.getpid():
            self._process, self._open = os.getpid(), {}
        pieces = self.order.pieces(lane, window)
        return [one for piece in pieces for one in self._piece(epoch, *piece)]

    def _piece(self, epoch: int, stretch: int, start: int, end: int) -> list[Members]:
        if start == end:
            return []
        known = self._open.pop(stretch, None)
        scenes = known[2] if known is not None and known[:2] == (epoch, start) else self._from(epoch, start)
        found = [next(scenes) for _ in range(end - start)]
        self._open[stretch] = epoch, end, scenes
        return found

    def _from(self, epoch: int, start: int) -> Iterator[Members]:
        """All scenes of an epoch from a position on."""
        drawn, ends = self.order.shards(epoch)
        first = int(np.searchsorted(ends, start, side="right"))
        for at in range(first, len(drawn)):
            count = self.shards.parts[int(drawn[at])].scenes
            yield from self.shards.scenes(int(drawn[at]), max(0, start - (int(ends[at]) - count)))
