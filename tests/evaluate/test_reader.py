"""What the reader is worth: what it may see of the object, the figures, and their summary."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from smartmask.data.registry import Record
from smartmask.evaluate import reader as judged
from smartmask.evaluate.reader import ReaderProtocol, accuracy, cases, figures, judge, scenes_of, summary
from smartmask.geometry import BoxXYXY
from smartmask.models.presets import load_component
from smartmask.models.reader import ReaderConfig, ReaderNetwork
from smartmask.photo_reader import FOLDER
from smartmask.scene import Layer, Scene

HEIGHT, WIDTH = 120, 160
BOX = (50, 40, 80, 90)


@pytest.fixture
def record() -> Record:
    """A dog on grass under the sky, with a photo of it."""
    rng = np.random.default_rng(0)
    dog, sky = np.zeros((HEIGHT, WIDTH), dtype=bool), np.zeros((HEIGHT, WIDTH), dtype=bool)
    dog[BOX[1] : BOX[3], BOX[0] : BOX[2]] = True
    sky[:60] = True
    photo = np.where(sky[..., None], (120, 170, 230), (70, 130, 40)) + rng.normal(0, 10, (HEIGHT, WIDTH, 3))
    photo[dog] = (90, 60, 30)
    layers = Layer("sky", sky & ~dog, False), Layer("grass-merged", ~sky & ~dog, False), Layer("dog", dog)
    return Record("1", "coco_panoptic", Scene(HEIGHT, WIDTH, layers, np.clip(photo, 0, 255).astype(np.uint8), "a dog"))


def test_cases_are_the_things(record: Record) -> None:
    ((_, case),) = cases([record], ReaderProtocol())
    assert case.target.name == "dog"
    assert case.target.box == BOX
    assert case.guide is None
    assert list(cases([record], ReaderProtocol(min_area=0.5))) == []


def test_no_scene_shows_what_is_hidden(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither layers nor photo nor caption; and for ``painted`` the reader itself sees none of its pixels."""
    seen: list[np.ndarray] = []

    def read_all(photo: np.ndarray, folder: object) -> Scene:
        seen.append(photo)
        return Scene(HEIGHT, WIDTH, (Layer("grass", np.ones((HEIGHT, WIDTH), dtype=bool), False),), photo)

    monkeypatch.setattr(judged, "read_photo", read_all)
    ((_, case),) = cases([record], ReaderProtocol())
    scenes = scenes_of(record, case)
    assert tuple(scenes) == judged.SYSTEMS
    assert case.hidden[BOX[1] : BOX[3], BOX[0] : BOX[2]].all(), "a random region, but round all of the object"
    for name, scene in scenes.items():
        assert scene.photo is None
        assert scene.caption is None
        assert not any((layer.mask & case.hidden).any() for layer in scene.layers), name
        assert "dog" not in [layer.name for layer in scene.layers]
    assert np.array_equal(seen[0], record.scene.photo)
    assert len(np.unique(seen[1][case.hidden], axis=0)) == 1
    assert np.array_equal(seen[1][~case.hidden], seen[0][~case.hidden])


def test_figures_of_known_boxes() -> None:
    true = (0.0, 0.0, 10.0, 10.0)
    half = (0.0, 0.0, 10.0, 20.0)
    far = (50.0, 50.0, 60.0, 60.0)
    found = figures([true, far, half, far, far, far], true, num_masks=2)
    assert found["hit"] == pytest.approx(2 / 3)
    assert found["best_iou"] == pytest.approx((1 + 0.5 + 0) / 3)
    assert found["iou"] == pytest.approx(1.5 / 6)
    assert found["log_height_off"] == pytest.approx(np.log(2) / 6)


def test_the_summary_subtracts_per_object(record: Record) -> None:
    """Places that know the answer where the scene has layers, and nothing of it where it is unlabeled."""

    def places(scene: Scene, name: str, seeds: Sequence[int]) -> list[BoxXYXY]:
        assert name == "dog"
        assert len(set(seeds)) == 16
        return [tuple(map(float, BOX)) if scene.layers else (0.0, 0.0, 5.0, 5.0) for _ in seeds]  # type: ignore[misc]

    protocol = ReaderProtocol(rounds=2)
    rows = judge(cases([record], protocol), places, protocol)
    assert [row["system"] for row in rows] == list(judged.SYSTEMS)
    found = summary(rows)
    assert (found["objects"], found["images"]) == (1, 1)
    assert found["unlabeled"]["hit"] == [0, 0, 0]
    assert found["true - unlabeled"]["hit"] == [1, 1, 1]
    assert found["true"]["log_height_off"][0] == pytest.approx(0)


def test_accuracy_counts_what_the_annotation_is_sure_of(record: Record) -> None:
    network = load_component(FOLDER, ReaderNetwork, ReaderConfig).eval()
    found = accuracy([record], network)
    assert found["photos"] == 1
    assert set(found["classes"]) == {"sky", "grass", "animal"}
    assert sum(v["share"] for v in found["classes"].values()) == pytest.approx(1)
    assert found["accuracy"] > 0.5, "a blue sky and green grass"
    assert 0 <= found["sure"] <= 1
