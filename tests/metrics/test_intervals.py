"""Intervals whose right answer is known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartmask.metrics.intervals import (
    best_of,
    best_of_curve,
    binomial_test,
    bootstrap_interval,
    bootstrap_intervals,
    exact_interval,
    macro_interval,
    mean_interval,
    ratio_interval,
    top_of_curve,
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.data())
def test_best_of_equals_the_mean_over_all_subsets(values: list[float], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(values)))
    brute = np.mean([max(subset) for subset in itertools.combinations(values, k)])
    assert best_of(np.array([values]), k)[0] == pytest.approx(brute)


def test_best_of_curve_runs_from_mean_to_maximum() -> None:
    values = np.random.default_rng(1).random((7, 8))
    curve = best_of_curve(values)
    assert curve.shape == (7, 8)
    np.testing.assert_allclose(curve[:, 0], values.mean(axis=1))
    np.testing.assert_allclose(curve[:, -1], values.max(axis=1))
    assert (np.diff(curve, axis=1) >= -1e-12).all()
    with pytest.raises(ValueError, match="Best of 9"):
        best_of(values, 9)


def test_bootstrap_interval_covers_the_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    hits = 0
    for trial in range(200):
        interval = bootstrap_interval(rng.normal(0.3, 1.0, 60), samples=300, seed=trial)
        hits += interval.low <= 0.3 <= interval.high
    assert 0.88 <= hits / 200 <= 0.99


def test_bootstrap_by_group_is_wider_when_groups_agree_within() -> None:
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(30), 10)
    values = rng.normal(size=30)[groups]  # ten copies each: only 30 independent values
    single, grouped = bootstrap_interval(values), bootstrap_interval(values, groups)
    assert single.mean == grouped.mean == pytest.approx(values.mean())
    width, grouped_width = single.high - single.low, grouped.high - grouped.low
    assert grouped_width == pytest.approx(width * math.sqrt(10), rel=0.25)


def test_bootstrap_is_deterministic_and_takes_names_as_groups() -> None:
    values, groups = np.arange(6.0), np.array(["a", "a", "b", "b", "c", "c"])
    assert bootstrap_interval(values, groups) == bootstrap_interval(values, groups)
    assert bootstrap_interval(np.ones(4)) == (1, 1, 1)
    for bad in (np.array([]), np.array([1, np.nan])):
        with pytest.raises(ValueError, match="finite"):
            bootstrap_interval(bad)
    with pytest.raises(ValueError, match="one group a value"):
        bootstrap_interval(values, groups[:3])
    with pytest.raises(ValueError, match=r"1\.5"):
        bootstrap_interval(values, confidence=1.5)


def test_top_of_k_is_best_of_k_for_a_right_ranking_and_the_worst_for_a_reversed_one() -> None:
    values = np.sort(np.random.default_rng(0).random((5, 6)), axis=1)
    right, reversed_ = top_of_curve(values[:, ::-1]), top_of_curve(values)
    np.testing.assert_allclose(right, best_of_curve(values))
    np.testing.assert_allclose(reversed_[:, 0], values.mean(axis=1))
    np.testing.assert_allclose(reversed_[:, -1], values[:, 0])


def test_columns_are_resampled_together() -> None:
    values = np.random.default_rng(0).random((20, 3))
    groups = np.repeat(np.arange(5), 4)
    alone = [bootstrap_interval(column, groups) for column in values.T]
    np.testing.assert_allclose(bootstrap_intervals(values, groups), alone)


def test_a_ratio_of_means_has_an_interval() -> None:
    below = np.arange(1.0, 41.0)
    groups = np.repeat(np.arange(20), 2)
    assert ratio_interval(0.5 * below, below, groups) == pytest.approx((0.5, 0.5, 0.5))
    found = ratio_interval(np.full(40, 10.0), below, groups)
    assert found.mean == pytest.approx(10 / 20.5)
    assert found.low < found.mean < found.high
    with pytest.raises(ValueError, match="above 0"):
        ratio_interval(below, 0 * below, groups)


def test_macro_interval_weighs_classes_and_resamples_images() -> None:
    right = np.array([1.0] * 80 + [0.0] * 20)
    names = np.array(["a"] * 80 + ["b"] * 20)
    assert macro_interval(right, names, np.arange(100)) == (0.5, 0.5, 0.5)
    mixed = np.array([1.0, 0.0] * 50)
    mean, low, high = macro_interval(mixed, names, np.arange(100))
    assert mean == 0.5
    assert low < 0.5 < high


@pytest.mark.parametrize(
    ("wins", "trials", "p"),
    [(0, 0, 1.0), (5, 5, 0.0625), (8, 10, 0.109375), (5, 10, 1.0), (10, 10, 2 / 1024), (3, 4, 0.625)],
)
def test_known_values_of_the_binomial_test(wins: int, trials: int, p: float) -> None:
    assert binomial_test(wins, trials) == pytest.approx(p)


@given(st.integers(0, 40), st.integers(0, 40))
def test_the_binomial_test_is_symmetric_and_exact(wins: int, losses: int) -> None:
    trials = wins + losses
    p = binomial_test(wins, trials)
    assert p == binomial_test(losses, trials)
    seen = math.comb(trials, wins)
    assert p == pytest.approx(sum(c for k in range(trials + 1) if (c := math.comb(trials, k)) <= seen) / 2**trials)


def test_impossible_counts_are_told() -> None:
    with pytest.raises(ValueError, match="impossible"):
        binomial_test(3, 2)


@given(st.integers(1, 60), st.data())
def test_the_exact_interval_is_clopper_and_pearsons(trials: int, data: st.DataObject) -> None:
    stats = pytest.importorskip("scipy.stats")
    wins = data.draw(st.integers(0, trials))
    low, high = exact_interval(wins, trials)
    expected = stats.binomtest(wins, trials).proportion_ci(0.95, "exact")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_many_votes_do_not_overflow() -> None:
    low, high = exact_interval(2600, 5000)
    assert 0.5 < low < 0.52 < high < 0.54
    assert binomial_test(2600, 5000) < 0.01


# --- the commands ----------------------------------------------------------------------------------


def test_reports_hold_rounded_intervals() -> None:
    mean, low, high = mean_interval([0.0, 1.0, 2.0])
    assert mean == 1
    assert [low, high] == [round(value, 4) for value in bootstrap_interval(np.array([0.0, 1.0, 2.0]))[1:]]
