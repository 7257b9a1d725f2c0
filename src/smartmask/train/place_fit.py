"""Training of the fit network: real boxes of a scene told from boxes of the same names in other scenes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import nn

from smartmask.data.pack import Pack
from smartmask.models.place_fit import FitConfig, FitNetwork, FitScenes, inside_photo
from smartmask.models.presets import save_component
from smartmask.models.text import TextEncoder
from smartmask.train.dataset import find_targets
from smartmask.train.loop import Batch, Run, make_accelerator
from smartmask.train.mask import name_table
from smartmask.train.place_samples import SOURCES, PlaceTrainConfig, draw_places, place_batches

FEW = 3  # boxes of a name below which other names' boxes stand beside the real one
SHIFT, SCALE, STRETCH = 0.05, 0.15, 0.1  # deviations of a contrasting box's place (frame), log size and log width


@dataclass
class FitTrainConfig(PlaceTrainConfig):
    """The fit network's settings; contrasts: boxes beside each real one; name_noise: on names' vectors, in their
    standard deviations."""

    steps: int = 5000
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    decay: float = 0.9
    ema: float = 0.99
    precision: str = "no"
    save_every: int = 1000
    contrasts: int = 15
    name_noise: float = 0.1


class Contrasts:
    """Boxes of each name in other scenes, to be drawn from."""

    def __init__(self, samples: Batch) -> None:
        names = samples["name"].numpy()
        self.by_name = np.argsort(names, kind="stable")
        self.boxes = samples["box"].numpy()
        numbers = np.arange(names.max() + 1)
        self.first, last = (np.searchsorted(names[self.by_name], numbers, side=side) for side in ("left", "right"))
        self.count = last - self.first

    def draw(self, names: np.ndarray, photos: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
        """``(B, count, 4)`` boxes for names (B,), a little changed, inside photos (B, 4)."""
        few = self.count[names] < FEW
        start = np.where(few, 0, self.first[names])[:, None]
        size = np.where(few, len(self.by_name), self.count[names])[:, None]
        x0, y0, x1, y1 = np.moveaxis(
            self.boxes[self.by_name[start + (rng.random((len(names), count)) * size).astype(int)]], -1, 0
        )
        scale = np.exp(rng.normal(0, SCALE, x0.shape))
        half_w = (x1 - x0) / 2 * scale * np.exp(rng.normal(0, STRETCH, x0.shape))
        half_h = (y1 - y0) / 2 * scale
        cx, cy = ((a + b) / 2 + rng.normal(0, SHIFT, a.shape) for a, b in ((x0, x1), (y0, y1)))
        return inside_photo(np.stack([cx - half_w, cy - half_h, cx + half_w, cy + half_h], axis=-1), photos[:, None])


def batches(samples: Batch, config: FitTrainConfig, step: int) -> Iterator[Batch]:
    """Endless random batches; ``boxes`` (B, 1 + contrasts, 4), the real one first."""
    contrasts = Contrasts(samples)
    rng = np.random.default_rng([config.seed, step])
    for batch in place_batches(samples, config, step):
        others = contrasts.draw(batch["name"].numpy(), batch["photo"].numpy(), config.contrasts, rng)
        real = inside_photo(batch["box"][:, None].numpy(), batch["photo"][:, None].numpy())
        yield {**batch, "boxes": torch.from_numpy(np.concatenate([real, others], axis=1)).float()}


def fit_scenes(batch: Batch) -> FitScenes:
    """The network's input of stacked samples."""
    return FitScenes(batch["ids"], batch["flags"], batch["object"], batch["typical"], batch["things"], batch["present"])


def fit_loss(network: nn.Module, batch: Batch, names: torch.Tensor) -> torch.Tensor:
    """``(B,)`` negative log-likelihoods of picking the real box among its contrasts."""
    return -network(fit_scenes(batch), names, batch["boxes"]).float().log_softmax(dim=1)[:, 0]


def train_fit(
    pack_path: Path, text_folder: Path, out: Path, config: FitTrainConfig, samples: Batch | None = None
) -> Path:
    """Trains the fit network; returns its saved component (``out/fit``). Resumes as mask training does.

    samples: what to train on; None: drawn from the train split.
    """
    accelerator = make_accelerator(config, out)
    text, pack = TextEncoder.from_pretrained(text_folder), Pack(pack_path)
    table = name_table(pack, text)[1].to(accelerator.device)
    preset = FitConfig()
    run = Run(accelerator, FitNetwork(preset), config, out)
    if samples is None:
        samples = draw_places(pack, find_targets(pack, "train", config.sources or SOURCES), text, config)
    noise = config.name_noise * table.std()
    average = run.loop(
        batches(samples, config, run.state["step"]),
        lambda net, batch: fit_loss(cast(FitNetwork, net), batch, table + noise * torch.randn_like(table)),
    )
    save_component(out / "fit", average, preset)
    return out / "fit"
