"""The pipeline on random weights: shapes, order, seeds, limits, and its saved form. Nothing here judges quality."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from drawn import block, ellipse

from smartmask.data.pairs import context_of
from smartmask.geometry import mask_iou
from smartmask.guidance import Blob, Box, Guidance, MaskGuide, Point, Scribble, draw
from smartmask.pipelines import shapes
from smartmask.pipelines.finish import SHIFT
from smartmask.pipelines.mask import MaskOutput, SmartMaskPipeline, strokes_kept
from smartmask.pipelines.places import Places
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
    return pipe(where, prompt, **{"num_masks": 3, "num_inference_steps": 3, "generator": 0, **options})


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
    assert len(out.orders) == len(out.seeds) == len(out.boxes) == count
    assert all(isinstance(number, int) for number in (*out.orders, *out.seeds))
    assert all(x1 > x0 and y1 > y0 for x0, y0, x1, y1 in out.boxes)
    assert set(out.timings) == {"prepare", "place", "draw", "decode"}
    assert min(out.timings.values()) >= 0


# --- what comes back -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", GUIDES)
def test_every_guide(pipe: SmartMaskPipeline, kind: str) -> None:
    out = call(pipe, guidance=GUIDES[kind])
    assert_sound(out, SCENE, 3)
    assert out.seeds != [] and sorted(out.seeds) == [0, 1, 2]  # noqa: PT018
    assert out.notes == []


def test_an_exact_box_is_the_box_of_every_mask(pipe: SmartMaskPipeline) -> None:
    for kind in ("box", "box beyond the border", "box and scribble"):
        guide = GUIDES[kind][0] if isinstance(GUIDES[kind], list) else GUIDES[kind]
        assert set(call(pipe, guidance=GUIDES[kind]).boxes) == {(guide.x0, guide.y0, guide.x1, guide.y1)}


def test_a_rough_guide_means_a_box_of_its_own_for_each_mask(pipe: SmartMaskPipeline) -> None:
    boxes = call(pipe, guidance=GUIDES["blob"]).boxes
    assert len(set(boxes)) == 3
    for x0, y0, x1, y1 in boxes:  # an untrained guess scatters round the square about the blob, (32, 14, 68, 50)
        assert 0 <= x0 < 50 < x1 <= WIDTH
        assert 0 <= y0 < 32 < y1 <= HEIGHT


def test_a_placed_box_holds_its_points(pipe: SmartMaskPipeline) -> None:
    for x0, y0, x1, y1 in call(pipe, guidance=GUIDES["two points"], num_masks=8).boxes:
        moved = 2 * SHIFT * 1.5 * max(x1 - x0, y1 - y0)  # the mask settles on them, its box goes with it
        assert x0 - moved <= 20 <= 60 <= x1 + moved
        assert y0 - moved <= 30 <= 35 <= y1 + moved


def test_boxes_without_a_guide_differ_and_meet_the_scene(pipe: SmartMaskPipeline) -> None:
    boxes = call(pipe, num_masks=12).boxes
    assert len(set(boxes)) == 12
    for x0, y0, x1, y1 in boxes:
        assert 0 < (x0 + x1) / 2 < WIDTH
        assert 0 < (y0 + y1) / 2 < HEIGHT


def test_masks_lie_in_their_frames(pipe: SmartMaskPipeline) -> None:
    out = call(pipe, guidance=Box(20, 10, 40, 30))
    beyond = np.ones((HEIGHT, WIDTH), dtype=bool)
    beyond[4:36, 14:46] = False  # the frame is 30 pixels round (30, 20)
    assert not out.masks[:, beyond].any()


def test_an_unknown_word_is_noted(pipe: SmartMaskPipeline) -> None:
    out = call(pipe, prompt="xqzvwk")
    assert len(out.notes) == 1
    assert "xqzvwk" in out.notes[0]


def test_the_words_matter(pipe: SmartMaskPipeline) -> None:
    """Prompt, context and layer names all reach the networks."""
    plain = call(pipe)
    named = call(pipe, context_prompt=context_of(SCENE))
    assert np.array_equal(plain.masks, named.masks)
    renamed = Scene(HEIGHT, WIDTH, tuple(replace(layer, name="car") for layer in SCENE.layers))
    others = [call(pipe, prompt="airplane"), call(pipe, context_prompt="a boat at sea"), call(pipe, renamed)]
    assert all(out.boxes != plain.boxes for out in others)
    captioned = call(pipe, replace(SCENE, caption="a boat at sea"))
    assert captioned.boxes == others[1].boxes


# --- depth -----------------------------------------------------------------------------------------


class Always(torch.nn.Module):
    """An order network of one answer."""

    def __init__(self, logit: float) -> None:
        super().__init__()
        self.logit = logit

    def forward(self, new: torch.Tensor, other: torch.Tensor, pair: torch.Tensor) -> torch.Tensor:
        return torch.full((len(pair),), self.logit)


def with_order(pipe: SmartMaskPipeline, logit: float) -> SmartMaskPipeline:
    return SmartMaskPipeline(
        pipe.text, pipe.shape, pipe.placement, Always(logit), pipe.prior, pipe.outline, pipe.fit, pipe.defaults
    )  # type: ignore[arg-type]


def test_in_front_of_all_everything_is_seen(pipe: SmartMaskPipeline) -> None:
    out = call(with_order(pipe, 5.0), guidance=Box(24, 16, 70, 60))
    assert out.orders == [4, 4, 4]
    assert np.array_equal(out.masks, out.visible)


def test_behind_things_a_part_is_hidden(pipe: SmartMaskPipeline) -> None:
    out = call(with_order(pipe, -5.0), guidance=Box(24, 16, 70, 60))
    assert out.orders == [2, 2, 2]  # before sky and grass, behind person and dog
    assert_sound(out, SCENE, 3)
    assert (out.visible.sum() < out.masks.sum()).all()
    placed = SCENE.insert(out.masks[0], "cat", out.orders[0])
    assert np.array_equal(placed.visible(out.orders[0]), out.visible[0])


def test_with_stuff_alone_it_stands_in_front(pipe: SmartMaskPipeline) -> None:
    stuff = Scene(HEIGHT, WIDTH, SCENE.layers[:2])
    out = call(with_order(pipe, -5.0), stuff)
    assert out.orders == [2, 2, 2]
    assert np.array_equal(out.masks, out.visible)


# --- seeds -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["none", "box"])
def test_the_same_call_gives_the_same_bits(pipe: SmartMaskPipeline, kind: str) -> None:
    one, two = (call(pipe, guidance=GUIDES[kind], num_masks=4) for _ in range(2))
    assert np.array_equal(one.masks, two.masks)
    assert np.array_equal(one.visible, two.visible)
    assert np.array_equal(one.scores, two.scores)
    assert (one.orders, one.seeds, one.boxes) == (two.orders, two.seeds, two.boxes)


@pytest.mark.parametrize("kind", ["none", "box", "scribble"])
def test_a_seeds_mask_does_not_depend_on_its_neighbours(pipe: SmartMaskPipeline, kind: str) -> None:
    eight = by_seed(call(pipe, guidance=GUIDES[kind], num_masks=8, generator=5))
    assert sorted(eight) == list(range(5, 13))
    four = by_seed(call(pipe, guidance=GUIDES[kind], num_masks=4, generator=7))
    assert sorted(four) == [7, 8, 9, 10]
    one = by_seed(call(pipe, guidance=GUIDES[kind], num_masks=1, generator=9))
    for smaller in (four, one):
        for seed, mask in smaller.items():
            assert mask_iou(mask, eight[seed]) >= 0.995
    assert len({mask.tobytes() for mask in eight.values()}) == 8


def test_more_masks_than_a_batch(pipe: SmartMaskPipeline) -> None:
    many = by_seed(call(pipe, num_masks=shapes.BATCH + 1, num_inference_steps=1))
    assert sorted(many) == list(range(shapes.BATCH + 1))
    last = by_seed(call(pipe, num_masks=1, num_inference_steps=1, generator=shapes.BATCH))
    assert mask_iou(last[shapes.BATCH], many[shapes.BATCH]) >= 0.995


def test_a_torch_generator_draws_the_seeds(pipe: SmartMaskPipeline) -> None:
    generator = torch.Generator().manual_seed(3)
    first, second = call(pipe, generator=generator), call(pipe, generator=generator)
    again = call(pipe, generator=torch.Generator().manual_seed(3))
    assert first.seeds == again.seeds
    assert np.array_equal(first.masks, again.masks)
    assert not set(first.seeds) & set(second.seeds)
    alone = call(pipe, num_masks=1, generator=first.seeds[0])
    assert mask_iou(alone.masks[0], first.masks[0]) >= 0.995


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
        "import sys, test_mask as t\n"
        "pipe = t.SmartMaskPipeline.from_pretrained(sys.argv[1])\n"
        "print(t.digest(t.call(pipe, num_masks=4)), t.digest(t.call(pipe, guidance=t.GUIDES['box'], num_masks=4)))\n"
    )
    here = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(here), str(here.parent)])}
    printed = [
        subprocess.run([sys.executable, "-c", code, str(tiny_weights)], env=environment, capture_output=True, text=True)
        for _ in range(2)
    ]
    assert [result.returncode for result in printed] == [0, 0], printed[0].stderr
    assert len(printed[0].stdout.split()) == 2
    assert printed[0].stdout == printed[1].stdout


# --- steps and scales ------------------------------------------------------------------------------


@pytest.fixture
def whole(pipe: SmartMaskPipeline, monkeypatch: pytest.MonkeyPatch) -> SmartMaskPipeline:
    """The pipeline with all steps left to the mask network, which still sees the prior's shape."""
    monkeypatch.setattr(pipe, "defaults", replace(pipe.defaults, refine=0.9, guidance_scale=1.0))
    return pipe


