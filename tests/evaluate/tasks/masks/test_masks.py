"""The benchmark on systems with known scores: an oracle, box fill on boxes, and a pipeline's stand-in."""

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
from smartmask.data.targets import GUIDANCE, Case, Protocol, Sample, draw_sample, find_targets, object_flags
from smartmask.evaluate.baselines import BASELINES, SPECIAL, Prediction, box_fill
from smartmask.evaluate.memories import train_bank, whole_outlines
from smartmask.evaluate.protocol import cases
from smartmask.evaluate.systems import PipelineSystem, system_names
from smartmask.evaluate.tasks.masks.pictures import pick_extremes, sheet
from smartmask.evaluate.tasks.masks.report import build_report, figures, paired, to_csv, to_markdown
from smartmask.evaluate.tasks.masks.rows import Row, measure, obedience, run
from smartmask.geometry import box_mask
from smartmask.guides import Blob, Box, Guide, Point, Scribble, draw
from smartmask.scene import Scene

EVERY = Protocol(limit=None)


def oracle(pack: Pack) -> Any:
    """Knows every real object by its name and exact box; its first mask is empty, its second right."""
    known = {}
    for target in find_targets(pack, EVERY):
        known[target.name, target.box, pack.meta.keys[target.record]] = pack[target.record].scene.layers[target.layer]

    def system(scene: Scene, name: str, guide: Guide | None, n: int, seed: int) -> Prediction:
        assert isinstance(guide, Box)
        (mask,) = {id(v): v.mask for k, v in known.items() if k[:2] == (name, guide.extent(1, 1))}.values()
        masks = np.stack([mask] + [np.zeros_like(mask)] * (n - 1))
        return Prediction(masks, first=1)

    return system


@pytest.fixture(scope="module")
def questions(pack: Pack) -> list[Case]:
    return list(cases(pack, find_targets(pack, EVERY), EVERY))


@pytest.fixture(scope="module")
def rows(pack: Pack, questions: list[Case]) -> list[Row]:
    bank = train_bank(pack, EVERY)
    systems = {"oracle": oracle(pack), **{name: make(bank) for name, make in BASELINES.items()}}
    return run(questions, systems, EVERY)


def of(rows: list[Row], system: str, name: str = "") -> list[Row]:
    return [row for row in rows if row.system == system and row.target.name.startswith(name)]


def test_the_bank_holds_whole_training_shapes_and_all_training_places(pack: Pack) -> None:
    bank = train_bank(pack, EVERY)
    assert len(bank.places.boxes) == 28  # fourteen pictures, two things each
    assert bank.places.boxes.min() >= 0
    assert bank.places.boxes.max() <= 1
    assert set(bank.outlines.names) == {"ball", "bus"}
    assert len(bank.outlines) < 28
    train = [i for i, split in enumerate(pack.meta.splits) if split == "train"]
    assert set(bank.outlines.keys) <= {pack.meta.keys[i] for i in train}
    whole = sum(not object_flags(pack.scene(i), layer) for i in train for layer in (2, 3))
    assert len(bank.outlines) == whole
    test = whole_outlines(pack, EVERY, "test")
    assert not set(test.keys) & set(bank.outlines.keys)


def test_an_oracle_scores_one_and_its_empty_sample_zero(rows: list[Row]) -> None:
    found = figures(of(rows, "oracle"), curve=True)
    for metric in ("own", "iou", "boundary"):
        assert found[metric]["first"] == found[metric]["best"] == [1, 1, 1]
        assert found[metric]["mean"] == [1 / 8, 1 / 8, 1 / 8]
    # Best of k with one right answer among eight is k / 8.
    assert [mean for mean, _, _ in found["iou"]["best_of_k"]] == [k / 8 for k in range(1, 9)]
    assert [mean for mean, _, _ in found["iou"]["top_of_k"]] == [k / 8 for k in range(1, 9)]  # it leads the ranking
    assert found["box"]["hit"] == [1, 1, 1]
    assert found["box"]["hit_mean"] == [1 / 8, 1 / 8, 1 / 8]
    assert found["objects"] == 16
    assert found["images"] == 8


