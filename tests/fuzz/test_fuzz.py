"""Every target with its seeds and some mutations of them, and all that was ever found."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from fuzz.mutate import mutate_json
from fuzz.table import TARGETS
from fuzz.target import CORPUS, Target, judge, tried

FOUND = sorted(CORPUS.glob("*/*.input"))


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_takes_its_seeds_and_refuses_others_in_plain_sentences(name: str, tmp_path: Path) -> None:
    target, rng = TARGETS[name], random.Random(5)
    seeds = target.seeds()
    outcomes = [judge(target, seed, tmp_path) for seed in seeds]
    assert not [outcome for outcome in outcomes if outcome.finding]
    assert any(outcome.accepted for outcome in outcomes), "a target that refuses all its seeds tries nothing"
    changed = [target.mutate(rng.choice(seeds), rng) for _ in range(round(3 + 50 * target.share))]
    assert not [(data, outcome) for data in changed if (outcome := judge(target, data, tmp_path)).finding]


@pytest.mark.parametrize("file", FOUND, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_what_was_found_stays_mended(file: Path) -> None:
    assert tried(TARGETS[file.parent.name], file.read_bytes()).finding is None


def _raises(error: Exception) -> Target:
    def run(data: bytes, folder: Path) -> None:
        raise error

    return Target("raises", run, lambda: [b""], mutate_json)


@pytest.mark.parametrize(
    "error",
    [
        KeyError("name"), TypeError("int"), MemoryError(), RecursionError(), ValueError(""), ValueError("a\nb"),
        ValueError("x" * 601), ValueError("\x1b[31m"), UnicodeDecodeError("utf-8", b"", 0, 1, "x"),
        ValueError("A sentence, but not one of the package's own."), RuntimeWarning("overflow"),
    ],
)  # fmt: skip
def test_anything_but_a_plain_sentence_of_the_package_is_found(error: Exception, tmp_path: Path) -> None:
    assert judge(_raises(error), b"", tmp_path).finding
