"""Samples for placement: one object taken out without a trace, drawn into memory once."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn import ellipse

from smartmask.data.pack import Pack
from smartmask.data.places import make_place
from smartmask.geometry import mask_box
from smartmask.models.layout import CELLS, FLAGS
from smartmask.models.text import TextEncoder
from smartmask.scene import Layer, Scene
from smartmask.train.dataset import find_targets
from smartmask.train.place_samples import PlaceStream, PlaceTrainConfig, draw_places, place_batches, share_box


@pytest.fixture(scope="module")
def text(text_folder: Path) -> TextEncoder:
    return TextEncoder.from_pretrained(text_folder)


def stream(pack: Pack, text: TextEncoder, seed: int = 0, panoptic: float = 8.0, split: str = "train") -> PlaceStream:
    targets = find_targets(pack, split, ("voc", "coco_panoptic"))
    return PlaceStream(pack, targets, text, seed, panoptic)


def test_a_rendered_place(pack: Pack, text: TextEncoder) -> None:
    dog = ellipse(96, 128, 64, 60, 16, 12)
    scene = Scene(96, 128, (Layer("grass", ~dog, False), Layer("dog", dog)))
    place = make_place(scene, 1, np.random.default_rng(0), [], augment=False)
    assert place is not None
    places = stream(pack, text)
    sample = places.render(place, "a lawn")
    assert sample["ids"].shape == (CELLS, CELLS)
    assert set(np.unique(sample["ids"])) == {
        0,
        places.index["grass"] + 1,
    }  # no dog
    assert not sample["flags"][FLAGS.index("unlabeled")].any()
    np.testing.assert_allclose(sample["box"], (48 / 128, (48 + 16) / 128, 80 / 128, (72 + 16) / 128), atol=1e-6)
    np.testing.assert_allclose(sample["photo"], (0, 16 / 128, 1, 112 / 128))
    assert not sample["present"].any(), "the dog itself is no thing of its scene"
    np.testing.assert_array_equal(sample["object"], text.encode("dog"))
    np.testing.assert_array_equal(sample["context"], text.encode_context("a lawn"))


def test_a_stream_of_places(pack: Pack, text: TextEncoder) -> None:
    one, two, other = (list(islice(stream(pack, text, seed), 5)) for seed in (3, 3, 4))
    for a, b in zip(one, two, strict=True):
        assert all(np.array_equal(a[key], b[key]) for key in a)
    assert not all(np.array_equal(a["ids"], b["ids"]) for a, b in zip(one, other, strict=True))


def test_fully_labelled_scenes_are_likelier(pack: Pack, text: TextEncoder) -> None:
    places = stream(pack, text, panoptic=8.0)
    shares = np.diff(places.cumulative, prepend=0)
    panoptic = np.array([pack.meta.sources[t.scene] == "coco_panoptic" for t in places.targets])
    assert shares[panoptic].mean() / shares[~panoptic].mean() == pytest.approx(8)


def test_no_places(pack: Pack, text: TextEncoder) -> None:
    with pytest.raises(ValueError, match="has no object to train on"):
        stream(pack, text, split="test")


def test_boxes_in_shares_of_their_scene(pack: Pack, text: TextEncoder) -> None:
    for target in find_targets(pack, "dev"):
        x0, y0, x1, y1 = mask_box(pack[target.scene].scene.layers[target.layer].mask) or (0, 0, 0, 0)
        assert share_box(pack, target) == pytest.approx((x0 / 128, y0 / 96, x1 / 128, y1 / 96))


def test_samples_in_memory(pack: Pack, text: TextEncoder) -> None:
    config = PlaceTrainConfig(samples=30, batch=8, workers=0)
    samples = draw_places(pack, find_targets(pack, "train"), text, config)
    assert {len(value) for value in samples.values()} == {30}
    one, two, later = (next(place_batches(samples, config, step)) for step in (0, 0, 3))
    assert one["ids"].dtype == torch.int64
    assert one["flags"].max() <= 1
    torch.testing.assert_close(one, two)
    assert not torch.equal(one["box"], later["box"])
