"""Instruction data: LLaVA's form, and answers that the planner's own reader takes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smartmask.cli.main import main
from smartmask.data.pack import write_pack
from smartmask.data.record import Record
from smartmask.data.splits import split_of
from smartmask.io.package import BUNDLED_MASKS
from smartmask.plan.language.phrases import Request
from smartmask.plan.planners.answers import read_answer
from smartmask.plan.planners.interface import PlanState
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder
from smartmask.train.instruct import answer, ordered


def drawn(shift: int = 0) -> Scene:
    """Grass, a dog that reaches lower than a cat, and a speck."""
    grass, dog, cat, speck = (np.zeros((60, 90), bool) for _ in range(4))
    grass[30:] = True
    dog[30:55, 10 + shift : 30 + shift] = True
    cat[25:45, 50:70] = True
    speck[0, 0] = True
    scene = Scene.empty(60, 90).insert(dog, "dog").insert(cat, "cat").insert(grass, "grass-merged", 0, thing=False)
    return scene.insert(speck, "bird")


def test_answers_read_back() -> None:
    scene = ordered(drawn())
    assert [layer.name for layer in scene.layers] == ["grass-merged", "cat", "dog"]
    text = TextEncoder.from_pretrained(BUNDLED_MASKS / "text")
    for step, layer in enumerate(scene.layers):
        found = read_answer(answer(scene, step), PlanState(scene.stack(step), Request("a dog", ())), text)
        assert found is not None
        assert found.name == layer.name.removesuffix("-merged")
        assert found.region is not None
    assert read_answer(answer(scene, 3), PlanState(scene, Request("a dog", ())), text) is None


def test_the_command_writes_llavas_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = [key for key in map(str, range(1, 60)) if split_of(key) == "train"][:3]
    write_pack([Record(key, "coco_panoptic", drawn(i), ("a dog and a cat",)) for i, key in enumerate(keys)],
               tmp_path / "pack.parquet")  # fmt: skip
    out = tmp_path / "out"
    assert main(["data", "instruct", str(tmp_path / "pack.parquet"), "--out", str(out)]) == 0
    assert "12 samples of 3 scenes" in capsys.readouterr().out
    samples = json.loads((out / "llava.json").read_text())
    assert len({sample["id"] for sample in samples}) == len(samples)
    for sample in samples:
        human, said = sample["conversations"]
        assert (human["from"], said["from"]) == ("human", "gpt")
        assert human["value"].startswith("<image>\n")
        assert "a dog and a cat" in human["value"]
        assert json.loads(said["value"])["object"] in ("grass", "cat", "dog", "none")
        with Image.open(out / sample["image"]) as picture:
            assert picture.size == (336, 224)
    assert sum(json.loads(s["conversations"][1]["value"])["object"] == "none" for s in samples) == 3
    assert main(["data", "instruct", str(tmp_path / "pack.parquet"), "--out", str(out), "--sources", "voc"]) == 2
    assert "no scene of voc" in capsys.readouterr().err
