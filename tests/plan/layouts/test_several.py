"""Several objects of one phrase into a scene: places, depth, relations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartmask.geometry import MaskWindow, mask_box
from smartmask.insertion.lay import Laid, ObjectRequest, Plan
from smartmask.io.package import BUNDLED_MASKS
from smartmask.masks.pipeline import SmartMaskPipeline
from smartmask.masks.weights import Weights
from smartmask.plan.language.phrases import Relation, parse
from smartmask.plan.layouts.arrange import SEEN, covered, layers_as_placed, pulled_in
from smartmask.plan.layouts.ground import read_ground
from smartmask.plan.layouts.several import crowding, fit_sizes, lay_several, read_phrase, requests_of
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder

TEXT = TextEncoder.from_pretrained(BUNDLED_MASKS / "text")


@pytest.fixture(scope="module")
def pipeline() -> SmartMaskPipeline:
    return SmartMaskPipeline.from_pretrained()


def park(height: int = 96, width: int = 128) -> Scene:
    """Sky over grass, and a bench in the middle."""
    rows = np.arange(height)[:, None] * np.ones((1, width), int)
    bench = np.zeros((height, width), bool)
    bench[60:76, 44:84] = True
    scene = Scene.empty(height, width).insert(rows < 48, "sky", thing=False).insert(rows >= 48, "grass", thing=False)
    return scene.insert(bench, "bench")


def test_a_bench_that_is_there_is_used(pipeline: SmartMaskPipeline) -> None:
    scene = park()
    known = tuple(layer.name for layer in scene.layers)
    request = parse("man and woman on the bench, and a dog to the left of the bench", pipeline.text, known)
    found = lay_several(scene, request, pipeline, num_masks=1)
    assert [laid.name for laid in found.plan.objects] == ["man", "woman", "dog"]
    assert found.met[0][0] == Relation("man", "on", "layer:bench")
    assert all(kept for _, kept in found.met)
    final = found.plan.after()
    names = [layer.name for layer in final.layers]
    assert names.index("man") > names.index("bench")
    dog, bench = mask_box(final.layers[names.index("dog")].mask), mask_box(scene.layers[2].mask)
    assert dog is not None
    assert bench is not None
    assert dog[0] + dog[2] < bench[0] + bench[2]
    again = lay_several(scene, request, pipeline, num_masks=1)
    assert (again.plan.after().top() == final.top()).all()


def test_sizes_follow_the_scene(pipeline: SmartMaskPipeline) -> None:
    """A bench twice as large means all else twice as large."""
    text = pipeline.text
    small = park()
    wide = np.zeros((96, 128), bool)
    wide[44:76, 24:104] = True
    large = small.remove(2).insert(wide, "bench")
    cameras = [fit_sizes(read_ground(s), layers_as_placed(s), ["dog"], text).camera for s in (small, large)]
    assert cameras[1].pixels(0.6, 80) / cameras[0].pixels(0.6, 80) == pytest.approx(2, rel=0.05)
    alone = fit_sizes(read_ground(small.remove(2)), (), ["dog"], text)
    assert 0.2 * 96 < alone.camera.pixels(0.6, 75) < 0.8 * 96, "without things, what is new is shown well"


def test_overlap_is_that_of_masks() -> None:
    """A thing that leaves a corner of its box free may have another there."""
    corner = np.zeros((96, 128), bool)
    corner[40:90, 20:30] = corner[80:90, 20:100] = True
    (thing,) = layers_as_placed(Scene.empty(96, 128).insert(corner, "giraffe"))
    assert covered((50.0, 45.0, 90.0, 75.0), thing) == 0
    assert covered((20.0, 78.0, 100.0, 92.0), thing) > 0.5


def test_crowding_counts_what_nobody_asked_for() -> None:
    scene = park()
    bench = scene.layers[2].mask
    half = np.zeros_like(bench)
    half[60:76, 64:104] = True  # half of the bench
    plan = Plan(scene, (Laid(ObjectRequest("dog"), MaskWindow.of(half), 3, 0),))
    beside = parse("a dog beside the bench", TEXT, ("bench",))
    car = replace(scene, layers=(*scene.layers[:2], replace(scene.layers[2], name="car")))
    assert crowding(beside, plan, ["dog"]) == 0, "a bench carries things"
    assert crowding(beside, replace(plan, scene=car), ["dog"]) == pytest.approx(0.5)
    behind = parse("a dog behind the car", TEXT, ("car",))
    assert crowding(behind, replace(plan, scene=car), ["dog"]) == 0


def test_what_cannot_be_is_reported(pipeline: SmartMaskPipeline) -> None:
    scene = park()
    request = parse("a dog to the left of the bench and to the right of the bench", pipeline.text, ("bench",))
    found = lay_several(scene, request, pipeline, num_masks=1)
    assert sorted(kept for _, kept in found.met) == [False, True]


def test_behind_means_behind(pipeline: SmartMaskPipeline) -> None:
    scene = park()
    request = parse("a dog behind the bench and a cat in front of the bench", pipeline.text, ("bench",))
    final = lay_several(scene, request, pipeline, num_masks=1).plan.after()
    names = [layer.name for layer in final.layers]
    assert names.index("dog") < names.index("bench") < names.index("cat")
    assert names.index("dog") > names.index("grass")


def test_cutouts_are_shared_out() -> None:
    phrase = read_phrase("two dogs", park(), Weights())
    assert [item.prompt for item in phrase.objects] == ["dog", "dog"]
    with pytest.raises(ValueError, match="3 times for 2 objects"):
        requests_of(phrase.request, None, [Path("a.png")] * 3)
    assert [item.cutout for item in requests_of(phrase.request, None, [Path("a.png")])] == [Path("a.png")] * 2
    with pytest.raises(ValueError, match="no object to insert"):
        read_phrase("on the bench", park(), Weights())
    assert (BUNDLED_MASKS / "text").is_dir()


def test_a_dog_is_no_moon() -> None:
    """One cut-out is one thing; several go by their files' names, else in the order of the phrase."""
    request = read_phrase("a dog on the moon", park(), Weights()).request
    with pytest.raises(ValueError, match="one --cutout for dog and moon, which are different things; give one for eac"):
        requests_of(request, None, [Path("dog.png")])
    for cutouts in ([Path("a.png"), Path("b.png")], [Path("the moon.png"), Path("my_dog-2.png")]):
        found = {item.prompt: item.cutout for item in requests_of(request, None, cutouts)}
        named = (
            {"dog": cutouts[1], "moon": cutouts[0]}
            if "moon" in cutouts[0].stem
            else {"dog": cutouts[0], "moon": cutouts[1]}
        )
        assert found == named


