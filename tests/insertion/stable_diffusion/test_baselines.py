"""Blended Latent Diffusion and RePaint, on tiny text-to-image folders and on networks that know the answer."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from paint_requests import HEIGHT, WIDTH, make_request
from tiny_adapters import save_lora
from tiny_diffusion import SIDE, save_controlnet, save_diffusion

from smartmask.geometry import box_mask
from smartmask.insertion.load import METHODS, load_inpainter
from smartmask.insertion.pipeline import insert
from smartmask.insertion.settings import PaintOptions
from smartmask.insertion.smartbrush.masked_diffusion import scheduler_path
from smartmask.insertion.stable_diffusion.blended import BlendedInpainter
from smartmask.insertion.stable_diffusion.repaint import RePaintInpainter, calls, walk

diffusers = pytest.importorskip("diffusers")
FEW: dict[str, dict[str, Any]] = {"blended": {}, "repaint": {"jump_length": 2, "resamples": 2}}


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    kinds = ("sd", "sdxl", "sd-inpaint")
    return {kind: save_diffusion(kind, tmp_path_factory.mktemp(kind)) for kind in kinds}


def load(folder: Path, method: str, **options: Any) -> Any:
    return load_inpainter(folder, device="cpu", method=method, **FEW.get(method, {}), **options)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["sd", "sdxl"])
def test_they_paint(kind: str, method: str, bases: dict[str, Path]) -> None:
    painter = load(bases[kind], method)
    assert painter.side == SIDE
    assert method in painter.name
    steps: list[tuple[int, int]] = []
    first = painter(make_request(steps=4, callback=lambda step, count: steps.append((step, count)))).image
    assert first.shape == (HEIGHT, WIDTH, 3)
    assert first.std() > 5
    assert steps[-1][0] == steps[-1][1] == len(steps)
    assert np.array_equal(first, painter(make_request(steps=4)).image)
    for other in ({"seed": 4}, {"prompt": "zebra", "context": ""}, {"guidance_scale": 1.0}):
        assert not np.array_equal(first, painter(make_request(steps=4, **other)).image), other
    photo = np.random.default_rng(1).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    mask = box_mask((30, 20, 70, 80), 90, 120)
    result = insert(photo, "dog", mask=mask, inpainter=painter, options=PaintOptions(steps=2))
    assert np.array_equal(result.image[~mask], photo[~mask])
    assert (result.image[mask] != photo[mask]).mean() > 0.9


@pytest.mark.parametrize("method", METHODS)
def test_loras_and_half_sizes(method: str, bases: dict[str, Path], tmp_path: Path) -> None:
    lora = save_lora(bases["sd"], tmp_path)
    plain, changed = (load(bases["sd"], method, **more)(make_request()).image for more in ({}, {"lora": lora}))
    assert not np.array_equal(plain, changed)
    assert load(bases["sd"], method, dtype="bfloat16", slicing=True)(make_request()).image.std() > 5


@pytest.mark.parametrize("method", METHODS)
def test_what_they_do_not_take(method: str, bases: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is for inpainting"):
        load(bases["sd-inpaint"], method)
    with pytest.raises(ValueError, match=f"method '{method}' has no use for a ControlNet"):
        load(bases["sd"], method, controlnet=save_controlnet("sd", tmp_path))
    with pytest.raises(ValueError, match="method is 'magic'; use blended or repaint"):
        load(bases["sd"], "magic")


class Known:
    """A stand-in for a pipeline whose network knows what the clean latent is."""

    def __init__(self, answer: torch.Tensor) -> None:
        self.scheduler = diffusers.DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
            set_alpha_to_one=False, steps_offset=1,
        )  # fmt: skip
        self.answer, self.path, self.asked = answer, scheduler_path(self.scheduler.config), 0

    def predict(self, state: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        """The noise that leads from the answer to the state."""
        self.asked += 1
        signal, noise = self.path.levels(level.reshape(1).float() / 999)
        return (state - signal * self.answer) / noise


def sampled(cls: Any, known: Known, clean: torch.Tensor, mask: torch.Tensor, steps: int, **of: Any) -> torch.Tensor:
    model = cls.__new__(cls)
    of = {"pipeline": SimpleNamespace(scheduler=known.scheduler), "path": known.path, "levels": 1000} | of
    model.__dict__.update(of)
    generator = torch.Generator().manual_seed(0)
    found: torch.Tensor = model.sample(
        clean, mask, known.predict, steps, lambda: torch.randn(clean.shape, generator=generator), lambda *_: None
    )
    return found


def test_they_find_what_the_network_knows() -> None:
    """Inside the mask its answer, outside the photo: exactly so for RePaint, whose last step adds no noise."""
    generator = torch.Generator().manual_seed(1)
    clean, answer = (torch.randn(1, 4, 8, 8, generator=generator) for _ in range(2))
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., 2:6, 2:6] = 1
    inside = mask.bool().expand_as(clean)
    known = Known(answer)
    found = sampled(RePaintInpainter, known, clean, mask, 20, jump=4, resamples=3)
    assert known.asked == calls(20, 4, 3)
    assert torch.allclose(found[inside], answer[inside], atol=1e-3)
    assert torch.equal(found[~inside], clean[~inside])
    found = sampled(BlendedInpainter, Known(answer), clean, mask, 20, strength=0.75)
    assert torch.allclose(found[inside], answer[inside], atol=0.15), "the schedule ends at a signal of .998"
    assert torch.allclose(found[~inside], clean[~inside], atol=0.2), "the paper's last background is noised once more"


def test_strength_of_blending() -> None:
    """The share of the steps that are taken; the photo shines through where it is small."""
    clean, mask = torch.zeros(1, 4, 8, 8), torch.ones(1, 1, 8, 8)
    for strength, asked in ((1.0, 20), (0.75, 15), (0.05, 1), (0.01, 1)):
        known = Known(torch.zeros_like(clean))
        sampled(BlendedInpainter, known, clean, mask, 20, strength=strength)
        assert known.asked == asked


def test_the_walk_of_repaint() -> None:
    assert list(walk(3, 10, 10)) == [-1, -1, -1], "too short to jump back"
    assert list(walk(5, 2, 2)) == [-1, -1, 1, 1, -1, -1, -1, -1, 1, 1, -1, -1, -1]
    assert calls(250) == 2410, "24 stretches of 10 levels, each gone through 9 times more"
    for steps, jump, resamples in ((250, 10, 10), (7, 3, 4), (20, 1, 2)):
        moves = list(walk(steps, jump, resamples))
        levels = steps + np.cumsum(moves)
        assert levels[-1] == 0
        assert levels.max() <= steps
        assert (levels[:-1] > 0).all()
    assert list(walk(9, 3, 1)) == [-1] * 9, "one resample is plain DDPM"


@pytest.mark.parametrize(("option", "word"), [({"jump_length": 0}, "jump length"), ({"resamples": 0}, "resamples")])
def test_numbers_of_repaint(option: dict[str, int], word: str, bases: dict[str, Path]) -> None:
    with pytest.raises(ValueError, match=f"{word} is 0"):
        load_inpainter(bases["sd"], device="cpu", method="repaint", **option)
    with pytest.raises(ValueError, match="no option 'resamples'"):
        load_inpainter(bases["sd"], device="cpu", method="blended", resamples=3)
