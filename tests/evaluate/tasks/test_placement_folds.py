"""Five folds by image: no image of a fold is trained on or remembered, every object is asked once, a real tiny run."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from drawn import block
from typer.testing import CliRunner

from smartmask.cli.evaluate import app
from smartmask.data.pack import Pack, write_pack
from smartmask.data.plans import plan_scenes
from smartmask.data.record import Record
from smartmask.data.splits import SPLITS, split_of
from smartmask.evaluate.sizes import SizeModel
from smartmask.evaluate.tasks import placement_folds
from smartmask.evaluate.tasks.placement_folds import (
    HIDDEN,
    MEASURES,
    OURS,
    PLAIN,
    PRIOR,
    ClassBoxes,
    fold_of,
    questions,
    scored,
    summary,
)
from smartmask.io.package import BUNDLED_TEXT
from smartmask.masks.exemplar.place.layout import Layout, Names
from smartmask.scene import Layer, Scene
from smartmask.text.encoder import TextEncoder
from smartmask.train.tasks import place as recipe
from smartmask.train.tasks.place import place_targets, share_boxes

COUNT = 20  # panoptic images


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """Panoptic scenes of every split, and VOC's of every split."""
    records = []
    for number in range(COUNT):
        dog = block(48, 64, 10 + number % 20, 12, 30 + number % 20, 30)
        cat = block(48, 64, 0, 30, 9, 40)
        layers = (Layer("grass", ~dog & ~cat, False), Layer("dog", dog), Layer("cat", cat))
        records.append(Record(str(number), "coco_panoptic", Scene(48, 64, layers)))
        records.append(Record(f"2007_{number:06d}", "voc", Scene(48, 64, layers[1:])))
    path = tmp_path_factory.mktemp("folds") / "pack.parquet"
    write_pack(records, path)
    return Pack(path)


def test_folds_part_the_images_and_hold_every_split() -> None:
    keys = [str(n) for n in range(2000)]
    sizes = Counter(fold_of(key, 5) for key in keys)
    assert set(sizes) == set(range(5))
    assert min(sizes.values()) > 300
    assert {(fold_of(key, 5), split_of(key)) for key in keys} == {(fold, s) for fold in range(5) for s in SPLITS}


def test_every_object_is_asked_once(pack: Pack) -> None:
    asked = Counter((case.target.key, case.target.name) for f in range(5) for case in questions(pack, f, 5))
    assert asked == {(str(n), name): 1 for n in range(COUNT) for name in ("dog", "cat")}


def test_the_class_prior_draws_boxes_of_the_class(pack: Pack) -> None:
    targets = place_targets(pack)
    prior = ClassBoxes(targets, share_boxes(pack, targets))
    boxes = prior.draw("Dog", 50, np.random.default_rng(0)) * (64, 48, 64, 48)
    np.testing.assert_allclose(boxes[:, 2:] - boxes[:, :2], np.tile([20, 18], (50, 1)), atol=1e-4)
    assert len(np.unique(boxes[:, 0])) > 3
    assert len(np.unique(prior.draw("unicorn", 50, np.random.default_rng(0))[:, 2])) > 3, "of all names"


def test_scores(pack: Pack) -> None:
    names = Names(TextEncoder.from_pretrained(BUNDLED_TEXT))
    sizes = SizeModel.fit(plan_scenes(pack, "train"))
    scene = pack.scene(0)
    seen, true = Layout.of(scene, names), np.array([10, 12, 30, 30]) / (64, 48, 64, 48)
    twice = true - np.array([0, 18 / 48, 0, 0])
    found = scored(np.stack([true, twice]), true, seen, "dog", sizes)
    assert found["hit"] == 1
    assert found["best_iou"] == pytest.approx(1)
    assert found["height"] == pytest.approx(np.log(2) / 2)
    assert found["height_first"] == 0
    assert found["height_beside"] == pytest.approx(np.log(2) / 2, abs=0.05), "the scene's own dog is as large"
    alone = Layout.of(scene.remove(1).remove(1), names)
    assert set(scored(true[None], true, alone, "dog", sizes)) == set(MEASURES[:4])


def test_summary() -> None:
    rows = [
        {"system": system, "way": HIDDEN, "image": str(i), "best_iou": best, "hit": float(best >= 0.5)}
        for system, bests in ((OURS, (0.9, 0.6, 0.1)), (PRIOR, (0.4, 0.6, 0.2)))
        for i, best in enumerate(bests)
    ]
    found = summary(rows, HIDDEN)
    assert found[OURS]["hit"][0] == pytest.approx(2 / 3, abs=1e-4)
    assert found[PRIOR]["best_iou"][0] == pytest.approx(0.4)
    assert found["difference"]["hit"][0] == pytest.approx(1 / 3, abs=1e-4)
    assert found["objects"] == found["images"] == 3
    assert found["ratio"] == pytest.approx(2, abs=1e-2)


def test_the_command(pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also: no network is fitted on the fold's images, and none of their boxes counts."""
    seen: list[set[int]] = []
    fit, judge = recipe.fit_network, placement_folds.judge_fold
    folds = np.array([fold_of(key, 2) for key in pack.meta.keys])

    def fitted(samples, rows, config):  # type: ignore[no-untyped-def]
        seen.append(set(folds[samples.scene[rows]].tolist()))
        return fit(samples, rows, config)

    def judged(pack, fold, prior, places, without, sizes, count, seed):  # type: ignore[no-untyped-def]
        assert seen[-1] == {1 - fold}
        assert without.any()
        assert not without.all()
        weights = places.usual.weights("dog", without)
        assert not weights[without].any()
        return judge(pack, fold, prior, places, without, sizes, count, seed)

    monkeypatch.setattr(recipe, "fit_network", fitted)
    monkeypatch.setattr(placement_folds, "judge_fold", judged)
    line = ["placement-folds", "--data", str(pack.path), "--out", str(tmp_path), "--folds", "2", "--steps", "1"]
    result = CliRunner().invoke(app, line)
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "folds.json").read_text())
    assert {way: found["objects"] for way, found in report["systems"].items()} == {HIDDEN: 2 * COUNT, PLAIN: 2 * COUNT}
    assert len(report["rows"]) == 8 * COUNT
    assert len(seen) == 2