@pytest.mark.parametrize(("refine", "steps"), [(0.0, 0), (0.2, 1), (0.5, 2), (1.0, 4)])
def test_a_later_start_takes_fewer_steps(
    pipe: SmartMaskPipeline, monkeypatch: pytest.MonkeyPatch, refine: float, steps: int
) -> None:
    monkeypatch.setattr(pipe, "defaults", replace(pipe.defaults, refine=refine))
    calls: list[tuple[int, int]] = []
    out = call(pipe, num_inference_steps=4, callback_on_step_end=lambda step, of: calls.append((step, of)))
    assert calls == [(i + 1, steps) for i in range(steps)]
    assert_sound(out, SCENE, 3)


def test_the_callback_counts_every_step(whole: SmartMaskPipeline) -> None:
    calls: list[tuple[int, int]] = []
    call(whole, num_inference_steps=4, callback_on_step_end=lambda step, steps: calls.append((step, steps)))
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    calls.clear()
    call(whole, num_masks=shapes.BATCH + 1, num_inference_steps=2,
         callback_on_step_end=lambda step, steps: calls.append((step, steps)))  # fmt: skip
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]  # two batches of two steps


def test_the_callback_may_stop(whole: SmartMaskPipeline) -> None:
    calls: list[int] = []

    def stop(step: int, steps: int) -> None:
        calls.append(step)
        if step == 2:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        call(whole, num_inference_steps=4, callback_on_step_end=stop)
    assert calls == [1, 2]
    assert_sound(call(whole), SCENE, 3)  # and the pipeline is none the worse


