"""Instruction data: LLaVA's form, and answers that the planner's own reader takes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from smartmask.cli.main import main
from smartmask.data.pack import write_pack
from smartmask.data.record import Record
from smartmask.data.splits import split_of
from smartmask.export.pictures import scene_colours
from smartmask.io.package import BUNDLED_MASKS
from smartmask.io.publish import staging
from smartmask.plan.language.phrases import Request
from smartmask.plan.planners.answers import INSTRUCTION, read_answer
from smartmask.plan.planners.interface import PlanState
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder
from smartmask.train.instruct import PLACES, answer, ordered, seen_so_far, write_instructions

TEXT = TextEncoder.from_pretrained(BUNDLED_MASKS / "text")


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
    text = TEXT
    for step, layer in enumerate(scene.layers):
        found = read_answer(
            answer(scene, step), PlanState(scene.stack(step), Request("a dog", ()), surfaces=True), text
        )
        assert found is not None
        assert found.name == layer.name.removesuffix("-merged")
        assert found.region is not None
    assert read_answer(answer(scene, 3), PlanState(scene, Request("a dog", ())), text) is None


def test_the_command_writes_llavas_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = [key for key in map(str, range(1, 60)) if split_of(key) == "train"][:3]
    write_pack([Record(key, "coco_panoptic", drawn(i), ("a dog and a cat",)) for i, key in enumerate(keys)],
               tmp_path / "pack.parquet")  # fmt: skip
    out = tmp_path / "out"
    made = ["data", "instruct", str(tmp_path / "pack.parquet"), "--out", str(out)]
    assert main([*made, "--texts", "whole"]) == 0
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
    assert {sample["text"] for sample in samples} == {"whole"}
    assert main([*made, "--sources", "voc"]) == 2
    assert "no scene of voc" in capsys.readouterr().err
    assert main([*made, "--texts", "all"]) == 2
    assert "no text 'all'" in capsys.readouterr().err


def test_questions_without_captions_name_nothing_that_comes(tmp_path: Path) -> None:
    said = ("Two brown dogs chase a cat over green grass", "a dog and a cat")
    for texts, allowed in (("none", ""), ("drawn", "brown green")):
        folder = tmp_path / texts
        with staging(folder) as inside:
            write_instructions([Record(str(i), "coco_panoptic", drawn(i), said) for i in range(6)], inside, 0, (texts,))
        for sample in json.loads((folder / "llava.json").read_text()):
            asked = sample["conversations"][0]["value"].replace(INSTRUCTION, "").lower()
            listed = set(re.findall(r"^- (\w+)", asked, re.MULTILINE))
            found = {word for word in ("dog", "cat", "grass", "two", "chase", "brown", "green") if word in asked}
            assert found <= listed | set(allowed.split()), asked
            assert sample["text"] == texts


def test_what_comes_has_left_no_hole() -> None:
    """Whatever shape stands on the grass later, the picture of the grass is the same, and so is a bench it hides."""
    seen = []
    for shape in (np.s_[30:55, 10:30], np.s_[20:50, 40:44]):
        grass, dog, bench = (np.zeros((60, 90), bool) for _ in range(3))
        dog[shape] = True
        bench[25:40, 36:60] = True
        grass[:] = True
        whole = Scene.empty(60, 90).insert(grass & ~bench & ~dog, "grass", thing=False)
        whole = whole.insert(bench & ~dog, "bench").insert(dog, "dog")
        seen.append(seen_so_far(ordered(whole), 2))
        assert len(seen[-1].layers) == 2
    assert np.array_equal(seen[0].layers[1].mask, seen[1].layers[1].mask)
    assert np.array_equal(scene_colours(seen[0]), scene_colours(seen[1]))
    kept = seen_so_far(ordered(whole), 1, modal=False)
    assert np.array_equal(kept.layers[0].mask, ordered(whole).layers[0].mask), "amodal masks are whole already"


boxes = st.tuples(*[st.integers(0, 199)] * 2, *[st.integers(2, 200)] * 2)


@given(boxes)
def test_places_are_read_back_to_half_of_their_last_digit(box: tuple[int, int, int, int]) -> None:
    x0, y0, wide, high = box
    mask = np.zeros((200, 200), bool)
    mask[y0 : y0 + high, x0 : x0 + wide] = True
    scene = Scene.empty(200, 200).insert(mask, "dog")
    edges = np.array([x0, y0, min(x0 + wide, 200), min(y0 + high, 200)]) / 200
    state = PlanState(Scene.empty(200, 200), Request("", ()))
    if min(edges[2] - edges[0], edges[3] - edges[1]) < 0.02:  # may be rounded to nothing
        return
    found = read_answer(answer(scene, 0), state, TEXT)
    assert found is not None
    assert found.name == "dog"
    assert np.abs(np.array(found.region) - edges).max() <= 0.5 * 10**-PLACES + 1e-9
