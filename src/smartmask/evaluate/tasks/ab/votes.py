"""Votes of a blind comparison: read, unblinded by the key, and tested."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smartmask.io.files import read_json
from smartmask.metrics.intervals import binomial_test, exact_interval

CHOICES = ("left", "right", "same")
HEADS = ("page", "pair", "choice")


@dataclass(frozen=True)
class Vote:
    """What one person said of one pair; voter: the file it came from."""

    pair: str
    choice: str
    voter: str


def read_key(path: str | Path) -> dict[str, Any]:
    """The key that ``eval ab`` wrote: page, a, b, left ({pair: "a" or "b"}). Raises ValueError for anything else."""
    key = read_json(Path(path), "key")
    left = key.get("left") if isinstance(key, dict) else None
    if not isinstance(left, dict) or not {"page", "a", "b"} <= set(key) or not set(left.values()) <= {"a", "b"}:
        raise ValueError(f"'{path}' is no key of a page of 'eval ab'; give its key.json.")
    return key


def read_votes(path: str | Path, key: Mapping[str, Any]) -> list[Vote]:
    """The votes of one file, as the page downloads it.

    Raises ValueError for votes of another page, unknown pairs or choices, and a pair voted on twice.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"The votes '{path}' cannot be read ({error}); give the CSV that the page saves.") from error
    reader = csv.DictReader(io.StringIO(text))
    if not set(HEADS) <= set(reader.fieldnames or ()):
        raise ValueError(f"The votes '{path}' lack the columns {', '.join(HEADS)}; give the CSV that the page saves.")
    votes: dict[str, Vote] = {}
    for number, row in enumerate(reader, 2):
        if row["page"] != key["page"]:
            raise ValueError(
                f"Line {number} of '{path}' is a vote on page {row['page']}; the key is for {key['page']}."
            )
        if row["pair"] not in key["left"] or row["choice"] not in CHOICES:
            raise ValueError(
                f"Line {number} of '{path}' says '{row['choice']}' of pair '{row['pair']}'; "
                f"choices are {', '.join(CHOICES)}, and the pairs are the key's."
            )
        if row["pair"] in votes:
            raise ValueError(f"Line {number} of '{path}' votes on pair '{row['pair']}' again; keep one vote a pair.")
        votes[row["pair"]] = Vote(row["pair"], row["choice"], str(path))
    if not votes:
        raise ValueError(f"The votes '{path}' hold no vote.")
    return list(votes.values())


def score(votes: Sequence[Vote], key: Mapping[str, Any]) -> dict[str, Any]:
    """Shares of both systems, and two exact two-sided sign tests.

    of_votes: every vote counts as one, which is right for one voter only: votes of several people on one pair are
    not independent. of_pairs: each pair is one trial, won by the majority of its votes. Votes of "same" and
    pairs without a majority are counted, and left out of the tests.
    """
    winners = [(vote.pair, winner(vote, key)) for vote in votes]
    majority = []
    for pair in sorted({pair for pair, _ in winners}):
        counts = Counter(who for name, who in winners if name == pair and who != "same")
        lead = counts["a"] - counts["b"]
        majority.append("a" if lead > 0 else "b" if lead < 0 else "same")
    return {
        "a": key["a"],
        "b": key["b"],
        "page": key["page"],
        "pairs": len(key["left"]),
        "pairs_voted_on": len(majority),
        "voters": len({vote.voter for vote in votes}),
        "of_votes": tally(who for _, who in winners),
        "of_pairs": tally(majority),
        "left_chosen": sum(vote.choice == "left" for vote in votes),
        "right_chosen": sum(vote.choice == "right" for vote in votes),
    }


def winner(vote: Vote, key: Mapping[str, Any]) -> str:
    """a, b or same."""
    if vote.choice == "same":
        return "same"
    left = str(key["left"][vote.pair])
    return left if vote.choice == "left" else {"a": "b", "b": "a"}[left]


def tally(winners: Iterable[str]) -> dict[str, Any]:
    """Counts of a, b and same; a's share among decided ones with its 95 % interval; the test's p."""
    counts = Counter(winners)
    a, decided = counts["a"], counts["a"] + counts["b"]
    found: dict[str, Any] = {"a": a, "b": counts["b"], "same": counts["same"]}
    found["share_of_a"] = round(a / decided, 4) if decided else None
    found["interval"] = [round(edge, 4) for edge in exact_interval(a, decided)] if decided else None
    found["p"] = binomial_test(a, decided)
    return found


def to_lines(result: Mapping[str, Any]) -> list[str]:
    """The result for people."""
    lines = [f"A: {result['a']}", f"B: {result['b']}"]
    lines.append(f"{result['pairs_voted_on']} of {result['pairs']} pairs voted on by {result['voters']} voter(s)")
    for name, what in (("of_votes", "votes"), ("of_pairs", "pairs, by majority")):
        part = result[name]
        said = f"{what}: A {part['a']}, B {part['b']}, same {part['same']}"
        if part["interval"] is not None:
            low, high = part["interval"]
            said += f"; A wins {part['share_of_a']:.1%} [{low:.1%}, {high:.1%}] of the decided, p = {part['p']:.3g}"
        lines.append(said)
    if result["voters"] > 1:
        lines.append("Votes of several people on one pair are not independent: go by the line of pairs.")
    return lines
