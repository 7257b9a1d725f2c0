"""Realism on sets whose distance, and whose difference, is known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from smartmask.data.pack import Pack
from smartmask.data.silhouettes import SIDE, Silhouettes
from smartmask.evaluate.critic import tell_apart
from smartmask.evaluate.tasks.realism import realism_report
from smartmask.io.components import save_component
from smartmask.metrics.judge import Judge, JudgeConfig, features_of, load_judge, macro_accuracy, named_by
from smartmask.metrics.sets import REAL, auc
from smartmask.train.tasks.judge import JudgeRecipe, judge_report, train_judge

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks learn slower on two threads than on one where the cores are busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def discs(count: int, stretch: float, seed: int) -> Silhouettes:
    """Ellipses ``stretch`` times as wide as high, of many sizes; two an image."""
    rng = np.random.default_rng(seed)
    ys, xs = np.indices((100, 140)) - np.array([50, 70])[:, None, None]
    items = []
    for i in range(count):
        radius = rng.uniform(12, 22)
        items.append(((xs / radius / stretch) ** 2 + (ys / radius) ** 2 <= 1, "disc", str(i // 2)))
    return Silhouettes.of(items)


def boxes(count: int, seed: int) -> Silhouettes:
    rng = np.random.default_rng(seed)
    items = []
    for i in range(count):
        mask = np.zeros((100, 100), bool)
        mask[20 : int(rng.integers(50, 90)), 20 : int(rng.integers(50, 90))] = True
        items.append((mask, "crate", str(i // 2)))
    return Silhouettes.of(items)


def test_a_critic_tells_other_shapes_apart_but_not_the_same_ones() -> None:
    real = discs(60, 1.0, 0)
    apart = tell_apart(real, boxes(60, 1), folds=2, steps=30)
    alike = tell_apart(real, discs(60, 1.0, 2), folds=2, steps=30)
    assert auc(*apart) > 0.95
    assert 0.3 < auc(*alike) < 0.7


@pytest.fixture(scope="module")
def trained() -> tuple[Judge, Silhouettes]:
    shapes = [boxes(60, 3), discs(60, 1.6, 4)]
    train = Silhouettes(*(np.concatenate([getattr(s, f) for s in shapes]) for f in ("pictures", "names", "images")))
    return train_judge(train, JudgeRecipe(steps=60, batch=32, least=20)), train


def test_a_judge_learns_boxes_from_discs(trained: tuple[Judge, Silhouettes], tmp_path: Path) -> None:
    judge, train = trained
    assert judge.config.names == ("crate", "disc")
    unseen = [boxes(20, 5), discs(20, 1.6, 6)]
    unseen_all = Silhouettes(
        *(np.concatenate([getattr(s, f) for s in unseen]) for f in ("pictures", "names", "images"))
    )
    report = judge_report(judge, JudgeRecipe(), train, unseen_all)
    assert report["macro_accuracy"] > 0.9
    assert report["chance"] == 0.5
    save_component(tmp_path / "judge", judge, judge.config)
    again = load_judge(tmp_path / "judge")
    assert (named_by(again, unseen_all.pictures) == named_by(judge, unseen_all.pictures)).mean() > 0.95
    assert features_of(again, unseen_all.pictures).shape == (40, 64)


def test_a_judge_needs_two_classes(trained: tuple[Judge, Silhouettes]) -> None:
    with pytest.raises(ValueError, match="needs two"):
        train_judge(boxes(30, 0), JudgeRecipe(steps=1, least=20))
    with pytest.raises(ValueError, match="No unseen object"):
        judge_report(Judge(JudgeConfig(("a", "b"))), JudgeRecipe(), trained[1], boxes(4, 0))


def test_macro_accuracy_weighs_classes_not_objects() -> None:
    true = np.array(["a"] * 8 + ["b"] * 2)
    assert macro_accuracy(true, np.array(["a"] * 10)) == 0.5
    assert macro_accuracy(true, true) == 1


def test_the_report_ranks_a_copy_above_a_stranger(trained: tuple[Judge, Silhouettes]) -> None:
    real = discs(60, 1.6, 7)
    systems = {REAL: real, "alike": discs(60, 1.6, 8), "crates": boxes(60, 9)}
    found = realism_report(systems, trained[0], folds=2, steps=40)
    assert found["objects"] == 60
    assert found["images"] == 30
    assert found["auc"]["crates"][0] > 0.9 > found["auc"]["alike"][0]
    frechet = {name: found["distances"][name]["frechet"][0] for name in systems}
    assert frechet["crates"] > 3 * frechet["alike"]


def test_the_bundled_judge_loads_and_reads_silhouettes() -> None:
    judge = load_judge()
    assert "person" in judge.config.names
    assert set(named_by(judge, np.zeros((3, SIDE, SIDE), np.uint8))) <= set(judge.config.names)


def test_a_missing_judge_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is missing"):
        load_judge(tmp_path)


def test_packs_are_read(pack: Pack) -> None:
    from smartmask.data.silhouettes import real_silhouettes
    from smartmask.data.targets import Protocol, admitted

    assert len(real_silhouettes(pack, admitted(pack, Protocol(), "train"))) == 28
