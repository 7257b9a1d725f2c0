"""SmartBrush's crops from shards of photographs: each photograph once an epoch, one crop of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.record import Record
from smartmask.data.shards.files import Members, photo_in
from smartmask.data.shards.source import Shards
from smartmask.insertion.smartbrush.network import Parts
from smartmask.text.states import Words
from smartmask.train.shard_windows import Windows, first_scenes, pack_of
from smartmask.train.task import Sample, Samples
from smartmask.train.tasks.inpaint_data import PhotoObjects, make_sample, objects_of

PIECE = 4  # photographs of each stretch in a window, which holds their files
LOOKED_AT = 1000  # photographs, for one with an object
SHOWN = 64  # of the development split


@dataclass(frozen=True, eq=False)
class PhotoWindow:
    """Some photographs with layouts. names: how many things of each name they have."""

    pack: Pack
    members: list[Members]
    names: Counter[str]

    @classmethod
    def of(cls, members: list[Members], shards: Shards) -> PhotoWindow:
        """The window of scenes' members."""
        pack = pack_of(members, shards)
        layers = zip(pack.meta.layer_names, pack.meta.layer_things, strict=True)
        names = Counter(name for row in layers for name, thing in zip(*row, strict=True) if thing)
        return cls(pack, members, names)


class ShardCropStream(Samples):
    """Endless batches of crops from shards, each made from its number alone.

    A photograph without an object worth painting gives way to the next of its window that has one, or to the first of
    all. Raises ValueError if there is none among the first LOOKED_AT.
    """

    def __init__(
        self, shards: Shards, side: int, words: Words, parts: Parts, batch: int, seed: int = 0, workers: int = 0,
        lanes: int = 32,
    ) -> None:  # fmt: skip
        super().__init__(self._crop, batch, seed, workers)
        if not shards.index.photos:
            raise ValueError(f"The shards at {shards.place} hold no photographs; 'data shards --photos' writes them.")
        self.shards, self.side, self.words, self.parts = shards, side, words, parts
        first = first_scenes(shards, _has_object, 1, LOOKED_AT)
        if not first:
            raise ValueError(f"The shards at {shards.place} have hardly an object to train on; give others.")
        self.spare = PhotoWindow.of(first, shards)
        self.windows = Windows(shards, seed, lanes, PIECE, partial(PhotoWindow.of, shards=shards))

    def _crop(self, rng: np.random.Generator, number: int) -> Sample:
        window, at = self.windows.of(number)
        count = len(window.members)
        for holder, place in [*((window, (at + i) % count) for i in range(count)), (self.spare, 0)]:
            record: Record = holder.pack[place]
            objects = objects_of(record)
            if objects:
                break
        weights = np.array([holder.names[name] ** -0.5 for _, name, _ in objects])
        item = objects[int(rng.choice(len(objects), p=weights / weights.sum()))]
        pixels = photo_in(holder.members[place], f"{self.shards.place} ({record.key})")
        made = make_sample(record, pixels, item, self.side, self.words, self.parts, rng)
        return Sample(f"{record.key} layer {item[0]}", made)


def _has_object(pack: Pack) -> bool:
    return bool(objects_of(pack[0]))


def dev_photos(place: str | Path) -> list[PhotoObjects]:
    """Photographs of the development split with objects, to look at; none if the shards hold none."""
    try:
        shards = Shards.at(place, "dev")
    except ValueError:
        return []
    found = []
    for members in first_scenes(shards, _has_object, SHOWN, LOOKED_AT):
        record: Record = pack_of([members], shards)[0]
        job = partial(_with_photo, record, members, shards.place)
        found.append(PhotoObjects(job, record.key, record.source, objects_of(record)))
    return found


def _with_photo(record: Record, members: Members, place: str) -> Record:
    pixels: Any = photo_in(members, place)
    return replace(record, scene=replace(record.scene, photo=pixels))
