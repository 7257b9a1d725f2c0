"""Families of vision-language models, random weights: loaded, asked, weighed and adapted by one path, offline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_vision import FAMILIES

from smartmask.io.package import BUNDLED_MASKS
from smartmask.plan.language.phrases import parse
from smartmask.plan.planners.given import GivenList
from smartmask.plan.planners.interface import PlanState
from smartmask.plan.planners.vision import VisionPlanner
from smartmask.plan.planners.vision_models import (
    IGNORED,
    answered,
    end_token,
    log_likelihoods,
    model_inputs,
    open_model,
    wording,
)
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder

pytest.importorskip("transformers")
TEXT = TextEncoder.from_pretrained(BUNDLED_MASKS / "text")
SAID = ('{"object": "cup"', '{"object": "table"', '{"object": "none"')


@pytest.fixture(scope="module", params=FAMILIES)
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, Any, Any]:
    folder = FAMILIES[request.param](tmp_path_factory.mktemp(request.param))
    return (request.param, folder, *open_model(folder))


def picture(seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (40, 60, 3), np.uint8))


def test_it_sees_and_answers(opened: tuple[str, Path, Any, Any]) -> None:
    _, folder, processor, model = opened
    table = np.zeros((48, 64), bool)
    table[20:40, 10:60] = True
    state = PlanState(Scene.empty(48, 64).insert(table, "table"), parse("a cup on a table", TEXT), ("table",))
    planner = VisionPlanner(processor, model, TEXT, GivenList(), tell=lambda _: None)
    planner.tokens = 4
    assert planner.propose(state)[0].key == "cup"
    assert "The given planner goes on." in planner.notes[0], "random weights say nothing"
    words = wording(processor, [("user", "what is next?")])
    import torch

    with torch.inference_mode():
        scores = [model(**model_inputs(processor, picture(seed), words)).logits[0, -1] for seed in (0, 1)]
    assert not torch.allclose(scores[0], scores[1], atol=1e-6), "another picture, another answer"
    assert folder.is_dir()


def test_answers_are_weighed_as_training_weighs_them(opened: tuple[str, Path, Any, Any]) -> None:
    """What goes through the model at once, on kept states and padded, is what each answer gets by itself."""
    import torch

    _, _, processor, model = opened
    inputs = model_inputs(processor, picture(), wording(processor, [("user", "what is next?")]))
    tokens = [processor.tokenizer(said, add_special_tokens=False)["input_ids"] for said in SAID]
    found = log_likelihoods(model, inputs, tokens)
    with torch.inference_mode():
        alone = [-len(one) * float(model(**answered(inputs, one)).loss) for one in tokens]
    assert found == pytest.approx(alone, abs=2e-3)
    assert len(set(found.round(3))) == 3


def test_only_the_answer_and_its_end_count(opened: tuple[str, Path, Any, Any]) -> None:
    family, _, processor, model = opened
    inputs = model_inputs(processor, picture(), wording(processor, [("user", "what is next?")]))
    said = processor.tokenizer(SAID[0], add_special_tokens=False)["input_ids"]
    end = end_token(model, processor)
    assert end == (7 if family == "idefics3" else 2)
    whole = answered(inputs, [*said, end])
    counted = whole["labels"][0] != IGNORED
    assert whole["input_ids"][0][counted].tolist() == [*said, end]
    assert whole["attention_mask"].shape == whole["input_ids"].shape
