"""Hidden parts: scenes with a known truth, scores of systems that know it, see only what is seen, or do not ask."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from smartmask.cli.evaluate import app
from smartmask.data.pack import Pack
from smartmask.data.targets import Protocol
from smartmask.evaluate.baselines import Prediction
from smartmask.evaluate.memories import train_bank
from smartmask.evaluate.tasks.hidden import (
    KINDS,
    SHARES,
    HiddenCase,
    asked_behind,
    hidden_cases,
    hidden_lines,
    hidden_report,
    unfitted,
)
from smartmask.geometry import mask_box
from smartmask.guides import Guide, MaskGuide
from smartmask.scene import Scene

EVERY = Protocol(limit=None)


@pytest.fixture(scope="module")
def made(pack: Pack) -> dict[str, list[HiddenCase]]:
    return {kind: list(hidden_cases(pack, EVERY, kind, 6)) for kind in KINDS}


def test_as_much_is_hidden_as_wanted_and_nothing_tells_it(made: dict[str, list[HiddenCase]]) -> None:
    assert {kind: len(some) for kind, some in made.items()} == {"behind": 6, "border": 6}
    for case in made["behind"]:
        front = case.scene.layers[case.order].mask
        np.testing.assert_array_equal(front, case.hidden)
        assert case.order == len(case.scene.layers) - 1
        share = (case.true & front).sum() / case.true.sum()
        assert SHARES[0] <= share <= SHARES[1]
        painted = case.guides["painted"]
        assert isinstance(painted, MaskGuide)
        np.testing.assert_array_equal(painted.mask > 0.5, case.true & ~front)
        assert case.guides["box"].extent(1, 1) == mask_box(case.true & ~front)
        assert case.box == mask_box(case.true)
    for case in made["border"]:
        x0, y0, x1, y1 = case.box
        assert x0 < 0 or x1 > case.scene.width or y1 > case.scene.height
        assert not any(layer.mask is case.true for layer in case.scene.layers)
        inside = mask_box(case.true)
        assert inside is not None
        assert (inside[2] - inside[0]) * (inside[3] - inside[1]) < (x1 - x0) * (y1 - y0)
        assert case.guides["box"].extent(1, 1) == case.box


def test_the_same_seed_makes_the_same_scenes(pack: Pack, made: dict[str, list[HiddenCase]]) -> None:
    for kind, some in made.items():
        again = list(hidden_cases(pack, EVERY, kind, 3))
        for a, b in zip(again, some[:3], strict=True):
            np.testing.assert_array_equal(a.true, b.true)
            assert (a.seed, a.box, a.name) == (b.seed, b.box, b.name)


def test_the_truth_scores_one_and_the_visible_part_nothing_behind(made: dict[str, list[HiddenCase]]) -> None:
    def truth(case: HiddenCase, guide: Guide, n: int) -> Prediction:
        return Prediction(np.stack([case.true] * n), boxes=[case.box] * n)

    def seen(case: HiddenCase, guide: Guide, n: int) -> Prediction:
        return Prediction(np.stack([case.true & ~case.hidden] * n))

    found = hidden_report([*made["behind"], *made["border"]], {"truth": truth, "seen": seen}, 2)
    assert found["scenes"] == {"behind": 6, "border": 6}
    for kind, guides in KINDS.items():
        for guide in guides:
            for figure in found[kind][guide]["truth"].values():
                assert figure["first"] == figure["mean"] == figure["best"] == [1, 1, 1]
    behind, border = (found[kind]["painted"]["seen"] for kind in KINDS)
    assert behind["hidden"]["best"] == [0, 0, 0]
    assert behind["inside"]["first"][0] < 0.9
    assert border["inside"]["first"] == [1, 1, 1]
    assert border["box"]["first"][0] < 1
    assert "hidden" not in border
    page = "\n".join(hidden_lines(found))
    assert page.count("## ") == 4


def test_the_unfitted_baseline_fills_the_guides_box(pack: Pack, made: dict[str, list[HiddenCase]]) -> None:
    system = unfitted(train_bank(pack, EVERY))
    case = made["behind"][0]
    answer = system(case, case.guides["box"], 3)
    assert len(answer.masks) == 3
    for mask in answer.masks:
        assert mask_box(mask) == case.guides["box"].extent(1, 1)


def test_a_pipeline_is_told_the_depth(made: dict[str, list[HiddenCase]]) -> None:
    asked: dict[str, Any] = {}

    def pipe(scene: Scene, **request: Any) -> SimpleNamespace:
        asked.update(request)
        masks = np.ones((2, scene.height, scene.width), bool)
        return SimpleNamespace(masks=masks, scores=np.ones(2), boxes=[(0.0, 0.0, 1.0, 1.0)] * 2)

    case = made["behind"][0]
    answer = asked_behind(pipe)(case, case.guides["box"], 2)
    assert asked["order"] == case.order
    assert asked["generator"] == case.seed
    assert answer.boxes == [(0, 0, 1, 1)] * 2


def test_the_command_reports_all_four(pack: Pack, tiny_weights: Path, tmp_path: Path) -> None:
    command = ["hidden", "--data", str(pack.path), "--scenes", "2", "--weights", str(tiny_weights)]
    command += ["--num-masks", "2", "--out", str(tmp_path / "out"), "--json"]
    report = json.loads(CliRunner().invoke(app, command, catch_exceptions=False).stdout)
    assert set(report["results"]["behind"]["box"]) == {"pipeline", "unfitted"}
    assert report["results"]["scenes"] == {"behind": 2, "border": 2}
    assert (tmp_path / "out" / "hidden.md").is_file()
    alone = Protocol(limit=None, sources=("nowhere",))
    with pytest.raises(ValueError, match="no three pictures"):
        list(hidden_cases(pack, alone, "behind", 1))
