"""Training of the chooser: the true outline told from others of its name, set and like aspect, from the scene alone."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn

from smartmask.data.pack import Pack
from smartmask.io.components import save_component
from smartmask.masks.exemplar.choose import (
    FAR,
    FAR_CELLS,
    SCENE_CELLS,
    WIDER,
    ChooserConfig,
    SceneCrop,
    cell_values,
    hidden_cells,
)  # fmt: skip
from smartmask.text.encoder import TextEncoder
from smartmask.train.networks.chooser import ChooserModule
from smartmask.train.schedules import Plateau
from smartmask.train.settings import ChooserSettings
from smartmask.train.task import Batch, Losses, Stream, Task, Tensors, tensor
from smartmask.train.tasks.chooser_samples import Samples, gather
from smartmask.train.trainer import Trainer

GROUP = 32  # objects told from each other at a time
ALIKE = 6  # a group comes from one ALIKE-th of its kind, sorted by aspect
LOST = 0.3  # share of samples of which a region's label is lost, as a panoptic model loses some
BLIND = 0.1  # share that see no scene at all, so that geometry alone is known too
NOISE = 0.05  # on the numbers of a box's geometry
JITTER = 0.06  # of an outline's box, by which it is moved and scaled
CAPTIONED = 0.7  # share of captioned samples that are told a caption


class Groups:
    """Objects of one source, name and wholeness, sorted by aspect, to draw groups from."""

    def __init__(self, samples: Samples, split: str) -> None:
        rows = samples.of_split(split)
        order = rows[np.lexsort((rows, samples.aspects[rows], samples.group[rows]))]
        bounds = np.flatnonzero(np.diff(samples.group[order], prepend=-1, append=-1))
        kinds = [order[a:b] for a, b in pairwise(bounds.tolist())]
        self.kinds = [kind for kind in kinds if len(kind) >= GROUP // 4]
        weight = np.array([len(kind) for kind in self.kinds], float) ** 0.85
        self.share = weight / weight.sum()

    def draw(self, count: int, rng: np.random.Generator) -> list[np.ndarray]:
        """``count`` groups of GROUP like objects; smaller kinds fill theirs by half as many."""
        return [self._one(self.kinds[i], rng) for i in rng.choice(len(self.kinds), count, p=self.share)]

    def _one(self, kind: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        span = min(len(kind), max(2 * GROUP, len(kind) // ALIKE))
        start = int(rng.integers(0, len(kind) - span + 1))
        return rng.choice(kind[start : start + span], min(GROUP, span), replace=False)


def make_batch(samples: Samples, groups: list[np.ndarray], rng: np.random.Generator | None) -> Tensors:
    """Stacked tensors of groups; ``group`` (n,) numbers them. rng: None leaves everything as it is (for validation)."""
    rows = np.concatenate(groups)
    count = len(rows)
    chance = rng or np.random.default_rng(0)
    train = rng is not None
    mirror = (chance.random(count) < 0.5) & train
    blind = (chance.random(count) < BLIND) & train
    grow = samples.grow[rows] * (chance.uniform(1, 2, count) if train else 1.0)
    lost = _lost(samples.maps[rows], chance) if train else np.full(count, -9)
    batch: Tensors = {}
    for key, wider, side, prefix in (("maps", WIDER, SCENE_CELLS, ""), ("far", FAR, FAR_CELLS, "far_")):
        top = getattr(samples, key)[rows]
        top = np.where(top == lost[:, None, None], -1, top)
        hidden = hidden_cells(samples.boxes[rows], grow, wider, side) | blind[:, None, None]
        ids, flags = cell_values(top, hidden)
        flags[:, -1] = getattr(samples, prefix + "things")[rows] & (ids > 0)
        batch[prefix + "ids"] = tensor(np.where(mirror[:, None, None], ids[:, :, ::-1], ids))
        batch[prefix + "flags"] = tensor(np.where(mirror[:, None, None, None], flags[..., ::-1], flags))
    cells = samples.cells[rows]
    batch["cells"] = tensor(np.where(mirror[:, None, None], cells[:, :, ::-1], cells)).float()
    geometry = np.where(mirror[:, None], samples.geometry_mirrored[rows], samples.geometry[rows])
    if train:  # no object is known by the last digits of its box, nor by its last pixels
        batch["cells"] = _jittered(batch["cells"], chance)
        geometry[:, :-4] += chance.normal(0, NOISE, (count, geometry.shape[1] - 4)).astype(np.float32)
    batch["geometry"] = tensor(geometry)
    batch["told"] = tensor(samples.told[rows])
    told = _caption(samples.captions[rows], len(samples.contexts) - 1, chance, train)
    batch["context"] = tensor(samples.contexts[told])
    batch["group"] = torch.repeat_interleave(torch.arange(len(groups)), torch.tensor([len(group) for group in groups]))
    return batch


def _jittered(cells: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Outlines (n, C, C) moved by up to a cell and scaled a little, each by its own chance."""
    count = len(cells)
    scale = 1 + torch.from_numpy(rng.uniform(-JITTER, JITTER, (count, 2)).astype(np.float32))
    shift = torch.from_numpy(rng.uniform(-JITTER, JITTER, (count, 2)).astype(np.float32))
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = scale[:, 0], scale[:, 1], shift
    grid = nn.functional.affine_grid(theta, [count, 1, *cells.shape[1:]], align_corners=False)
    return nn.functional.grid_sample(cells[:, None], grid, align_corners=False)[:, 0]


