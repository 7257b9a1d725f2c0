"""Learning rates: each by its formula, and OneCycle beside torch's own."""

from __future__ import annotations

import pytest
import torch

from smartmask.train.schedules import Cosine, OneCycle, Plateau


def test_the_plateau_rises_stays_and_falls() -> None:
    schedule = Plateau(warmup=10, decay=0.25)
    assert [schedule(step, 0, 1000)[0] for step in (0, 4, 9, 500)] == [0.1, 0.5, 1, 1]
    assert [schedule(500, progress, 1000)[0] for progress in (0.5, 0.75, 0.875, 1, 1.2)] == [1, 1, 0.5, 0, 0]
    assert Plateau(warmup=0)(0, 0, 10) == (1, None)


def test_the_cosine_falls_to_nothing() -> None:
    schedule = Cosine(warm=0.1)
    assert [schedule(step, step / 100, 100)[0] for step in (0, 4)] == pytest.approx([0.1, 0.4980287], abs=1e-6)
    assert schedule(50, 0.5, 100)[0] == pytest.approx(0.5)
    assert schedule(100, 1.0, 100)[0] == pytest.approx(0)


@pytest.mark.parametrize(("rise", "steps"), [(0.3, 50), (0.1, 37), (0.3, 9)])
def test_one_cycle_is_torchs(rise: float, steps: int) -> None:
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2.0, total_steps=steps, pct_start=rise)
    ours = OneCycle(rise)
    for step in range(steps):
        factor, beta = ours(step, step / steps, steps)
        assert 2 * factor == pytest.approx(optimizer.param_groups[0]["lr"], abs=1e-9), step
        assert beta == pytest.approx(optimizer.param_groups[0]["betas"][0], abs=1e-9)
        optimizer.step()
        if step + 1 < steps:
            theirs.step()


@pytest.mark.parametrize("steps", [1, 2, 10])
def test_short_runs_have_a_rate_too(steps: int) -> None:
    for step in range(steps):
        factor, beta = OneCycle(rise=0.1)(step, step / steps, steps)
        assert 0 < factor <= 1
        assert beta is not None
        assert 0.85 <= beta <= 0.95
