"""Pairs of suggestions that differ by a word, and the counting of answers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from fake_pipeline import FakePipeline
from typer.testing import CliRunner

from smartmask.cli.evaluate import app
from smartmask.evaluate.tasks.attributes import (
    COLUMNS,
    PAIRS,
    SIDES,
    key_of_pairs,
    make_pairs,
    meadow,
    pair_lines,
    pairs_of_seed,
    pairs_picture,
    score_pairs,
)
from smartmask.masks.exemplar.attributes import read_wish


def test_every_word_has_pairs_that_differ_by_what_is_asked_for() -> None:
    for texts in PAIRS.values():
        for asked, other in texts:
            one, two = read_wish(asked), read_wish(other)
            assert (one.traits, one.part, one.number) != (two.traits, two.part, two.number)


def test_pairs_come_by_the_seed() -> None:
    first = pairs_of_seed(0, 20)
    assert len(first) == 20
    assert first == pairs_of_seed(0, 20)
    assert first != pairs_of_seed(1, 20)
    assert {word for word, _, _ in pairs_of_seed(0, len(PAIRS))} == set(PAIRS)
    only = pairs_of_seed(3, 5, ("flying", "two"))
    assert {word for word, _, _ in only} == {"flying", "two"}
    assert only[0][1] != only[2][1]  # another of the word's texts
    with pytest.raises(ValueError, match="no pair for 'red'"):
        pairs_of_seed(0, 5, ("red",))


def test_both_of_a_pair_are_made_alike() -> None:
    pipe = FakePipeline()
    wanted = pairs_of_seed(0, 12)
    pairs = make_pairs(pipe, wanted, 0, num_masks=2)
    assert {pair.side for pair in pairs} == set(SIDES)
    assert len({pair.seed for pair in pairs}) == 12
    for pair, (word, asked, other) in zip(pairs, wanted, strict=True):
        assert (pair.word, pair.asked, pair.other) == (word, asked, other)
        assert [mask.shape for mask in pair.masks] == [(meadow().height, meadow().width)] * 2
    again = make_pairs(pipe, wanted, 0, num_masks=2)
    assert [pair.side for pair in again] == [pair.side for pair in pairs]
    page = pairs_picture(pairs)
    assert page.dtype == np.uint8
    assert page.shape[1] > page.shape[0] * COLUMNS / 4


def test_answers_are_counted_by_word() -> None:
    key = [{"number": i, "word": "two" if i > 2 else "flying", "side": "left"} for i in range(1, 6)]
    said = {"1": "left", "2": "Right", "3": " left", "4": "left", "5": ""}
    found = score_pairs(key, said)
    assert (found["right"], found["pairs"], found["acts"]) == (3, 5, False)
    assert found["words"] == {"flying": [1, 2], "two": [2, 3]}
    assert score_pairs(key, said | {"5": "left"})["acts"]
    assert "| two | 2 | 3 |" in "\n".join(pair_lines(found))
    for wrong, message in (
        ({"6": "left"}, "number 6, which the key lacks"), ({"1": "up"}, "'up' to pair 1 is no side"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            score_pairs(key, said | wrong)
    with pytest.raises(ValueError, match="lacks number 5"):
        score_pairs(key, {number: side for number, side in said.items() if number != "5"})


def test_the_commands_write_and_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FakePipeline().install(monkeypatch)
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["attributes", "--out", str(out), "--pairs", "4"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in out.iterdir()) == [
        "attributes.png", "attributes_answers.json", "attributes_key.json",
    ]  # fmt: skip
    key = json.loads((out / "attributes_key.json").read_text())["pairs"]
    answers = {str(entry["number"]): entry["side"] for entry in key}
    (out / "attributes_answers.json").write_text(json.dumps(answers))
    command = ["attributes-score", str(out / "attributes_key.json"), str(out / "attributes_answers.json"), "--json"]
    report = json.loads(CliRunner().invoke(app, command, catch_exceptions=False).stdout)
    assert (report["right"], report["pairs"], report["acts"]) == (4, 4, True)
    swapped = CliRunner().invoke(app, [command[0], command[2], command[1]])
    assert "is no key" in str(swapped.exception)
    listed = CliRunner().invoke(app, [command[0], command[1], command[1]])
    assert "is no JSON object of sides" in str(listed.exception)


def test_keys_tell_what_each_number_is() -> None:
    (entry,) = key_of_pairs(make_pairs(FakePipeline(), pairs_of_seed(0, 1), 0, num_masks=1))
    assert set(entry) == {"number", "word", "asked", "other", "seed", "side"}
