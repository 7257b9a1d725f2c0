"""Layers and scenes: stacking, insertion, and what goes in and comes out as label maps."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from strategies import NAMES, masks_of, scenes, sizes

from smartmask import Layer, Scene
from smartmask.image.files import load_label_map, load_photo
from smartmask.scene.categories import COCO_PANOPTIC


def same_layers(a: Scene, b: Scene) -> bool:
    return (a.height, a.width, len(a.layers)) == (b.height, b.width, len(b.layers)) and all(
        (x.name, x.thing) == (y.name, y.thing) and np.array_equal(x.mask, y.mask)
        for x, y in zip(a.layers, b.layers, strict=True)
    )


def seen(scene: Scene) -> dict[tuple[str, bool], list[bytes]]:
    """What a picture of the scene shows, whatever its layers' order: the visible regions by name and kind."""
    regions: dict[tuple[str, bool], list[bytes]] = {}
    for index, layer in enumerate(scene.layers):
        if scene.visible(index).any():
            regions.setdefault((layer.name, layer.thing), []).append(scene.visible(index).tobytes())
    return {key: sorted(found) for key, found in regions.items()}


def things_of(scene: Scene) -> list[int]:
    """The ids, on the scene's own label map, of its things."""
    labels, _ = scene.to_label_map()
    return [int(labels[scene.visible(i)][0]) for i, s in enumerate(scene.layers) if s.thing and scene.visible(i).any()]


