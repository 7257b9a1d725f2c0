"""The pipeline round a tiny model: answers, depth, seeds, what may be asked, odd scenes. Nothing judges quality."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from asking import GUIDES, HEIGHT, SCENE, WIDTH, assert_sound, by_seed, call, scene
from drawn import block
from tiny_exemplar import legged

from smartmask.geometry import mask_iou
from smartmask.guides import Box, MaskGuide, Point, Polygon, Scribble, draw
from smartmask.masks.model import MaskOutput
from smartmask.masks.pipeline import SmartMaskPipeline
from smartmask.scene import Layer, Scene


@pytest.fixture(scope="module")
def pipe(tiny_weights: Path) -> SmartMaskPipeline:
    return SmartMaskPipeline.from_pretrained(tiny_weights)


# --- what comes back -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", GUIDES)
def test_every_guide(pipe: SmartMaskPipeline, kind: str) -> None:
    out = call(pipe, guidance=GUIDES[kind])
    assert_sound(out, SCENE, 3)
    assert sorted(out.seeds) == [0, 1, 2]
    assert out.notes == []


def test_why_names_the_outline(pipe: SmartMaskPipeline) -> None:
    for why in call(pipe, guidance=GUIDES["box"], num_masks=8).why:
        assert why["outline"]["name"] == "cat"
        assert (why["outline"]["set"], why["outline"]["licence"]) in (("made", "CC0"), ("shut", "not stated"))
        assert {"outline", "scene", "guide"} <= set(why)


def test_an_exact_box_is_met(pipe: SmartMaskPipeline) -> None:
    for x0, y0, x1, y1 in call(pipe, guidance=GUIDES["box"], num_masks=8).boxes:
        assert (x0, y0, x1, y1) == pytest.approx((20, 10, 60, 50), abs=1)
    beyond = call(pipe, guidance=GUIDES["box beyond the border"], num_masks=8)
    for box in beyond.boxes:
        assert box == pytest.approx((70, 30, 130, 90), abs=1)
    assert not beyond.masks[:, :, :68].any()


def test_a_point_lies_on_every_mask(pipe: SmartMaskPipeline) -> None:
    for x, y in ((20.5, 50.5), (80.5, 10.5), (40.5, 30.5)):
        out = call(pipe, prompt="car", guidance=Point(x, y), num_masks=8)
        assert out.masks[:, int(y), int(x)].all()


def test_the_best_holds_both_points(pipe: SmartMaskPipeline) -> None:
    best = call(pipe, prompt="car", guidance=GUIDES["two points"], num_masks=8).masks[0]
    assert best[30, 20]
    assert best[35, 60]


def test_strokes_are_covered(pipe: SmartMaskPipeline) -> None:
    stroke = Scribble([(20, 25), (50, 40)], 4)
    drawn = draw([stroke], HEIGHT, WIDTH) >= 0.5
    masks = call(pipe, prompt="car", guidance=stroke, num_masks=8).masks
    assert np.mean([mask[drawn].mean() for mask in masks]) > 0.9


def test_a_polygon_is_followed_as_paint_is(pipe: SmartMaskPipeline) -> None:
    """Nearly as the same area painted, and more than its box alone would do; cornered or not."""
    polygon = Polygon([(30, 16), (70, 20), (66, 44), (34, 40)])
    drawn = draw([polygon], HEIGHT, WIDTH) >= 0.5
    masks = {
        kind: call(pipe, prompt="car", guidance=guide, num_masks=8).masks
        for kind, guide in {"polygon": polygon, "box": Box(30, 16, 70, 44), "paint": MaskGuide(drawn)}.items()
    }
    follows = {kind: np.mean([mask_iou(mask, drawn) for mask in some]) for kind, some in masks.items()}
    assert follows["polygon"] > follows["box"]
    assert follows["polygon"] > follows["paint"] - 0.02
    two = Polygon([[(10, 10), (40, 10), (40, 40)], [(60, 30), (90, 30), (90, 60)]])
    assert_sound(call(pipe, guidance=two), SCENE, 3)


def test_an_unknown_word_is_noted(pipe: SmartMaskPipeline) -> None:
    out = call(pipe, prompt="xqzvwk")
    assert_sound(out, SCENE, 3)
    assert any("xqzvwk" in note for note in out.notes)


def test_steps_are_noted_and_change_nothing(pipe: SmartMaskPipeline) -> None:
    with_steps, without = call(pipe, num_inference_steps=7), call(pipe)
    assert np.array_equal(with_steps.masks, without.masks)
    assert [note for note in with_steps.notes if "steps is not used" in note]
    assert without.notes == []


def test_progress_is_told_and_may_stop(pipe: SmartMaskPipeline) -> None:
    seen: list[tuple[int, int]] = []
    call(pipe, callback_on_step_end=lambda done, all_: seen.append((done, all_)))
    assert seen == [(1, 3), (2, 3), (3, 3)]

    def stop(done: int, all_: int) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        call(pipe, callback_on_step_end=stop)
    assert_sound(call(pipe), SCENE, 3)  # and the pipeline is none the worse


# --- depth -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", range(5))
def test_the_depth_asked_for(pipe: SmartMaskPipeline, order: int) -> None:
    out = call(pipe, guidance=GUIDES["box"], order=order)
    assert_sound(out, SCENE, 3)
    assert out.orders == [order] * 3
    placed = SCENE.insert(out.masks[0], "cat", order)
    assert np.array_equal(placed.visible(order), out.visible[0])


def test_behind_all_nothing_is_seen_and_in_front_everything(pipe: SmartMaskPipeline) -> None:
    assert not call(pipe, guidance=GUIDES["box"], order=0).visible.any()
    front = call(pipe, guidance=GUIDES["box"], order=4)
    assert np.array_equal(front.masks, front.visible)


# --- seeds -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", GUIDES)
def test_the_same_call_gives_the_same_bits(pipe: SmartMaskPipeline, kind: str) -> None:
    one, two = (call(pipe, guidance=GUIDES[kind], num_masks=4) for _ in range(2))
    assert np.array_equal(one.masks, two.masks)
    assert np.array_equal(one.visible, two.visible)
    assert np.array_equal(one.scores, two.scores)
    assert (one.orders, one.seeds, one.boxes, one.why) == (two.orders, two.seeds, two.boxes, two.why)


@pytest.mark.parametrize("kind", GUIDES)
def test_a_seeds_mask_does_not_depend_on_its_neighbours(pipe: SmartMaskPipeline, kind: str) -> None:
    eight = by_seed(call(pipe, guidance=GUIDES[kind], num_masks=8, generator=5))
    assert sorted(eight) == list(range(5, 13))
    four = by_seed(call(pipe, guidance=GUIDES[kind], num_masks=4, generator=7))
    assert sorted(four) == [7, 8, 9, 10]
    one = by_seed(call(pipe, guidance=GUIDES[kind], num_masks=1, generator=9))
    for smaller in (four, one):
        for seed, mask in smaller.items():
            assert np.array_equal(mask, eight[seed])
    assert len({mask.tobytes() for mask in eight.values()}) >= 4  # six outlines a name, and their mirror images


def test_a_torch_generator_draws_the_seeds(pipe: SmartMaskPipeline) -> None:
    generator = torch.Generator().manual_seed(3)
    first, second = call(pipe, generator=generator), call(pipe, generator=generator)
    again = call(pipe, generator=torch.Generator().manual_seed(3))
    assert first.seeds == again.seeds
    assert np.array_equal(first.masks, again.masks)
    assert not set(first.seeds) & set(second.seeds)
    alone = call(pipe, num_masks=1, generator=first.seeds[0])
    assert np.array_equal(alone.masks[0], first.masks[0])


def test_without_a_generator_it_is_chance(pipe: SmartMaskPipeline) -> None:
    torch.manual_seed(0)
    one = call(pipe, generator=None)
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    two = call(pipe, generator=None)
    assert not set(one.seeds) & set(two.seeds)


def test_a_call_leaves_global_chance_alone(pipe: SmartMaskPipeline) -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    call(pipe)
    assert torch.equal(torch.rand(3), expected)


def digest(out: MaskOutput) -> str:
    return hashlib.sha256(out.masks.tobytes() + out.visible.tobytes() + repr(out.boxes).encode()).hexdigest()


@pytest.mark.slow
def test_two_processes_give_the_same_bits(tiny_weights: Path) -> None:
    code = (
        "import sys, asking, test_pipeline as t\n"
        "pipe = t.SmartMaskPipeline.from_pretrained(sys.argv[1])\n"
        "print(*(t.digest(asking.call(pipe, guidance=guide, num_masks=4)) for guide in asking.GUIDES.values()))\n"
    )
    here = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(here), str(here.parent)])}
    command = [sys.executable, "-c", code, str(tiny_weights)]
    printed = [subprocess.run(command, env=environment, capture_output=True, text=True) for _ in range(2)]
    assert [result.returncode for result in printed] == [0, 0], printed[0].stderr
    assert len(printed[0].stdout.split()) == len(GUIDES)
    assert printed[0].stdout == printed[1].stdout


# --- what may be asked -----------------------------------------------------------------------------


def test_facing_mirrors(pipe: SmartMaskPipeline) -> None:
    """All remembered things face left, so those that face right are mirror images."""
    for facing, mirrored in (("left", False), ("right", True)):
        out = call(pipe, guidance=GUIDES["box"], num_masks=8, facing=facing)
        assert_sound(out, SCENE, 8)
        assert [why["outline"]["mirrored"] for why in out.why] == [mirrored] * 8


def test_a_word_of_direction_is_the_same_as_the_argument(pipe: SmartMaskPipeline) -> None:
    said = call(pipe, prompt="cat facing right", guidance=GUIDES["box"])
    asked = call(pipe, facing="right", guidance=GUIDES["box"])
    assert np.array_equal(said.masks, asked.masks)


@pytest.mark.parametrize("order", [None, 1])
def test_what_is_painted_of_a_thing_goes_on_behind(pipe: SmartMaskPipeline, order: int | None) -> None:
    dog = np.zeros((120, 160), bool)
    dog[40:100, 30:120] = legged(np.random.default_rng(0), 60, 90)
    front = block(120, 160, 80, 20, 140, 115)
    where = Scene(120, 160, (Layer("grass", np.ones((120, 160), bool), False), Layer("person", front)))
    out = call(pipe, where, "dog", guidance=MaskGuide(dog & ~front), num_masks=8, order=order)
    behind = [mask_iou(mask & front, dog & front) for mask in out.masks]
    seen = [mask_iou(mask & ~front, dog & ~front) for mask in out.masks]
    assert np.mean(behind) > 0.4
    assert np.mean(seen) > 0.6
    assert set(out.orders) == {1}
    # beside nothing that hides it, the paint is all there is
    alone = call(pipe, Scene(120, 160, where.layers[:1]), "dog", guidance=MaskGuide(dog & ~front), num_masks=8)
    assert np.mean([mask_iou(mask & front, dog & front) for mask in alone.masks]) < 0.2


def test_variations_of_a_mask_lie_where_it_lies(pipe: SmartMaskPipeline) -> None:
    first = call(pipe, guidance=GUIDES["box"]).masks[0]
    near = call(pipe, like=first, like_distance=0.0, num_masks=8)
    far = call(pipe, like=first, like_distance=1.0, num_masks=8)
    assert_sound(near, SCENE, 8)
    assert_sound(far, SCENE, 8)
    alike = [np.mean([mask_iou(first, mask) for mask in out.masks]) for out in (near, far)]
    assert alike[0] > alike[1] > 0.2


def test_of_what_fits_a_box_that_is_taken_which_keeps_clear(pipe: SmartMaskPipeline) -> None:
    free, told = (
        call(pipe, guidance=GUIDES["box"], num_masks=8, not_here=guide) for guide in (None, Box(20, 10, 32, 30))
    )
    assert_sound(told, SCENE, 8)
    assert told.masks[:, 10:30, 20:32].sum() < free.masks[:, 10:30, 20:32].sum()


@pytest.mark.parametrize("barred", [Box(0, 0, WIDTH / 2, HEIGHT), Box(WIDTH / 2, 0, WIDTH, HEIGHT)])
def test_a_place_where_it_is_not(pipe: SmartMaskPipeline, barred: Box) -> None:
    free, told = (call(pipe, num_masks=8, not_here=guide) for guide in (None, barred))
    assert_sound(told, SCENE, 8)
    shares = [float(out.masks[:, :, int(barred.x0) : int(barred.x1)].sum() / out.masks.sum()) for out in (free, told)]
    assert shares[1] < 0.4 * shares[0]


def test_diverse_keeps_a_few_that_differ(pipe: SmartMaskPipeline) -> None:
    def alike(out: MaskOutput) -> float:
        count = len(out.masks)
        return float(np.mean([mask_iou(out.masks[i], out.masks[j]) for i in range(count) for j in range(i)]))

    plain, diverse = (
        [call(pipe, prompt=name, guidance=GUIDES["box"], num_masks=4, diverse=flag) for name in ("dog", "cat", "chair")]
        for flag in (False, True)
    )
    for out in diverse:
        assert out.masks.shape == (4, HEIGHT, WIDTH)
        assert set(out.seeds) <= set(range(16))
    assert np.mean([alike(out) for out in diverse]) < np.mean([alike(out) for out in plain])


def test_a_weight_of_none_leaves_the_scene_out(pipe: SmartMaskPipeline) -> None:
    """Then another scene of the same size gives the same masks in the same box."""
    other = Scene(HEIGHT, WIDTH, (Layer("sea", np.ones((HEIGHT, WIDTH), bool), False),))
    here, there = (call(pipe, where, guidance=GUIDES["box"], guidance_scale=0) for where in (SCENE, other))
    assert np.array_equal(here.masks, there.masks)
    assert all(why["scene"] == 0 for why in here.why)


# --- odd scenes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(8, 8), (1, 1), (40, 200), (200, 40), (333, 17)])
def test_any_size(pipe: SmartMaskPipeline, height: int, width: int) -> None:
    where = scene(height, width)
    for guide in (None, Box(0, 0, width, height), Point(width / 2, height / 2), Scribble([(width / 2, height / 2)])):
        assert_sound(call(pipe, where, guidance=guide, num_masks=2), where, 2)


@pytest.mark.parametrize("count", [0, 1])
def test_few_layers(pipe: SmartMaskPipeline, count: int) -> None:
    where = Scene(HEIGHT, WIDTH, SCENE.layers[2 : 2 + count])
    for guide in (None, GUIDES["box"]):
        out = call(pipe, where, guidance=guide)
        assert_sound(out, where, 3)
        if count == 0:
            assert out.orders == [0, 0, 0]


def test_layers_that_are_empty_or_wholly_hidden(pipe: SmartMaskPipeline) -> None:
    empty = Layer("cat", np.zeros((HEIGHT, WIDTH), dtype=bool))
    whole = Layer("car", np.ones((HEIGHT, WIDTH), dtype=bool))
    where = Scene(HEIGHT, WIDTH, (*SCENE.layers, empty, whole))
    assert_sound(call(pipe, where), where, 3)


def test_a_stroke_far_beyond_the_scene(pipe: SmartMaskPipeline) -> None:
    assert_sound(call(pipe, guidance=Scribble([(-900, 30), (1000, 30)], 4)), SCENE, 3)


# --- the bundled weights ---------------------------------------------------------------------------


def test_the_bundled_weights_draw() -> None:
    pipe = SmartMaskPipeline.from_pretrained()
    out = call(pipe, guidance=GUIDES["box"], num_masks=8)
    assert_sound(out, SCENE, 8)
    assert {why["outline"]["name"] for why in out.why} == {"cat"}
    opened = call(SmartMaskPipeline.from_pretrained(licences="open"), guidance=GUIDES["box"], num_masks=8)
    assert_sound(opened, SCENE, 8)
