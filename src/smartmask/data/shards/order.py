"""In which order the samples of shards come: a function of the seed alone, whoever reads them.

The samples of an epoch, shard after shard in an order drawn from (seed, epoch), are cut into equal stretches, some for
each *lane*. A lane goes through its stretches side by side, a window at a time, whose samples it mixes. The run takes
BLOCK samples from each lane in turn. So what sample ``n`` of a run is depends on ``n`` alone: a run goes on at a
number, with the same readers or others and in batches of any size, and in each epoch each sample comes once. Of readers
that take blocks in turn, each reads its own lanes alone, as long as their number divides that of the lanes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

BLEND = 4  # stretches of a lane, read side by side, so that a window is of several places
BLOCK = 8  # samples that come from one lane, one after the other


@dataclass(frozen=True)
class Place:
    """A sample of a run. window: which of its lane's in this epoch; at: which sample of the window."""

    lane: int
    epoch: int
    window: int
    at: int


@dataclass(frozen=True)
class Order:
    """counts: samples of each shard.  lanes: as asked for; fewer where there are fewer samples.
    piece: samples that a stretch gives to a window.

    Raises ValueError if there is no sample.
    """

    counts: tuple[int, ...]
    seed: int
    lanes: int
    piece: int

    def __post_init__(self) -> None:
        if not sum(self.counts):
            raise ValueError("There is no sample in these shards.")

    @property
    def total(self) -> int:
        """Samples of an epoch."""
        return sum(self.counts)

    @property
    def used(self) -> int:
        """Lanes that have samples."""
        return min(self.lanes, self.total)

    @property
    def blend(self) -> int:
        """Stretches of a lane."""
        return max(1, min(BLEND, self.total // self.used))

    def stretch(self, number: int) -> tuple[int, int]:
        """Where a stretch starts and ends in the epoch's row of samples."""
        parts = self.used * self.blend
        return number * self.total // parts, (number + 1) * self.total // parts

    def stretches(self, lane: int) -> range:
        """The stretches of a lane."""
        return range(lane * self.blend, (lane + 1) * self.blend)

    def size(self, lane: int) -> int:
        """Samples of a lane in each epoch."""
        return self.stretch(lane * self.blend + self.blend - 1)[1] - self.stretch(lane * self.blend)[0]

    def place(self, number: int) -> Place:
        """Where a run's sample is."""
        block, within = divmod(number, BLOCK)
        turn, lane = divmod(block, self.used)
        epoch, rest = divmod(turn * BLOCK + within, self.size(lane))
        window, at = divmod(rest, self.blend * self.piece)
        return Place(lane, epoch, window, int(self.mixed(lane, epoch, window)[at]))

    def pieces(self, lane: int, window: int) -> list[tuple[int, int, int]]:
        """``(stretch, start, end)`` of a window, in the epoch's row of samples."""
        found = []
        for number in self.stretches(lane):
            low, high = self.stretch(number)
            start = min(low + window * self.piece, high)
            found.append((number, start, min(start + self.piece, high)))
        return found

    def mixed(self, lane: int, epoch: int, window: int) -> np.ndarray:
        """The order of a window's samples."""
        return _mixed(self, lane, epoch, window)

    def shards(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """``(shards in the epoch's order, where each ends in the row of samples)``."""
        return _shards(self, epoch)


@lru_cache(maxsize=256)
def _mixed(order: Order, lane: int, epoch: int, window: int) -> np.ndarray:
    count = sum(end - start for _, start, end in order.pieces(lane, window))
    return np.random.default_rng([order.seed, epoch, lane, window, 1]).permutation(count)


@lru_cache(maxsize=16)
def _shards(order: Order, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    drawn = np.random.default_rng([order.seed, epoch, 0]).permutation(len(order.counts))
    return drawn, np.cumsum(np.array(order.counts)[drawn])
