"""Samples of shards for streams: which window holds sample ``n`` of a run, and at which place.

A window is what a task makes of some scenes that lie near each other in the shards' order, such as a small pack; a
stream draws sample ``n`` from its window, and may take companions from there. One window a lane is held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Generic, TypeVar

from smartmask.data.pack import Pack
from smartmask.data.pack_rows import table_of
from smartmask.data.shards.files import Members, row_in
from smartmask.data.shards.source import Shards, WindowReader
from smartmask.io.sentences import reason_of

Window = TypeVar("Window")


class Windows(Generic[Window]):
    """Windows of shards in a seed's order. build(members): a window of scenes. piece: scenes of each stretch in one."""

    def __init__(
        self, shards: Shards, seed: int, lanes: int, piece: int, build: Callable[[list[Members]], Window]
    ) -> None:  # fmt: skip
        self.shards, self.build = shards, build
        self.order = shards.order(seed, lanes, piece)
        self._reader = WindowReader(shards, self.order)
        self._held: dict[int, tuple[tuple[int, int], Window]] = {}

    def of(self, number: int) -> tuple[Window, int]:
        """The window of a run's sample, and the sample's place in it."""
        place = self.order.place(number)
        key = place.epoch, place.window
        if self._held.get(place.lane, (None,))[0] != key:
            self._held.pop(place.lane, None)
            members = self._reader.window(place.lane, *key)
            self._held[place.lane] = key, self.build(members)
        return self._held[place.lane][1], place.at

    @property
    def facts(self) -> dict[str, str]:
        """What a run that goes on must find again."""
        return {"shards": self.shards.mark}


def pack_of(members: list[Members], shards: Shards) -> Pack:
    """A pack in memory of scenes' members. Raises ValueError where one is damaged."""
    try:
        return Pack.of(table_of([row_in(one, shards.place) for one in members]), Path(shards.place))
    except (TypeError, OverflowError) as error:
        raise ValueError(f"A scene of {shards.place} is damaged ({reason_of(error)}); restore it.") from None


def first_scenes(shards: Shards, fits: Callable[[Pack], bool], most: int, looked_at: int) -> list[Members]:
    """The first ``most`` scenes that fit, of ``looked_at`` at most."""
    scenes: Iterator[Members] = chain.from_iterable(shards.scenes(number) for number in range(len(shards.parts)))
    found: list[Members] = []
    for at, members in enumerate(scenes):
        if at == looked_at or len(found) == most:
            break
        if fits(pack_of([members], shards)):
            found.append(members)
    return found
