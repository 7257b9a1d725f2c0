"""Training of places: what is remembered, what is sampled, sizes as seen, and a real tiny run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn import block
from typer.testing import CliRunner

from smartmask.cli.train import app
from smartmask.data.pack import Pack, write_pack
from smartmask.data.record import Record
from smartmask.data.splits import split_of
from smartmask.masks.exemplar.place import load_places
from smartmask.masks.exemplar.place.features import FEATURES, WHOLE
from smartmask.masks.exemplar.place.layout import Names
from smartmask.scene import Layer, Scene
from smartmask.text.encoder import TextEncoder
from smartmask.train.settings import PlaceSettings
from smartmask.train.tasks import place as training
from smartmask.train.tasks.place import (
    PlaceConfig,
    draw_samples,
    fit_network,
    layout_without,
    place_targets,
    place_task,
    remembered,
    seen_metres,
    train_place,
)

HEIGHT, WIDTH = 96, 128
CONFIG = PlaceConfig(steps=60, batch=16, contrasts=7, voters=2, hidden=16)


@pytest.fixture(scope="module")
def text(text_folder: Path) -> TextEncoder:
    return TextEncoder.from_pretrained(text_folder)


@pytest.fixture(scope="module")
def meadows(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """Scenes in which dogs stand on the lower half, left of a person twice as high, in every split."""
    rng = np.random.default_rng(0)
    records = []
    for number in range(90):
        line = int(rng.integers(30, 50))
        sky = block(HEIGHT, WIDTH, 0, 0, WIDTH, line)
        foot, tall, x = int(rng.integers(line + 20, 95)), int(rng.integers(14, 20)), int(rng.integers(5, 60))
        dog = block(HEIGHT, WIDTH, x, foot - tall, x + 24, foot)
        person = block(HEIGHT, WIDTH, x + 30, foot - 2 * tall, x + 44, foot)
        layers = (Layer("sky", sky, False), Layer("grass", ~sky & ~dog & ~person, False), Layer("person", person),
                  Layer("dog", dog))  # fmt: skip
        source = ("coco_panoptic", "coco_instances", "voc")[number % 3]
        records.append(Record(str(number), source, Scene(HEIGHT, WIDTH, layers)))
    path = tmp_path_factory.mktemp("meadows") / "pack.parquet"
    write_pack(records, path)
    return Pack(path)


def test_targets_are_of_the_train_split(meadows: Pack) -> None:
    targets = place_targets(meadows)
    assert {meadows.meta.splits[t.scene] for t in targets} == {"train"}
    assert [(t.scene, t.layer) for t in targets] == sorted((t.scene, t.layer) for t in targets)
    every = place_targets(meadows, ("coco_panoptic",))
    splits = Counter((meadows.meta.sources[t.scene], meadows.meta.splits[t.scene]) for t in every)
    assert set(splits) == {(s, "train") for s in ("coco_instances", "voc")} | {
        ("coco_panoptic", s) for s in ("train", "dev", "test")
    }


def test_remembered_boxes(meadows: Pack, text: TextEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    targets = place_targets(meadows)
    usual, scenes = remembered(meadows, targets, Names(text))
    assert usual.names == ["dog", "person"]
    assert len(usual.boxes) == len(scenes) == len(targets)
    assert all(split_of(meadows.meta.keys[scene]) == "train" for scene in scenes)
    sources = np.array([meadows.meta.sources[scene] for scene in scenes])
    assert set(usual.trust[sources == "coco_panoptic"]) == {3}
    assert set(usual.trust[sources == "voc"]) == {1}
    # of crowded names, the most trusted are kept
    monkeypatch.setattr(training, "MOST", 10)
    fewer, kept = remembered(meadows, targets, Names(text))
    assert Counter(fewer.which.tolist()) == {0: 10, 1: 10}
    assert "voc" not in {meadows.meta.sources[scene] for scene in kept}


def test_sizes_as_seen(meadows: Pack, text: TextEncoder) -> None:
    """People are twice as high as dogs here, and typically 2.8 times."""
    found = seen_metres(meadows, place_targets(meadows), text)
    names = Names(text, found)
    ratio = math.exp(0.85 * (names.find("person").metres - names.find("dog").metres))
    assert ratio == pytest.approx(2, rel=0.1)
    assert found["person"] == pytest.approx(-found["dog"], abs=0.05), "only what they are beside each other is known"


def test_the_object_leaves_no_trace(meadows: Pack, text: TextEncoder) -> None:
    target = next(t for t in place_targets(meadows) if t.name == "dog")
    layout = layout_without(meadows, target, Names(text))
    assert layout.keys.tolist() == ["person"]
    assert not layout.sums[-1, -1, -1], "nothing is unlabeled where it stood"


def test_samples(meadows: Pack, text: TextEncoder) -> None:
    targets = place_targets(meadows)
    usual, scenes = remembered(meadows, targets, Names(text))
    samples = draw_samples(meadows, targets, usual, scenes, CONFIG)
    assert samples.boxes.shape[1:] == (8, FEATURES)
    assert samples.whole.shape == (len(samples.scene), WHOLE)
    count = Counter(samples.source.tolist())
    each = Counter(meadows.meta.sources[t.scene] for t in targets)
    assert count["coco_panoptic"] == 4 * each["coco_panoptic"]
    assert count["coco_instances"] == 2 * each["coco_instances"]
    again = draw_samples(meadows, targets, usual, scenes, CONFIG)
    np.testing.assert_array_equal(samples.boxes, again.boxes)


def test_no_targets_is_an_error(meadows: Pack, text: TextEncoder) -> None:
    usual, scenes = remembered(meadows, place_targets(meadows), Names(text))
    with pytest.raises(ValueError, match="no object to train places on"):
        draw_samples(meadows, [], usual, scenes, CONFIG)


def test_it_learns_where_dogs_stand(meadows: Pack, text: TextEncoder) -> None:
    """Trained on some scenes, the real box of others is found more often than by chance."""
    targets = place_targets(meadows, ("coco_panoptic",))
    usual, scenes = remembered(meadows, targets, Names(text))
    samples = draw_samples(meadows, targets, usual, scenes, CONFIG)
    unseen = np.array([meadows.meta.splits[scene] != "train" for scene in samples.scene])
    torch.manual_seed(5)
    network = fit_network(samples, np.flatnonzero(~unseen), CONFIG)
    rows = zip(samples.boxes[unseen], samples.whole[unseen], strict=True)
    scores = torch.from_numpy(np.stack([network.scores(boxes, whole) for boxes, whole in rows]))
    surprise = -scores.log_softmax(1)[:, 0]
    assert surprise.mean() < math.log(8) - 0.3


def test_voters_learn_apart(meadows: Pack, text: TextEncoder) -> None:
    """What one of two voters learns does not depend on whether there is another, but for the numbers that it draws."""
    targets = place_targets(meadows)
    usual, scenes = remembered(meadows, targets, Names(text))
    samples = draw_samples(meadows, targets, usual, scenes, CONFIG)
    task = place_task(samples, np.arange(len(samples.scene)), CONFIG)
    task.network.eval()
    batch = next(task.stream).tensors
    assert batch["boxes"].shape == (2, 16, 8, FEATURES)
    assert not torch.equal(batch["boxes"][0], batch["boxes"][1])
    task.loss(task.network, batch)["loss"].backward()
    together = [value.grad.clone() for value in task.network.voters[0].parameters()]
    task.network.zero_grad()
    voter = task.network.voters[0]
    own = voter(*task.network.normalised(batch["boxes"][0], batch["whole"][0]))
    (-own.log_softmax(1)[:, 0].mean()).backward()
    for value, before in zip(voter.parameters(), together, strict=True):
        assert torch.allclose(value.grad, before, atol=1e-6)


def test_an_interrupted_run_ends_where_a_whole_one_does(
    meadows: Pack, tmp_path: Path, stops_at: Callable[[int], None]
) -> None:
    common = {"data": meadows.path, "steps": 7, "batch": 8, "contrasts": 3, "voters": 2, "hidden": 8, "save_every": 3}
    whole = train_place(PlaceSettings(out=tmp_path / "whole", **common))
    stops_at(5)
    with pytest.raises(KeyboardInterrupt):
        train_place(PlaceSettings(out=tmp_path / "parts", **common))
    stops_at(-1)
    parts = train_place(PlaceSettings(out=tmp_path / "parts", **common))
    for path in whole.rglob("*.safetensors"):
        assert path.read_bytes() == (parts / path.relative_to(whole)).read_bytes()
    assert list(whole.rglob("*.safetensors"))


def test_the_command(meadows: Pack, text: TextEncoder, tmp_path: Path) -> None:
    line = ["place", "--data", str(meadows.path), "--out", str(tmp_path / "new"), "--steps", "2"]
    result = CliRunner().invoke(app, line)
    assert result.exit_code == 0, result.output
    places = load_places(tmp_path / "new" / "place", text)
    assert len({p.box for p in places.propose(meadows.scene(0), "dog", [], range(8))}) == 8