def test_box_fill_on_boxes_scores_one_and_on_ellipses_pi_over_four(rows: list[Row]) -> None:
    assert figures(of(rows, "box-fill", "bus"))["iou"]["first"] == [1, 1, 1]
    assert figures(of(rows, "box-fill", "ball"))["iou"]["first"][0] == pytest.approx(np.pi / 4, abs=0.02)
    assert figures(of(rows, "ellipse", "ball"))["iou"]["first"][0] > 0.95


def test_baselines_recover_simple_classes(rows: list[Row]) -> None:
    assert figures(of(rows, "class-mean"))["iou"]["first"][0] > 0.95
    assert figures(of(rows, "retrieval"))["iou"]["best"][0] > 0.95


def test_box_metrics_obey_the_box(rows: list[Row]) -> None:
    for row in rows:
        if row.system != "oracle":
            assert row.obedience == row.obedience_true == 1


def test_measure_spreads_a_single_mask_and_refuses_other_shapes(questions: list[Case]) -> None:
    case = questions[0]
    row = measure(case, "one", Prediction(case.true[None]), 8)
    assert row.iou.tolist() == [1.0] * 8
    assert row.diversity == 0
    for bad in (case.true, np.stack([case.true] * 3), case.true[None, :-1]):
        with pytest.raises(ValueError, match="'odd'"):
            measure(case, "odd", Prediction(bad), 8)


def test_obedience_of_each_kind() -> None:
    mask = box_mask((10, 10, 30, 30), 100, 100)

    def share(guide: Guide | None, mask: np.ndarray = mask) -> float:
        return obedience(mask, guide, draw([guide] if guide else [], 100, 100))

    assert share(None) == 1
    assert share(Box(10, 10, 20, 30)) == 0.5
    assert share(Box(10, 10, 20, 30), np.zeros_like(mask)) == 0
    assert share(Blob(20, 20, 30, 30)) == 1
    assert share(Blob(70, 70, 5, 5)) == 0
    assert share(Scribble([(15, 20), (25, 20)], width=2)) == 1
    assert share(Scribble([(20, 20), (40, 20)], width=2)) == pytest.approx(0.5, abs=0.05)
    assert share(Point(20, 20)) > 0.99
    assert share(Point(60, 60)) < 0.01


@pytest.mark.parametrize("kind", GUIDANCE)
def test_baselines_run_under_every_kind_of_guide(pack: Pack, kind: str) -> None:
    protocol = Protocol(limit=4, guidance=(kind,), num_masks=3)
    bank = train_bank(pack, protocol)
    found = run(
        cases(pack, find_targets(pack, protocol), protocol),
        {name: make(bank) for name, make in BASELINES.items()},
        protocol,
    )
    assert len({row.target for row in found}) == 4
    report = build_report(found, draw_sample(pack, protocol), protocol, {})
    general = set(BASELINES) - set(SPECIAL)
    assert set(report["results"][kind]["all"]) == general | {name for name, own in SPECIAL.items() if own == kind}
    best = report["results"][kind]["all"]["retrieval"]["iou"]["best"][0]
    assert best > (0.5 if kind in ("box", "blob", "mask") else 0.02)


def test_a_pipeline_is_told_apart_by_its_first_seed(questions: list[Case]) -> None:
    case = questions[0]
    asked: dict[str, Any] = {}

    def pipe(scene: Scene, **request: Any) -> SimpleNamespace:
        asked.update(request)
        masks = np.stack([case.true, ~case.true])
        seed = request["generator"]
        return SimpleNamespace(masks=masks, scores=np.array([0.9, 0.1]), seeds=[seed + 1, seed])

    answer = PipelineSystem(pipe, num_inference_steps=4)(case.scene, "ball", case.guide, 2, 70)
    assert answer.first == 1
    assert asked == {
        "prompt": "ball", "guidance": case.guide, "num_masks": 2, "generator": 70, "num_inference_steps": 4,
    }  # fmt: skip


def test_paired_differences_are_taken_object_by_object(rows: list[Row]) -> None:
    same = paired(of(rows, "ellipse"), of(rows, "ellipse"))
    assert same == {metric: {rank: [0, 0, 0] for rank in ("first", "mean", "best")} for metric in ("own", "iou")}
    assert paired(of(rows, "oracle"), of(rows, "ellipse"))["own"]["first"][0] > 0


