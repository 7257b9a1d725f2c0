"""Answers unblinded and scored: shares, Bradley-Terry strengths, intervals over judges and items, attention."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smartmask.cli import main as cli
from smartmask.evaluate.tasks.study.answers import (
    Comparison,
    attentive,
    checks_of,
    comparisons_of,
    read_all,
    read_answers,
    read_key,
)
from smartmask.evaluate.tasks.study.scores import agreement, bradley_terry, places, scores

SYSTEMS = ["a", "b", "c"]
KEY: dict[str, Any] = {
    "study": "abc",
    "design": "ranking",
    "systems": SYSTEMS,
    "questions": {
        "q0001": {"item": "one", "systems": ["a", "b", "c"], "spoilt": None},
        "q0002": {"item": "two", "systems": ["c", "a", "b"], "spoilt": None},
        "q0003": {"item": "two", "systems": ["b", "c", "a"], "spoilt": 1},
    },
}


def answers_file(path: Path, ranks: dict[str, list[int]], judge: str = "j1", study: str = "abc") -> Path:
    rows = [{"question": code, "ranks": some, "seconds": 1.5} for code, some in ranks.items()]
    path.write_text(json.dumps({"format": "smartmask-study-answers", "study": study, "judge": judge, "answers": rows}))
    return path


def simulated(strengths: dict[str, float], judges: int, items: int, seed: int = 0) -> list[Comparison]:
    """Judges who choose by the Bradley-Terry model."""
    rng = np.random.default_rng(seed)
    found = []
    names = list(strengths)
    for judge in range(judges):
        for item in range(items):
            first, second = (names[i] for i in rng.permutation(len(names))[:2])
            odds = 1 / (1 + np.exp(strengths[second] - strengths[first]))
            found.append(Comparison(f"j{judge}", f"i{item}", f"q{item}", first, second, float(rng.random() < odds)))
    return found


def test_rankings_become_comparisons(tmp_path: Path) -> None:
    file = answers_file(tmp_path / "a.json", {"q0001": [0, 1, 2], "q0002": [1, 0, 1], "q0003": [0, 2, 1]})
    answers = read_answers(file, KEY)
    found = {(one.item, one.first, one.second): one.result for one in comparisons_of(answers, KEY)}
    assert found == {
        ("one", "a", "b"): 1.0, ("one", "a", "c"): 1.0, ("one", "b", "c"): 1.0,
        ("two", "c", "a"): 0.0, ("two", "c", "b"): 0.5, ("two", "a", "b"): 1.0,
    }  # fmt: skip
    assert places(answers) == [round(1 / 3, 3), 1.0, round(4 / 3, 3)]


def test_checks_tell_who_looks(tmp_path: Path) -> None:
    good = read_answers(answers_file(tmp_path / "g.json", {"q0003": [1, 2, 0]}, "good"), KEY)
    tied = read_answers(answers_file(tmp_path / "t.json", {"q0003": [2, 2, 0]}, "tied"), KEY)
    none = read_answers(answers_file(tmp_path / "n.json", {"q0001": [0, 1, 2]}, "none"), KEY)
    checks = checks_of([*good, *tied, *none], KEY)
    assert checks == {"good": [1, 1], "tied": [0, 1], "none": [0, 0]}
    assert attentive(checks, 1.0) == {"good", "none"}
    assert attentive(checks, 0.0) == {"good", "tied", "none"}


def test_bradley_terry_finds_known_strengths() -> None:
    """With wins in the model's own proportions the strengths are those of the model, up to their mean."""
    true = np.array([1.0, 0.2, -1.2])
    odds = 1 / (1 + np.exp(true[None] - true[:, None]))
    found = bradley_terry(1e6 * odds * (1 - np.eye(3)))
    np.testing.assert_allclose(found, true - true.mean(), atol=1e-3)
    unbeaten = bradley_terry(np.array([[0.0, 5.0], [0.0, 0.0]]))
    assert np.isfinite(unbeaten).all()
    assert unbeaten[0] > 0


def test_intervals_hold_the_truth_and_narrow_with_judges() -> None:
    true = {"a": 0.8, "b": 0.0, "c": -0.8}
    found = scores(simulated(true, judges=20, items=40), SYSTEMS)["systems"]
    for name, strength in true.items():
        value, low, high = found[name]["strength"]
        assert low < strength < high, (name, found[name])
        assert low < value < high
    assert found["a"]["best"] > 0.95
    few = scores(simulated(true, judges=4, items=10), SYSTEMS)["systems"]
    assert few["a"]["strength"][2] - few["a"]["strength"][1] > 1.5 * (
        found["a"]["strength"][2] - found["a"]["strength"][1]
    )


def test_equal_systems_are_not_told_apart() -> None:
    found = scores(simulated(dict.fromkeys(SYSTEMS, 0.0), judges=15, items=30), SYSTEMS)
    for name in SYSTEMS:
        assert found["systems"][name]["share"][1] < 0.5 < found["systems"][name]["share"][2]
    for pair in found["pairs"]:
        assert pair["share"][1] < 0.5 < pair["share"][2]
        assert pair["items"]["p"] > 0.05


