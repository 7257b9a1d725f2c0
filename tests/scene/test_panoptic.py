"""Queries to regions with known answers, on real panoptic maps too; depth orders by property."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartmask.data.hiding import degrade
from smartmask.data.readers.cocoa import read_cocoa
from smartmask.geometry import mask_iou
from smartmask.image.files import load_panoptic_png
from smartmask.scene import Layer, Scene
from smartmask.scene.categories import is_thing
from smartmask.scene.panoptic import MergeRule, depth_order, fill_holes, merge_queries

NAMES = {0: "dog", 1: "person", 2: "sky", 3: "N/A"}
SURE = 8.0


def square(y0: int, y1: int, x0: int, x1: int, size: tuple[int, int] = (16, 16)) -> np.ndarray:
    mask = np.zeros(size, dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def logit(probability: float) -> float:
    return float(np.log(probability / (1 - probability)))


def query(label: int, score: float, classes: int = 5) -> np.ndarray:
    """Class logits with this probability for one label, the last class being "no object"."""
    rest = (1 - score) / (classes - 1)
    return np.log([score if index == label else rest for index in range(classes)])


def merge(queries: list[tuple[int, float, np.ndarray]], rule: MergeRule | None = None) -> list[Layer]:
    """queries: (label, class probability, mask logits (16, 16))."""
    classes = np.stack([query(label, score) for label, score, _ in queries])
    return merge_queries(classes, np.stack([mask for *_, mask in queries]), NAMES, is_thing, (16, 16), rule)


def drawn(mask: np.ndarray, inside: float = SURE, outside: float = -SURE) -> np.ndarray:
    return np.where(mask, inside, outside).astype(np.float32)


def test_a_clear_query_is_its_mask() -> None:
    dog = square(4, 12, 4, 12)
    (layer,) = merge([(0, 0.9, drawn(dog))])
    assert (layer.name, layer.thing) == ("dog", True)
    assert np.array_equal(layer.mask, dog)


def test_background_is_not_swallowed() -> None:
    """The dog is the only query, and has the highest value everywhere; that does not make all the picture a dog."""
    dog = square(4, 12, 4, 12)
    (layer,) = merge([(0, 0.9, drawn(dog, outside=logit(0.4)))])
    assert np.array_equal(layer.mask, dog)


def test_transformers_own_merge_swallows_it() -> None:
    """Why there is a rule of our own; if this ever fails, transformers has changed its rule."""
    torch = pytest.importorskip("torch")
    segmentation = pytest.importorskip("transformers.models.mask2former.image_processing_pil_mask2former")
    dog = square(4, 12, 4, 12)
    masks = torch.sigmoid(torch.from_numpy(drawn(dog, outside=logit(0.4))))[None]
    labels, _ = segmentation.compute_segments(masks, torch.tensor([0.9]), torch.tensor([0]), 0.5, 0.3, set())
    assert (labels.numpy() >= 0).sum() > dog.sum()


def test_unsure_and_nameless_queries_are_dropped() -> None:
    everywhere = drawn(np.ones((16, 16), dtype=bool))
    assert merge([(0, 0.45, everywhere), (3, 0.95, everywhere), (4, 0.95, everywhere)]) == []
    assert merge([(0, 0.45, everywhere)], MergeRule(score=0.4))[0].name == "dog"


def test_a_pixel_goes_to_the_surer_of_two() -> None:
    left, right = square(0, 16, 0, 9), square(0, 16, 7, 16)
    layers = {
        layer.name: layer.mask for layer in merge([(0, 0.9, drawn(left)), (1, 0.7, drawn(right))], MergeRule(share=0.5))
    }
    assert np.array_equal(layers["dog"], left)
    assert np.array_equal(layers["person"], right & ~left)


def test_repeats_vanish_and_leave_no_hole() -> None:
    """Two queries of one dog, each ahead on one half: the rule of a kept share alone would drop both."""
    dog = square(2, 14, 2, 14)
    half = square(0, 16, 0, 8)
    first = drawn(dog, inside=logit(0.95))
    second = first.copy()
    first[half & dog], second[~half & dog] = logit(0.99), logit(0.99)
    (layer,) = merge([(0, 0.9, first), (0, 0.9, second)])
    assert np.array_equal(layer.mask, dog)


def test_a_part_claimed_by_a_dropped_query_goes_to_the_next() -> None:
    """A weak query of everything loses most pixels and goes; what it alone had won is not lost."""
    person = square(0, 16, 0, 16)
    weak, strong = drawn(person, inside=logit(0.95)), drawn(person, inside=logit(0.97))
    strong[:4] = logit(0.6)
    (layer,) = merge([(1, 0.8, strong), (0, 0.8, weak)])
    assert layer.name == "person"
    assert layer.mask.all()


def test_stuff_becomes_one_layer_and_things_stay_apart() -> None:
    left, right = square(0, 16, 0, 5), square(0, 16, 10, 16)
    layers = merge([(2, 0.9, drawn(left)), (2, 0.8, drawn(right))])
    assert [layer.name for layer in layers] == ["sky"]
    assert np.array_equal(layers[0].mask, left | right)
    assert not layers[0].thing
    assert len(merge([(0, 0.9, drawn(left)), (0, 0.8, drawn(right))])) == 2


def test_specks_are_dropped() -> None:
    dot = square(3, 4, 3, 4)
    assert merge([(0, 0.9, drawn(dot))], MergeRule(area=0.01)) == []
    assert len(merge([(0, 0.9, drawn(dot))])) == 1


def test_layers_are_sure_to_the_pixel() -> None:
    """A network at a sixth of the size: a query's layer is where its own enlarged mask is sure, all of it."""
    rng = np.random.default_rng(0)
    for _ in range(8):
        logits = rng.normal(-15, 20, (9, 11)).astype(np.float32)
        made = merge_queries(query(0, 0.9)[None], logits[None], NAMES, is_thing, (54, 70))
        whole = cv2.resize(logits, (70, 54), interpolation=cv2.INTER_LINEAR) >= 0
        assert np.array_equal(made[0].mask, whole)


