"""Training of the next-object network and of the stuff field on a small pack."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from smartmask.data.pack import Pack
from smartmask.data.plans import caption_scenes, depth_pairs, plan_scenes
from smartmask.data.splits import split_of
from smartmask.evaluate.tasks.plan.figures import plan_report
from smartmask.evaluate.tasks.plan.main import plan_lines
from smartmask.plan.layouts.stuff import load_field
from smartmask.plan.planners.next_object import NextObjectNetwork
from smartmask.text.encoder import TextEncoder
from smartmask.train.settings import PlannerSettings, StuffSettings
from smartmask.train.tasks.planner import Samples, mentioned, train_planner
from smartmask.train.tasks.stuff import read_stuff, train_stuff


def test_scenes_run_back_to_front(pack: Pack) -> None:
    scenes = plan_scenes(pack, "train")
    assert len(scenes) == 12
    for scene in scenes:
        assert set(scene.names[:2]) == {"sky", "grass"}
        assert sorted(scene.names[2:]) == ["cat", "dog"]  # a ball is none of COCO's names
        assert (scene.boxes[:, 2:] > scene.boxes[:, :2]).all()
        assert (scene.boxes <= 1).all()
        lower = scene.boxes[2:, 3]
        assert lower[0] <= lower[1]
    pairs = depth_pairs(pack, scenes)
    assert set(pairs) == {("dog", "cat")}


def test_captions_become_scenes(tmp_path: Path, text_folder: Path) -> None:
    text = TextEncoder.from_pretrained(text_folder)
    key = next(k for k in map(str, range(1, 99)) if split_of(k) == "train")
    rows = [
        {"image_id": int(key), "caption": "a man with a dog"},
        {"image_id": int(key), "caption": "two dogs on grass"},
    ]
    (tmp_path / "captions.json").write_text(json.dumps({"annotations": rows}))
    (scene,) = caption_scenes(tmp_path / "captions.json", "train", mentioned(text))
    assert scene.names == ("person", "dog", "grass")
    assert scene.captions == ("a man with a dog", "two dogs on grass")


def test_samples_are_sound(pack: Pack, text_folder: Path) -> None:
    samples = Samples(plan_scenes(pack, "train"), TextEncoder.from_pretrained(text_folder))
    ids, batch = samples.batch(64, np.random.default_rng(0))
    assert set(ids) == {scene.key for scene in plan_scenes(pack, "train")}
    assert torch.allclose(batch["rest"].sum(1), torch.ones(64))
    assert (batch["rest"].gather(1, batch["target"][:, None]) > 0).all()
    assert batch["known"].sum(1).max() <= 4
    assert set(batch["count"].tolist()) <= {-1.0, 1.0}
    with pytest.raises(ValueError, match="no scene"):
        Samples([], samples.text)


@pytest.mark.slow
def test_training_learns_the_order_of_the_scenes(pack: Pack, text_folder: Path, tmp_path: Path) -> None:
    figures = train_planner(PlannerSettings(data=pack.path, out=tmp_path, steps=150, batch=16))
    assert figures["scenes"] == 12
    assert figures["depth_pairs"] > 0
    network = NextObjectNetwork.load(tmp_path / "next")
    text = TextEncoder.from_pretrained(text_folder)
    train, dev = plan_scenes(pack, "train"), plan_scenes(pack, "dev")
    report = plan_report(network, text, pack, train, dev, 0)
    assert report["panoptic"]["next"]["learned"]["top5"] > 0.9
    assert report["panoptic"]["next"]["learned"]["top1"] > report["panoptic"]["next"]["frequency"]["top1"]
    assert report["order"]["learned"] == 1
    assert plan_lines(report)[0].startswith("| scenes")


def test_stuff_is_read_without_things(pack: Pack) -> None:
    scenes = read_stuff(pack, "train")
    assert all(scene.names in (("sky", "grass"), ("grass", "sky")) for scene in scenes)
    assert all((scene.labels == -1).any() for scene in scenes)  # under the things
    with pytest.raises(ValueError, match="no scene with two kinds"):
        read_stuff(pack, "test")


@pytest.mark.slow
def test_the_field_learns_that_the_sky_is_above(pack: Pack, text_folder: Path, tmp_path: Path) -> None:
    figures = train_stuff(StuffSettings(data=pack.path, out=tmp_path, steps=120, batch=8))
    assert figures["right"] > 0.8
    text = TextEncoder.from_pretrained(text_folder)
    logits = load_field(tmp_path).draw(np.stack([text.encode("sky"), text.encode("grass")]), 48, 64, seed=0)
    assert logits.shape == (2, 72, 96)
    seen = logits.argmax(0)
    assert (seen[:10] == 0).mean() > 0.9
    assert (seen[-10:] == 1).mean() > 0.9


def test_both_train_in_one_folder_and_interrupted_ones_end_where_whole_ones_do(
    pack: Pack, tmp_path: Path, stops_at: Callable[[int], None]
) -> None:
    common = {"data": pack.path, "steps": 9, "batch": 4, "save_every": 4}
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for train, settings, component in (
        (train_planner, PlannerSettings, "next"), (train_stuff, StuffSettings, "stuff"),
    ):  # fmt: skip
        figures = train(settings(out=whole, **common))
        stops_at(6)
        with pytest.raises(KeyboardInterrupt):
            train(settings(out=parts, **common))
        stops_at(-1)
        assert not (parts / component).exists()
        torch.manual_seed(123)  # whatever happened in between
        assert train(settings(out=parts, **common)) == figures
        weights = [next((run / component).glob("*.safetensors")).read_bytes() for run in (whole, parts)]
        assert weights[0] == weights[1]
    with pytest.raises(ValueError, match=r"a run with steps 9, not 12; give that, or another --out"):
        train_planner(PlannerSettings(out=parts, **{**common, "steps": 12}))
