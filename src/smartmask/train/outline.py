"""Adversarial training of the outline network: a critic learns to tell real shapes from redrawn ones, the network
to leave it without a clue (Goodfellow et al., arXiv 1406.2661), while the coarse shape stays.

The loss is the non-saturating one; the critic's gradient at real shapes is kept small (R1, Mescheder et al., arXiv
1801.04406, eq. 9), and it also sees redrawn shapes of earlier steps, so that the network cannot go in circles.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import nn
from tqdm import tqdm

from smartmask.data.pack import Pack
from smartmask.frame import BOX_SIDE
from smartmask.models.outline import OutlineNetwork
from smartmask.models.presets import load_component, outline_preset, save_component
from smartmask.models.prior import GEOMETRY, PriorConfig, ShapeAsk, ShapePrior
from smartmask.models.text import TextEncoder
from smartmask.pipelines.coarse import draw_coarse
from smartmask.pipelines.shapes import Defaults
from smartmask.train import checkpoint
from smartmask.train.loop import Average, Batch, make_accelerator, rate
from smartmask.train.prior import LEVELS, PriorTrainConfig, kept_samples

SHARPNESS = 8.0  # the critic sees tanh(SHARPNESS * shape): nearly a mask, with an edge that passes gradients
COARSE = 8  # leading components of the shape space that must stay
REPLAY = 2048  # redrawn shapes of earlier steps that the critic goes on seeing
LAZY = 8  # steps between two penalties of the critic's gradient


@dataclass
class OutlineTrainConfig(PriorTrainConfig):
    """The loop's settings; samples and sources as for the prior. critic_rate: learning rate of the critic. penalty:
    of its gradient. keep, near: weights of the coarse shape's and of all change."""

    steps: int = 9000
    batch: int = 48
    learning_rate: float = 3e-4
    critic_rate: float = 8e-4
    penalty: float = 0.1
    keep: float = 20.0
    near: float = 0.2
    ema: float = 0.998
    defaults: Defaults = field(default_factory=Defaults)


