"""Training of the fit network: real boxes of a scene told from boxes of the same names in other scenes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from tqdm import tqdm

from smartmask.data.pack import Pack
from smartmask.data.places import Place
from smartmask.models.place_fit import (
    FitConfig,
    FitNetwork,
    FitScenes,
    fit_size,
    inside_photo,
    scene_things,
)
from smartmask.models.placement import scene_frame
from smartmask.models.presets import save_component
from smartmask.models.text import TextEncoder
from smartmask.planner.sizes import typical_size
from smartmask.train.dataset import Target, find_targets
from smartmask.train.loop import Batch, LoopConfig, Run, make_accelerator, one_thread
from smartmask.train.mask import name_table
from smartmask.train.placement import SOURCES, PlaceStream, render_place

PART = 256  # samples drawn together
FEW = 3  # boxes of a name below which other names' boxes stand beside the real one
SHIFT, SCALE, STRETCH = 0.05, 0.15, 0.1  # deviations of a contrasting box's place (frame), log size and log width


@dataclass
class FitTrainConfig(LoopConfig):
    """The loop's settings; samples: scenes drawn into memory first (some 8 KB each); contrasts: boxes beside each
    real one; panoptic: how much likelier a fully labelled scene is drawn; name_noise: on names' vectors, in their
    standard deviations."""

    steps: int = 5000
    batch: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    decay: float = 0.9
    ema: float = 0.99
    precision: str = "no"
    save_every: int = 1000
    samples: int = 60_000
    contrasts: int = 15
    panoptic: float = 8.0
    name_noise: float = 0.1
    sources: list[str] = field(default_factory=list)


class FitStream(IterableDataset):
    """Endless samples of a stream of places: render_place's arrays and those of ``FitScenes``."""

    def __init__(self, places: PlaceStream, text: TextEncoder) -> None:
        self.places, self.text = places, text
        self.typical = lru_cache(maxsize=None)(partial(_typical, text))
        self.number = {name: i for i, name in enumerate(sorted({target.name for target in places.targets}))}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        info = get_worker_info()
        rng = np.random.default_rng([self.places.seed, info.id if info is not None else 0])
        while True:
            drawn = self.places.draw(rng)
            if drawn is not None:
                yield self.sample(*drawn)

    def sample(self, place: Place, context: str) -> dict[str, Any]:
        """One place as arrays; flags in 255ths, ``photo`` (4,) and ``box`` (4,) in frame units, ``name`` a number."""
        arrays = render_place(place, self.text, self.places.index, context)
        frame = scene_frame(place.view)
        photo = np.array(frame.to_frame(place.view.photo), dtype=np.float32)
        # what was emptied is filled with what surrounds it, which makes neighbours larger than they are
        things, present = scene_things(place.view, frame, self.typical, place.filled)
        return {
            "ids": arrays["ids"].astype(np.int16), "flags": np.round(arrays["flags"] * 255).astype(np.uint8),
            "object": arrays["object"], "typical": fit_size(place.name, self.typical), "things": things,
            "present": present, "box": inside_photo(arrays["box"][None], tuple(photo))[0].astype(np.float32),
            "photo": photo, "name": self.number[place.name],
        }  # fmt: skip


def _typical(text: TextEncoder, name: str) -> tuple[float, float]:
    return typical_size(name, text)


def draw_samples(pack: Pack, targets: Sequence[Target], text: TextEncoder, config: FitTrainConfig) -> Batch:
    """``config.samples`` samples, stacked: {name: (samples, ...)}. Raises ValueError without targets."""
    names, _ = name_table(pack, text)
    stream = FitStream(PlaceStream(pack, targets, text, names, config.seed, config.panoptic), text)
    loader = DataLoader(stream, batch_size=PART, num_workers=config.workers, worker_init_fn=one_thread)
    count = -(-config.samples // PART)
    parts = [part for part, _ in zip(loader, tqdm(range(count), desc="samples", mininterval=5), strict=False)]
    return {key: torch.cat([part[key] for part in parts])[: config.samples] for key in parts[0]}


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
        boxes = np.stack([cx - half_w, cy - half_h, cx + half_w, cy + half_h], axis=-1)
        return np.stack([inside_photo(some, tuple(photo)) for some, photo in zip(boxes, photos, strict=True)])


def batches(samples: Batch, config: FitTrainConfig, step: int) -> Iterator[Batch]:
    """Endless random batches; ``boxes`` (B, 1 + contrasts, 4), the real one first."""
    contrasts = Contrasts(samples)
    rng = np.random.default_rng([config.seed, step])
    while True:
        rows = torch.from_numpy(rng.integers(0, len(samples["box"]), config.batch))
        batch = {key: value[rows] for key, value in samples.items()}
        others = contrasts.draw(batch["name"].numpy(), batch["photo"].numpy(), config.contrasts, rng)
        batch["boxes"] = torch.cat([batch["box"][:, None], torch.from_numpy(others).float()], dim=1)
        yield batch


def fit_scenes(batch: Batch) -> FitScenes:
    """The network's input of stacked samples."""
    return FitScenes(batch["ids"].long(), batch["flags"].float() / 255, batch["object"].float(), batch["typical"],
                     batch["things"], batch["present"])  # fmt: skip


def fit_loss(network: nn.Module, batch: Batch, names: torch.Tensor) -> torch.Tensor:
    """``(B,)`` negative log-likelihoods of picking the real box among its contrasts."""
    return -network(fit_scenes(batch), names, batch["boxes"]).float().log_softmax(dim=1)[:, 0]


def train_fit(
    pack_path: Path, text_folder: Path, out: Path, config: FitTrainConfig, targets: Sequence[Target] | None = None
) -> Path:
    """Trains the fit network; returns its saved component (``out/fit``). Resumes as mask training does.

    targets: what to train on; None: all of the train split.
    """
    accelerator = make_accelerator(config, out)
    text, pack = TextEncoder.from_pretrained(text_folder), Pack(pack_path)
    table = name_table(pack, text)[1].to(accelerator.device)
    preset = FitConfig()
    run = Run(accelerator, FitNetwork(preset), config, out)
    chosen = find_targets(pack, "train", config.sources or SOURCES) if targets is None else targets
    samples = draw_samples(pack, chosen, text, config)
    noise = config.name_noise * table.std()
    average = run.loop(
        batches(samples, config, run.state["step"]),
        lambda net, batch: fit_loss(cast(FitNetwork, net), batch, table + noise * torch.randn_like(table)),
    )
    save_component(out / "fit", average, preset)
    return out / "fit"
