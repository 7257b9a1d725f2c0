"""Scores of a study: preference shares and Bradley-Terry strengths, with intervals over judges and items at once.

Several answers of one judge are not independent, nor are several judges' answers on one item: both are drawn again,
with replacement, and a comparison counts as often as its judge and its item came up together (the pigeonhole
bootstrap: Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 2007).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from smartmask.evaluate.tasks.study.answers import Answer, Comparison
from smartmask.metrics.intervals import binomial_test, exact_interval

SAMPLES = 1000
ROUNDS = 200  # of the Bradley-Terry iteration
PRIOR = 0.5  # wins that each of two systems is given over the other, so that a system that never lost stays finite


def scores(comparisons: Sequence[Comparison], systems: Sequence[str], seed: int = 0) -> dict[str, Any]:
    """Shares, strengths and the table of pairs, JSON-ready; every interval is [value, low, high] at 95 %.

    share: of a system's comparisons, the part it won, equal ones half. strength: Bradley-Terry's logarithm of the odds,
    its mean over the systems 0: two that differ by d are preferred one to the other with odds exp(d). best: share of
    the resamples in which it has the highest strength. pairs: by two systems, the share with its interval, and over
    items decided by majority an exact interval and the two-sided exact binomial test.
    Raises ValueError without comparisons.
    """
    if not comparisons:
        raise ValueError("No answer compares two systems; every judge was left out, or only checks were answered.")
    weights = np.concatenate([np.ones((1, len(comparisons))), _resampled(comparisons, seed)])
    wins = _wins(comparisons, systems, weights)  # (1 + SAMPLES, systems, systems), the first as it was
    strengths = bradley_terry(wins)
    played = wins + wins.transpose(0, 2, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = wins.sum(axis=2) / played.sum(axis=2)
        between = wins / played
    best = np.bincount(strengths[1:].argmax(axis=1), minlength=len(systems)) / SAMPLES
    found = {
        name: {
            "share": _interval(shares[:, i]),
            "strength": _interval(strengths[:, i]),
            "best": round(float(best[i]), 3),
            "comparisons": int(played[0, i].sum()),
        }
        for i, name in enumerate(systems)
    }
    pairs = [
        _pair(comparisons, (systems[i], systems[j]), between[:, i, j]) for i, j in combinations(range(len(systems)), 2)
    ]
    return {"systems": found, "pairs": [pair for pair in pairs if pair is not None]}


def bradley_terry(wins: np.ndarray) -> np.ndarray:
    """``(..., n)`` strengths of (..., n, n) wins of row over column: maximum likelihood, logarithms, mean 0.

    Minorise-maximise (Hunter, "MM algorithms for generalized Bradley-Terry models", Annals of Statistics 2004, eq. 3),
    with PRIOR added to every pair.
    """
    count = wins.shape[-1]
    padded = wins + PRIOR * (1 - np.eye(count))
    played = padded + np.swapaxes(padded, -1, -2)
    won = padded.sum(axis=-1)
    strength = np.ones(wins.shape[:-1])
    for _ in range(ROUNDS):
        strength = won / (played / (strength[..., :, None] + strength[..., None, :])).sum(axis=-1)
        strength /= np.exp(np.log(strength).mean(axis=-1, keepdims=True))
    return np.log(strength)


def agreement(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """How often two judges said the same of the same two pictures; None where no two judges met.

    share: of all pairs of judges on the same comparison, those with one answer.  pairs: how many such.
    """
    said: dict[tuple[str, frozenset[str]], list[tuple[str, float]]] = {}
    for one in comparisons:
        low = min(one.first, one.second)
        result = one.result if one.first == low else 1 - one.result
        said.setdefault((one.question, frozenset((one.first, one.second))), []).append((one.judge, result))
    equal = [a[1] == b[1] for some in said.values() for a, b in combinations(some, 2) if a[0] != b[0]]
    return {"share": round(float(np.mean(equal)), 4) if equal else None, "pairs": len(equal)}


def places(answers: Sequence[Answer]) -> list[float]:
    """Mean rank (0 the best) of the pictures in each slot: far from equal, and judges go by place."""
    width = max(len(answer.ranks) for answer in answers)
    ranks = [[answer.ranks[slot] for answer in answers if slot < len(answer.ranks)] for slot in range(width)]
    return [round(float(np.mean(some)), 3) for some in ranks]


def _resampled(comparisons: Sequence[Comparison], seed: int) -> np.ndarray:
    """``(SAMPLES, comparisons)`` how often each counts when judges and items are drawn again."""
    rng = np.random.default_rng(seed)
    weights = np.ones((SAMPLES, len(comparisons)))
    for keys in ([one.judge for one in comparisons], [one.item for one in comparisons]):
        _, index = np.unique(keys, return_inverse=True)
        count = index.max() + 1
        weights *= rng.multinomial(count, np.full(count, 1 / count), size=SAMPLES)[:, index]
    return weights


def _wins(comparisons: Sequence[Comparison], systems: Sequence[str], weights: np.ndarray) -> np.ndarray:
    """``(samples, n, n)`` weighted wins of row over column, an equal one half a win each."""
    place = {name: i for i, name in enumerate(systems)}
    count = len(systems)
    rows = np.array([place[one.first] for one in comparisons])
    columns = np.array([place[one.second] for one in comparisons])
    results = np.array([one.result for one in comparisons])
    wins = np.zeros((len(weights), count * count))
    for cells, values in ((rows * count + columns, results), (columns * count + rows, 1 - results)):
        table = np.zeros((len(comparisons), count * count))
        table[np.arange(len(comparisons)), cells] = values
        wins += weights @ table
    return wins.reshape(-1, count, count)


def _pair(comparisons: Sequence[Comparison], pair: tuple[str, str], shares: np.ndarray) -> dict[str, Any] | None:
    """The row of two systems; None where they never met."""
    met = [one for one in comparisons if {one.first, one.second} == set(pair)]
    if not met:
        return None
    results = [(one.item, one.result if one.first == pair[0] else 1 - one.result) for one in met]
    counts = Counter(result for _, result in results)
    leads = Counter()  # type: Counter[str]
    for item, result in results:
        leads[item] += round(2 * result - 1)
    won, lost = sum(lead > 0 for lead in leads.values()), sum(lead < 0 for lead in leads.values())
    found: dict[str, Any] = {"of": list(pair), "won": counts[1.0], "lost": counts[0.0], "equal": counts[0.5]}
    found["share"] = _interval(shares)
    found["items"] = {"won": won, "lost": lost, "undecided": len(leads) - won - lost}
    found["items"]["interval"] = [round(edge, 4) for edge in exact_interval(won, won + lost)] if won + lost else None
    found["items"]["p"] = round(binomial_test(won, won + lost), 6)
    return found


def _interval(values: np.ndarray) -> list[float]:
    """[value, low, high] of a figure and its resamples; resamples in which it does not exist do not count."""
    drawn = values[1:][np.isfinite(values[1:])]
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (values[0], values[0])
    return [round(float(value), 4) for value in (values[0], low, high)]
