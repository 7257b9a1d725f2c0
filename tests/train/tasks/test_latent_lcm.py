"""Distillation to few steps: its loss against the formulas written out, and that what it makes is loaded and asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from smartmask.data.pack import Pack
from smartmask.io.package import BUNDLED_TEXT
from smartmask.masks.latent import files, parts
from smartmask.masks.latent.model import SmartMaskLatentModel
from smartmask.masks.latent.parts import LatentParts
from smartmask.masks.latent.sampling import OBJECT, noised
from smartmask.masks.model import MaskRequest
from smartmask.masks.pipeline import SmartMaskPipeline
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder
from smartmask.train.settings import LatentLcmSettings
from smartmask.train.tasks.latent_lcm import Distillation, clean_of, few_step_parts, student_of, train_latent_lcm
from smartmask.train.tasks.latent_pairs import Drawing, LatentPairs, PairStream

SIDE = 32


@pytest.fixture(scope="module")
def teacher() -> LatentParts:
    """Preset tiny on a canvas of 32 pixels, untrained, that sees frames."""
    made = parts.new("tiny", TextEncoder.from_pretrained(BUNDLED_TEXT))
    return replace(made, settings=replace(made.settings, side=SIDE, frame=3.0))


@pytest.fixture(scope="module")
def folder(teacher: LatentParts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("teacher") / "latent"
    files.save(teacher, path)
    return path


def settings(pack: Pack, out: Path, folder: Path, **changes: Any) -> LatentLcmSettings:
    given = {"data": pack.path, "teacher": str(folder), "out": out, "steps": 2, "batch": 2, "learning_rate": 1e-2}
    return LatentLcmSettings(**{**given, **changes})


@pytest.mark.parametrize("predicts", ["epsilon", "v_prediction", "sample"])
def test_a_prediction_means_one_clean_latent(predicts: str) -> None:
    clean, noise = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    level = torch.tensor([0.3, 0.9]).view(-1, 1, 1, 1)
    velocity = level.sqrt() * noise - (1 - level).sqrt() * clean
    answer = {"epsilon": noise, "sample": clean, "v_prediction": velocity}[predicts]
    assert torch.allclose(clean_of(answer, noised(clean, noise, level), level, predicts), clean, atol=1e-4)


class Telling(torch.nn.Module):
    """A network that says a picture of its own, brighter by what the texts say; it notes how it is asked."""

    def __init__(self, clean: torch.Tensor) -> None:
        super().__init__()
        self.clean, self.asked = clean, []  # type: ignore[var-annotated]

    def forward(
        self, noisy: torch.Tensor, layout: torch.Tensor, time: torch.Tensor, objects: Any, contexts: Any
    ) -> torch.Tensor:
        self.asked.append(len(noisy))
        told = objects.abs().sum((1, 2)) + 10 * contexts.abs().sum((1, 2))
        return self.clean.repeat(len(noisy) // len(self.clean), 1, 1, 1) + told.view(-1, 1, 1, 1)


def test_the_teacher_leads_by_a_guided_ddim_step(teacher: LatentParts) -> None:
    clean, layout = torch.rand(2, 48, 8, 8), torch.zeros(2, 48, 8, 8)
    network = Telling(clean)
    made = Distillation(replace(teacher, network=network), (3.0, 2.0))  # type: ignore[arg-type]
    time, nearer = torch.tensor([499, 99]), torch.tensor([479, 79])
    noise = torch.randn(2, 48, 8, 8)
    noisy = noised(clean, noise, made._level(time, clean))
    told = torch.full((2, 2, 128), 1e-3), torch.full((2, 2, 128), 2e-3)
    empty = float(teacher.words.states(torch.from_numpy(teacher.words.tokens(""))[None]).abs().sum())
    led = made._led(noisy, layout, time, nearer, told)
    assert network.asked == [6]  # three branches in one batch
    name, context = 0.256, 0.512
    nothing, of_context, both = (a + 10 * b for a, b in ((empty, empty), (empty, context), (name, context)))
    wanted = clean + nothing + 2 * (of_context - nothing) + 3 * (both - of_context)
    level = made._level(time, clean)
    drawn = (noisy - level.sqrt() * wanted) / (1 - level).sqrt()
    assert torch.allclose(led, noised(wanted, drawn, made._level(nearer, clean)), atol=1e-3)


def test_the_loss_is_of_what_is_not_consistent(pack: Pack, teacher: LatentParts) -> None:
    """None for a student that says the picture that the teacher leads to; some for another."""
    pairs = LatentPairs(pack, teacher.text, SIDE, drawing=Drawing(drop=False))
    batch = PairStream(pairs, teacher.words, 2, 0)[0].tensors
    pixels = batch["target"].permute(0, 3, 1, 2) / 127.5 - 1
    clean = teacher.codec.encode(pixels)

    class Knowing(torch.nn.Module):
        scale = 1.0

        def forward(self, noisy: torch.Tensor, layout: Any, time: torch.Tensor, *texts: Any) -> torch.Tensor:
            far = 1 + (self.scale - 1) * time.view(-1, 1, 1, 1) / 1000
            return clean.repeat(len(noisy) // 2, 1, 1, 1) * far

    made = Distillation(replace(teacher, network=Knowing()), (1.0, 1.0))  # type: ignore[arg-type]
    knowing, wavering = Knowing(), Knowing()
    wavering.scale = 3.0
    consistent, other = (float(made(network, batch)["loss"]) for network in (knowing, wavering))
    assert 0 <= consistent < 0.005
    assert other > 4 * consistent
    at_once = made.consistent(knowing, torch.randn_like(clean), clean, torch.tensor([0, 0]), (clean, clean))
    assert not torch.allclose(at_once, clean)  # at time 0 it is what it sees


@pytest.mark.parametrize("lora", [False, True])
def test_a_distilled_model_is_loaded_and_asked(pack: Pack, tmp_path: Path, folder: Path, lora: bool) -> None:
    saved = train_latent_lcm(settings(pack, tmp_path / "run", folder, lora=lora, rank=4, ema=0.0, sample_every=2))
    model = SmartMaskLatentModel.from_pretrained(saved)
    own, before = model.parts.settings, files.load(folder)
    assert (own.folded, own.defaults.steps, own.frame) == ((2.0, 1.5), 4, 3.0)
    assert type(model.parts.scheduler).__name__ == "LCMScheduler"
    old, new = (made.network.state_dict() for made in (before, model.parts))
    assert old.keys() == new.keys()  # LoRA matrices are merged
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert any("to_q" in name for name in changed)
    assert any("conv_in" in name for name in changed) == (not lora)
    scene, request = Scene.empty(60, 80), MaskRequest(object="dog")
    one, two = model.suggest(scene, request, (3,))[0], model.suggest(scene, request, (2, 3))[1]
    assert np.array_equal(one.mask, two.mask)  # also the noise between steps is the seed's own
    assert one.score == two.score
    seen: list[int] = []
    output = SmartMaskPipeline(model)(scene, "dog", num_masks=1, generator=0, guidance_scale=7,
                                      callback_on_step_end=lambda done, every: seen.append(every))  # fmt: skip
    assert set(seen) == {8}  # four steps, two looks
    assert any("distilled with weights of guidance (2 for the name, 1.5" in note for note in output.notes)
    with pytest.raises(ValueError, match="distilled for few steps, not 60; ask for 1 to 50"):
        model.suggest(scene, MaskRequest(object="dog", steps=60), (0,))
    with pytest.raises(ValueError, match="was distilled itself"):
        train_latent_lcm(settings(pack, tmp_path / "again", saved))


def test_a_teacher_without_context_has_a_student_without(teacher: LatentParts) -> None:
    made = few_step_parts(teacher, student_of(teacher, False, 1), (3.0, 0.0), 2)
    model = SmartMaskLatentModel(made)
    assert model._weights(MaskRequest(object="dog")) == {OBJECT: 1.0}
    assert made.settings.defaults.steps == 2
