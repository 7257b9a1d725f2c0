"""The vision-language engine with a real LLaVA of random weights: loading, the question, bad answers, time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_llava import save_llava

from smartmask.errors import ModelError, ModelMissingError
from smartmask.io.package import BUNDLED_MASKS
from smartmask.plan.language.phrases import parse
from smartmask.plan.planners.given import GivenList
from smartmask.plan.planners.interface import PlanState
from smartmask.plan.planners.vision import VisionPlanner
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder

pytest.importorskip("transformers")
TEXT = TextEncoder.from_pretrained(BUNDLED_MASKS / "text")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_llava(tmp_path_factory.mktemp("llava"))


def state() -> PlanState:
    table = np.zeros((48, 64), bool)
    table[20:40, 10:60] = True
    return PlanState(Scene.empty(48, 64).insert(table, "table"), parse("a cup on a table", TEXT), ("table",))


def test_a_random_model_falls_back(folder: Path) -> None:
    told: list[str] = []
    planner = VisionPlanner.from_pretrained(folder, TEXT, GivenList(), tell=told.append)
    assert planner.propose(state())[0].key == "cup"
    assert "The given planner goes on." in told[0]


def test_a_good_answer_is_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planner = VisionPlanner.from_pretrained(folder, TEXT, GivenList())
    asked: list[dict[str, Any]] = []

    def answer(**inputs: Any) -> Any:
        import torch

        asked.append(inputs)
        said = planner.processor.tokenizer(json.dumps({"object": "cup", "why": "It is wanted."})).input_ids
        return torch.cat([inputs["input_ids"], torch.tensor([said])], dim=1)

    monkeypatch.setattr(planner.model, "generate", answer)
    (found,) = planner.propose(state())
    assert (found.key, found.why) == ("cup", "It is wanted.")
    assert asked[0]["pixel_values"].shape == (1, 3, 28, 28)
    words = planner.processor.batch_decode(asked[0]["input_ids"])[0]
    assert "Still wanted by the text: cup" in words
    assert asked[0]["max_time"] == planner.seconds


def test_time_runs_out(folder: Path) -> None:
    planner = VisionPlanner.from_pretrained(folder, TEXT, GivenList(), seconds=0.0, tell=lambda _: None)
    assert planner.propose(state())[0].key == "cup"
    assert "took more than 0 s" in planner.notes[0]


def test_what_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="neither an existing folder"):
        VisionPlanner.from_pretrained(tmp_path / "none", TEXT, GivenList())
    with pytest.raises(ModelError, match=r"lacks config\.json"):
        VisionPlanner.from_pretrained(tmp_path, TEXT, GivenList())
    with pytest.raises(ModelMissingError, match="not on this machine"):
        VisionPlanner.from_pretrained("no-such-owner/no-such-model", TEXT, GivenList())
