"""The realism commands on a small pack: what they ask, what they write, what they refuse."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from smartmask.cli.evaluate import app
from smartmask.data.pack import Pack
from smartmask.data.shapes import OutlineItem, Outlines
from smartmask.data.targets import Protocol, admitted, is_whole
from smartmask.evaluate.baselines import BASELINES, Prediction
from smartmask.evaluate.memories import train_bank, whole_outlines
from smartmask.evaluate.tasks.realism import gather, in_shares, known_share, requests
from smartmask.geometry import box_mask
from smartmask.guides import Guide
from smartmask.masks.exemplar.memory import Remembered, remember, write_memory
from smartmask.masks.exemplar.outline import trace
from smartmask.metrics.judge import load_judge
from smartmask.metrics.sets import REAL
from smartmask.scene import Scene

HEIGHT, WIDTH = 120, 160  # of the pack's scenes
EVERY = Protocol(limit=None)


def nothing(scene: Scene, name: str, guide: Guide | None, n: int, seed: int) -> Prediction:
    """A system without an idea."""
    return Prediction(np.zeros((n, scene.height, scene.width), bool))


def bank_of(sets: list[tuple[str, str, int]]) -> Outlines:
    """Outlines of (name, set, count), each of its own picture."""
    items, rng = [], np.random.default_rng(0)
    for name, of_set, count in sets:
        for number in range(count):
            bits = np.packbits(rng.random((64, 64)) < 0.5)
            items.append(OutlineItem(name, bits, 1.5, of_set, f"{of_set}{name}{number}", 100))
    return Outlines.of(items, "drawn ones")


def test_real_outlines_are_drawn_in_the_memorys_shares() -> None:
    memory = bank_of([("cat", "voc", 30), ("cat", "taco", 10), ("cup", "taco", 20)])
    real = bank_of([("cat", "voc", 60), ("cat", "taco", 60), ("cup", "taco", 60), ("cup", "voc", 60), ("tv", "voc", 9)])
    chosen = in_shares(real, memory, 60, 0)
    drawn = [f"{real.names[i]} {real.sets[i]}" for i in chosen]
    assert len(set(chosen.tolist())) == 60
    assert {name: drawn.count(name) for name in set(drawn)} == pytest.approx(
        {"cat voc": 30, "cat taco": 10, "cup taco": 20}, abs=9
    )
    again = real.select(np.arange(len(real))[::-1], "the same, turned round")
    keys = {str(again.keys[i]) for i in in_shares(again, memory, 60, 0)}
    assert keys == {str(real.keys[i]) for i in chosen}, "the choice belongs to the outlines, not to their order"
    with pytest.raises(ValueError, match="kept apart is in the memory"):
        in_shares(bank_of([("zebra", "voc", 3)]), memory, 5, 0)
    small = replace(real, sides=np.full(len(real), 20))
    with pytest.raises(ValueError, match="kept apart"):
        in_shares(small, memory, 5, 0)


def test_questions_come_in_their_own_scene_where_the_pack_has_it(pack: Pack) -> None:
    own = whole_outlines(pack, EVERY, "test")
    stranger = bank_of([("ball", "taco", 1)])
    asked = [*requests(pack, EVERY, own, range(len(own))), *requests(pack, EVERY, stranger, [0])]
    assert [q.in_scene for q in asked] == [True] * len(own) + [False]
    for question in asked:
        assert (question.guide.x1 - question.guide.x0) / (question.guide.y1 - question.guide.y0) == pytest.approx(
            question.aspect, rel=0.02
        )
    assert asked[0].scene.layers
    box = box_mask(asked[0].guide.extent(1, 1), HEIGHT, WIDTH)
    assert not any((layer.mask & box).any() for layer in asked[0].scene.layers), "what lies in the box is hidden"
    assert not asked[-1].scene.layers


def test_answers_stand_in_rows_with_the_real_outlines(pack: Pack) -> None:
    real = whole_outlines(pack, EVERY, "test")
    systems = {"box-fill": BASELINES["box-fill"](train_bank(pack, EVERY)), "nothing": nothing}
    found = gather(requests(pack, EVERY, real, range(len(real))), systems, 3)
    assert set(found.pictures) == {REAL, "box-fill", "nothing"}
    assert {len(some) for some in found.pictures.values()} == {len(real)}
    assert found.empty == {"box-fill": 0, "nothing": len(real)}
    bus = found.pictures[REAL].names == "bus"
    pictures = {name: some.pictures for name, some in found.pictures.items()}
    np.testing.assert_array_equal(pictures[REAL][bus], pictures["box-fill"][bus])  # buses are boxes
    assert (pictures[REAL][~bus] != pictures["box-fill"][~bus]).any()
    assert not pictures["nothing"].any()
    with pytest.raises(ValueError, match="no whole outline"):
        gather([], systems, 3)


def test_known_shapes_are_found_mirrored_too() -> None:
    memory = bank_of([("cat", "voc", 5)])
    shapes = np.stack([memory.shape(3), memory.shape(1)[:, ::-1], np.ones((64, 64), bool), np.zeros((64, 64), bool)])
    assert known_share(shapes, memory, batch=2).tolist() == [True, True, False, False]


def test_realism_reports_floor_and_auc(pack: Pack, tiny_weights: Path, tmp_path: Path) -> None:
    common = ["realism", "--data", str(pack.path), "--weights", str(tiny_weights), "--folds", "2", "--steps", "3"]
    train = [(t, pack.scene(t.record).layers[t.layer].mask) for t in admitted(pack, EVERY, "train")]
    known = [Remembered(trace(mask), t.name, t.source, t.key, "CC0") for t, mask in train if is_whole(pack, t)]
    (tmp_path / "balls.safetensors").write_bytes(write_memory(remember(known)))
    common += ["--smallest", "8", "--memory", str(tmp_path / "balls.safetensors")]
    result = CliRunner().invoke(app, [*common, "--out", str(tmp_path), "--json"], catch_exceptions=False)
    report = json.loads(result.stdout)
    assert report["objects"] == report["in_scene"] == len(whole_outlines(pack, EVERY, "test"))
    assert set(report["auc"]) == {"pipeline", "cover", "retrieval"}
    assert set(report["over"]) == {"pipeline", "cover"}
    assert report["near_a_remembered_one"]["retrieval"] == 1
    assert report["distances"][REAL]["frechet_over_floor"] == 1
    assert (report["weights"], report["split"], report["folds"]) == (str(tiny_weights), "test", 2)
    page = (tmp_path / "realism.md").read_text()
    assert "random remembered outlines" in page
    assert str(tiny_weights) in page
    assert json.loads((tmp_path / "realism.json").read_text()) == report


def test_realism_refuses_unknown_systems(pack: Pack) -> None:
    result = CliRunner().invoke(app, ["realism", "--data", str(pack.path), "--systems", "magic"])
    assert isinstance(result.exception, ValueError)
    assert "magic" in str(result.exception)


def test_a_judge_is_trained_saved_and_read_back(pack: Pack, tmp_path: Path) -> None:
    command = ["judge", "--data", str(pack.path), "--least", "5", "--steps", "3", "--out", str(tmp_path), "--json"]
    report = json.loads(CliRunner().invoke(app, command, catch_exceptions=False).stdout)
    assert report["classes"] == ["ball", "bus"]
    assert report["trained_on"] == 28
    assert load_judge(tmp_path / "network").config.names == ("ball", "bus")
