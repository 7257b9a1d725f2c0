"""Vision-language models in the planners' tables: a tiny random one, and scripted planners step by step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from tiny_llava import save_llava

from smartmask.data.pack import Pack, write_pack
from smartmask.data.plans import INDEX, NAMES, STOP, plan_scenes
from smartmask.data.record import Record
from smartmask.data.splits import split_of
from smartmask.evaluate.tasks.layout.planned import FrequencyPlanner, Stepwise
from smartmask.evaluate.tasks.layout.prompts import HEIGHT, WIDTH, Prompt
from smartmask.evaluate.tasks.plan import vision
from smartmask.evaluate.tasks.plan.figures import next_figures
from smartmask.evaluate.tasks.plan.vision import weighed
from smartmask.io.package import BUNDLED_MASKS
from smartmask.plan.planners.given import GivenList
from smartmask.plan.planners.interface import NextObject, PlanState
from smartmask.plan.planners.load import load_planner
from smartmask.plan.planners.vision import VisionPlanner
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder

TEXT = TextEncoder.from_pretrained(BUNDLED_MASKS / "text")
PROMPT = Prompt("a dog left of a cat", {"dog": 1, "cat": 1}, ("dog", "left", "cat"), "spatial, template")


def drawn() -> Scene:
    grass, dog, cat = (np.zeros((60, 90), bool) for _ in range(3))
    dog[30:55, 10:30], cat[25:45, 50:70] = True, True
    grass[30:] = True
    scene = Scene.empty(60, 90).insert(cat, "cat").insert(dog, "dog")
    return scene.insert(grass & ~dog & ~cat, "grass-merged", 0, thing=False)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    path = tmp_path_factory.mktemp("pack") / "pack.parquet"
    keys = [key for key in map(str, range(1, 60)) if split_of(key) == "train"][:2]
    write_pack([Record(key, "coco_panoptic", drawn(), ("a dog and a cat",)) for key in keys], path)
    return Pack(path)


@pytest.fixture(scope="module")
def planner(tmp_path_factory: pytest.TempPathFactory) -> VisionPlanner:
    pytest.importorskip("transformers")
    found = load_planner(str(save_llava(tmp_path_factory.mktemp("llava"), spread=20)), TEXT)
    assert isinstance(found, VisionPlanner), "a folder alone is a vision planner"
    return found


def test_layers_are_those_of_the_scene(pack: Pack) -> None:
    (scene, _) = plan_scenes(pack, "train")
    assert scene.names == ("grass", "cat", "dog")
    layers = pack.scene(scene.record).layers
    assert [layers[index].name.removesuffix("-merged") for index in scene.layers] == list(scene.names)


def test_a_model_weighs_all_names(pack: Pack, planner: VisionPlanner, monkeypatch: pytest.MonkeyPatch) -> None:
    scenes = plan_scenes(pack, "train")[:1]
    without, with_caption = weighed("tiny", planner, pack)
    assert (without.name, with_caption.name) == ("tiny, no caption", "tiny")
    asked = without._messages(scenes[0], 1)[1]["content"]
    assert "dog" not in asked
    assert "cat" not in asked, "nothing that comes is named"
    assert "a dog and a cat" in with_caption._messages(scenes[0], 1)[1]["content"]
    shares = without.predict(scenes[0], 1)
    assert shares.shape == (len(NAMES) + 1,)
    assert shares.sum() == pytest.approx(1)
    assert (shares >= 0).all()
    assert 0 <= next_figures(without, scenes)["top1"] <= 1

    def sure(model: object, inputs: object, answers: Sequence[Sequence[int]]) -> np.ndarray:
        scores = np.full(len(answers), -50.0)
        scores[INDEX["cat"]] = 0
        assert len(answers) == STOP + 1
        return scores

    monkeypatch.setattr(vision, "log_likelihoods", sure)
    (fresh, _) = weighed("tiny", planner, pack)
    assert fresh.predict(scenes[0], 1)[INDEX["cat"]] == pytest.approx(1)


class Scripted:
    name = "scripted"

    def propose(self, state: PlanState, count: int = 5) -> Sequence[NextObject]:
        assert not state.missing(), "the text alone"
        rest = [("dog", (0.1, 0.5, 0.3, 0.8)), ("cat", None)][len(state.placed) :]
        assert [layer.name for layer in state.scene.layers] == ["dog", "cat"][: len(state.placed)]
        return [NextObject(name, 1.0, "", place) for name, place in rest[:1]]


def test_planners_step_by_step() -> None:
    ((first, second),) = Stepwise(Scripted())(PROMPT, 0)
    assert first == ("dog", pytest.approx((0.1 * WIDTH, 0.5 * HEIGHT, 0.3 * WIDTH, 0.8 * HEIGHT)))
    assert second == ("cat", (0.25 * WIDTH, 0.25 * HEIGHT, 0.75 * WIDTH, 0.75 * HEIGHT))
    assert Stepwise(GivenList())(PROMPT, 0) == [[]]


def test_a_model_without_an_answer_is_counted(planner: VisionPlanner) -> None:
    planner.tokens = 4
    system = Stepwise(planner)
    assert system(PROMPT, 0) == [[]]
    assert system(PROMPT, 1) == [[]]
    assert system.unanswered == 2


def test_frequency_is_a_floor_that_reads_nothing(pack: Pack) -> None:
    planner = FrequencyPlanner(plan_scenes(pack, "train"), "panoptic")
    system = Stepwise(planner)
    assert system(PROMPT, 3) == system(PROMPT, 3)
    names = {name for seed in range(40) for name, _ in system(PROMPT, seed)[0]}
    assert names == {"grass", "cat", "dog"}
