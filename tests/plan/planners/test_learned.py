"""The learned planner: its interface with random weights, what the bundled weights have learnt, its file form."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from smartmask.data.plans import NAMES
from smartmask.io.components import save_component
from smartmask.io.package import BUNDLED_MASKS
from smartmask.plan.language.phrases import parse
from smartmask.plan.planners.given import GivenList
from smartmask.plan.planners.interface import PlanState, placed_already
from smartmask.plan.planners.learned import LearnedPlanner
from smartmask.plan.planners.load import load_planner
from smartmask.plan.planners.next_object import NextObjectConfig, NextObjectNetwork, box_numbers
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder
from smartmask.train.networks.next_object import NextObjectModule

TEXT = TextEncoder.from_pretrained(BUNDLED_MASKS / "text")


def room(*things: str) -> Scene:
    """Wall over floor, with some things as boxes."""
    rows = np.arange(60)[:, None] * np.ones((1, 80), int)
    scene = Scene.empty(60, 80).insert(rows < 40, "wall", thing=False).insert(rows >= 40, "floor", thing=False)
    for number, name in enumerate(things):
        mask = np.zeros((60, 80), bool)
        mask[30:50, 10 + 15 * number : 22 + 15 * number] = True
        scene = scene.insert(mask, name)
    return scene


def random_planner(ideas: int = 3) -> LearnedPlanner:
    torch.manual_seed(0)
    network = NextObjectModule(NextObjectConfig(names=NAMES, width=16, depth=1, heads=2))
    return LearnedPlanner(NextObjectNetwork.of(network), TEXT, ideas)


def test_wanted_objects_come_first() -> None:
    request = parse("a cup on a table", TEXT)
    planner = random_planner()
    found = planner.propose(PlanState(room(), request), 4)
    assert [item.key for item in found[:2]] == ["table", "cup"]
    assert [item.region for item in found[:2]] == [None, None], "where they go is found by rules"
    assert all(item.key is None and item.region is not None for item in found[2:])
    assert [item.key for item in planner.propose(PlanState(room(), request), 1)] == ["table"]
    assert placed_already(request, room("table")) == ("table",)


def test_probabilities_add_up_whatever_the_scene() -> None:
    planner = random_planner()
    for scene in (Scene.empty(20, 30), room(), room(*["chair"] * 4), room("no such thing")):
        shares = planner.likelihood(PlanState(scene, parse("a room", TEXT)))
        assert sum(shares.values()) == pytest.approx(1, abs=1e-4)
        assert len(shares) == len(NAMES) + 1


def test_without_ideas_no_network_is_loaded() -> None:
    for name in ("learned", "given"):
        assert isinstance(load_planner(name, TEXT), GivenList)
    assert isinstance(load_planner("learned", TEXT, 1), LearnedPlanner)


def test_ideas_end() -> None:
    request = parse("a dog", TEXT)
    state = PlanState(room("dog"), request, ("dog", "idea:cat 1", "idea:cup 2", "idea:book 3"))
    assert random_planner(ideas=3).propose(state) == []


def test_files_round_trip(tmp_path: Path) -> None:
    planner = random_planner()
    save_component(tmp_path / "next", planner.network, planner.network.config, half=False)
    back = LearnedPlanner.from_pretrained(TEXT, tmp_path)
    state = PlanState(room("chair"), parse("a room", TEXT))
    assert back.likelihood(state) == pytest.approx(planner.likelihood(state), abs=1e-6)
    (tmp_path / "next" / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config\.json"):
        LearnedPlanner.from_pretrained(TEXT, tmp_path)


def test_box_numbers_hold_the_box() -> None:
    numbers = box_numbers(np.array([0.2, 0.1, 0.6, 0.5]))
    assert numbers.tolist() == pytest.approx([0.4, 0.5, np.log(0.4), np.log(0.4)], abs=1e-6)


@pytest.fixture(scope="module")
def bundled() -> LearnedPlanner:
    return LearnedPlanner.from_pretrained(TEXT, ideas=5)


def test_the_bundled_planner_knows_places(bundled: LearnedPlanner) -> None:
    kitchen = bundled.likelihood(PlanState(room(), parse("a kitchen with a sink", TEXT)))
    beach = bundled.likelihood(PlanState(Scene.empty(60, 80), parse("people with surfboards on a beach", TEXT)))
    assert kitchen["refrigerator"] + kitchen["oven"] > beach["refrigerator"] + beach["oven"]
    assert beach["surfboard"] + beach["sea"] > kitchen["surfboard"] + kitchen["sea"]


def test_the_bundled_planner_knows_order(bundled: LearnedPlanner) -> None:
    cup, table = bundled.network.nearness(np.stack([TEXT.encode("cup"), TEXT.encode("dining table")]))
    assert cup > table


def test_ideas_have_reasons_and_places(bundled: LearnedPlanner) -> None:
    found = bundled.ideas_for(PlanState(room("dining table"), parse("a dining room with a table", TEXT)))
    assert found
    for item in found:
        assert item.key is None
        assert item.name in item.why
        assert item.region is not None
        x0, y0, x1, y1 = item.region
        assert x0 < x1
        assert y0 < y1 <= 1
    assert [item.score for item in found] == sorted((item.score for item in found), reverse=True)