@pytest.mark.parametrize(("scales", "branches"), [((1, 1), 1), ((2, 1), 2), ((2, 2), 3), ((None, None), 1)])
def test_a_scale_of_1_saves_its_branch(whole: SmartMaskPipeline, scales: tuple, branches: int) -> None:
    calls = []
    handle = whole.shape.register_forward_hook(lambda *given: calls.append(1))
    call(whole, num_inference_steps=3, guidance_scale=scales[0], context_guidance_scale=scales[1])
    handle.remove()
    assert len(calls) == 3 * branches


@pytest.mark.parametrize(("refine", "passes"), [(0.2, 1), (0.5, 4)])
def test_what_is_only_finished_is_not_guided(
    pipe: SmartMaskPipeline, monkeypatch: pytest.MonkeyPatch, refine: float, passes: int
) -> None:
    monkeypatch.setattr(pipe, "defaults", replace(pipe.defaults, refine=refine, guidance_scale=2.0))
    calls = []
    handle = pipe.shape.register_forward_hook(lambda *given: calls.append(1))
    call(pipe, num_inference_steps=4)
    handle.remove()
    assert len(calls) == passes


def test_steps_and_scales_default_to_those_of_the_weights(whole: SmartMaskPipeline) -> None:
    changed = replace(whole.defaults, steps=2, guidance_scale=1.0, temperature=0.5)
    other = SmartMaskPipeline(
        whole.text, whole.shape, whole.placement, whole.order, whole.prior, whole.outline, whole.fit, changed
    )
    steps: list[int] = []
    out = call(other, num_inference_steps=None, callback_on_step_end=lambda step, total: steps.append(total))
    assert steps == [2, 2]
    spelt_out = call(whole, num_inference_steps=2, guidance_scale=1.0)
    # ranks differ, places do not
    assert dict(zip(out.seeds, out.boxes, strict=True)) == dict(zip(spelt_out.seeds, spelt_out.boxes, strict=True))
    assert not np.array_equal(out.masks, spelt_out.masks)  # the temperature


