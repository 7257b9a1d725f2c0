"""The chooser's training on a small pack: batches, the loss, and a run that is stopped."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from smartmask.data.pack import Pack
from smartmask.masks.exemplar.choose import Chooser
from smartmask.text.encoder import TextEncoder
from smartmask.train.settings import ChooserSettings
from smartmask.train.tasks import chooser as training
from smartmask.train.tasks.chooser import chooser_task, train_chooser
from smartmask.train.tasks.chooser_samples import Samples, gather


@pytest.fixture(scope="module")
def samples(pack: Pack, text_folder: Path) -> Samples:
    return gather(pack, TextEncoder.from_pretrained(text_folder))


@pytest.fixture(autouse=True)
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pack has a few objects of a kind."""
    monkeypatch.setattr(training, "GROUP", 4)


def short(pack: Pack, out: Path) -> ChooserSettings:
    return ChooserSettings(data=pack.path, out=out, steps=6, batch=2, save_every=2, precision="no")


def test_batches_are_groups_of_one_kind(samples: Samples, pack: Pack, tmp_path: Path) -> None:
    batch = next(chooser_task(samples, short(pack, tmp_path)).stream)
    rows = [f"scene {scene} layer {layer}" for scene, layer in samples.found]
    kinds = samples.group[[rows.index(one) for one in batch.ids]]
    for group in batch.tensors["group"].unique():
        assert len(set(kinds[(batch.tensors["group"] == group).numpy()])) == 1
    assert set(samples.split[[rows.index(one) for one in batch.ids]]) == {"train"}


def test_the_loss_begins_near_chance(samples: Samples, pack: Pack, tmp_path: Path) -> None:
    task = chooser_task(samples, short(pack, tmp_path))
    batch = next(task.stream).tensors
    sizes = batch["group"].bincount()
    chance = float((sizes * sizes.float().log()).sum() / sizes.sum())
    with torch.no_grad():
        assert float(task.loss(task.network, batch)["loss"]) == pytest.approx(chance, abs=0.7)
    assert math.isfinite(chance)


def test_an_interrupted_run_ends_where_a_whole_one_does(
    pack: Pack, tmp_path: Path, stops_at: Callable[[int], None]
) -> None:
    whole = train_chooser(short(pack, tmp_path / "whole"))
    stops_at(5)
    with pytest.raises(KeyboardInterrupt):
        train_chooser(short(pack, tmp_path / "parts"))
    stops_at(-1)
    parts = train_chooser(short(pack, tmp_path / "parts"))
    one, two = (load_file(next(folder.glob("*.safetensors"))) for folder in (whole, parts))
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)
    Chooser.load(whole)


def test_it_is_judged_on_the_development_split(
    samples: Samples, pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = chooser_task(samples, short(pack, tmp_path))
    seen: list[str] = []
    make = training.make_batch

    def spied(given: Samples, groups: list[np.ndarray], rng: np.random.Generator | None) -> dict[str, torch.Tensor]:
        assert rng is None
        seen.extend(given.split[np.concatenate(groups)])
        return make(given, groups, rng)

    monkeypatch.setattr(training, "GROUP", 1)
    monkeypatch.setattr(training, "make_batch", spied)
    assert task.validate is not None
    figures = task.validate(task.network.eval(), 1)
    assert set(seen) == {"dev"}
    assert figures["all"] == 0, "one is told from itself"
