"""Layouts from a sentence: surfaces, places, relations, files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smartmask.io.package import BUNDLED_MASKS
from smartmask.masks.pipeline import SmartMaskPipeline
from smartmask.plan.language.phrases import Wanted, parse
from smartmask.plan.layouts.arrange import arrange, overlap, place
from smartmask.plan.layouts.ground import fit_zoom, read_ground
from smartmask.plan.layouts.pipeline import draw_layout, surfaces_of
from smartmask.plan.layouts.stuff import StuffConfig, StuffField, load_field
from smartmask.plan.layouts.surfaces import draw_surfaces, layers_of, upright
from smartmask.plan.planners.given import drawing_order
from smartmask.plan.planners.interface import NextObject, PlanState
from smartmask.text.encoder import TextEncoder
from smartmask.train.networks.stuff import StuffModule

TEXT = TextEncoder.from_pretrained(BUNDLED_MASKS / "text")
FIELD = load_field()


def test_stacked_surfaces_show_the_highest_logit() -> None:
    rows = np.linspace(-3, 3, 24)[:, None] * np.ones((1, 32))
    logits = np.stack([-rows, np.full_like(rows, 1.0), rows]).astype(np.float32)
    scene = layers_of(logits, ["sky", "tree", "grass"], 48, 64)
    assert [layer.name for layer in scene.layers][-1] == "grass"
    assert (scene.top() >= 0).all()
    names = [scene.layers[i].name for i in scene.top()[:, 32]]
    assert names[0] == "sky"
    assert names[-1] == "grass"
    assert (scene.layers[0].mask & ~scene.visible(0)).any()  # the sky goes on behind the trees


def test_upright_prefers_ground_below() -> None:
    good, bad = np.array([[0], [0], [1]]), np.array([[1], [0], [1]])
    assert upright(good, ["sky", "grass"]) == 1
    assert upright(bad, ["sky", "grass"]) < 1


@settings(max_examples=12)
@given(
    st.lists(
        st.sampled_from(["sky", "tree", "grass", "sea", "sand", "wall", "floor", "window"]), min_size=1, max_size=4
    ),
    st.integers(0, 10_000),
    st.sampled_from([(48, 64), (64, 48), (40, 200)]),
)
def test_surfaces_cover_the_picture(names: list[str], seed: int, size: tuple[int, int]) -> None:
    scene = draw_surfaces(FIELD, TEXT, names, *size, seed, tries=2)
    assert (scene.top() >= 0).all()
    assert {layer.name for layer in scene.layers} <= set(names)
    again = draw_surfaces(FIELD, TEXT, names, *size, seed, tries=2)
    assert (again.top() == scene.top()).all()


def test_ground_lies_below_sky() -> None:
    ok = 0
    for seed in range(10):
        scene = draw_surfaces(FIELD, TEXT, ["sky", "sea", "sand"], 60, 80, seed)
        heights = {layer.name: np.nonzero(scene.visible(i))[0].mean() for i, layer in enumerate(scene.layers)}
        ok += heights["sky"] < heights["sea"] < heights["sand"]
    assert ok >= 9


def test_surfaces_of_a_setting_and_of_the_text() -> None:
    assert surfaces_of(parse("a dog on a beach", TEXT))[0] == ["sky", "sea", "sand"]
    names, notes = surfaces_of(parse("two cars", TEXT))
    assert "road" in names
    assert "guess" in notes[0]
    names, notes = surfaces_of(parse("a cow behind the fence", TEXT))
    assert names == ["sky", "tree", "grass", "fence"], "a fence is no ground to stand on"
    assert "guess" in notes[0]
    assert surfaces_of(parse("a cow on the grass", TEXT)) == (["sky", "tree", "grass"], [])
    # a ground that is said lies in place of the setting's, unless that one is said too
    assert "grass" not in surfaces_of(parse("a dog on a path in a park", TEXT))[0]
    names, _ = surfaces_of(parse("a jogger on a path and a squirrel in the grass", TEXT))
    assert {"pavement", "grass"} <= set(names)


def test_people_sit_and_lamps_on_tables_are_small() -> None:
    def high(text: str, key: str) -> float:
        request = parse(text, TEXT)
        ground = fit_zoom(read_ground(draw_surfaces(FIELD, TEXT, ["wall", "floor"], 96, 128, 0)), ["couch"], TEXT)
        placed = {p.key: p for p in arrange(request, drawing_order(request), ground, TEXT, (), 0)}
        other = next(p for k, p in placed.items() if k != key)
        box = placed[key].box
        return (box[3] - box[1]) / (other.box[3] - other.box[1])

    standing = (1.7 / 0.9) ** 0.85
    assert high("a man on a couch", "man") == pytest.approx(0.75**0.85 * standing, rel=0.15)
    assert high("a lamp on a table", "lamp") == pytest.approx(0.5 / 0.75, rel=0.35)


def test_sizes_agree_with_the_camera() -> None:
    """A person is taller than a dog at the same depth, and taller near than far."""
    ground = read_ground(draw_surfaces(FIELD, TEXT, ["sky", "grass"], 96, 128, 0))
    ground = fit_zoom(ground, ["person", "dog"], TEXT)
    rng = np.random.default_rng(0)
    heights: dict[str, list[tuple[float, float]]] = {"person": [], "dog": []}
    for _ in range(12):
        for name in heights:
            box = place(Wanted(name, name), (), ground, TEXT, [], rng).box
            heights[name].append((box[3], box[3] - box[1]))
    near, far = max(heights["person"]), min(heights["person"])
    assert near[1] > far[1]
    per_row = {name: np.mean([h / (y - ground.horizon) for y, h in rows]) for name, rows in heights.items()}
    assert 1.8 < per_row["person"] / per_row["dog"] < 3.2


def test_arranged_boxes_keep_their_relations_and_apart() -> None:
    request = parse("a cup on a table, a dog to the left of the table and a chair behind the dog", TEXT)
    ground = read_ground(draw_surfaces(FIELD, TEXT, ["wall", "floor"], 192, 256, 1))
    ground = fit_zoom(ground, [item.name for item in request.things], TEXT)
    met = 0
    for seed in range(5):
        placed = arrange(request, drawing_order(request), ground, TEXT, (), seed)
        met += all(all(item.met) for item in placed)
        boxes = {item.key: item.box for item in placed}
        assert overlap(boxes["dog"], boxes["table"]) < 0.3
    assert met >= 4


@pytest.fixture(scope="module")
def tiny(tiny_weights) -> SmartMaskPipeline:  # type: ignore[no-untyped-def]
    return SmartMaskPipeline.from_pretrained(tiny_weights)


def test_a_layout_holds_what_was_asked_for(tiny: SmartMaskPipeline) -> None:
    steps: list[tuple[int, int]] = []
    text = "a room with a table, a cup on the table and two chairs"
    layout = draw_layout(
        text, 72, 96, tiny, FIELD, num_masks=1,
        callback_on_step_end=lambda done, of: steps.append((done, of)),
    )  # fmt: skip
    scene = layout.scene()
    things = sorted(layer.name for layer in scene.layers if layer.thing)
    assert things == ["chair", "chair", "cup", "table"]
    assert steps[-1] == (4, 4)
    assert (scene.top() >= 0).all()
    stuff = [layer.thing for layer in scene.layers]
    assert stuff == sorted(stuff)  # surfaces behind, things in front
    assert len(layout.history()) == len(layout.items)
    again = draw_layout("a room with a table, a cup on the table and two chairs", 72, 96, tiny, FIELD, num_masks=1)
    assert (again.scene().top() == scene.top()).all()
    other = draw_layout(
        "a room with a table, a cup on the table and two chairs", 72, 96, tiny, FIELD, num_masks=1, generator=1
    )
    assert (other.scene().top() != scene.top()).any()


def test_a_generator_draws_the_seed(tiny: SmartMaskPipeline, tiny_weights: Path) -> None:
    """The public function takes weights for a pipeline, and finds its own field of surfaces."""
    from smartmask import draw_layout as public

    by_int = public("a dog", 48, 64, tiny_weights, num_masks=1, generator=4)
    assert by_int.seed == 4
    drawn = [draw_layout("a dog", 48, 64, tiny, generator=torch.Generator().manual_seed(9), num_masks=1)
             for _ in range(2)]  # fmt: skip
    assert drawn[0].seed == drawn[1].seed
    assert (drawn[0].scene().top() == drawn[1].scene().top()).all()
    with pytest.raises(ValueError, match="seed is -1"):
        draw_layout("a dog", 48, 64, tiny, generator=-1)


def test_unmet_relations_are_named(tiny: SmartMaskPipeline) -> None:
    """A dog cannot be to the left and to the right of one cat."""
    text = "a cat, a dog to the left of the cat and to the right of the cat"
    layout = draw_layout(text, 48, 64, tiny, FIELD, num_masks=1)
    assert len(layout.request.relations) == 2
    assert layout.unmet
    assert any(note.startswith("Not met: dog") for note in layout.notes)


def test_only_a_setting_gives_only_surfaces(tiny: SmartMaskPipeline) -> None:
    layout = draw_layout("a beach", 48, 64, tiny, FIELD)
    assert [layer.name for layer in layout.scene().layers] == ["sky", "sea", "sand"]


def test_an_untrained_field_still_covers_the_picture() -> None:
    field = StuffField.of(StuffModule(StuffConfig(scenes=3)))
    assert (draw_surfaces(field, TEXT, ["sky", "grass"], 24, 32, 0, tries=1).top() >= 0).all()


class Asked:
    """A planner that must see each object before it says the next."""

    name, step_by_step, notes = "asked", True, ["A note of the planner."]

    def __init__(self) -> None:
        self.seen: list[list[str]] = []
        self.stuff: list[list[str]] = []

    def propose(self, state: PlanState, count: int = 5) -> list[NextObject]:
        if state.surfaces:
            self.stuff.append([layer.name for layer in state.scene.layers])
            name = ["sky", "meadow", "dog"][len(self.stuff) - 1]
            return [NextObject(name, 1.0, "It is empty.")]
        self.seen.append([layer.name for layer in state.scene.layers if layer.thing])
        if state.missing():
            item = state.missing()[0]
            return [NextObject(item.name, 1.0, "Wanted.", (0.6, 0.5, 0.9, 0.9), (), item.key)]
        return [] if len(self.seen) > 3 else [NextObject("bird", 1.0, "It fits.")]


def test_a_planner_may_go_step_by_step(tiny: SmartMaskPipeline) -> None:
    planner = Asked()
    layout = draw_layout("a park with a dog and a cat", 72, 96, tiny, FIELD, planner=planner, num_masks=1)
    assert planner.stuff == [[], ["sky"], planner.stuff[2]], "from an empty canvas"
    assert {layer.name for layer in layout.scene().layers if not layer.thing} == {"sky", "grass"}
    assert "The planner names the surfaces: sky, grass." in layout.notes
    assert planner.seen == [[], ["dog"], planner.seen[2], planner.seen[3]]
    assert sorted(planner.seen[3]) == ["bird", "cat", "dog"]
    assert [item.key for item in layout.items if item.thing] == ["dog", "cat", "idea:bird"]
    assert "A note of the planner." in layout.notes
