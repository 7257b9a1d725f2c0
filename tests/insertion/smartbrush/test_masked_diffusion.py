"""Noise inside a mask only, on both noise paths; the Dice loss; sampling that never touches the outside."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smartmask.insertion.smartbrush.masked_diffusion import (
    NoisePath,
    add_masked_noise,
    dice_loss,
    sample_masked,
    scheduler_path,
)

SCHEDULER = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def path_of(kind: str) -> NoisePath:
    if kind == "straight":
        return NoisePath()
    return scheduler_path({**SCHEDULER, "prediction_type": kind})


KINDS = ("straight", "epsilon", "v_prediction")


def crop(seed: int = 0, batch: int = 2) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A clean picture (B, 12, 6, 6), noise, and a mask (B, 4, 6, 6) of some of its cells."""
    generator = torch.Generator().manual_seed(seed)
    clean = torch.rand(batch, 12, 6, 6, generator=generator) * 2 - 1
    noise = torch.randn(clean.shape, generator=generator)
    return clean, noise, torch.rand(batch, 4, 6, 6, generator=generator) > 0.5


def wide(mask: torch.Tensor) -> torch.Tensor:
    return mask.repeat(1, 3, 1, 1)


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 1000), time=st.floats(0.02, 1))
def test_noise_is_inside_the_mask_only(kind: str, seed: int, time: float) -> None:
    clean, noise, mask = crop(seed)
    noisy = add_masked_noise(clean, noise, torch.full((2,), time), wide(mask), path_of(kind))
    assert (noisy[~wide(mask)] == clean[~wide(mask)]).all()
    assert (noisy[wide(mask)] != clean[wide(mask)]).float().mean() > 0.99