def _lost(maps: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """``(n,)`` the label that each sample loses; -9 for none."""
    count, side = len(maps), maps.shape[1]
    picked = maps[np.arange(count), rng.integers(0, side, count), rng.integers(0, side, count)]
    return np.where((rng.random(count) < LOST) & (picked >= 0), picked, -9)


def _caption(spans: np.ndarray, none: int, rng: np.random.Generator, train: bool) -> np.ndarray:
    size = spans[:, 1] - spans[:, 0]
    pick = spans[:, 0] + ((rng.random(len(spans)) * size).astype(int) if train else 0)
    told = (size > 0) & ((rng.random(len(spans)) < CAPTIONED) | (not train))
    return np.where(told, pick, none)


def stream_of(samples: Samples, settings: ChooserSettings) -> Stream:
    """Endless batches of the train split."""
    groups = Groups(samples, "train")

    def make(rng: np.random.Generator, number: int) -> Batch:
        drawn = groups.draw(settings.batch, rng)
        rows = np.concatenate(drawn)
        return Batch([f"scene {s} layer {i}" for s, i in samples.found[rows]], make_batch(samples, drawn, rng))

    return Stream(make, settings.seed, settings.workers)


def chooser_loss(network: ChooserModule, batch: Tensors, names: torch.Tensor) -> torch.Tensor:
    """``(n,)`` cross entropies, in nats: which outline belongs to a scene, and which scene to an outline."""
    crop = SceneCrop(
        batch["ids"], batch["flags"], batch["far_ids"], batch["far_flags"], batch["geometry"], names,
        names[batch["told"]], batch["context"],
    )  # fmt: skip
    scores = network.embed_scenes(crop) @ network.embed_outlines(batch["cells"]).T
    scores = scores.masked_fill(batch["group"][:, None] != batch["group"][None, :], -1e4)
    own = torch.arange(len(scores), device=scores.device)
    cross = nn.functional.cross_entropy
    return (cross(scores, own, reduction="none") + cross(scores.T, own, reduction="none")) / 2


@torch.inference_mode()
def validate(network: ChooserModule, samples: Samples, names: torch.Tensor) -> dict[str, float]:
    """Nats of telling the true outline among GROUP like ones of the dev split, all and whole ones."""
    losses: dict[str, list[float]] = {"all": [], "whole": []}
    device = next(network.parameters()).device
    for kind in Groups(samples, "dev").kinds:
        for start in range(0, len(kind) - GROUP + 1, GROUP):
            batch = make_batch(samples, [kind[start : start + GROUP]], None)
            batch = {key: value.to(device) for key, value in batch.items()}
            value = float(chooser_loss(network, batch, names.to(device)).mean())
            losses["all"].append(value)
            if samples.whole[kind[start]]:
                losses["whole"].append(value)
    return {key: float(np.mean(value)) for key, value in losses.items() if value}


def chooser_task(samples: Samples, settings: ChooserSettings) -> Task:
    """The chooser's training on samples."""
    torch.manual_seed(settings.seed)
    config = ChooserConfig(text_dim=samples.names.shape[1])
    names = torch.from_numpy(samples.names)

    def loss(network: ChooserModule, batch: Tensors) -> Losses:
        return {"loss": chooser_loss(network, batch, names.to(batch["geometry"].device)).mean()}

    return Task(
        "chooser", ChooserModule(config).to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        stream_of(samples, settings), loss,
        save=lambda network, out: save_component(out / "chooser", network, config),
        validate=lambda network, step: validate(network, samples, names),
        schedule=Plateau(decay=0.9), betas=(0.9, 0.98), facts={"objects": len(samples.told)},
    )  # fmt: skip


def train_chooser(settings: ChooserSettings) -> Path:
    """Trains the chooser; returns its saved component (``out/chooser``)."""
    samples = gather(Pack(settings.data), TextEncoder.from_pretrained(settings.text_folder))
    Trainer(chooser_task(samples, settings), settings, settings.out).fit()
    return settings.out / "chooser"