def test_the_object_scale_matters(pipe: SmartMaskPipeline) -> None:
    masks = [by_seed(call(pipe, guidance=GUIDES["box"], guidance_scale=scale))[0] for scale in (1.0, 6.0)]
    assert not np.array_equal(masks[0], masks[1])


def test_a_point_lies_on_every_mask(pipe: SmartMaskPipeline) -> None:
    for x, y in ((20.5, 50.5), (80.5, 10.5), (2.5, 2.5)):
        out = call(pipe, guidance=Point(x, y), num_masks=4)
        assert out.masks[:, int(y), int(x)].all()
        for x0, y0, x1, y1 in out.boxes:
            assert x0 - 3 <= x <= x1 + 3
            assert y0 - 3 <= y <= y1 + 3


def test_masks_off_the_strokes_count_less() -> None:
    masks = np.zeros((3, 20, 20), dtype=bool)
    masks[0, :, :] = True
    masks[1, :, :10] = True
    kept = strokes_kept(masks, (Scribble([(0, 10), (20, 10)], width=4), Point(3, 3)))
    assert kept[0] == 1
    assert kept[1] == pytest.approx(0.25 + 0.75 / 2, abs=0.02)
    assert kept[2] == 0.25
    assert strokes_kept(masks, (Point(3, 3),)).tolist() == [1, 1, 1]


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


# --- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"prompt": ""}, "object prompt is empty"),
        ({"prompt": "  "}, "object prompt is empty"),
        ({"prompt": None}, "object prompt is None"),
        ({"prompt": "x" * 1001}, "1001 characters"),
        ({"num_masks": 0}, "number of masks is 0; it must be from 1"),
        ({"num_masks": -3}, "number of masks is -3"),
        ({"num_masks": 2.0}, "number of masks is 2.0; it must be a whole number"),
        ({"num_masks": True}, "number of masks is True"),
        ({"num_inference_steps": 0}, "number of steps is 0"),
        ({"guidance_scale": -1}, "guidance_scale is -1; it must be a number from 0"),
        ({"guidance_scale": float("nan")}, "guidance_scale is nan"),
        ({"context_guidance_scale": 101.0}, "context_guidance_scale is 101.0"),
        ({"generator": -1}, "seed is -1"),
        ({"generator": "7"}, "seed is '7'"),
        ({"generator": True}, "seed is True"),
        ({"guidance": Box(200, 10, 210, 20)}, "box at 200,10,210,20 lies outside the scene, which is 96x64"),
        ({"guidance": Point(-1, 3)}, "point at -1,3 lies outside the scene, which is 96x64"),
        ({"guidance": [Point(3, 3), Blob(-90, 3, 1, 1)]}, "blob .* lies outside the scene, which is 96x64"),
        ({"guidance": MaskGuide(np.ones((5, 5)))}, "mask guide is 5x5, but the scene is 96x64"),
        ({"guidance": (1, 2, 3, 4)}, "1 is not a guide; use Box"),
        ({"guidance": "box"}, "'box' is not a guide"),
        ({"context_prompt": "x" * 1001}, "1001 characters"),
    ],
)
def test_bad_input_is_one_sentence(pipe: SmartMaskPipeline, options: dict[str, Any], says: str) -> None:
    prompt = options.pop("prompt", "cat") if "prompt" in options else "cat"
    with pytest.raises(ValueError, match=says) as caught:
        call(pipe, prompt=prompt, **options)
    assert "\n" not in str(caught.value)


# --- the saved form --------------------------------------------------------------------------------


def test_saved_and_loaded_it_draws_the_same(pipe: SmartMaskPipeline, tmp_path: Path) -> None:
    defaults = replace(pipe.defaults, prior_steps=9, detail_temperature=0.45)
    parts = pipe.text, pipe.shape, pipe.placement, pipe.order, pipe.prior, pipe.outline, pipe.fit
    tuned = SmartMaskPipeline(*parts, defaults)
    tuned.save_pretrained(tmp_path / "saved")
    assert [path.name for path in tmp_path.iterdir()] == ["saved"]
    suffixes = {path.suffix for path in (tmp_path / "saved").rglob("*") if path.is_file()}
    assert suffixes == {".json", ".safetensors"}
    loaded = SmartMaskPipeline.from_pretrained(tmp_path / "saved")
    assert loaded.defaults == tuned.defaults
    assert not loaded.shape.training
    assert np.array_equal(call(loaded).masks, call(tuned).masks)  # these weights were float16 already


