"""Which objects of a pack are worth training on."""

from __future__ import annotations

from collections import Counter

from smartmask.data.pack import Pack
from smartmask.train.dataset import find_targets


def test_targets_are_the_things_of_one_split(pack: Pack) -> None:
    train, dev = find_targets(pack, "train"), find_targets(pack, "dev")
    assert Counter(target.name for target in train) == {"ball": 12, "cat": 12, "dog": 12, "hammer": 3}
    assert Counter(target.name for target in dev) == {"ball": 4, "cat": 4, "dog": 4}
    for split, targets in (("train", train), ("dev", dev)):
        for target in targets:
            assert pack.meta.splits[target.scene] == split
            assert pack[target.scene].scene.layers[target.layer].name == target.name
    assert find_targets(pack, "test") == []


def test_targets_of_chosen_sources(pack: Pack) -> None:
    targets = find_targets(pack, "train", ["voc"])
    assert {pack.meta.sources[target.scene] for target in targets} == {"voc"}
    assert len(targets) == 18
    assert find_targets(pack, "train", ["nothing"]) == []
