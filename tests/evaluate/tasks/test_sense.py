"""Layout sense in drawn scenes: who stands, who floats, who cannot be judged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from smartmask.cli.evaluate import app
from smartmask.data.pack import Pack, write_pack
from smartmask.data.record import Record
from smartmask.data.splits import split_of
from smartmask.data.targets import Protocol, find_targets
from smartmask.evaluate.baselines import Prediction
from smartmask.evaluate.protocol import cases
from smartmask.evaluate.tasks.sense import kind_of, rests, sense_report, supports
from smartmask.geometry import box_mask
from smartmask.guides import Guide
from smartmask.metrics.sets import REAL
from smartmask.scene import Layer, Scene

EVERY = Protocol(limit=None, guidance=("none",), sources=("coco_panoptic",), num_masks=2)


def room() -> Scene:
    layers = (
        Layer("wall-stone", box_mask((0, 0, 200, 60), 100, 200), thing=False),
        Layer("floor-wood", box_mask((0, 60, 150, 100), 100, 200), thing=False),
        Layer("bench", box_mask((20, 50, 60, 70), 100, 200)),
    )
    return Scene(100, 200, layers)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((90, 30, 110, 80), True),  # on the floor
        ((90, 10, 110, 40), False),  # in the air before the wall
        ((30, 30, 45, 50), True),  # on the bench
        ((90, 30, 110, 100), None),  # cut by the lower border
        ((160, 30, 180, 80), None),  # nothing is known of what is below
        ((140, 30, 162, 80), True),  # half on the floor, half in the dark: judged by the known half
    ],
)
def test_a_box_rests_or_floats(box: tuple[float, float, float, float], expected: bool | None) -> None:
    assert rests(room(), box_mask(box, 100, 200)) is expected


def test_legs_count_and_the_belly_does_not() -> None:
    table = box_mask((80, 30, 140, 45), 100, 200)
    for left in (80, 135):
        table |= box_mask((left, 45, left + 5, 80), 100, 200)
    assert rests(room(), table) is True


def test_an_empty_mask_is_not_judged() -> None:
    assert rests(room(), np.zeros((100, 200), bool)) is None


def test_names() -> None:
    assert all(supports(name) for name in ("floor-other-merged", "pavement-merged", "drivable area", "dining table"))
    assert not any(supports(name) for name in ("wall-stone", "sky-other-merged", "person", "tree-merged"))
    assert [kind_of(n) for n in ("person", "dining_table", "Dog", "car", "spoon")] == [
        "people",
        "furniture",
        "animals",
        "vehicles",
        None,
    ]


@pytest.fixture(scope="module")
def rooms(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """Test pictures of a room with a dog on its floor, and training pictures for the baselines."""
    records, number, wanted = [], 0, {"test": 4, "train": 6, "dev": 0}
    while any(wanted.values()):
        number += 1
        if wanted[split_of(str(number))]:
            wanted[split_of(str(number))] -= 1
            dog = box_mask((90, 40, 110 + number % 7, 80), 100, 200)
            scene = room()
            layers = [Layer(x.name, x.mask & ~dog, x.thing) for x in scene.layers]
            scene = Scene(100, 200, (*layers, Layer("dog", dog)))
            records.append(Record(str(number), "coco_panoptic", scene))
    path = tmp_path_factory.mktemp("rooms") / "rooms.parquet"
    write_pack(records, path)
    return Pack(path)


def on_the_wall(scene: Scene, name: str, guide: Guide | None, n: int, seed: int) -> Prediction:
    """One mask in the air, one cut by the border, which cannot be judged."""
    masks = [box_mask((62, 10, 82, 40), 100, 200), box_mask((62, 60, 82, 100), 100, 200)]
    return Prediction(np.stack(masks))


def test_real_dogs_stand_and_flying_ones_do_not(rooms: Pack) -> None:
    targets = [t for t in find_targets(rooms, EVERY) if t.name == "dog"]
    questions = cases(rooms, targets, EVERY)
    report = sense_report(
        questions, lambda c: rooms.scene(c.target.record).remove(c.target.layer), {"flies": on_the_wall}, 2, 0
    )
    assert report["all"][REAL] == {"judged": len(targets), "share": [1, 1, 1]}
    assert report["all"]["flies"] == {"judged": len(targets), "share": [0, 0, 0]}
    assert report["by_kind"]["people"][REAL] == {"judged": 0, "share": None}
    with pytest.raises(ValueError, match="people, animals"):
        sense_report([], lambda c: c.scene, {}, 2, 0)


def test_the_command(rooms: Pack, tiny_weights: Path, tmp_path: Path) -> None:
    common = ["sense", "--data", str(rooms.path), "--weights", str(tiny_weights), "--num-masks", "2", "--limit", "3"]
    result = CliRunner().invoke(app, [*common, "--out", str(tmp_path), "--json"], catch_exceptions=False)
    report = json.loads(result.stdout)
    assert report["objects"] == 3
    assert set(report["all"]) == {REAL, "pipeline", "retrieval"}
    assert "Layout sense" in (tmp_path / "sense.md").read_text()
