"""The pipeline round a tiny model: answers, depth, seeds, what may be asked, its saved form. Nothing judges quality."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from drawn import block, ellipse

from smartmask.geometry import mask_iou
from smartmask.guidance import Blob, Box, Guidance, MaskGuide, Point, Scribble, draw
from smartmask.masks.exemplar.model import ExemplarDefaults, ExemplarModel
from smartmask.masks.model import MaskRequest, Progress, Suggestion
from smartmask.masks.pipeline import MaskOutput, SmartMaskPipeline
from smartmask.masks.weights import Weights
from smartmask.scene import Layer, Scene

HEIGHT, WIDTH = 64, 96


def scene(height: int = HEIGHT, width: int = WIDTH) -> Scene:
    """Sky over grass, a person, and a dog that stands before it; whole masks."""
    sky = block(height, width, 0, 0, width, height // 2)
    person = block(height, width, width // 4, height // 4, width // 2, height * 7 // 8)
    dog = ellipse(height, width, width * 0.55, height * 0.7, width * 0.15, height * 0.2)
    layers = (Layer("sky", sky, False), Layer("grass", ~sky, False), Layer("person", person), Layer("dog", dog))
    return Scene(height, width, layers)


SCENE = scene()
GUIDES: dict[str, Guidance] = {
    "none": None,
    "box": Box(20, 10, 60, 50),
    "box beyond the border": Box(70, 30, 130, 90),
    "point": Point(40, 30),
    "blob": Blob(50, 32, 9, 6),
    "scribble": Scribble([(20, 20), (50, 40)], 4),
    "strokes": Scribble([[(20, 20), (50, 40)], [(30, 50)]]),
    "mask": MaskGuide(ellipse(HEIGHT, WIDTH, 50, 30, 20, 14)),
    "nothing in a list": [],
    "two points": [Point(20, 30), Point(60, 35)],
    "box and scribble": [Box(20, 10, 60, 50), Scribble([(25, 20), (50, 40)], 4)],
    "point and blob": [Point(20, 30), Blob(50, 32, 9, 6)],
}


@pytest.fixture(scope="module")
def pipe(tiny_weights: Path) -> SmartMaskPipeline:
    return SmartMaskPipeline.from_pretrained(tiny_weights)


def call(pipe: SmartMaskPipeline, where: Scene = SCENE, prompt: str = "cat", **options: Any) -> MaskOutput:
    return pipe(where, prompt, **{"num_masks": 3, "generator": 0, **options})


def by_seed(out: MaskOutput) -> dict[int, np.ndarray]:
    return dict(zip(out.seeds, out.masks, strict=True))


def assert_sound(out: MaskOutput, where: Scene, count: int) -> None:
    """What holds of every answer."""
    assert out.masks.shape == out.visible.shape == (count, where.height, where.width)
    assert out.masks.dtype == out.visible.dtype == np.bool_
    assert out.masks.any(axis=(1, 2)).all()
    for mask, visible, order in zip(out.masks, out.visible, out.orders, strict=True):
        assert 0 <= order <= len(where.layers)
        assert np.array_equal(visible, mask & ~where.covered(order))
    assert out.scores.shape == (count,)
    assert (np.diff(out.scores) <= 0).all()
    assert out.scores.min() >= 0
    assert out.scores.max() <= 1
    assert len(out.orders) == len(out.seeds) == len(out.boxes) == len(out.why) == count
    assert all(isinstance(number, int) for number in (*out.orders, *out.seeds))
    assert all(x1 > x0 and y1 > y0 for x0, y0, x1, y1 in out.boxes)
    assert set(out.timings) == {"suggest", "rank"}
    assert min(out.timings.values()) >= 0
    json.dumps(out.why)


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
        "import sys, test_pipeline as t\n"
        "pipe = t.SmartMaskPipeline.from_pretrained(sys.argv[1])\n"
        "print(*(t.digest(t.call(pipe, guidance=guide, num_masks=4)) for guide in t.GUIDES.values()))\n"
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
    assert_sound(call(pipe, guidance=Scribble([(-1000, 30), (2000, 30)], 4)), SCENE, 3)


# --- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"prompt": ""}, "object prompt is empty"),
        ({"prompt": "  "}, "object prompt is empty"),
        ({"prompt": None}, "object is None"),
        ({"prompt": "x" * 1001}, "1001 characters"),
        ({"num_masks": 0}, "number of masks is 0; it must be from 1"),
        ({"num_masks": 2.0}, "number of masks is 2.0; it must be a whole number"),
        ({"num_masks": True}, "number of masks is True"),
        ({"num_masks": 300, "diverse": True}, "diverse choice of 300 masks is too large"),
        ({"num_inference_steps": 0}, "number of steps is 0"),
        ({"guidance_scale": -1}, "guidance scale is -1"),
        ({"guidance_scale": float("nan")}, "guidance scale is nan"),
        ({"context_guidance_scale": 101.0}, "guidance scale is 101.0"),
        ({"generator": -1}, "seed is -1"),
        ({"generator": "7"}, "seed is '7'"),
        ({"generator": True}, "seed is True"),
        ({"guidance": Box(200, 10, 210, 20)}, "box at 200,10,210,20 lies outside the scene, which is 96x64"),
        ({"guidance": [Point(3, 3), Blob(-90, 3, 1, 1)]}, "blob .* lies outside the scene, which is 96x64"),
        ({"guidance": MaskGuide(np.ones((5, 5)))}, "mask guide is 5x5, but the scene is 96x64"),
        ({"guidance": (1, 2, 3, 4)}, "1 is not a guide; use Box"),
        ({"guidance": "box"}, "'box' is not a guide"),
        ({"not_here": Box(200, 10, 210, 20)}, "box at 200,10,210,20 lies outside the scene"),
        ({"context_prompt": "x" * 1001}, "1001 characters"),
        ({"order": 5}, r"Order 5 is outside 0\.\.4; 0 is the back, 4 the front"),
        ({"order": -1}, r"Order -1 is outside 0\.\.4"),
        ({"facing": "up"}, "cannot face 'up'; it must be left or right"),
        ({"like": np.ones((5, 5), bool)}, r"mask to vary has shape \(5, 5\), but the scene is 96x64"),
        ({"like": np.zeros((HEIGHT, WIDTH), bool)}, "mask to vary is empty"),
        ({"like_distance": 1.5}, r"distance of variations is 1\.5; it must be a number from 0 \(near\) to 1"),
    ],
)
def test_bad_input_is_one_sentence(pipe: SmartMaskPipeline, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        call(pipe, **options)
    assert "\n" not in str(caught.value)


# --- another model behind it -----------------------------------------------------------------------


class Blocks:
    """A model that knows no networks: a block at a column that the seed says, the later the better."""

    def __init__(self, pipe: SmartMaskPipeline) -> None:
        self.text = pipe.text

    def suggest(
        self, scene: Scene, request: MaskRequest, seeds: Sequence[int], progress: Progress | None = None
    ) -> list[Suggestion]:
        mask = [block(scene.height, scene.width, seed, 0, seed + 8, 9) for seed in seeds]
        return [Suggestion(m, (s, 0, s + 8, 9), 0, s, s / 100) for m, s in zip(mask, seeds, strict=True)]

    def notes(self, scene: Scene, request: MaskRequest) -> list[str]:
        return [f"no {request.object} here"]


def test_any_model_will_do(pipe: SmartMaskPipeline, tmp_path: Path) -> None:
    other = SmartMaskPipeline(Blocks(pipe))
    out = call(other)
    assert out.seeds == [2, 1, 0]
    assert out.notes == ["no cat here"]
    assert not out.visible.any()
    with pytest.raises(ValueError, match="A Blocks has no saved form here"):
        other.save_pretrained(tmp_path / "saved")


# --- the saved form --------------------------------------------------------------------------------


def test_saved_and_loaded_it_draws_the_same(pipe: SmartMaskPipeline, tmp_path: Path) -> None:
    model: Any = pipe.model
    defaults = replace(ExemplarDefaults(), blend=0.1)
    tuned = SmartMaskPipeline(
        ExemplarModel(model.text, model.memory, model.chooser, model.strokes, model.places, defaults)
    )
    tuned.save_pretrained(tmp_path / "saved")
    assert [path.name for path in tmp_path.iterdir()] == ["saved"]
    suffixes = {path.suffix for path in (tmp_path / "saved").rglob("*") if path.is_file()}
    assert suffixes == {".json", ".safetensors"}
    loaded = SmartMaskPipeline.from_pretrained(tmp_path / "saved")
    assert loaded.model.defaults.blend == 0.1  # type: ignore[attr-defined]
    for guide in (None, GUIDES["box"]):
        assert np.array_equal(call(loaded, guidance=guide).masks, call(tuned, guidance=guide).masks)


def test_saving_replaces_a_folder(pipe: SmartMaskPipeline, tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "stray.txt").write_text("old")
    pipe.save_pretrained(tmp_path / "saved")
    assert not (tmp_path / "saved" / "stray.txt").exists()
    SmartMaskPipeline.from_pretrained(str(tmp_path / "saved"))


def test_open_licences_leave_the_rest_out(tiny_weights: Path) -> None:
    for weights in (Weights(tiny_weights, "open"), Weights(tiny_weights)):
        out = call(weights.checked().load(), guidance=GUIDES["box"], num_masks=8)
        found = {why["outline"]["licence"] for why in out.why}
        assert found == ({"CC0"} if weights.licences == "open" else {"CC0", "not stated"})


def test_weights_that_cannot_be_meant(tiny_weights: Path, tmp_path: Path) -> None:
    for weights, says in (
        (Weights(licences="closed"), "licences are 'closed'; use 'all' or 'open'"),
        (Weights(tmp_path / "nowhere"), "nowhere' does not exist; give a folder that save_pretrained wrote"),
        (Weights(tmp_path), "has no model_index.json"),
        (Weights(memory=tmp_path / "none"), "none' does not exist; 'smartmask memory add' makes one"),
    ):
        with pytest.raises(ValueError, match=says):
            weights.checked()
    with pytest.raises(ValueError, match="licences are 'closed'"):
        SmartMaskPipeline.from_pretrained(tiny_weights, licences="closed")


def delete(name: str) -> Callable[[Path], Any]:
    return lambda folder: shutil.rmtree(folder / name) if (folder / name).is_dir() else (folder / name).unlink()


def write(name: str, content: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_text(content)


def cut(name: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-500])


def edit(name: str, **changes: Any) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_text(json.dumps(json.loads((folder / name).read_text()) | changes))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (delete("model_index.json"), r"has no model_index\.json; give a folder written by save_pretrained"),
        (write("model_index.json", "{"), r"model_index\.json is not valid JSON"),
        (write("model_index.json", "[]"), r"model_index\.json does not describe a ExemplarModel"),
        (edit("model_index.json", _class_name="Other"), r"model_index\.json does not describe a ExemplarModel"),
        (edit("model_index.json", defaults={"colour": 1}), r"model_index\.json has unfit defaults"),
        (edit("model_index.json", defaults=[1]), r"model_index\.json has unfit defaults"),
        (delete("chooser"), r"chooser/config\.json is missing"),
        (delete("chooser/model.safetensors"), r"chooser/model\.safetensors is missing"),
        (delete("chooser/strokes.safetensors"), r"chooser/strokes\.safetensors is missing"),
        (edit("chooser/config.json", width=16), r"chooser/model\.safetensors does not fit its config\.json"),
        (edit("chooser/config.json", colour=16), r"chooser/config\.json is damaged"),
        (cut("chooser/strokes.safetensors"), r"chooser/strokes\.safetensors is damaged"),
        (delete("place"), r"place/config\.json is missing"),
        (cut("place/boxes.safetensors"), r"place/boxes\.safetensors is damaged"),
        (delete("memory/open.safetensors"), r"memory/open\.safetensors"),
        (cut("memory/research.safetensors"), r"memory/research\.safetensors"),
        (delete("text"), r"text' lacks config\.json"),
        (cut("text/vocabulary.safetensors"), r"text' is damaged"),
    ],
)
def test_what_is_wrong_with_a_folder(
    tiny_weights: Path, tmp_path: Path, damage: Callable[[Path], Any], says: str
) -> None:
    folder = shutil.copytree(tiny_weights, tmp_path / "weights")
    damage(folder)
    with pytest.raises(ValueError, match=says) as caught:
        SmartMaskPipeline.from_pretrained(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nowhere is not a folder of SmartMask weights; leave it out"):
        SmartMaskPipeline.from_pretrained(tmp_path / "nowhere")


# --- the bundled weights ---------------------------------------------------------------------------


def test_the_bundled_weights_draw() -> None:
    pipe = SmartMaskPipeline.from_pretrained()
    out = call(pipe, guidance=GUIDES["box"], num_masks=8)
    assert_sound(out, SCENE, 8)
    assert {why["outline"]["name"] for why in out.why} == {"cat"}
    opened = call(SmartMaskPipeline.from_pretrained(licences="open"), guidance=GUIDES["box"], num_masks=8)
    assert_sound(opened, SCENE, 8)