def test_judges_who_repeat_themselves_do_not_narrow_the_interval_of_items() -> None:
    """Ten judges of one mind on four items know no more of other items than one judge does."""
    one = [Comparison("j0", f"i{i}", f"q{i}", "a", "b", float(i < 2)) for i in range(4)]
    ten = [Comparison(f"j{j}", c.item, c.question, c.first, c.second, c.result) for j in range(10) for c in one]
    narrow, wide = (scores(some, ["a", "b"])["systems"]["a"]["share"] for some in (ten, one))
    assert narrow[2] - narrow[1] == pytest.approx(wide[2] - wide[1], abs=0.26)
    assert narrow[2] - narrow[1] > 0.5
    assert agreement(ten) == {"share": 1.0, "pairs": 4 * 45}
    assert agreement(one) == {"share": None, "pairs": 0}


def test_the_table_of_pairs() -> None:
    compared = [Comparison("j", f"i{i}", "q", "b", "a", result) for i, result in enumerate([0, 0, 0, 0.5, 1, 0])]
    pair = scores(compared, ["a", "b", "never"])["pairs"]
    assert len(pair) == 1, "systems that never met have no row"
    assert pair[0]["of"] == ["a", "b"]
    assert (pair[0]["won"], pair[0]["equal"], pair[0]["lost"]) == (4, 1, 1)
    assert pair[0]["items"]["won"] == 4
    assert (pair[0]["items"]["undecided"], pair[0]["items"]["p"]) == (1, 0.375)
    with pytest.raises(ValueError, match="No answer compares"):
        scores([], SYSTEMS)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"format": "other"}, "no answers to a study"),
        ({"study": "xyz"}, "answers the study xyz"),
        ({"answers": [{"question": "q9", "ranks": [0]}]}, "question 'q9'"),
        ({"answers": [{"question": "q0001", "ranks": [0, 1]}]}, r"\[0, 1\]; 3 pictures"),
        ({"answers": [{"question": "q0001", "ranks": [0, 1, 3]}]}, "3 pictures"),
        ({"answers": [{"question": "q0001", "ranks": [0, 1, True]}]}, "3 pictures"),
        ({"answers": [{"question": "q0001", "ranks": [0, 1, 2]}] * 2}, "twice"),
        ({"answers": []}, "no answer"),
    ],
)
def test_bad_answers_are_told(tmp_path: Path, record: dict[str, Any], said: str) -> None:
    whole = {"format": "smartmask-study-answers", "study": "abc", "judge": "j", "answers": [], **record}
    (tmp_path / "a.json").write_text(json.dumps(whole))
    with pytest.raises(ValueError, match=said):
        read_answers(tmp_path / "a.json", KEY)


def test_one_judge_counts_once(tmp_path: Path) -> None:
    files = [answers_file(tmp_path / f"{i}.json", {"q0001": [0, 1, 2]}) for i in range(2)]
    with pytest.raises(ValueError, match="of one judge"):
        read_all(files, KEY)


def test_bad_keys_are_told(tmp_path: Path) -> None:
    for text in ("[]", "{}", '{"study": "x", "design": "", "systems": [], "questions": {"q": {}}}', "{"):
        (tmp_path / "key.json").write_text(text)
        with pytest.raises(ValueError, match=r"key\.json"):
            read_key(tmp_path / "key.json")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three judges, one of whom does not look; the report leaves that one out and says so."""
    (tmp_path / "key.json").write_text(json.dumps(KEY))
    ranks = {"q0001": [0, 1, 2], "q0002": [2, 0, 1]}
    files = [
        answers_file(tmp_path / "1.json", {**ranks, "q0003": [0, 2, 1]}, "looks"),
        answers_file(tmp_path / "2.json", {**ranks, "q0003": [1, 2, 0]}, "looks-too"),
        answers_file(tmp_path / "3.json", {"q0001": [2, 1, 0], "q0003": [1, 0, 2]}, "sleeps"),
    ]
    out = tmp_path / "out"
    line = ["eval", "study", "score", *map(str, files), "--key", str(tmp_path / "key.json"), "--out", str(out)]
    assert cli.main(line) == 0
    shown = capsys.readouterr().out
    assert "# A study of 3 systems: 2 judges on 2 items" in shown
    assert "failed attention checks: sleeps" in shown
    report = json.loads((out / "study.json").read_text("utf-8"))
    assert report["systems"]["a"]["share"][0] == 1.0
    assert [pair["of"] for pair in report["pairs"]] == [["a", "b"], ["a", "c"], ["b", "c"]]
    assert report["agreement"] == {"share": 1.0, "pairs": 6}
    assert cli.main([*line[:-2], "--attention", "0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["judges"] == 3