def square(x0: int, y0: int, x1: int, y1: int, height: int = 4, width: int = 6) -> np.ndarray:
    mask = np.zeros((height, width), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


# --- stacking ------------------------------------------------------------------------------------


@given(scenes())
def test_visible_is_amodal_minus_what_stands_in_front(scene: Scene) -> None:
    for index, layer in enumerate(scene.layers):
        front = np.zeros((scene.height, scene.width), dtype=bool)
        for other in scene.layers[index + 1 :]:
            front |= other.mask
        assert np.array_equal(scene.visible(index), layer.mask & ~front)
        assert np.array_equal(scene.covered(index), layer.mask | front)


@given(scenes())
def test_visible_parts_tile_the_union(scene: Scene) -> None:
    """No pixel is seen twice, and none is lost: visible masks partition the union of the amodal ones."""
    shape = (scene.height, scene.width)
    count = sum((scene.visible(i).astype(int) for i in range(len(scene.layers))), np.zeros(shape, int))
    union = np.logical_or.reduce([np.zeros(shape, bool), *(layer.mask for layer in scene.layers)])
    assert np.array_equal(count, union.astype(int))
    assert np.array_equal(scene.top() >= 0, union)
    assert np.array_equal(scene.covered(0), union)
    assert not scene.covered(None).any()
    for index in range(len(scene.layers)):
        assert np.array_equal(scene.top() == index, scene.visible(index))


@given(scenes())
def test_stacks_grow_layer_by_layer(scene: Scene) -> None:
    """S_k is S_(k-1) with A_k drawn over it."""
    top = Scene.empty(scene.height, scene.width).top()
    for count in range(len(scene.layers) + 1):
        assert np.array_equal(scene.stack(count).top(), top)
        if count < len(scene.layers):
            top = np.where(scene.layers[count].mask, count, top)


@given(scenes(), st.data())
def test_insert_then_remove_is_the_identity(scene: Scene, data: st.DataObject) -> None:
    order = data.draw(st.none() | st.integers(0, len(scene.layers)))
    mask = data.draw(masks_of(scene.height, scene.width))
    larger = scene.insert(mask, "dog", order)
    at = len(scene.layers) if order is None else order
    assert larger.layers[at].name == "dog"
    assert np.array_equal(larger.visible(at), mask & ~scene.covered(order))
    assert same_layers(larger.remove(at), scene)
    for index in range(len(scene.layers)):  # layers in front keep what they show, those behind lose the mask
        hidden = scene.visible(index) & (mask if index < at else False)
        assert np.array_equal(larger.visible(index + (index >= at)), scene.visible(index) & ~hidden)


def test_insert_leaves_the_first_scene_alone() -> None:
    scene = Scene(4, 6, (Layer("wall", np.ones((4, 6), bool), thing=False),), caption="a wall")
    larger = scene.insert(square(1, 1, 3, 3), "cat")
    assert len(scene.layers) == 1
    assert [layer.name for layer in larger.layers] == ["wall", "cat"]
    assert larger.caption == "a wall"
    assert larger.layers[0] is scene.layers[0]
    with pytest.raises(dataclasses.FrozenInstanceError):
        scene.height = 9  # type: ignore[misc]


# --- label maps ----------------------------------------------------------------------------------


@given(scenes())
def test_label_map_round_trip(scene: Scene) -> None:
    labels, names = scene.to_label_map()
    back = Scene.from_label_map(labels, names, things_of(scene))
    assert seen(back) == seen(scene)
    again = Scene.from_label_map(*back.to_label_map(), things_of(back))
    assert same_layers(again, back)


@given(sizes.flatmap(lambda size: hnp.arrays(np.uint8, size, elements=st.sampled_from([0, 1, 2, 7, 254, 255]))))
def test_label_maps_are_kept_pixel_by_pixel(labels: np.ndarray) -> None:
    names = {1: "sky", 2: "dog", 7: "dog", 254: "road"}
    scene = Scene.from_label_map(labels, names)
    back, back_names = scene.to_label_map()
    named = np.isin(labels, list(names))
    assert np.array_equal(back > 0, named)
    for old in np.unique(labels[named]):
        (new,) = np.unique(back[labels == old])
        assert back_names[int(new)] == names[int(old)]
        assert np.array_equal(back == new, labels == old)


def test_label_map_order_is_stuff_first_then_large_to_small() -> None:
    labels = np.array([[1, 1, 1, 2], [3, 4, 4, 2], [3, 4, 4, 5]])
    scene = Scene.from_label_map(labels, {1: "dog", 2: "sky", 3: "road", 4: "cow", 5: "sky"})
    assert [layer.name for layer in scene.layers] == ["sky", "road", "sky", "cow", "dog"]
    assert [layer.thing for layer in scene.layers] == [False, False, False, True, True]


def test_0_and_255_are_unlabeled_unless_named() -> None:
    labels = np.array([[0, 1, 255]], dtype=np.uint8)
    assert len(Scene.from_label_map(labels, {1: "dog"}).layers) == 1
    assert len(Scene.from_label_map(labels, {0: "sky", 1: "dog", 255: "road"}).layers) == 3


def test_label_maps_of_many_layers_skip_255() -> None:
    masks = [np.arange(300).reshape(10, 30) == i for i in range(300)]
    scene = Scene(10, 30, tuple(Layer("dog", mask) for mask in masks))
    labels, names = scene.to_label_map()
    assert 255 not in names
    assert 255 not in labels
    assert seen(Scene.from_label_map(labels, names)) == seen(scene)


def test_things_by_id_name_or_guess() -> None:
    labels = np.array([[1, 2, 3]])
    names = {1: "dog", 2: "sky", 3: "blob"}

    def kinds(things: list[int | str] | None) -> dict[str, bool]:
        return {layer.name: layer.thing for layer in Scene.from_label_map(labels, names, things).layers}

    assert kinds(None) == {"dog": True, "sky": False, "blob": True}
    assert kinds([]) == {"dog": False, "sky": False, "blob": False}
    assert kinds([2, "blob"]) == {"dog": False, "sky": True, "blob": True}


def test_instances_are_split_only_on_request() -> None:
    labels = np.array([[1, 1, 0, 1], [1, 1, 0, 0], [2, 0, 2, 2]])
    names = {1: "dog", 2: "sky"}
    assert len(Scene.from_label_map(labels, names).layers) == 2
    split = Scene.from_label_map(labels, names, split_instances=True)
    assert [(layer.name, int(layer.mask.sum())) for layer in split.layers] == [("sky", 3), ("dog", 4), ("dog", 1)]
    assert len(Scene.from_label_map(labels, names, split_instances=True, min_area=2).layers) == 2


# --- panoptic maps -------------------------------------------------------------------------------


@given(scenes())
def test_panoptic_round_trip(scene: Scene) -> None:
    rgb, segments, categories = scene.to_panoptic()
    assert rgb.dtype == np.uint8
    back = Scene.from_panoptic(rgb, segments, categories)
    assert seen(back) == seen(scene)
    plain = rgb.astype(int) @ [1, 256, 65536]
    assert same_layers(Scene.from_panoptic(plain, segments, categories), back)
    for segment in segments:
        region = plain == segment["id"]
        assert segment["area"] == region.sum() > 0
        x, y, w, h = segment["bbox"]
        assert region[y : y + h, x : x + w].sum() == segment["area"]
    assert len({segment["id"] for segment in segments}) == len(segments)
    json.dumps([segments, categories])  # plain numbers, not numpy's


def test_panoptic_uses_cocos_own_categories() -> None:
    scene = Scene(1, 4).insert(np.array([[1, 1, 1, 1]]), "sky-other-merged", thing=False)
    scene = scene.insert(np.array([[0, 1, 1, 0]]), "dog").insert(np.array([[0, 0, 1, 0]]), "teapot dragon")
    rgb, segments, categories = scene.to_panoptic()
    assert [category["id"] for category in categories[:2]] == [187, 18]
    assert categories[2]["id"] > 1000
    known = [segment for segment in segments if segment["category_id"] < 1000]
    rgb[rgb == segments[2]["id"]] = 0
    assert [layer.name for layer in Scene.from_panoptic(rgb, known).layers] == ["sky-other-merged", "dog"]


def test_panoptic_reads_every_coco_category() -> None:
    ids = np.arange(1, len(COCO_PANOPTIC) + 1)[None] * 1000
    segments = [{"id": int(i), "category_id": c} for i, (c, _, _) in zip(ids[0], COCO_PANOPTIC, strict=True)]
    scene = Scene.from_panoptic(ids, segments)
    assert {(layer.name, layer.thing) for layer in scene.layers} == {(n, t) for _, n, t in COCO_PANOPTIC}


# --- errors --------------------------------------------------------------------------------------

GROUND = Scene(4, 6, (Layer("sky", square(0, 0, 6, 2), False), Layer("road", square(0, 2, 6, 4), False)))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: Scene.empty(0, 5), "5x0"),
        (lambda: Scene.empty(20_000, 20_000), "20000x20000"),
        (lambda: Scene.empty(48.5, 64), "height of the scene is 48.5"),
        (lambda: Scene.from_label_map(np.zeros((4, 6), int), ["dog"]), "names are a list; give a mapping"),
        (lambda: Scene.from_panoptic(np.array([[5]]), [{"id": 5}]), "has no whole number 'category_id'"),
        (lambda: Scene(4, 6, (Layer("dog", np.ones((6, 4), bool)),)), "'dog' is 4x6, but the scene is 6x4"),
        (lambda: Scene(4, 6, photo=np.zeros((4, 5, 3), np.uint8)), "photo is 5x4, but the scene is 6x4"),
        (lambda: Layer("dog", np.ones((4, 6, 3))), "'dog' has a mask of shape"),
        (lambda: Layer("dog", np.full((4, 6), 255)), "'dog' has mask values up to 255"),
        (lambda: Layer("dog", np.full((4, 6), 0.5)), "'dog' has mask values up to 0.5"),
        (lambda: GROUND.insert(np.ones((6, 4), bool), "cat"), "'cat' is 4x6, but the scene is 6x4"),
        (lambda: GROUND.insert(square(0, 0, 1, 1), "cat", 3), "Order 3 is outside 0..2"),
        (lambda: GROUND.insert(square(0, 0, 1, 1), "cat", -1), "Order -1 is outside 0..2"),
        (lambda: GROUND.remove(2), "Layer 2 does not exist; the scene has 2"),
        (lambda: GROUND.visible(2), "Layer 2 does not exist; the scene has 2"),
        (lambda: GROUND.visible(-3), "Layer -3 does not exist; the scene has 2"),
        (lambda: GROUND.stack(3), "Cannot stack 3 layers; the scene has 2"),
        (lambda: Scene.from_label_map(np.zeros((4, 6)), {}), "integers, not shape .* of float64"),
        (lambda: Scene.from_label_map(np.zeros((4, 6, 3), int), {}), "integers, not shape"),
        (lambda: Scene.from_label_map(np.array([[1, 8, 9]]), {1: "dog"}), "without a name: 8, 9"),
        (lambda: Scene.from_label_map(np.arange(300)[None], {}), "1, 2, 3, 4, 5 and 293 more"),
        (lambda: Scene.from_panoptic(np.array([[5]]), []), "segments_info lacks: 5"),
        (lambda: Scene.from_panoptic(np.array([[255]]), []), "segments_info lacks: 255"),
        (lambda: Scene.from_panoptic(np.array([[5]]), [{"id": 5, "category_id": 12}]), "category 12"),
    ],
)
def test_errors_name_the_value(call: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        call()  # type: ignore[operator]


# --- the drawn example scenes --------------------------------------------------------------------


@pytest.mark.parametrize(("name", "room_for"), [("street", "pavement"), ("room", "rug")])
def test_example_scenes(examples: Path, name: str, room_for: str) -> None:
    photo = load_photo(examples / f"{name}.png")
    names = {int(key): value for key, value in json.loads((examples / f"{name}_names.json").read_text()).items()}
    scene = Scene.from_label_map(load_label_map(examples / f"{name}_layout.png"), names)
    assert photo.shape == (384, 512, 3)
    assert (scene.height, scene.width) == (384, 512)
    assert len(scene.layers) == len(names)
    assert (scene.top() >= 0).all()
    assert max(layer.mask.mean() for layer in scene.layers if layer.name == room_for) > 0.1


def test_names_of_the_strategies_are_of_both_kinds() -> None:
    layers = Scene.from_label_map(np.arange(1, len(NAMES) + 1)[None], dict(enumerate(NAMES, 1))).layers
    assert {layer.thing for layer in layers} == {True, False}