def test_rules_are_checked() -> None:
    with pytest.raises(ValueError, match=r"share is 1\.2"):
        MergeRule(share=1.2)


# --- real maps, spoilt as a network would ---------------------------------------------------------


def real_scenes(data_root: Path, count: int) -> list[Scene]:
    data = json.loads((data_root / "coco" / "panoptic.json").read_text())
    scenes = []
    for entry in data["annotations"][:count]:
        ids = load_panoptic_png(data_root / "coco" / "panoptic" / entry["file_name"])
        scenes.append(Scene.from_panoptic(ids, entry["segments_info"], data["categories"]))
    return scenes


def answer(scene: Scene, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
    """Logits of a network that sees this scene: soft masks at a quarter of the size, repeats, and chaff."""
    names = sorted({layer.name for layer in scene.layers})
    shape = scene.height // 4, scene.width // 4
    classes, masks = [], []

    def say(label: int, score: float, mask: np.ndarray) -> None:
        rest = (1 - score) / len(names)
        classes.append(np.log([score if k == label else rest for k in range(len(names) + 1)]))
        soft = cv2.resize(mask.astype(np.float32), shape[::-1], interpolation=cv2.INTER_AREA)
        soft = cv2.GaussianBlur(soft, (0, 0), 0.7)
        masks.append((soft - 0.5) * 12 + rng.normal(0, 0.4, shape))

    for index in range(len(scene.layers)):
        mask, label = scene.visible(index), names.index(scene.layers[index].name)
        say(label, rng.uniform(0.75, 0.99), mask)
        if rng.random() < 0.3:  # said twice, less surely
            say(label, rng.uniform(0.5, 0.7), mask)
    for _ in range(20):
        say(len(names), 0.9, rng.random((scene.height, scene.width)) > 0.5)
    return np.stack(classes), np.stack(masks), dict(enumerate(names))


def test_real_maps_come_back(data_root: Path) -> None:
    rng = np.random.default_rng(0)
    overlaps: list[float] = []
    spurious, found = 0, 0
    for real in real_scenes(data_root, 12):
        top = degrade(real.top().astype(np.int16), rng)
        layers = [Layer(layer.name, top == i, layer.thing) for i, layer in enumerate(real.layers) if (top == i).any()]
        seen = Scene(real.height, real.width, tuple(layers))
        made = merge_queries(*answer(seen, rng), is_thing, (real.height, real.width))
        assert np.sum([layer.mask for layer in made], axis=0).max() <= 1, "layers overlap"
        for layer in seen.layers:
            if layer.mask.sum() < 0.002 * layer.mask.size:
                continue
            overlaps.append(max([mask_iou(layer.mask, m.mask) for m in made if m.name == layer.name], default=0.0))
        spurious += sum(all(mask_iou(layer.mask, m.mask) < 0.5 for layer in seen.layers) for m in made)
        found += len(made)
    assert np.mean(overlaps) > 0.9
    assert np.mean(np.array(overlaps) > 0.5) > 0.97
    assert spurious <= 0.05 * found


def test_unlabeled_stays_unlabeled(data_root: Path) -> None:
    (scene,) = real_scenes(data_root, 1)
    lost = max(range(len(scene.layers)), key=lambda index: scene.visible(index).sum())
    hole = scene.visible(lost)
    rest = scene.remove(lost)
    made = merge_queries(*answer(rest, np.random.default_rng(1)), is_thing, (scene.height, scene.width))
    inner = cv2.erode(hole.astype(np.uint8), np.ones((9, 9))).astype(bool)
    covered = np.any([layer.mask for layer in made], axis=0)
    assert inner.sum() > 1000
    assert (covered & inner).sum() < 0.02 * inner.sum()


# --- depth ---------------------------------------------------------------------------------------


def ring(y0: int, y1: int, x0: int, x1: int) -> np.ndarray:
    return square(y0, y1, x0, x1) & ~square(y0 + 1, y1 - 1, x0 + 1, x1 - 1)


def test_stuff_things_and_what_they_hold() -> None:
    window, frame = Layer("dog", square(5, 8, 5, 8)), Layer("person", square(2, 14, 2, 14) & ~square(5, 8, 5, 8))
    sky = Layer("sky", ~square(2, 14, 2, 14), thing=False)
    for layers in ([window, frame, sky], [sky, frame, window], [frame, sky, window]):
        assert depth_order(layers) == [sky, frame, window]


def test_what_bites_into_another_is_in_front() -> None:
    """The lower one lacks a corner that the upper one fills."""
    bitten, whole = square(4, 14, 2, 14) & ~square(4, 9, 8, 14), square(2, 9, 8, 14)
    back, front = Layer("person", bitten), Layer("dog", whole)
    assert depth_order([front, back]) == depth_order([back, front]) == [back, front]


def test_pairs_that_contradict_each_other_still_give_an_order() -> None:
    """Four regions in a pinwheel, each biting into the next: any order will do, but there must be one."""
    size = (24, 24)
    arms = [square(4, 8, 4, 16, size), square(4, 16, 16, 20, size), square(16, 20, 8, 20, size)]
    arms += [square(8, 20, 4, 8, size)]
    layers = [Layer("dog", arm) for arm in arms]
    assert {id(layer) for layer in depth_order(layers)} == {id(layer) for layer in layers}


def test_orders_of_large_scenes_are_those_of_small_ones() -> None:
    bitten, whole = square(4, 14, 2, 14) & ~square(4, 9, 8, 14), square(2, 9, 8, 14)
    large = [Layer(name, mask.repeat(80, 0).repeat(80, 1)) for name, mask in (("dog", whole), ("person", bitten))]
    assert [layer.name for layer in depth_order(large)] == ["person", "dog"]


def test_real_depth_orders(data_root: Path) -> None:
    """Pairs of things that overlap in COCOA's records, from their visible parts alone."""
    right, pairs = 0, 0
    for job in read_cocoa(data_root / "cocoa"):
        scene = job().scene
        seen = [Layer(layer.name, scene.visible(i), layer.thing) for i, layer in enumerate(scene.layers)]
        place = {id(layer): index for index, layer in enumerate(depth_order(seen))}
        for front in range(len(seen)):
            for back in range(front):
                shown = min(seen[front].mask.sum(), seen[back].mask.sum())
                hidden = (scene.layers[front].mask & scene.layers[back].mask).sum()
                if shown >= 20 and hidden >= 20 and seen[front].thing and seen[back].thing:
                    pairs += 1
                    right += place[id(seen[front])] > place[id(seen[back])]
    assert pairs > 40
    assert right / pairs > 0.7


def test_the_lower_thing_is_nearer() -> None:
    far, near = Layer("person", square(2, 8, 2, 6)), Layer("person", square(4, 14, 6, 12))
    assert depth_order([near, far]) == [far, near]


@st.composite
def label_maps(draw: st.DrawFn) -> tuple[list[Layer], list[Layer]]:
    """Layers of a random label map (nested rings among them), and the same layers shuffled."""
    labels = np.zeros((16, 16), dtype=int)
    for number in range(1, draw(st.integers(1, 7))):
        y0, x0 = draw(st.integers(0, 12)), draw(st.integers(0, 12))
        labels[y0 : y0 + draw(st.integers(1, 12)), x0 : x0 + draw(st.integers(1, 12))] = number
    layers = [Layer(str(i), labels == i, draw(st.booleans())) for i in np.unique(labels)]
    return layers, draw(st.permutations(layers))


@given(label_maps())
def test_orders_keep_layers_and_what_is_visible(maps: tuple[list[Layer], list[Layer]]) -> None:
    layers, shuffled = maps
    ordered = depth_order(shuffled)
    assert {id(layer) for layer in ordered} == {id(layer) for layer in layers}
    scene = Scene(16, 16, tuple(ordered))
    assert all(np.array_equal(scene.visible(index), layer.mask) for index, layer in enumerate(ordered))
    kinds = [layer.thing for layer in ordered]
    assert kinds == sorted(kinds)


@given(label_maps())
def test_what_is_enclosed_is_in_front(maps: tuple[list[Layer], list[Layer]]) -> None:
    ordered = depth_order(maps[1])
    for back, held in enumerate(ordered):
        for holder in ordered[back + 1 :]:
            if holder.thing == held.thing and held.mask.sum() < holder.mask.sum():
                assert (fill_holes(holder.mask) & held.mask).sum() < 0.9 * held.mask.sum()


def test_holes_are_filled_and_bays_are_not() -> None:
    assert np.array_equal(fill_holes(ring(2, 10, 2, 10)), square(2, 10, 2, 10))
    bay = square(2, 10, 2, 10) & ~square(4, 6, 4, 10)
    assert np.array_equal(fill_holes(bay), bay)
    assert fill_holes(np.ones((3, 3), dtype=bool)).all()
    assert not fill_holes(np.zeros((3, 3), dtype=bool)).any()
