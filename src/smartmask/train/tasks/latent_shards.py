"""Pairs for the latent model from shards: each scene once an epoch, its companions from its window.

Of a scene with an object to draw a pair is made of that object; of any other, such as a street without things, a pair
is drawn by chance from the window, as ``LatentPairs`` draws from a pack. Holes like the object's own, donors and hosts
come from the window, too.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.pairs import is_target
from smartmask.data.shards.files import Members
from smartmask.data.shards.source import Shards
from smartmask.text.encoder import TextEncoder
from smartmask.text.states import Words
from smartmask.train.dataset import Target, find_targets
from smartmask.train.shard_windows import Windows, first_scenes, pack_of
from smartmask.train.task import Sample
from smartmask.train.tasks.latent_pairs import SOURCES, Drawing, LatentPairs, PairStream

PIECE = 32  # scenes of each stretch in a window
RESERVE = 16  # scenes with objects that stand in where a window has few
LOOKED_AT = 4000  # scenes, for the reserve


class WindowPairs(LatentPairs):
    """Pairs of a window; the next may be made of one scene's own object."""

    _first: Target | None = None

    def begin_with(self, scene: int, rng: np.random.Generator) -> None:
        """The next pair is of an object of this scene, if it has one; rare names of the window more often."""
        own = [target for target in self.targets if target.scene == scene]
        if own:
            weights = np.array([len(self.named[target.name]) ** -0.5 for target in own])
            self._first = own[int(rng.choice(len(own), p=weights / weights.sum()))]

    def pick(self, rng: np.random.Generator) -> Target:
        first, self._first = self._first, None
        return first or super().pick(rng)


class ShardPairStream(PairStream):
    """Endless batches of pairs from shards, each pair made from its number alone.

    Raises ValueError if among the first LOOKED_AT scenes fewer than two have an object to draw.
    """

    def __init__(
        self, shards: Shards, text: TextEncoder, side: int, words: Words, batch: int, seed: int = 0, workers: int = 0,
        lanes: int = 32, drawing: Drawing | None = None,
    ) -> None:  # fmt: skip
        self.shards, self.text, self.side, self.drawing = shards, text, side, drawing
        self.reserve = first_scenes(shards, _has_target, RESERVE, LOOKED_AT)
        if len(self.reserve) < 2:
            raise ValueError(f"The shards at {shards.place} have hardly an object to train on; give others.")
        super().__init__(self._window(self.reserve), words, batch, seed, workers)
        self.windows = Windows(shards, seed, lanes, PIECE, self._window)

    def _window(self, members: list[Members]) -> LatentPairs:
        pack = pack_of(members, self.shards)
        if len({target.scene for target in find_targets(pack, "train", SOURCES)}) < RESERVE // 2:
            pack = pack_of([*members, *self.reserve], self.shards)
        return WindowPairs(pack, self.text, self.side, drawing=self.drawing)

    def _drawn(self, rng: np.random.Generator, number: int) -> Sample:
        self.pairs, at = self.windows.of(number)
        self.pairs.begin_with(at, rng)  # type: ignore[attr-defined]
        return super()._drawn(rng, number)


def _has_target(pack: Pack) -> bool:
    """Whether a scene has an object that a pair can be made of."""
    scene = pack.scene(0)
    return any(is_target(scene, target.layer) for target in find_targets(pack, "train", SOURCES))


def dev_scenes(place: str | Path, most: int = 200) -> Pack | None:
    """Scenes of the development split, to look at; None if the shards hold none."""
    try:
        shards = Shards.at(place, "dev")
    except ValueError:
        return None
    return pack_of(first_scenes(shards, lambda _: True, most, most), shards)
