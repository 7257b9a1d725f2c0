"""Five folds by image: no image of a fold is trained on, every object is asked once, and a real tiny run."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from drawn import block
from typer.testing import CliRunner

from smartmask.data.pack import Pack, write_pack
from smartmask.data.registry import Record
from smartmask.data.splits import SPLITS, split_of
from smartmask.masks.pipeline import BUNDLED
from smartmask.models.text import TextEncoder
from smartmask.scene import Layer, Scene
from smartmask.train.cli import app
from smartmask.train.place_samples import PlaceTrainConfig, draw_places
from smartmask.train.placement_folds import (
    OURS,
    PRIOR,
    ClassBoxes,
    FoldsConfig,
    all_targets,
    fold_of,
    questions,
    scene_folds,
    summary,
    without_fold,
)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """Panoptic scenes of every split, whose images some instance scenes repeat, and VOC's of every split."""
    records = []
    for number in range(40):
        dog = block(48, 64, 10 + number % 20, 12, 30 + number % 20, 30)
        scene = Scene(48, 64, (Layer("grass", ~dog, False), Layer("dog", dog)))
        records.append(Record(str(number), "coco_panoptic", scene))
        if number % 2:
            records.append(Record(str(number), "coco_instances", Scene(48, 64, (Layer("dog", dog),))))
        records.append(Record(f"2007_{number:06d}", "voc", Scene(48, 64, (Layer("dog", dog),))))
    path = tmp_path_factory.mktemp("folds") / "pack.parquet"
    write_pack(records, path)
    return Pack(path)


def test_folds_part_the_images_and_hold_every_split() -> None:
    keys = [str(n) for n in range(2000)]
    sizes = Counter(fold_of(key, 5) for key in keys)
    assert set(sizes) == set(range(5))
    assert min(sizes.values()) > 300
    assert {(fold_of(key, 5), split_of(key)) for key in keys} == {(fold, s) for fold in range(5) for s in SPLITS}


@pytest.mark.parametrize("fold", range(5))
def test_no_image_of_the_fold_is_trained_on(pack: Pack, fold: int) -> None:
    text = TextEncoder.from_pretrained(BUNDLED / "text")
    config = PlaceTrainConfig(samples=60, workers=0)
    samples = without_fold(draw_places(pack, all_targets(pack), text, config), scene_folds(pack, 5), fold)
    scenes = samples["scene"].tolist()
    keys = {pack.meta.keys[scene] for scene in scenes}
    assert keys
    assert all(len(value) == len(scenes) for value in samples.values())
    assert all(fold_of(key, 5) != fold for key in keys)
    asked = {case.target.key for case in questions(pack, fold, FoldsConfig())}
    assert not keys & asked
    # beyond the panoptic scenes, only the train split
    others = {pack.meta.keys[scene] for scene in scenes if pack.meta.sources[scene] != "coco_panoptic"}
    assert all(split_of(key) == "train" for key in others)


def test_every_object_is_asked_once(pack: Pack) -> None:
    asked = [case.target.key for fold in range(5) for case in questions(pack, fold, FoldsConfig())]
    assert sorted(asked) == sorted(str(n) for n in range(40))


def test_the_class_prior_draws_boxes_of_the_class(pack: Pack) -> None:
    targets = all_targets(pack)
    case = next(questions(pack, 0, FoldsConfig()))
    boxes = np.array(ClassBoxes(pack, targets).draw(case, 50, np.random.default_rng(0)))
    np.testing.assert_allclose(boxes[:, 2:] - boxes[:, :2], np.tile([20, 18], (50, 1)), atol=1e-4)
    assert len(np.unique(boxes[:, 0])) > 3


def test_summary() -> None:
    rows = [
        {"system": system, "image": str(i), "best": best}
        for system, bests in ((OURS, (0.9, 0.6, 0.1)), (PRIOR, (0.4, 0.6, 0.2)))
        for i, best in enumerate(bests)
    ]
    found = summary(rows)
    assert found[OURS]["hit"][0] == pytest.approx(2 / 3, abs=1e-4)
    assert found[PRIOR]["best_iou"][0] == pytest.approx(0.4)
    assert found["difference"]["hit"][0] == pytest.approx(1 / 3, abs=1e-4)
    assert found[OURS]["objects"] == found[OURS]["images"] == 3


def test_the_command(pack: Pack, tmp_path: Path) -> None:
    line = ["placement-folds", "--data", str(pack.path), "--out", str(tmp_path), "--folds", "2", "--steps", "1",
            "--samples", "30", "--fit-steps", "1", "--workers", "0", "--precision", "bf16"]  # fmt: skip
    result = CliRunner().invoke(app, line)
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "folds.json").read_text())
    assert report["systems"][OURS]["objects"] == report["systems"][PRIOR]["objects"] == 40
    assert len(report["rows"]) == 80
    before = (tmp_path / "fold_0" / "placement" / "model.safetensors").stat().st_mtime_ns
    assert CliRunner().invoke(app, line).exit_code == 0
    assert (tmp_path / "fold_0" / "placement" / "model.safetensors").stat().st_mtime_ns == before, "not trained again"
