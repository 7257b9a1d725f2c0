"""Answers to a study, unblinded by its key: who preferred which system's picture to which other's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from smartmask.io.reading import read_json

FORMAT = "smartmask-study-answers"


@dataclass(frozen=True)
class Answer:
    """What one judge said of one question: the rank of the picture in each slot, 0 the best, equal for equal ones."""

    judge: str
    question: str
    ranks: tuple[int, ...]
    seconds: float | None = None


@dataclass(frozen=True)
class Comparison:
    """One system's picture of an item against another's. result: 1 if ``first`` was preferred, 0 if not, .5: equal.

    first is the one that stood before the other on the page.
    """

    judge: str
    item: str
    question: str
    first: str
    second: str
    result: float


def read_key(path: str | Path) -> dict[str, Any]:
    """The key that ``eval study make`` wrote. Raises ValueError for anything else."""
    key = read_json(Path(path), "key")
    wanted = {"study", "design", "systems", "questions"}
    questions = key.get("questions") if isinstance(key, dict) else None
    if not isinstance(questions, dict) or not wanted <= set(key) or not all(map(_is_question, questions.values())):
        raise ValueError(f"'{path}' is no key of a page of 'eval study make'; give its key.json.")
    return key


def _is_question(told: Any) -> bool:
    return isinstance(told, dict) and {"item", "systems", "spoilt"} <= set(told) and isinstance(told["systems"], list)


def read_answers(path: str | Path, key: Mapping[str, Any]) -> list[Answer]:
    """The answers of one file, as the page saves it; a judge may have left questions out.

    Raises ValueError for a file of another study, unknown questions, ranks that are none, or a question twice.
    """
    record = read_json(Path(path), "answers")
    if not isinstance(record, dict) or record.get("format") != FORMAT or not isinstance(record.get("answers"), list):
        raise ValueError(f"'{path}' holds no answers to a study; give what its page saves.")
    if record.get("study") != key["study"]:
        raise ValueError(f"'{path}' answers the study {record.get('study')}; the key is for {key['study']}.")
    found: dict[str, Answer] = {}
    for row in record["answers"]:
        code = str(row.get("question")) if isinstance(row, dict) else ""
        if code not in key["questions"]:
            raise ValueError(
                f"'{path}' answers the question '{code}', which the study has not; give the page's own file."
            )
        if code in found:
            raise ValueError(f"'{path}' answers the question '{code}' twice; keep one answer.")
        ranks, count = row.get("ranks"), len(key["questions"][code]["systems"])
        if not _are_ranks(ranks, count):
            raise ValueError(f"'{path}' ranks question '{code}' as {ranks!r}; {count} pictures have ranks from 0 on.")
        seconds = row.get("seconds")
        seconds = float(seconds) if isinstance(seconds, (int, float)) else None
        found[code] = Answer(str(record.get("judge")), code, tuple(ranks), seconds)
    if not found:
        raise ValueError(f"The answers '{path}' hold no answer.")
    return list(found.values())


def _are_ranks(ranks: Any, count: int) -> bool:
    whole = isinstance(ranks, list) and len(ranks) == count and all(type(rank) is int for rank in ranks)
    return whole and all(0 <= rank < count for rank in ranks)


def read_all(paths: Sequence[str | Path], key: Mapping[str, Any]) -> list[Answer]:
    """The answers of several judges. Raises ValueError if one judge's file comes twice, and as ``read_answers``."""
    found: list[Answer] = []
    seen: dict[str, str] = {}
    for path in paths:
        answers = read_answers(path, key)
        judge = answers[0].judge
        if judge in seen:
            raise ValueError(f"'{path}' and '{seen[judge]}' are of one judge ({judge}); keep the later of the two.")
        seen[judge] = str(path)
        found += answers
    return found


def checks_of(answers: Sequence[Answer], key: Mapping[str, Any]) -> dict[str, list[int]]:
    """{judge: [checks passed, checks answered]}; passed where the spoilt picture alone stands last."""
    found: dict[str, list[int]] = {answer.judge: [0, 0] for answer in answers}
    for answer in answers:
        spoilt = key["questions"][answer.question]["spoilt"]
        if spoilt is None:
            continue
        others = [rank for slot, rank in enumerate(answer.ranks) if slot != spoilt]
        found[answer.judge][0] += answer.ranks[spoilt] > max(others)
        found[answer.judge][1] += 1
    return found


def attentive(checks: Mapping[str, Sequence[int]], least: float) -> set[str]:
    """The judges who passed at least a share of the checks they met; who met none counts as attentive."""
    return {judge for judge, (passed, met) in checks.items() if passed >= least * met}


def comparisons_of(answers: Sequence[Answer], key: Mapping[str, Any]) -> list[Comparison]:
    """Every pair of pictures that the answers rank, checks aside: one a question of two, n (n - 1) / 2 of n."""
    found = []
    for answer in answers:
        told = key["questions"][answer.question]
        if told["spoilt"] is not None:
            continue
        for one, other in combinations(range(len(answer.ranks)), 2):
            mine, theirs = answer.ranks[one], answer.ranks[other]
            result = 0.5 if mine == theirs else float(mine < theirs)
            names = told["systems"][one], told["systems"][other]
            found.append(Comparison(answer.judge, told["item"], answer.question, *names, result))
    return found
