"""Training samples from a pack: which objects, how often, and what the network gets of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn import ellipse
from torch.utils.data import default_collate

from smartmask.data.pack import Pack
from smartmask.data.pairs import PLAIN, Pair, PairConfig, make_pair
from smartmask.frame import BAND, Frame, encode_mask
from smartmask.models.layout import CELLS, FLAGS, SCALARS
from smartmask.models.text import TextEncoder
from smartmask.scene import Layer, Scene
from smartmask.train.dataset import (
    FINEST,
    PairStream,
    Target,
    collate_condition,
    find_targets,
    frame_box,
    render_pair,
)

NAMES = ["ball", "cat", "dog", "grass", "hammer", "sky"]


@pytest.fixture(scope="module")
def text(text_folder: Path) -> TextEncoder:
    return TextEncoder.from_pretrained(text_folder)


def stream(pack: Pack, text: TextEncoder | None = None, **options: object) -> PairStream:
    return PairStream(pack, find_targets(pack, "train"), text, NAMES, **options)  # type: ignore[arg-type]


def pair_of(kind: str, front: bool = False) -> Pair:
    """A dog on grass, drawn plainly; ``front``: with a ball before it."""
    layers = [Layer("grass", np.ones((60, 80), dtype=bool), False), Layer("dog", ellipse(60, 80, 40, 30, 14, 10))]
    if front:
        layers.append(Layer("ball", ellipse(60, 80, 50, 33, 6, 6)))
    return make_pair(Scene(60, 80, tuple(layers)), 1, np.random.default_rng(0), modal=False, config=PLAIN, kind=kind)


# --- which objects ---------------------------------------------------------------------------------


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


def test_without_any_object_there_is_no_stream(pack: Pack) -> None:
    with pytest.raises(ValueError, match=r"layouts\.parquet has no object to train on"):
        PairStream(pack, [], None, NAMES)
    with pytest.raises(ValueError, match="Silhouettes alone have no scene to stand in"):
        PairStream(pack, find_targets(pack, "train", ["shapes"]), None, NAMES)


def test_rare_names_are_drawn_more_often(pack: Pack) -> None:
    """Count to the power one half: of 12 dogs and 3 others the others make a third."""
    targets = find_targets(pack, "train", ["voc", "coco_panoptic"])
    dogs = [target for target in targets if target.name == "dog"]
    balls = [target for target in targets if target.name == "ball"][:3]
    shares = np.diff(PairStream(pack, dogs + balls, None, NAMES).cumulative, prepend=0)
    assert shares[12:].sum() == pytest.approx(3**0.5 / (3**0.5 + 12**0.5))
    assert shares[:12].std() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("weak", [0.05, 0.5])
def test_silhouettes_have_a_fixed_share(pack: Pack, weak: float) -> None:
    drawn = stream(pack, weak=weak)
    shares = np.diff(drawn.cumulative, prepend=0)
    silhouettes = [pack.meta.sources[target.scene] == "shapes" for target in drawn.targets]
    assert shares[silhouettes].sum() == pytest.approx(weak)


# --- drawing ---------------------------------------------------------------------------------------


def test_a_stream_is_a_function_of_its_seed(pack: Pack, text: TextEncoder) -> None:
    one, two, other = (list(islice(stream(pack, text, seed=seed), 6)) for seed in (1, 1, 2))
    for a, b in zip(one, two, strict=True):
        assert a.keys() == b.keys()
        for key in a:  # matrix products may round by where an array lies in memory
            np.testing.assert_allclose(a[key], b[key], atol=1e-5 if key == "clean" else 0)
    assert not all(np.array_equal(a["ids"], b["ids"]) for a, b in zip(one, other, strict=True))


def test_objects_are_composed_or_stay_where_they_are(pack: Pack) -> None:
    rng = np.random.default_rng(0)
    never = [stream(pack, composed=0.0, weak=0.001).draw(rng) for _ in range(40)]
    assert not any(pair.composed for pair in never if pair is not None and pair.name != "hammer")
    always = [pair for pair in (stream(pack, composed=1.0, weak=0.001).draw(rng) for _ in range(60)) if pair]
    composed = Counter(pair.name for pair in always if pair.composed)
    assert set(composed) <= {"ball", "hammer"}  # cat and dog touch each other, so they are not complete
    assert composed["ball"] > 5
    assert {pair.name for pair in always} >= {"ball", "cat", "dog"}
    for pair in always:
        if pair.composed:
            assert len(pair.view.names) == 5


def test_a_silhouette_is_always_composed(pack: Pack) -> None:
    only = PairStream(
        pack, [t for t in find_targets(pack, "train") if t.name in ("hammer", "dog")], None, NAMES, weak=0.9
    )
    rng = np.random.default_rng(0)
    hammers = [pair for pair in (only.draw(rng) for _ in range(40)) if pair is not None and pair.name == "hammer"]
    assert len(hammers) > 10
    assert all(pair.composed and len(pair.view.names) == 5 for pair in hammers)


def test_an_unfit_layer_is_left_out(pack: Pack) -> None:
    """The pack's columns say that it is large enough; its mask says that it is stuff."""
    sky = Target(0, 0, "sky")
    assert PairStream(pack, [sky], None, NAMES, composed=0).draw(np.random.default_rng(0)) is None


