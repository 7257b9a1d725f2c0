"""Strata of weighted candidates: whole numbers, a seed alone tells its candidate, eight neighbours cover all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from outlined import lump, made_memory

from smartmask.io.checks import MAX_SEED
from smartmask.masks.exemplar.strata import COUNT, FINE, WHOLE, Strata, overlaps, stratify, weights_of

MEMORY = made_memory(30, ["dog"])
CELLS = MEMORY.cells(np.arange(30))


@st.composite
def candidates(draw: st.DrawFn, least: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Weights and overlaps of some of the memory's outlines, doubles among them."""
    rows = draw(st.lists(st.integers(0, 29), min_size=least, max_size=40))
    units = draw(st.lists(st.integers(-400, 0), min_size=len(rows), max_size=len(rows)))
    return weights_of(np.array(units), 32), overlaps(CELLS[rows])


def drawable(strata: Strata) -> list[set[int]]:
    return [set(members.tolist()) for members in strata.members]


# --- weights and overlaps ------------------------------------------------------------------------


@given(st.lists(st.integers(-5000, 5000), min_size=1, max_size=50), st.integers(-1000, 1000))
def test_weights_follow_the_scores(units: list[int], more: int) -> None:
    weights = weights_of(np.array(units), 32)
    assert weights.dtype == np.int64
    assert weights.max() == WHOLE
    assert weights.min() >= 1
    by_score = np.argsort(units, kind="stable")
    assert (np.diff(weights[by_score]) >= 0).all()
    np.testing.assert_array_equal(weights_of(np.array(units) + more, 32), weights)  # only differences count


def test_a_nat_is_a_factor_of_e() -> None:
    assert weights_of(np.array([0, -32, -64]), 32).tolist() == [WHOLE, round(WHOLE / np.e), round(WHOLE / np.e**2)]
    assert len(weights_of(np.zeros(0, np.int64), 32)) == 0


def test_overlaps_are_intersections_over_unions() -> None:
    cells = np.stack([lump(1, 32, 32), lump(2, 32, 32), np.zeros((32, 32), dtype=bool), np.zeros((32, 32), dtype=bool)])
    found = overlaps(cells)
    shared, either = (cells[0] & cells[1]).sum(), (cells[0] | cells[1]).sum()
    assert found[0, 1] == found[1, 0] == FINE * shared // either
    assert found[0, 0] == FINE
    assert found[0, 2] == 0
    assert found[2, 3] == FINE  # nothing and nothing are the same
    assert found.dtype == np.int64


# --- strata --------------------------------------------------------------------------------------


@given(candidates())
def test_strata_part_the_candidates(given_: tuple[np.ndarray, np.ndarray]) -> None:
    weights, overlap = given_
    strata = stratify(weights, overlap, near=1)  # nothing left out
    every = [member for members in strata.members for member in members.tolist()]
    assert sorted(every) == list(range(len(weights)))
    assert len(strata.members) == min(COUNT, len(weights))
    for members, cumulative in zip(strata.members, strata.cumulative, strict=True):
        np.testing.assert_array_equal(cumulative, np.cumsum(weights[members]))
        away = FINE - overlap[members[0], members]
        assert (np.diff(away[1:]) >= 0).all()  # from the middle outwards


@given(candidates(), st.integers(1, 8))
def test_each_keeps_the_nearest_share_of_its_weight(given_: tuple[np.ndarray, np.ndarray], near: int) -> None:
    weights, overlap = given_
    whole, part = stratify(weights, overlap, near=1), stratify(weights, overlap, near=near)
    for every, kept, cumulative in zip(whole.members, part.members, part.cumulative, strict=True):
        assert every[: len(kept)].tolist() == kept.tolist()
        total = int(weights[every].sum())
        assert cumulative[-1] * near >= total
        assert len(kept) == 1 or cumulative[-2] * near < total


@given(candidates(), st.integers(1, 4), st.integers(1, 8))
def test_the_first_stratum_has_its_own_share(given_: tuple[np.ndarray, np.ndarray], near: int, first: int) -> None:
    weights, overlap = given_
    both, mixed = (stratify(weights, overlap, near=n, near_first=f) for n, f in ((first, None), (near, first)))
    rest = stratify(weights, overlap, near=near)
    expected = [both.members[0], *rest.members[1:]]
    assert [m.tolist() for m in mixed.members] == [m.tolist() for m in expected]
    told = {c for c in range(len(weights)) if mixed.is_first(c)}
    assert told == set(mixed.members[0].tolist())


@given(candidates(2))
def test_the_first_middle_is_the_best_single_choice(given_: tuple[np.ndarray, np.ndarray]) -> None:
    weights, overlap = given_
    covered = (overlap * weights[None, :]).sum(axis=1)
    strata = stratify(weights, overlap)
    assert covered[strata.members[0][0]] == covered.max()
    np.testing.assert_array_equal(strata.expected, covered // weights.sum())


def test_middles_cover_more_than_the_best_eight() -> None:
    weights = np.full(30, WHOLE)
    overlap = overlaps(CELLS)
    strata = stratify(weights, overlap)
    middles = [int(members[0]) for members in strata.members]
    best = np.argsort(-strata.expected, kind="stable")[:COUNT]
    assert overlap[middles].max(axis=0).sum() > overlap[best].max(axis=0).sum()


def test_doubles_do_not_take_two_strata() -> None:
    """Ten copies of one outline beside three others: the copies share a stratum as long as there are others."""
    rows = [0] * 10 + [1, 2, 3]
    strata = stratify(np.full(13, WHOLE), overlaps(CELLS[rows]), count=4)
    assert sorted({rows[int(members[0])] for members in strata.members}) == [0, 1, 2, 3]


# --- seeds ---------------------------------------------------------------------------------------


@given(candidates(), st.integers(0, MAX_SEED))
def test_a_seed_alone_tells_its_candidate(given_: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    strata = stratify(*given_)
    alone = strata.choose(seed)
    assert 0 <= alone < len(given_[0])
    assert [strata.choose(one) for one in [seed + 3, seed, 0]][1] == alone
    assert stratify(*given_).choose(seed) == alone


@given(candidates(), st.integers(0, MAX_SEED - COUNT))
def test_neighbouring_seeds_cover_the_strata(given_: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    strata = stratify(*given_)
    groups = drawable(strata)
    chosen = [strata.choose(one) for one in range(seed, seed + len(groups))]
    assert sorted(next(i for i, group in enumerate(groups) if index in group) for index in chosen) == list(
        range(len(groups))
    )


def test_the_first_seeds_take_the_middles() -> None:
    strata = stratify(np.full(30, WHOLE), overlaps(CELLS))
    assert [strata.choose(one) for one in range(COUNT)] == [int(members[0]) for members in strata.members]


def test_later_seeds_draw_by_weight() -> None:
    """A stratum's members come up as often as their weights say, within a hundredth over 4,000 seeds."""
    members = np.array([4, 7, 9])
    strata = Strata([members], [np.cumsum([6, 3, 1])], np.zeros(10, np.int64))
    drawn = np.array([strata.choose(seed) for seed in range(1, 4001)])
    for member, share in zip(members, (0.6, 0.3, 0.1), strict=True):
        assert (drawn == member).mean() == pytest.approx(share, abs=0.01)


@given(st.integers(1, MAX_SEED))
def test_large_seeds_and_weights_do_not_overflow(seed: int) -> None:
    strata = Strata([np.array([0, 1])], [np.array([160 * WHOLE, 320 * WHOLE])], np.zeros(2, np.int64))
    assert strata.choose(seed) in (0, 1)
