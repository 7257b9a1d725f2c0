"""What the scene tells: systems that see it and that do not, and scenes that are swapped without a leak."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from smartmask.cli.evaluate import app
from smartmask.data.pack import Pack
from smartmask.data.targets import Case, Protocol, draw_sample
from smartmask.evaluate.baselines import BASELINES, Prediction
from smartmask.evaluate.memories import train_bank
from smartmask.evaluate.protocol import cases
from smartmask.evaluate.tasks.scene import Donors, resized, scene_lines, scene_report, scene_rows
from smartmask.guides import Guide
from smartmask.scene import Layer, Scene

EVERY = Protocol(limit=None, num_masks=3)


@pytest.fixture(scope="module")
def questions(pack: Pack) -> list[Case]:
    return list(cases(pack, draw_sample(pack, EVERY).targets, EVERY))


def test_donors_are_like_objects_of_other_pictures(pack: Pack, questions: list[Case]) -> None:
    donors = Donors(pack, EVERY)
    for case in questions:
        others = donors.of(case.target, 2)
        assert {t.name for t in others} == {case.target.name}
        assert {t.source for t in others} == {case.target.source}
        assert case.target.key not in {t.key for t in others}
        assert len({t.key for t in others}) == len(others) == 2
    gaps = [np.abs(np.array(t.box) - questions[0].target.box).sum() for t in donors.of(questions[0].target, 3)]
    assert gaps[0] < gaps[2]
    assert donors.of(questions[0].target, 2) == Donors(pack, EVERY).of(questions[0].target, 2)


def test_a_swapped_scene_shows_nothing_inside_the_box(pack: Pack, questions: list[Case]) -> None:
    donors = Donors(pack, EVERY)
    case = questions[0]
    scene = donors.scene(donors.of(case.target)[0], case)
    assert (scene.height, scene.width) == case.true.shape
    assert scene.layers
    for layer in scene.layers:
        assert not (layer.mask & case.hidden).any()
        assert layer.mask.any()


def test_resizing_takes_the_nearest_pixel() -> None:
    mask = np.zeros((4, 6), bool)
    mask[:2, :3] = True
    small = np.zeros((4, 6), bool)
    small[2, 5] = True
    found = resized(Scene(4, 6, (Layer("a", mask), Layer("b", small))), 8, 3)
    assert (found.height, found.width) == (8, 3)
    assert found.layers[0].mask.sum() == 4  # of columns 1, 3 and 5 only the first is in it
    assert [layer.name for layer in found.layers] == ["a", "b"]
    assert not resized(Scene(4, 6, (Layer("b", small),)), 2, 2).layers, "what vanishes is no layer"


def test_a_system_that_knows_its_scene_gains_and_a_blind_one_does_not(pack: Pack, questions: list[Case]) -> None:
    def knows(scene: Scene, name: str, guide: Guide | None, n: int, seed: int) -> Prediction:
        assert guide is not None
        for case in questions:
            same = [a.mask is b.mask for a, b in zip(case.scene.layers, scene.layers, strict=False)]
            if same and all(same) and case.guide is guide:
                return Prediction(np.stack([case.true] * n))
        box = np.zeros((scene.height, scene.width), bool)
        x0, y0, x1, y1 = (int(v) for v in guide.extent(scene.height, scene.width))
        box[y0:y1, x0:x1] = True
        return Prediction(np.stack([box] * n))

    systems = {"knows": knows, "cover": BASELINES["cover"](train_bank(pack, EVERY))}
    rows = scene_rows(questions, systems, Donors(pack, EVERY), 2)
    assert len(questions) == 16
    found = scene_report(rows, draw_sample(pack, EVERY))
    figures = found["all"]["knows"]
    assert figures["true"]["mean"] == [1, 1, 1]
    assert figures["true_minus_swapped"]["mean"] == figures["true_minus_empty"]["mean"]
    assert figures["true_minus_empty"]["mean"][1] > 0
    for rank in ("first", "mean", "best"):
        assert found["all"]["cover"]["true_minus_swapped"][rank] == [0, 0, 0]
    assert found["whole"]["knows"]["objects"] <= found["all"]["knows"]["objects"] == 16
    page = "\n".join(scene_lines(found))
    assert "## Scene: whole objects" in page
    assert "+0.0000 [+0.0000, +0.0000]" in page


def test_the_command_reports_both_parts(pack: Pack, tmp_path: Path) -> None:
    command = ["scene", "--data", str(pack.path), "--limit", "4", "--whole", "2", "--systems", "cover,ellipse"]
    result = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "out"), "--json"], catch_exceptions=False)
    report = json.loads(result.stdout)
    assert set(report["results"]) == {"whole", "all"}
    assert report["results"]["all"]["cover"]["objects"] == 4
    assert (tmp_path / "out" / "scene.md").is_file()


def test_nothing_to_swap_with_is_said(pack: Pack) -> None:
    with pytest.raises(ValueError, match="swap scenes"):
        scene_report([], draw_sample(pack, EVERY))
