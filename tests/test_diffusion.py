"""Flow matching: noise, schedule, loss, guidance and the sampler against cases that are solved by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smartmask.diffusion import MIN_TIME, add_noise, guide_texts, loss, sample, shifted_steps, training_times

scales = st.floats(0, 10)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- noise and schedule ----------------------------------------------------------------------------


def test_noise_at_both_ends_and_between() -> None:
    clean, eps = noise(3, 2, 4, 4), noise(3, 2, 4, 4, seed=1)
    mixed = add_noise(clean, eps, torch.tensor([0.0, 1.0, 0.25]))
    assert torch.equal(mixed[0], clean[0])
    assert torch.equal(mixed[1], eps[1])
    torch.testing.assert_close(mixed[2], 0.75 * clean[2] + 0.25 * eps[2])


def test_training_times() -> None:
    times = training_times(20_000, torch.Generator().manual_seed(0), mean=0.8)
    assert torch.equal(times[:5], training_times(20_000, torch.Generator().manual_seed(0), mean=0.8)[:5])
    assert times.min() > 0
    assert times.max() < 1
    logits = torch.logit(times)
    assert logits.mean() == pytest.approx(0.8, abs=0.03)
    assert logits.std() == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("steps", [1, 2, 12, 100])
@pytest.mark.parametrize("shift", [1.0, 2.0, 5.0])
def test_steps_fall_from_1_to_0(steps: int, shift: float) -> None:
    times = shifted_steps(steps, shift)
    assert times.shape == (steps + 1,)
    assert times[0] == 1
    assert times[-1] == 0
    assert (times.diff() < 0).all()
    if shift == 1:
        torch.testing.assert_close(times, torch.linspace(1, 0, steps + 1))
    elif steps > 1:
        assert (times[1:-1] > torch.linspace(1, 0, steps + 1)[1:-1]).all()


def test_the_shift_formula() -> None:
    torch.testing.assert_close(shifted_steps(2, 3.0), torch.tensor([1, 1.5 / 2, 0]))


# --- loss ------------------------------------------------------------------------------------------


def test_no_loss_at_the_target() -> None:
    clean, ones = noise(4, 2, 6, 6), torch.ones(4, 2, 6, 6)
    assert torch.equal(loss(clean, clean, torch.rand(4), ones), torch.zeros(4))


def test_the_outline_counts_most() -> None:
    """An error at the zero level costs (0.25 + 1) / (0.25 + e^-4) times one deep inside."""
    ones, t = torch.ones(1, 1, 1, 1), torch.ones(1)
    at_outline = loss(torch.full((1, 1, 1, 1), 0.1), torch.zeros(1, 1, 1, 1), t, ones)
    deep = loss(torch.full((1, 1, 1, 1), 1.1), torch.ones(1, 1, 1, 1), t, ones)
    assert at_outline == pytest.approx(0.01 * 1.25)
    assert at_outline / deep == pytest.approx(1.25 / (0.25 + math.exp(-4)), rel=1e-4)


def test_loss_is_one_number_a_sample_weighted_by_time() -> None:
    clean, ones = torch.zeros(4, 2, 5, 5), torch.ones(4, 2, 5, 5)
    values = loss(clean + 0.2, clean, torch.tensor([1.0, 0.5, MIN_TIME, MIN_TIME / 10]), ones)
    torch.testing.assert_close(values, 0.04 * 1.25 / torch.tensor([1.0, 0.25, MIN_TIME**2, MIN_TIME**2]))


def test_nothing_is_learnt_where_the_target_is_unknown() -> None:
    clean, weight = torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4)
    weight[:, 1] = 1
    guess = clean.clone()
    guess[:, 0] = 9
    assert loss(guess, clean, torch.ones(1), weight) == 0
    guess[:, 1, 0, 0] = 1
    assert loss(guess, clean, torch.ones(1), weight) == pytest.approx(1.25 / 32)
    narrow = torch.zeros(1, 2, 1, 1)  # a weight for whole channels
    narrow[:, 1] = 1
    assert loss(guess, clean, torch.ones(1), narrow) == pytest.approx(1.25 / 32)


# --- two texts -------------------------------------------------------------------------------------

BRANCHES = {(True, True): 5.0, (False, True): 2.0, (False, False): -1.0}


@given(scales, scales)
def test_guidance_is_the_formula(object_scale: float, context_scale: float) -> None:
    predicted = guide_texts(lambda o, c: torch.tensor([BRANCHES[o, c]]), object_scale, context_scale)
    assert predicted.item() == pytest.approx(-1 + context_scale * (2 - -1) + object_scale * (5 - 2), abs=1e-4)


@pytest.mark.parametrize(
    ("object_scale", "context_scale", "expected"),
    [
        (1, 1, [(True, True)]),
        (3, 1, [(True, True), (False, True)]),
        (1, 3, [(True, True), (False, True), (False, False)]),
        (0, 0, [(True, True), (False, True), (False, False)]),
    ],
)
def test_a_scale_of_1_skips_its_branch(object_scale: float, context_scale: float, expected: list) -> None:
    calls: list[tuple[bool, bool]] = []

    def predict(keep_object: bool, keep_context: bool) -> torch.Tensor:
        calls.append((keep_object, keep_context))
        return torch.zeros(1)

    guide_texts(predict, object_scale, context_scale)
    assert calls == expected


# --- sampler ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 2, 3, 12])
def test_an_oracle_is_believed(steps: int) -> None:
    clean = noise(3, 2, 4, 4)
    drawn = sample(lambda x, t: clean, noise(3, 2, 4, 4, seed=1), shifted_steps(steps))
    assert torch.equal(drawn, clean)


def test_the_denoiser_sees_the_path() -> None:
    """With an oracle every x_t is (1 - t) x_0 + t eps, and t is given once a sample."""
    clean, eps, times = noise(2, 3), noise(2, 3, seed=1), shifted_steps(5)
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    def oracle(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        seen.append((x, t))
        return clean

    sample(oracle, eps, times)
    assert len(seen) == 5
    for (x, t), expected in zip(seen, times[:-1], strict=True):
        assert torch.equal(t, expected.expand(2))
        torch.testing.assert_close(x, add_noise(clean, eps, t))


MEAN, DEVIATION = 0.6, 0.3


def gaussian_denoiser(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """E[x_0 | x_t] for data of N(MEAN, DEVIATION^2) in each dimension."""
    t = t[:, None]
    gain = DEVIATION**2 * (1 - t) / ((1 - t) ** 2 * DEVIATION**2 + t**2)
    return MEAN + gain * (x - (1 - t) * MEAN)


def test_samples_of_a_gaussian() -> None:
    drawn = sample(gaussian_denoiser, noise(4000, 2), shifted_steps(30))
    assert drawn.mean() == pytest.approx(MEAN, abs=0.02)
    assert drawn.std() == pytest.approx(DEVIATION, rel=0.05)


def test_the_error_falls_with_the_square_of_the_steps() -> None:
    """The flow of a Gaussian is known: noise eps ends at MEAN + DEVIATION * eps."""
    eps = noise(500, 2)
    errors = [
        (sample(gaussian_denoiser, eps, shifted_steps(n)) - MEAN - DEVIATION * eps).abs().mean().item()
        for n in (8, 16, 32)
    ]
    assert errors[1] < errors[0] / 2.5
    assert errors[2] < errors[1] / 2.5


def test_on_step_counts_and_may_stop() -> None:
    calls: list[tuple[int, int]] = []
    sample(lambda x, t: x, noise(1, 2), shifted_steps(4), lambda step, steps: calls.append((step, steps)))
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]

    asked = 0

    def denoise(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        nonlocal asked
        asked += 1
        return x

    def stop(step: int, steps: int) -> None:
        if step == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample(denoise, noise(1, 2), shifted_steps(4), stop)
    assert asked == 2


def test_no_gradient_is_kept() -> None:
    weight = torch.ones(1, requires_grad=True)
    assert not sample(lambda x, t: x * weight, noise(1, 2), shifted_steps(2)).requires_grad