def test_the_caption_of_a_picture_is_told_most_of_the_time(pack: Pack) -> None:
    told = next(t for t in find_targets(pack, "train") if pack[t.scene].captions and t.name == "dog")
    only = PairStream(pack, [told], None, NAMES, composed=0, config=PairConfig())
    rng = np.random.default_rng(0)
    contexts = Counter(pair.context for pair in (only.draw(rng) for _ in range(100)) if pair is not None)
    assert 0.55 < contexts["a dog and a cat play ball"] / 100 < 0.85
    assert len(contexts) == 3


def test_a_stream_without_text_cannot_render(pack: Pack) -> None:
    with pytest.raises(ValueError, match="no text encoder"):
        next(iter(stream(pack)))


# --- rendering -------------------------------------------------------------------------------------


def test_a_rendered_pair(text: TextEncoder) -> None:
    pair = pair_of("box", front=True)
    sample = render_pair(pair, text, {name: i for i, name in enumerate(NAMES)}, np.random.default_rng(0))
    assert sample["clean"].shape == (2, BAND, BAND)
    assert sample["clean"].dtype == np.float32
    assert sample["flags"].shape == (len(FLAGS), CELLS, CELLS)
    assert sample["scalars"].shape == (SCALARS,)
    assert sample["known"].shape == (9, 9)
    assert set(np.unique(sample["ids"])) == {NAMES.index("grass") + 1, NAMES.index("ball") + 1}
    np.testing.assert_array_equal(sample["object"], text.encode("dog"))
    np.testing.assert_array_equal(sample["context"], text.encode_context(pair.context))
    frame = Frame.around(pair.guides[0].extent(*pair.amodal.shape))
    np.testing.assert_allclose(sample["clean"][0], encode_mask(pair.amodal, frame, FINEST), atol=1e-6)
    np.testing.assert_allclose(sample["clean"][1], encode_mask(pair.visible, frame, FINEST), atol=1e-6)
    assert abs(sample["clean"][0] - sample["clean"][1]).max() > 0.5  # the ball hides a part


def test_where_nothing_is_in_front_both_masks_are_one(text: TextEncoder) -> None:
    sample = render_pair(pair_of("box"), text, {name: i for i, name in enumerate(NAMES)}, np.random.default_rng(0))
    np.testing.assert_array_equal(sample["clean"][0], sample["clean"][1])
    assert (sample["known"] == 1).all()
    unsure = replace(pair_of("box"), known=np.zeros((192, 192), dtype=bool))
    sample = render_pair(unsure, text, {name: i for i, name in enumerate(NAMES)}, np.random.default_rng(0))
    assert (sample["known"] == 0).all()


@pytest.mark.parametrize("kind", ["none", "point"])
def test_without_extent_the_frame_is_a_placements_guess(kind: str) -> None:
    pair, rng = pair_of(kind), np.random.default_rng(0)
    boxes = [frame_box(pair, rng) for _ in range(100)]
    assert 0.35 < np.mean([box == pair.box for box in boxes]) < 0.65
    off = np.abs(np.array(boxes) - pair.box) / (pair.box[2] - pair.box[0])
    assert off.max() < 0.3


def test_an_exact_box_is_its_frames() -> None:
    pair = pair_of("box")
    assert frame_box(pair, np.random.default_rng(0)) == pair.guides[0].extent(*pair.amodal.shape)


@pytest.mark.parametrize("kind", ["blob", "scribble", "mask"])
def test_with_a_rough_guide_the_frame_is_the_priors_guess(kind: str) -> None:
    pair, rng = pair_of(kind), np.random.default_rng(0)
    boxes = np.array([frame_box(pair, rng) for _ in range(100)])
    off = (boxes - pair.box) / (pair.box[2] - pair.box[0])
    assert np.abs(off.mean(0)).max() < 0.03
    assert 0.03 < off.std() < 0.1


def test_a_batch_becomes_a_condition(pack: Pack, text: TextEncoder) -> None:
    batch = default_collate(list(islice(stream(pack, text), 3)))
    names = torch.randn(len(NAMES), 128)
    condition = collate_condition(batch, names)
    assert condition.ids.shape == (3, CELLS, CELLS)
    assert condition.ids.max() <= len(NAMES)
    assert condition.names is names
    assert condition.object.shape == condition.context.shape == (3, 128)
    assert condition.flags.dtype == condition.scalars.dtype == condition.object.dtype == torch.float32
