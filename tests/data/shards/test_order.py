"""The order of shards' samples: each once an epoch, whoever reads; a function of the seed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartmask.data.shards.order import BLOCK, Order


def sample(order: Order, number: int) -> tuple[int, int, int]:
    """``(epoch, shard, scene in it)`` of a run's sample."""
    place = order.place(number)
    positions = [at for _, start, end in order.pieces(place.lane, place.window) for at in range(start, end)]
    drawn, ends = order.shards(place.epoch)
    position = positions[place.at]
    at = int(np.searchsorted(ends, position, side="right"))
    shard = int(drawn[at])
    return place.epoch, shard, position - (int(ends[at]) - order.counts[shard])


COUNTS = st.lists(st.integers(1, 40), min_size=1, max_size=8).map(tuple)


@given(COUNTS, st.integers(0, 3), st.integers(1, 12), st.integers(1, 9))
def test_each_sample_comes_once_an_epoch(counts: tuple[int, ...], seed: int, lanes: int, piece: int) -> None:
    order = Order(counts, seed, lanes, piece)
    wanted = {(shard, scene) for shard, count in enumerate(counts) for scene in range(count)}
    assert sum(order.size(lane) for lane in range(order.used)) == len(wanted)
    # lanes of unequal length end their epochs a turn apart, so look until the last has ended its second
    turns = 2 * max(order.size(lane) for lane in range(order.used)) // BLOCK + 2
    seen = [sample(order, number) for number in range(turns * BLOCK * order.used)]
    for epoch in (0, 1):
        found = Counter(one[1:] for one in seen if one[0] == epoch)
        assert set(found) == wanted
        assert set(found.values()) == {1}


@given(st.integers(0, 5), st.integers(1, 60), st.integers(1, 5), st.integers(1, 5))
def test_a_run_goes_on_with_other_readers(seed: int, stopped: int, before: int, after: int) -> None:
    """Taken in turn by some readers, and after a stop by others: the samples of an undisturbed run, each once."""
    order = Order((30, 7, 21), seed, 4, 3)
    dealt = [n for reader in range(before) for n in range(reader, stopped * before, before)]
    rest = [stopped * before + n for reader in range(after) for n in range(reader, 200, after)]
    assert sorted(dealt + rest) == list(range(stopped * before + 200))
    assert [sample(order, n) for n in rest] == [sample(Order((30, 7, 21), seed, 4, 3), n) for n in rest]


def test_the_seed_and_the_epoch_decide() -> None:
    first = [sample(Order((50, 50), 0, 2, 8), n) for n in range(100)]
    assert first != [sample(Order((50, 50), 1, 2, 8), n) for n in range(100)]
    second = [sample(Order((50, 50), 0, 2, 8), n) for n in range(100, 200)]
    assert [one[1:] for one in first] != [one[1:] for one in second]
    shards = [one[1] for one in first]
    assert len({*shards[:16]}) == 2, "a window is of several places"
    with pytest.raises(ValueError, match="no sample"):
        Order((), 0, 4, 8)


def test_readers_that_divide_the_lanes_read_their_own_alone() -> None:
    order = Order((1000, 1000), 0, 8, 16)
    for readers in (1, 2, 4, 8):
        owners: dict[int, set[int]] = {}
        for block in range(64):
            owners.setdefault(order.place(block * BLOCK).lane, set()).add(block % readers)
        assert all(len(found) == 1 for found in owners.values())