def test_saving_replaces_a_folder(pipe: SmartMaskPipeline, tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "stray.txt").write_text("old")
    pipe.save_pretrained(tmp_path / "saved")
    assert not (tmp_path / "saved" / "stray.txt").exists()
    SmartMaskPipeline.from_pretrained(str(tmp_path / "saved"))


def test_a_failure_while_saving_leaves_the_old_folder(
    pipe: SmartMaskPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe.save_pretrained(tmp_path / "saved")

    def fail(self: Any, folder: Path) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(type(pipe.text), "save_pretrained", fail)
    with pytest.raises(OSError, match="No space"):
        pipe.save_pretrained(tmp_path / "saved")
    monkeypatch.undo()
    SmartMaskPipeline.from_pretrained(tmp_path / "saved")


def delete(name: str) -> Callable[[Path], Any]:
    return lambda folder: shutil.rmtree(folder / name) if (folder / name).is_dir() else (folder / name).unlink()


def write(name: str, content: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_text(content)


def cut(name: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-1000])


def edit(name: str, **changes: Any) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_text(json.dumps(json.loads((folder / name).read_text()) | changes))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (delete("model_index.json"), r"has no model_index\.json; give a folder written by save_pretrained"),
        (write("model_index.json", "{"), r"model_index\.json is not valid JSON"),
        (write("model_index.json", "[]"), r"model_index\.json does not describe a SmartMaskPipeline"),
        (edit("model_index.json", _class_name="Other"), r"model_index\.json does not describe a SmartMaskPipeline"),
        (edit("model_index.json", defaults={"colour": 1}), r"model_index\.json"),
        (edit("model_index.json", defaults=[1]), r"model_index\.json"),
        (delete("shape"), r"shape/config\.json is missing"),
        (delete("placement/model.safetensors"), r"placement/model\.safetensors is missing"),
        (edit("order/config.json", width=16), r"order/model\.safetensors does not fit its config\.json"),
        (edit("shape/config.json", colour=16), r"shape/config\.json is damaged"),
        (cut("shape/model.safetensors"), r"shape/model\.safetensors is damaged"),
        (delete("text"), r"text' lacks config\.json"),
        (delete("text/vocabulary.safetensors"), r"text' lacks vocabulary\.safetensors"),
        (cut("text/vocabulary.safetensors"), r"text' is damaged"),
        (write("text/config.json", "["), r"text' is damaged"),
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


def test_of_its_guesses_a_stroke_takes_one_that_fits(pipe: SmartMaskPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a strong opinion of the scene against the right half, the boxes lie further left than without any."""
    boxes = {}
    for name, weight in (("indifferent", 0.0), ("left", 50.0)):
        monkeypatch.setattr(
            Places, "fits", lambda self, name, some, w=weight: -w * np.array([(b[0] + b[2]) / 2 for b in some])
        )
        boxes[name] = call(pipe, guidance=Scribble([(30, 20), (50, 40)], 4)).boxes
    centres = {name: np.mean([(x0 + x1) / 2 for x0, _, x1, _ in some]) for name, some in boxes.items()}
    assert centres["left"] < centres["indifferent"] - 0.5


@pytest.mark.parametrize("guidance", [None, Box(20, 10, 60, 50), Scribble([(20, 20), (50, 40)], 4)])
def test_a_scale_that_was_given_counts(pipe: SmartMaskPipeline, guidance: Guidance) -> None:
    """Also where the mask network only finishes a shape, which it does without guidance by itself."""
    brief = SmartMaskPipeline(
        pipe.text, pipe.shape, pipe.placement, pipe.order, pipe.prior, pipe.outline, pipe.fit,
        replace(pipe.defaults, refine=0.2),
    )  # fmt: skip
    plain = call(brief, guidance=guidance, context_guidance_scale=1.0)
    strong = call(brief, guidance=guidance, context_guidance_scale=12.0)
    assert not np.array_equal(plain.masks, strong.masks)


def test_points_and_strokes_together_lie_on_the_mask(pipe: SmartMaskPipeline) -> None:
    guides = [Scribble([(30, 25), (45, 35)], 4), Point(40, 30)]
    out = call(pipe, guidance=guides, num_masks=8)
    drawn = draw(guides, HEIGHT, WIDTH) >= 0.5
    assert np.mean([mask[drawn].mean() for mask in out.masks]) > 0.9


def test_a_stroke_far_beyond_the_scene_is_cut(pipe: SmartMaskPipeline) -> None:
    out = call(pipe, guidance=Scribble([(-1000, 30), (2000, 30)], 4))
    assert all(np.ptp(np.nonzero(mask)[1]) > 5 for mask in out.masks)