@pytest.mark.parametrize("kind", KINDS)
def test_outside_the_mask_every_step_equals_the_picture(kind: str) -> None:
    clean, noise, mask = crop()
    seen = []

    def denoise(x: torch.Tensor, t: torch.Tensor, m: torch.Tensor, exact: torch.Tensor) -> tuple[torch.Tensor, ...]:
        assert (x[~wide(m)] == clean[~wide(m)]).all()
        return torch.tanh(3 * x + 1), torch.zeros(m.shape)

    state, _ = sample_masked(
        denoise, clean, noise, mask, path_of(kind), 7, on_state=lambda *args: seen.append((args[2].clone(), args[3]))
    )
    assert len(seen) == 7
    for between, now in seen:
        assert (between[~wide(now)] == clean[~wide(now)]).all()
    assert (state[wide(mask)] != clean[wide(mask)]).any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_perfect_denoiser_gives_the_picture_back(kind: str) -> None:
    clean, noise, mask = crop(3)
    state, _ = sample_masked(
        lambda x, t, m, e: (clean, torch.zeros(m.shape)), clean, noise, mask, path_of(kind), 5
    )  # fmt: skip
    assert torch.allclose(state, clean, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_more_steps_come_nearer_to_the_flow_of_a_gaussian(kind: str) -> None:
    """For data of variance v the best denoiser is known, and sampling must end with that variance."""
    path, variance = path_of(kind), 0.25
    noise = torch.randn(1, 1, 100, 100, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(1, 1, 100, 100, dtype=torch.bool)

    def denoise(x: torch.Tensor, t: torch.Tensor, m: torch.Tensor, exact: torch.Tensor) -> tuple[torch.Tensor, ...]:
        a, b = path.levels(t[:1])
        return a * variance / (a**2 * variance + b**2) * x, torch.zeros(m.shape)

    few, many = (
        sample_masked(denoise, torch.zeros_like(noise), noise, mask, path, steps)[0].std().item() for steps in (4, 40)
    )
    assert abs(many - 0.5) < 0.02
    assert abs(many - 0.5) < abs(few - 0.5)


def test_a_coarse_mask_is_narrowed_to_the_predicted_one() -> None:
    clean, noise, _ = crop()
    mask = torch.ones(2, 4, 6, 6, dtype=torch.bool)
    object_ = torch.zeros(2, 4, 6, 6, dtype=torch.bool)
    object_[:, :, :3] = True
    told = []

    def denoise(x: torch.Tensor, t: torch.Tensor, m: torch.Tensor, exact: torch.Tensor) -> tuple[torch.Tensor, ...]:
        told.append((m.clone(), exact.clone()))
        return torch.zeros_like(x), torch.where(object_, 9.0, -9.0)

    narrow = torch.tensor([True, False])
    state, probable = sample_masked(denoise, clean, noise, mask, NoisePath(), 8, narrow=narrow)
    assert (state[0, :, 3:] == clean[0, :, 3:]).all(), "the background in the coarse mask came back"
    assert (state[1, :, 3:] != clean[1, :, 3:]).all()
    assert [bool(exact[0]) for _, exact in told] == [False] * 4 + [True] * 4
    assert (told[-1][0][0] == object_[0]).all()
    assert (told[-1][0][1] == mask[1]).all()
    assert not probable[0, :, 3:].any()


def test_a_prediction_of_nothing_leaves_the_coarse_mask() -> None:
    clean, noise, mask = crop()
    narrow = torch.tensor([True, True])
    state, _ = sample_masked(
        lambda x, t, m, e: (torch.zeros_like(x), torch.full(m.shape, -9.0)), clean, noise, mask, NoisePath(), 4, narrow
    )
    assert (state[wide(mask)] != clean[wide(mask)]).any()


def test_dice_loss_has_known_values() -> None:
    mask = torch.zeros(1, 1, 4, 4)
    mask[..., :2] = 1
    sure = torch.where(mask > 0, 50.0, -50.0)
    assert dice_loss(sure, mask).item() == pytest.approx(0, abs=1e-6)
    assert dice_loss(-sure, mask).item() == pytest.approx(1, abs=1e-6)
    everything = torch.full_like(mask, 50.0)
    assert dice_loss(everything, mask).item() == pytest.approx(1 - 2 * 8 / 24)
    unsure = torch.zeros_like(mask)
    assert dice_loss(unsure, mask).item() == pytest.approx(1 - 2 * 4 / 16)
    both = torch.cat([sure, -sure])
    assert dice_loss(both, mask.expand(2, -1, -1, -1)).tolist() == pytest.approx([0, 1], abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_zero_for_the_right_answer_and_ignores_the_outside(kind: str) -> None:
    clean, noise, mask = crop()
    path, time = path_of(kind), torch.tensor([0.3, 0.8])
    a, b = (level.view(-1, 1, 1, 1) for level in path.levels(time))
    right = {"straight": clean, "epsilon": noise, "v_prediction": a * noise - b * clean}[kind]
    where = wide(mask).float()
    assert path.loss(right, clean, noise, time, where).max() < 1e-10
    wrong_outside = torch.where(wide(mask), right, right + 1)
    assert path.loss(wrong_outside, clean, noise, time, where).max() < 1e-10
    wrong = path.loss(right + 1, clean, noise, time, where)
    expected = 1 / time**2 if kind == "straight" else torch.ones(2)
    assert np.allclose(wrong, expected, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_clean_estimate_of_the_right_answer_is_the_picture(kind: str) -> None:
    clean, noise, _ = crop()
    path, time = path_of(kind), torch.tensor([0.3, 0.8])
    a, b = (level.view(-1, 1, 1, 1) for level in path.levels(time))
    right = {"straight": clean, "epsilon": noise, "v_prediction": a * noise - b * clean}[kind]
    assert torch.allclose(path.clean(a * clean + b * noise, time, right), clean, atol=1e-4)


def test_an_unknown_prediction_is_refused() -> None:
    with pytest.raises(ValueError, match="predicts 'flow'"):
        scheduler_path({**SCHEDULER, "prediction_type": "flow"})