edges = st.floats(-300, 300)
sides = st.floats(1, 400)


@given(edges, edges, sides, sides)
def test_places_reach_into_the_picture(x0: float, y0: float, wide: float, high: float) -> None:
    box, depth = pulled_in((x0, y0, x0 + wide, y0 + high), 7.0, (96, 128))
    assert (box[2] - box[0], box[3] - box[1]) == pytest.approx((wide, high))
    assert depth - 7 == pytest.approx(box[1] - y0)
    for low, up, side, size in ((box[0], box[2], wide, 128), (box[1], box[3], high, 96)):
        assert min(up, size) - max(low, 0) >= SEEN * min(side, size) - 1e-9
    if x0 >= 0 and y0 >= 0 and x0 + wide <= 128 and y0 + high <= 96:
        assert box == (x0, y0, x0 + wide, y0 + high)


@pytest.mark.parametrize("side", ["left", "right"])
def test_no_room_beside_a_thing_at_the_border(pipeline: SmartMaskPipeline, side: str) -> None:
    scene = park().remove(2)
    car = np.zeros((96, 128), bool)
    car[52:80, :90] = True
    scene = scene.insert(car if side == "left" else car[:, ::-1], "car")
    request = parse(f"a dog to the {side} of the car", pipeline.text, tuple(layer.name for layer in scene.layers))
    found = lay_several(scene, request, pipeline, num_masks=1)
    assert found.plan.objects[0].mask.any()


def test_what_would_be_hidden_comes_to_the_front(pipeline: SmartMaskPipeline) -> None:
    """Behind a thing that fills the picture nothing could be seen: the object is laid, the relation reported."""
    scene = Scene.empty(96, 128).insert(np.ones((96, 128), bool), "elephant")
    request = parse("a dog behind the elephant", pipeline.text, ("elephant",))
    found = lay_several(scene, request, pipeline, num_masks=1)
    assert [layer.name for layer in found.plan.after().layers] == ["elephant", "dog"]
    assert [kept for _, kept in found.met] == [False]
