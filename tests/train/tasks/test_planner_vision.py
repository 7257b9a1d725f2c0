"""LoRA training of a vision-language planner: a real LLaVA of random weights, real instruction files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_llava import save_llava
from tiny_vision import FAMILIES

from smartmask.cli.main import main
from smartmask.data.record import Record
from smartmask.errors import ModelError
from smartmask.image.files import save_png
from smartmask.io.package import BUNDLED_MASKS
from smartmask.io.publish import staging
from smartmask.plan.planners.load import load_planner
from smartmask.plan.planners.vision import VisionPlanner
from smartmask.plan.planners.vision_models import IGNORED, end_token, open_model
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder
from smartmask.train.instruct import write_instructions
from smartmask.train.settings import VisionSettings
from smartmask.train.tasks.planner_vision import (
    answer_loss,
    encode,
    pick,
    read_examples,
    train_planner_vision,
)

for package in ("transformers", "peft"):
    pytest.importorskip(package)


def short(data: Path, base: Path | str, out: Path) -> VisionSettings:
    return VisionSettings(
        data=data, base=str(base), out=out, steps=3, batch=2, rank=2, learning_rate=0.05, precision="no", save_every=2
    )


def drawn(shift: int) -> Scene:
    grass, dog = np.zeros((2, 60, 90), bool)
    grass[30:], dog[30:55, 10 + shift : 30 + shift] = True, True
    return Scene.empty(60, 90).insert(grass, "grass-merged", thing=False).insert(dog, "dog")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_llava(tmp_path_factory.mktemp("llava"), spread=20)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("instruct")
    records = [Record(str(i), "coco_panoptic", drawn(9 * i), ("a dog on grass",)) for i in range(2)]
    with staging(folder) as inside:
        write_instructions(records, inside, 0, ("whole",))
    return folder


def test_only_the_answer_counts(base: Path, data: Path) -> None:
    processor, model = open_model(base)
    example = read_examples(data)[0]
    inputs = encode(processor, example, end_token(model, processor))
    counted = inputs["labels"][0] != IGNORED
    said = inputs["input_ids"][0][counted]
    assert processor.tokenizer.decode(said[:-1]) == example.answer
    assert said[-1] == processor.tokenizer.eos_token_id
    assert not counted[: -len(said)].any(), "nothing of the question"
    assert torch.equal(inputs["labels"][0][counted], said)
    assert inputs["attention_mask"].shape == inputs["input_ids"].shape
    with torch.inference_mode():
        logits = model(**{key: value for key, value in inputs.items() if key != "labels"}).logits[0]
        guesses = logits[-len(said) - 1 : -1]
        by_hand = torch.nn.functional.cross_entropy(guesses, said)
    assert answer_loss(model, processor, [example]) == pytest.approx(float(by_hand), abs=1e-4)


def test_the_question_is_the_planners_own(base: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the model is trained on is what ``--planner vision`` shows it, to the token."""
    from smartmask.plan.language.phrases import Request
    from smartmask.plan.planners.answers import INSTRUCTION, question
    from smartmask.plan.planners.given import GivenList
    from smartmask.plan.planners.interface import PlanState
    from smartmask.train.instruct import ordered, seen_so_far

    planner = VisionPlanner.from_pretrained(base, TextEncoder.from_pretrained(BUNDLED_MASKS / "text"), GivenList())
    state = PlanState(seen_so_far(ordered(drawn(0)), 1), Request("a dog on grass", ()))
    example = next(e for e in read_examples(data) if e.asked == f"{INSTRUCTION}\n\n{question(state)}")
    asked: list[Any] = []

    def generate(**inputs: Any) -> Any:
        asked.append(inputs["input_ids"])
        return inputs["input_ids"]

    monkeypatch.setattr(planner.model, "generate", generate)
    planner.propose(state)
    inputs = encode(planner.processor, example, end_token(planner.model, planner.processor))
    assert torch.equal(asked[0][0], inputs["input_ids"][0][inputs["labels"][0] == IGNORED])


def test_every_sample_comes_once_an_epoch() -> None:
    order = [pick(number, 7, seed=0) for number in range(14)]
    assert sorted(order[:7]) == sorted(order[7:]) == list(range(7))
    assert order[:7] != order[7:]


