"""Objects put in together beside one at a time: tasks, overlaps, and sizes with known answers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from smartmask.cli.main import main
from smartmask.data.pack import Pack, write_pack
from smartmask.data.plans import PlanScene, plan_scenes
from smartmask.data.record import Record
from smartmask.data.splits import split_of
from smartmask.evaluate.sizes import SizeModel, real_size_errors
from smartmask.evaluate.tasks.several.figures import (
    SYSTEMS,
    TEMPLATES,
    Task,
    lay_task,
    make_tasks,
    task_figures,
    unwanted_overlaps,
)
from smartmask.geometry import MaskWindow
from smartmask.insertion.lay import Laid, ObjectRequest, Plan
from smartmask.masks.pipeline import SmartMaskPipeline
from smartmask.plan.language.phrases import Relation, Request, Wanted
from smartmask.scene import Layer, Scene

SIZE = 60


def block(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), bool)
    mask[y0:y1, x0:x1] = True
    return mask


def scene(shift: int = 0) -> Scene:
    """Grass with a dog in the middle, a cat at the left and a table at the right."""
    layers = (
        Layer("grass-merged", block(0, 20, 60, 60), False),
        Layer("cat", block(2, 40, 12, 50)),
        Layer("dog", block(25 + shift, 30, 37 + shift, 42)),
        Layer("dining table", block(44, 40, 58, 55)),
    )
    return Scene(SIZE, SIZE, layers)


def task(kind: str = "left of") -> Task:
    relation = Relation("person", kind, "layer:dog")
    return Task("1", scene(), Request("x", (Wanted("person", "person"), Wanted("cup", "cup")), (relation,)))


def plan(person: np.ndarray, cup: np.ndarray) -> Plan:
    laid = tuple(
        Laid(ObjectRequest(name), MaskWindow.of(mask), 4 + i, 0)
        for i, (name, mask) in enumerate((("person", person), ("cup", cup)))
    )
    return Plan(scene(), laid)


KEYS = ("person", "cup")


def test_overlaps_that_nobody_asked_for() -> None:
    good = plan(block(14, 25, 20, 50), block(50, 38, 54, 42))
    assert [max(shares) for shares in unwanted_overlaps(task(), good, KEYS)] == [0, 0], "a cup may stand on a table"
    half = plan(block(19, 30, 31, 42), block(50, 38, 54, 42))  # half of the dog
    assert max(unwanted_overlaps(task(), half, KEYS)[0]) == pytest.approx(0.5)
    assert max(unwanted_overlaps(task("behind"), half, KEYS)[0]) == 0, "behind the dog is where it should be"
    both = plan(block(0, 52, 10, 58), block(5, 52, 7, 54))
    assert [max(shares) for shares in unwanted_overlaps(task(), both, KEYS)] == [1, 1], "the cup is inside the person"


def some_plans(count: int = 60, slope: float = 0.0) -> list[PlanScene]:
    """Dogs half as high as persons whatever the scene's scale, and lower edges that are drawn at random."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(count):
        scale = rng.uniform(0.05, 0.3)
        feet = rng.uniform(0.5, 1.0, 3)
        heights = scale * np.array([1, 1, 0.5]) * np.exp(slope * feet)
        boxes = np.stack([np.zeros(3), feet - heights, np.ones(3), feet], axis=1)
        found.append(PlanScene("1", ("person", "person", "dog"), boxes, "things"))
    return found


def test_sizes_are_learnt_within_scenes() -> None:
    sizes = SizeModel.fit(some_plans(slope=1.5))
    assert sizes.constants["person"] - sizes.constants["dog"] == pytest.approx(np.log(2), abs=0.03)
    assert sizes.slope == pytest.approx(1.5, abs=0.05)
    assert max(real_size_errors(sizes, some_plans(slope=1.5))) < 0.05
    person = sizes.residual("person", 0.3, 0.7)
    double = sizes.residual("dog", 0.3, 0.7)
    assert person is not None
    assert double is not None
    assert sizes.error(double, [person]) == pytest.approx(np.log(2), abs=0.03), "a dog of a person's height"
    assert sizes.residual("zebra", 0.3, 0.7) is None
    assert sizes.error(double, []) is None
    with pytest.raises(ValueError, match="no training scene"):
        SizeModel.fit([])


def test_figures_of_a_plan() -> None:
    sizes = SizeModel.fit(some_plans())
    good = task_figures(task(), plan(block(14, 18, 20, 42), block(50, 38, 54, 42)), sizes)
    assert good == {"relations": 1, "overlap": 0, "overlapping": 0, "size": pytest.approx(0, abs=0.03)}
    wrong = task_figures(task(), plan(block(40, 30, 43, 42), block(40, 30, 43, 42)), sizes)
    assert (wrong["relations"], wrong["overlap"], wrong["overlapping"]) == (0, 1, 1)
    assert wrong["size"] == pytest.approx(np.log(2), abs=0.05), "a person as small as the dog"


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pack") / "pack.parquet"
    keys = {split: [k for k in map(str, range(1, 200)) if split_of(k) == split][:4] for split in ("train", "test")}
    write_pack(
        [Record(key, "coco_panoptic", scene(i)) for some in keys.values() for i, key in enumerate(some)], path
    )  # fmt: skip
    return path


def test_tasks_are_repeatable_and_about_things(pack: Path) -> None:
    packed = Pack(pack)
    train, test = plan_scenes(packed, "train"), plan_scenes(packed, "test")
    tasks = make_tasks(packed, train, test)
    assert len(tasks) == 4
    for number, found in enumerate(tasks):
        kinds = TEMPLATES[number % len(TEMPLATES)]
        assert [r.kind for r in found.request.relations] == [kind for kind in kinds if kind is not None]
        references = {r.reference for r in found.request.relations} - {item.key for item in found.request.objects}
        assert references <= {"layer:cat", "layer:dog", "layer:dining table"}
        assert {item.name for item in found.request.objects} <= {"cat", "dog", "dining table"}
        assert found.scene.layers[0].name == "grass"
    again = make_tasks(packed, train, test, limit=2)
    assert [t.request for t in again] == [t.request for t in tasks[:2]]


def test_every_system_lays_all_objects(pack: Path, tiny_weights: Path) -> None:
    packed = Pack(pack)
    (found,) = make_tasks(packed, plan_scenes(packed, "train"), plan_scenes(packed, "test"), limit=1)
    pipeline = SmartMaskPipeline.from_pretrained(tiny_weights)
    for system in SYSTEMS:
        laid = lay_task(found, system, pipeline, 1, 3)
        assert len(laid.objects) == 2
        after = laid.after()
        assert [layer.name for layer in after.layers if layer not in found.scene.layers]
        assert sorted(n for n in laid.stack() if n is not None) == [0, 1]
    with pytest.raises(ValueError, match="no system 'apart'"):
        lay_task(found, "apart", pipeline, 1, 3)


@pytest.mark.slow
def test_the_command(pack: Path, tmp_path: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["eval", "several", "--data", str(pack), "--weights", str(tiny_weights), "-n", "1", "--limit", "2"]
    assert main([*command, "--out", str(tmp_path)]) == 0
    assert "| together |" in capsys.readouterr().out
    report = json.loads((tmp_path / "several.json").read_text())
    assert report["tasks"] == 2
    assert set(report["systems"]) == set(SYSTEMS)
    assert main([*command, "--split", "dev"]) == 2
    assert "dev split" in capsys.readouterr().err