class Critic(nn.Module):
    """(shape as the critic sees it, name, geometry) -> (B,) logits, high for real; sees how name and shape agree."""

    def __init__(self, width: int = 64, features: int = 256, text_dim: int = 128) -> None:
        super().__init__()
        side = BOX_SIDE // 4
        self.inlet = nn.Conv2d(16, width, 3, padding=1)
        self.position = nn.Parameter(torch.zeros(1, width, side, side))
        self.again = nn.Conv2d(width, width, 3, padding=1)
        self.shrink = nn.Sequential(
            nn.Conv2d(width, 2 * width, 3, 2, 1), nn.SiLU(), nn.Conv2d(2 * width, 2 * width, 3, 2, 1), nn.SiLU()
        )
        self.embed = nn.Linear(2 * width * (side // 4) ** 2, features)
        self.score = nn.Linear(features, 1)
        self.local = nn.Conv2d(width, 1, 1)
        self.told = nn.Sequential(
            nn.Linear(text_dim + GEOMETRY, features), nn.SiLU(), nn.Linear(features, features)
        )  # projection discriminator: Miyato and Koyama, arXiv 1802.05637

    def forward(self, shapes: torch.Tensor, object_: torch.Tensor, geometry: torch.Tensor) -> torch.Tensor:
        h = F.silu(self.inlet(F.pixel_unshuffle(shapes[:, None], 4)) + self.position)
        h = F.silu(self.again(h))
        local = self.local(h).mean((1, 2, 3))
        h = F.silu(self.embed(self.shrink(h).flatten(1)))
        agree = (h * self.told(torch.cat([object_, geometry], dim=1))).mean(1)
        return self.score(h)[:, 0] + 4 * agree + local


@torch.inference_mode()
def drawn_by(prior: ShapePrior, samples: Batch, defaults: Defaults, seed: int, chunk: int = 2048) -> torch.Tensor:
    """``(n, BOX_SIDE^2)`` int8: a shape of the prior for each sample's name, geometry and guide."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.empty_like(samples["shape"])
    for start in tqdm(range(0, len(drawn), chunk), desc="shapes", unit="batch", mininterval=5):
        rows = slice(start, start + chunk)
        ask = ShapeAsk(samples["object"][rows], samples["geometry"][rows], samples["guide"][rows].float() / 255)
        noise = torch.randn(len(ask), prior.config.components, generator=generator)
        shapes = draw_coarse(prior, noise, ask, defaults.guidance_scale, defaults)
        drawn[rows] = (shapes.clamp(-1, 1) * LEVELS).round().to(torch.int8)
    return drawn


def batches(samples: Batch, drawn: torch.Tensor, config: OutlineTrainConfig, step: int) -> Iterator[Batch]:
    """Endless batches: drawn shapes with what was asked, and unrelated real ones with theirs, twice as many."""
    generator = torch.Generator().manual_seed(config.seed + step)

    def some(source: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        rows = torch.randint(len(source), (count,), generator=generator)
        shapes = source[rows].float().view(-1, BOX_SIDE, BOX_SIDE) / LEVELS
        return shapes, samples["object"][rows], samples["geometry"][rows]

    while True:
        coarse, object_, geometry = some(drawn, config.batch)
        real, real_object, real_geometry = some(samples["shape"], 2 * config.batch)
        yield {"coarse": coarse, "object": object_, "geometry": geometry, "real": torch.tanh(SHARPNESS * real),
               "real_object": real_object, "real_geometry": real_geometry}  # fmt: skip


class Duel:
    """Network, its average and critic with their optimisers; resumed from ``out/checkpoints`` where there are any."""

    def __init__(self, accelerator: Accelerator, prior: ShapePrior, config: OutlineTrainConfig, out: Path) -> None:
        self.accelerator, self.config, self.folder = accelerator, config, out / "checkpoints"
        device = accelerator.device
        self.network = OutlineNetwork(outline_preset(config.preset)).to(device)
        self.critic = Critic(text_dim=prior.config.text_dim).to(device)
        for part in (self.network, self.critic):  # twice as fast on a CPU
            part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = Average(self.network, config.ema)
        self.basis = prior.basis[:COARSE].to(device)
        adam = torch.optim.Adam
        self.own = adam(self.network.parameters(), config.learning_rate, betas=(0.0, 0.99))
        self.critics = adam(self.critic.parameters(), config.critic_rate, betas=(0.0, 0.99))
        self.replay: list[torch.Tensor] = []
        self.state: dict[str, Any] = {"step": 0, "seconds": 0.0}
        self._resume()
        self.redraw = torch.compile(self.network) if config.compile else self.network

    def _parts(self) -> dict[str, nn.Module]:
        return {"network": self.network, "average": self.average.network, "critic": self.critic}

    def _resume(self) -> None:
        found = checkpoint.load_latest(self.folder)
        if found is None:
            return
        tensors, meta, warnings = found
        for warning in warnings:
            self.accelerator.print(warning)
        for name, part in self._parts().items():
            part.load_state_dict({k.split(".", 1)[1]: v for k, v in tensors.items() if k.startswith(name + ".")})
        checkpoint.restore_optimizer(self.own, tensors, "own")
        checkpoint.restore_optimizer(self.critics, tensors, "critics")
        self.state = {key: meta[key] for key in self.state}
        self.accelerator.print(f"Resuming at step {meta['step']}.")

    def save(self) -> None:
        """Writes a checkpoint; what the critic saw of earlier steps is gathered anew after a resume."""
        tensors = {f"{name}.{k}": v for name, part in self._parts().items() for k, v in part.state_dict().items()}
        tensors |= checkpoint.flatten_optimizer(self.own, "own")
        tensors |= checkpoint.flatten_optimizer(self.critics, "critics")
        checkpoint.save(self.folder, self.state["step"], tensors, self.state)

    def step(self, batch: Batch, factor: float) -> dict[str, float]:
        """One step of both; factor: on the learning rates. Returns figures to log."""
        batch = {key: value.to(self.accelerator.device) for key, value in batch.items()}
        for optimizer, peak in ((self.own, self.config.learning_rate), (self.critics, self.config.critic_rate)):
            for group in optimizer.param_groups:
                group["lr"] = peak * factor
        asked = batch["object"], batch["geometry"]
        with self.accelerator.autocast():
            redrawn = self.redraw(batch["coarse"], torch.randn_like(batch["coarse"]), *asked)
        redrawn = redrawn.float()
        told = self._criticise(batch, redrawn.detach(), asked)
        with self.accelerator.autocast():
            fooled = F.softplus(-self.critic(torch.tanh(SHARPNESS * redrawn), *asked).float()).mean()
        change = redrawn - batch["coarse"]
        coarse = (change.flatten(1) @ self.basis.T).square().sum(1).mean() / BOX_SIDE**2
        beyond = (redrawn.abs() - 1).clamp_min(0).mean()
        loss = fooled + self.config.keep * coarse + self.config.near * change.abs().mean() + beyond
        if not torch.isfinite(loss):
            raise ValueError(f"The loss is {loss.item()} at step {self.state['step']}; lower the learning rate.")
        self.own.zero_grad()
        loss.backward()
        self.own.step()
        self.state["step"] += 1
        self.average.update(self.network, self.state["step"])
        return {"critic": told, "fooled": fooled.item(), "coarse": coarse.item()}

    def _criticise(self, batch: Batch, redrawn: torch.Tensor, asked: tuple[torch.Tensor, torch.Tensor]) -> float:
        """Two steps of the critic: on these redrawn shapes, and on some of earlier steps."""
        count = len(redrawn)
        first, second = ({k: batch[k][part] for k in ("real", "real_object", "real_geometry")}
                         for part in (slice(count), slice(count, None)))  # fmt: skip
        value = self._critic_step(first, redrawn, *asked, penalise=self.state["step"] % LAZY == 0)
        self.replay = [*self.replay[-(REPLAY // count - 1) * 3 :], redrawn, *asked]
        if len(self.replay) > 3:
            shapes, objects, places = (torch.cat(self.replay[i::3]) for i in range(3))
            rows = torch.randint(len(shapes), (count,), device=shapes.device)
            self._critic_step(second, shapes[rows], objects[rows], places[rows], penalise=False)
        return value

    def _critic_step(
        self, real: Batch, redrawn: torch.Tensor, object_: torch.Tensor, geometry: torch.Tensor, penalise: bool
    ) -> float:
        shapes, told = real["real"], (real["real_object"], real["real_geometry"])
        steep = redrawn.new_zeros(())
        if penalise:  # in full precision, as the gradient is differentiated
            shapes = shapes.clone().requires_grad_(True)
            high = self.critic(shapes, *told)
            (slope,) = torch.autograd.grad(high.sum(), shapes, create_graph=True)
            steep = slope.square().sum((1, 2)).mean()
        with self.accelerator.autocast():
            if not penalise:
                high = self.critic(shapes, *told)
            low = self.critic(torch.tanh(SHARPNESS * redrawn), object_, geometry)
        loss = F.softplus(-high.float()).mean() + F.softplus(low.float()).mean()
        self.critics.zero_grad()
        (loss + 0.5 * self.config.penalty * LAZY * steep).backward()
        self.critics.step()
        return loss.item()


def train_outline(
    pack_path: Path, text_folder: Path, prior_folder: Path, out: Path, config: OutlineTrainConfig
) -> Path:
    """Trains on shapes of the prior in ``prior_folder``; returns ``out/outline``. Resumes as mask training does."""
    accelerator = make_accelerator(config, out)
    prior = load_component(prior_folder, ShapePrior, PriorConfig).eval()
    text, pack = TextEncoder.from_pretrained(text_folder), Pack(pack_path)
    samples = kept_samples(pack, text, config, out)
    duel = Duel(accelerator, prior, config, out)
    drawn = drawn_by(prior, samples, config.defaults, config.seed)
    source = batches(samples, drawn, config, duel.state["step"])
    bar = tqdm(total=config.steps, initial=duel.state["step"], unit="step", mininterval=5)
    started = time.monotonic() - duel.state["seconds"]
    while True:
        spent = (time.monotonic() - started) / (60 * config.minutes) if config.minutes else 0.0
        progress = max(spent, duel.state["step"] / config.steps)
        duel.state["seconds"] = time.monotonic() - started
        if progress >= 1:
            break
        figures = duel.step(next(source), rate(config, duel.state["step"], progress))
        bar.update()
        if duel.state["step"] % 20 == 0:
            bar.set_postfix({key: f"{value:.3f}" for key, value in figures.items()})
            accelerator.log(figures, step=duel.state["step"])
        if duel.state["step"] % config.save_every == 0:
            duel.save()
    duel.save()
    bar.close()
    accelerator.end_training()
    save_component(out / "outline", duel.average.network, duel.network.config)
    return out / "outline"