@pytest.mark.slow
def test_training_learns_and_the_planner_loads_it(
    base: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", "planner-vision", "--data", str(data), "--base", str(base), "--out", str(tmp_path), "--check",
               str(data), "--steps", "30", "--batch", "2", "--rank", "8", "--learning-rate", "0.03", "--precision",
               "no"]  # fmt: skip
    assert main(command) == 0
    numbers = json.loads((tmp_path / "result.json").read_text())
    assert numbers["after_check_loss"] < 0.85 * numbers["before_check_loss"]
    planner = load_planner(f"vision:{tmp_path / 'adapter'}", TextEncoder.from_pretrained(BUNDLED_MASKS / "text"))
    assert isinstance(planner, VisionPlanner)
    loss = answer_loss(planner.model, planner.processor, read_examples(data))
    assert loss == pytest.approx(numbers["after_check_loss"], rel=1e-3)
    _, untouched = open_model(base)
    trained = dict(planner.model.named_parameters())
    changed = {name for name, value in untouched.named_parameters() if not torch.equal(value, trained[name])}
    assert changed
    assert all("language_model" in name and "proj" in name for name in changed), "nothing else was trained"
    assert "adapter" in capsys.readouterr().out


def test_an_interrupted_run_ends_where_a_whole_one_does(
    base: Path, data: Path, tmp_path: Path, stops_at: Callable[[int], None]
) -> None:
    whole = train_planner_vision(short(data, base, tmp_path / "whole"))
    stops_at(2)
    with pytest.raises(KeyboardInterrupt):
        train_planner_vision(short(data, base, tmp_path / "parts"))
    stops_at(-1)
    assert not (tmp_path / "parts" / "adapter").exists()
    kept = tmp_path / "parts" / "checkpoints" / "adapter"
    assert not [path for path in kept.glob("*") if not path.name.startswith(".")], "interrupted before it was saved"
    stops_at(3)
    with pytest.raises(KeyboardInterrupt):
        train_planner_vision(short(data, base, tmp_path / "parts"))
    stops_at(-1)
    parts = train_planner_vision(short(data, base, tmp_path / "parts"))  # from step 2
    assert parts["loss"] == whole["loss"]
    weights = [(tmp_path / run / "adapter" / "adapter_model.safetensors").read_bytes() for run in ("whole", "parts")]
    assert weights[0] == weights[1]
    size = sum(path.stat().st_size for path in (tmp_path / "whole" / "checkpoints").rglob("*.safetensors"))
    assert size < 4 * 30 * len(weights[0]), "checkpoints hold no weights of the base"


@pytest.mark.parametrize("family", sorted(FAMILIES.keys() - {"llava"}))
def test_other_families_learn_too(family: str, data: Path, tmp_path: Path) -> None:
    base = FAMILIES[family](tmp_path / "base")
    train_planner_vision(short(data, base, tmp_path / "run"))
    processor, trained = open_model(tmp_path / "run" / "adapter")
    _, untouched = open_model(base)
    after = dict(trained.named_parameters())
    changed = {name for name, value in untouched.named_parameters() if not torch.equal(value, after[name])}
    assert changed
    assert all("_proj" in name and ("language_model" in name or "text_model" in name) for name in changed)
    assert np.isfinite(answer_loss(trained, processor, read_examples(data)))


def refused(said: str, data: Path, base: str, out: Path) -> None:
    with pytest.raises(ValueError, match=said):
        train_planner_vision(short(data, base, out))


def test_bad_data_and_models(base: Path, data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    refused("does not exist; give a folder", folder, str(base), tmp_path)
    for text, said in (("{", "not valid JSON"), ("[]", "holds no sample"), ('[{"id": 1}]', "not in the form")):
        (folder / "llava.json").write_text(text)
        refused(said, folder, str(base), tmp_path)
    save_png(np.zeros((9, 9, 3), np.uint8), tmp_path / "outside.png")
    row = {"id": "1", "image": "../outside.png", "conversations": [{"value": "<image>\nx"}, {"value": "y"}]}
    (folder / "llava.json").write_text(json.dumps([row]))
    refused("not in that folder", folder, str(base), tmp_path)
    refused("neither an existing folder nor a hub name", data, str(tmp_path / "none"), tmp_path)


def test_adapters_that_do_not_fit(base: Path, data: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    train_planner_vision(short(data, base, tmp_path))
    adapter = tmp_path / "adapter"
    weights = load_file(adapter / "adapter_model.safetensors")
    name = next(iter(weights))
    save_file({key: value for key, value in weights.items() if key != name}, adapter / "adapter_model.safetensors")
    with pytest.raises(ModelError, match="do not agree on"):
        open_model(adapter)
    (adapter / "adapter_model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"lacks adapter_model\.safetensors"):
        open_model(adapter)
    config = json.loads((adapter / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(base.resolve())
    save_file(weights, adapter / "adapter_model.safetensors")
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": "gone/"}))
    with pytest.raises(ModelError, match="neither an existing folder"):
        open_model(adapter)