def test_the_report_holds_all_and_reads_as_json(pack: Pack, rows: list[Row]) -> None:
    sample = draw_sample(pack, EVERY)
    report = build_report(rows, sample, EVERY, {"weights": None})
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert report["objects"] == {"all": 16, "whole": len(sample.whole)}
    assert report["images"]["all"] == 8
    assert set(report["groups"]["box"]["source"]) == {"coco", "voc"}
    oracle = report["results"]["box"]["all"]["oracle"]
    assert oracle["minus_cover"]["own"]["mean"][0] < 0 < oracle["minus_cover"]["own"]["first"][0]
    assert report["results"]["box"]["all"]["retrieval"]["diversity_share"] == [1, 1, 1]
    page = to_markdown(report)
    assert "| oracle | 1.000 [1.000, 1.000] | 0.125 [0.125, 0.125] | 1.000 [1.000, 1.000]" in page
    assert page.count("\n## ") == 2
    lines = to_csv(rows).splitlines()
    assert len(lines) == 1 + len(rows)
    assert len({line.count(",") for line in lines}) == 1


def test_whole_objects_are_reported_apart_from_a_sample_of_all(pack: Pack, rows: list[Row]) -> None:
    sample = draw_sample(pack, Protocol(limit=2, whole=3))
    assert len(sample.every) == 2
    assert len(sample.whole) == 3
    assert sample.targets[:2] == list(sample.every)
    assert len(sample.targets) == len(set(sample.every) | set(sample.whole))
    every = find_targets(pack, EVERY)
    unflagged = [t for t in every if not object_flags(pack.scene(t.record), t.layer)]
    assert list(sample.whole) == unflagged[:3]  # in the same order, by hash
    report = build_report(rows, sample, EVERY, {})
    assert {part: f["oracle"]["objects"] for part, f in report["results"]["box"].items()} == {"whole": 3, "all": 2}
    alone = build_report(rows, Sample((), sample.whole), EVERY, {})
    assert list(alone["results"]["box"]) == ["whole"]


def test_extremes_run_from_best_to_worst_and_make_a_sheet(rows: list[Row], questions: list[Case]) -> None:
    some = of(rows, "ellipse")
    picks = pick_extremes(some, each=2)
    assert len(picks) == 6
    best = [row.own.max() for row in picks]
    assert best == sorted(best, reverse=True)
    assert best[0] == max(row.own.max() for row in some)
    assert len(pick_extremes(some, each=8)) == 16
    by_target = {(case.target.record, case.target.layer): case for case in questions}
    page = sheet(picks, [by_target[row.target.record, row.target.layer] for row in picks], picks)
    assert page.dtype == np.uint8
    assert page.ndim == 3


def test_the_command_writes_its_report(pack: Pack, tmp_path: Path) -> None:
    arguments = ["masks", "--data", str(pack.path), "--limit", "6", "--guidance", "box,none", "--out"]
    arguments += [str(tmp_path / "out"), "--systems", "box-fill,retrieval", "--num-masks", "3", "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report == json.loads((tmp_path / "out" / "report.json").read_text())
    assert set(report["results"]) == {"box", "none"}
    files = [path.name for path in (tmp_path / "out").iterdir()]
    written = {name.removesuffix(".png").removesuffix(".svg") for name in files}
    assert written == {"report.json", "report.md", "objects.csv"} | {
        f"{what}_{kind}{part}"
        for what, parts in (("sheet", ("",)), ("curves", ("_whole", "_all")))
        for kind in ("box", "none")
        for part in parts
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [(["--split", "all"], "all"), (["--systems", "magic"], "magic"), (["--guidance", "bax"], "bax")],
)
def test_the_command_refuses_bad_options(pack: Pack, options: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["masks", "--data", str(pack.path), *options])
    assert isinstance(result.exception, ValueError)
    assert message in str(result.exception)


def test_special_baselines_join_their_own_guidance_only() -> None:
    general = ("pipeline", "box-fill", "ellipse", "class-mean", "retrieval", "cover")
    assert system_names(None, ("box",)) == (*general, "cover-400")
    assert system_names(None, ("none",)) == (*general, "holes")
    assert system_names(None, ("mask",)) == (*general, "guide")
    assert system_names(["guide", "pipeline"], ("box",)) == ("guide", "pipeline")


def test_box_fill_needs_no_class(pack: Pack) -> None:
    found = box_fill(train_bank(pack, EVERY))(Scene.empty(50, 60), "unheard of", Box(5, 5, 20, 20), 8, 0)
    assert found.masks.sum() == 225
