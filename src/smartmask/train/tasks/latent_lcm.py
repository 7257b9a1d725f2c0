"""Consistency distillation of the latent model (LCM, Luo et al., arXiv 2310.04378): 4 steps instead of 25 times 3.

The student learns to say at any time of a teacher's path where the path ends. Its answer is
``f(z, t) = c_skip(t) z + c_out(t) x0(z, t)``, which at time 0 is z itself (LCM eq. 9); it is to be the same at t and a
fiftieth of the way nearer to the picture, where the teacher's guided DDIM step leads (LCM eq. 14, skipping 20 steps).
The target is the student's own answer without gradient, as in LCM-LoRA; the paper's separate slow copy has decay 0
(Song and Dhariwal, arXiv 2310.14189, find that better).

Guidance is folded in at fixed weights. LCM feeds a weight to the network, for one text; here two weights would need two
inputs, new layers and a range to train over, to save users a choice that the defaults make well.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from smartmask.data.pack import Pack
from smartmask.io.diffusion import add_lora, merge_lora
from smartmask.io.hub import fetched_folder
from smartmask.masks.latent import files
from smartmask.masks.latent.asking import as_pictures
from smartmask.masks.latent.network import LatentNetwork
from smartmask.masks.latent.parts import FEW_STEPS, LatentParts, sampler
from smartmask.masks.latent.presets import Defaults
from smartmask.masks.latent.sampling import branch_weights, noised
from smartmask.train.chance import below, generators, normal
from smartmask.train.settings import LatentLcmSettings
from smartmask.train.task import Losses, Task, Tensors
from smartmask.train.tasks.latent import SAVED, move_frozen
from smartmask.train.tasks.latent_pairs import Drawing, LatentPairs, PairStream
from smartmask.train.tasks.latent_sheet import LatentSheet
from smartmask.train.trainer import Trainer

POINTS = 50  # of the teacher's path; an LCMScheduler chooses its few times among as many
HUBER = 1e-3  # where the loss passes from squares to distances


def clean_of(answer: torch.Tensor, noisy: torch.Tensor, level: torch.Tensor, predicts: str) -> torch.Tensor:
    """The clean latent that a prediction of a noisy one means; level (B, 1, 1, 1): alpha bar."""
    if predicts == "sample":
        return answer
    if predicts == "v_prediction":
        return level.sqrt() * noisy - (1 - level).sqrt() * answer
    return (noisy - (1 - level).sqrt() * answer) / level.sqrt()


class Distillation:
    """The loss of the student. teacher: the model that is distilled, guided by ``folded`` (name, context)."""

    def __init__(self, teacher: LatentParts, folded: tuple[float, float]) -> None:
        self.teacher, self.weights = teacher, branch_weights(*folded)
        self.scheduler = sampler(teacher.scheduler.config, FEW_STEPS)
        self.predicts = str(teacher.scheduler.config.prediction_type)
        self.times = int(teacher.scheduler.config.num_train_timesteps)
        teacher.network.eval().requires_grad_(False)

    def __call__(self, network: Any, batch: Tensors) -> Losses:
        """``{"loss"}`` of a batch of pairs."""
        made = self.teacher
        clean = made.codec.encode(as_pictures(batch["target"]))
        layout = made.codec.encode(as_pictures(batch["shown"]))
        told = made.words.states(batch["objects"]), made.words.states(batch["contexts"])
        drawn = generators(batch["chance"])
        skip = self.times // POINTS
        later = (below(drawn, POINTS, clean.device) + 1) * skip - 1
        nearer = (later - skip).clamp(min=0)
        noisy = noised(clean, normal(drawn, clean), self._level(later, clean))
        answer = self.consistent(network, noisy, layout, later, told)
        with torch.no_grad():
            target = self.consistent(network, self._led(noisy, layout, later, nearer, told), layout, nearer, told)
        return {"loss": ((answer - target).square() + HUBER**2).sqrt().mean() - HUBER}

    def consistent(
        self, network: Any, noisy: torch.Tensor, layout: torch.Tensor, time: torch.Tensor,
        told: tuple[torch.Tensor, torch.Tensor],
    ) -> torch.Tensor:  # fmt: skip
        """``f(z, t)``, where the student says that the path ends; with the scheduler's own scalings."""
        answer = network(noisy, layout, time, *told)
        said = clean_of(answer, noisy, self._level(time, noisy), self.predicts)
        kept, new = self.scheduler.get_scalings_for_boundary_condition_discrete(time.view(-1, 1, 1, 1).float())
        return kept * noisy + new * said

    def _led(
        self, noisy: torch.Tensor, layout: torch.Tensor, time: torch.Tensor, nearer: torch.Tensor,
        told: tuple[torch.Tensor, torch.Tensor],
    ) -> torch.Tensor:  # fmt: skip
        """Where one guided DDIM step of the teacher leads."""
        made, count = self.teacher, len(noisy)
        branches = list(self.weights)
        empty = torch.from_numpy(made.words.tokens(""))[None].to(noisy.device)
        nothing = made.words.states(empty).expand(count, -1, -1)
        objects = torch.cat([told[0] if with_object else nothing for with_object, _ in branches])
        contexts = torch.cat([told[1] if with_context else nothing for _, with_context in branches])
        wide = [value.repeat(len(branches), *[1] * (value.dim() - 1)) for value in (noisy, layout, time)]
        answers = made.network(*wide, objects, contexts).chunk(len(branches))
        guided = sum(weight * answer for weight, answer in zip(self.weights.values(), answers, strict=True))
        level = self._level(time, noisy)
        clean = clean_of(guided, noisy, level, self.predicts)  # type: ignore[arg-type]
        noise = (noisy - level.sqrt() * clean) / (1 - level).sqrt()
        return noised(clean, noise, self._level(nearer, noisy))

    def _level(self, time: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        return self.scheduler.alphas_cumprod.to(like)[time].view(-1, 1, 1, 1)


def student_of(teacher: LatentParts, lora: bool, rank: int) -> LatentNetwork:
    """What is trained: a copy of the teacher's network, or LoRA matrices beside its frozen attention."""
    network = deepcopy(teacher.network)
    if lora:
        network.requires_grad_(False)
        add_lora(network.unet, rank, [])
    return network


def few_step_parts(teacher: LatentParts, network: LatentNetwork, folded: tuple[float, float], few: int) -> LatentParts:
    """The student as a model: asked in few steps, without guidance of its own."""
    merge_lora(network.unet)
    defaults = Defaults(few, 1.0, 1.0 if folded[1] else 0.0)
    settings = replace(teacher.settings, defaults=defaults, folded=folded)
    return replace(teacher, network=network, scheduler=sampler(teacher.scheduler.config, FEW_STEPS), settings=settings)


def train_latent_lcm(settings: LatentLcmSettings) -> Path:
    """Distils, and returns the folder of the saved model (``out/latent``): ``--weights`` of other commands takes it.

    The pairs are those of training, on the teacher's canvas and in its frames, with all texts. ValueError for a teacher
    that was distilled itself.
    """
    folder = fetched_folder(settings.teacher, "mask model", "'smartmask train latent' makes one")
    teacher = files.load(folder)
    own = teacher.settings
    if own.folded:
        raise ValueError(f"The teacher {settings.teacher} was distilled itself; give the model that it comes from.")
    given = (settings.guidance_scale, own.defaults.guidance_scale), (
        settings.context_guidance_scale, own.defaults.context_guidance_scale,
    )  # fmt: skip
    own_weight, context_weight = (usual if asked < 0 else asked for asked, usual in given)
    folded = own_weight, context_weight
    pack = Pack(settings.data)
    drawing = Drawing(frame=own.frame, context=bool(folded[1]), drop=False)
    stream = PairStream(
        LatentPairs(pack, teacher.text, own.side, drawing=drawing), teacher.words, settings.batch, settings.seed,
        settings.workers,
    )  # fmt: skip
    torch.manual_seed(settings.seed)
    student = student_of(teacher, settings.lora, settings.rank)
    sheet = LatentSheet.of(pack, teacher.text, own.side, settings.out / "samples")

    def finished(network: Any) -> LatentParts:
        return few_step_parts(teacher, network, folded, settings.few)

    task = Task(
        "latent_lcm", student, stream, Distillation(teacher, folded),
        save=lambda network, out: files.save(finished(network), out / SAVED),
        # on a copy: what is trained keeps its LoRA matrices apart
        validate=None if sheet is None else lambda network, step: sheet.draw(finished(deepcopy(network)), step),
        facts={"objects": len(stream.pairs.targets), "folded": list(folded)},
    )  # fmt: skip
    trainer = Trainer(task, settings, settings.out)
    move_frozen(teacher, trainer.accelerator.device)
    teacher.network.to(trainer.accelerator.device)
    trainer.fit()
    return settings.out / SAVED
