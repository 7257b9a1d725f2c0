"""Training of the stuff field: minutes on one core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from smartmask.data.pack import Pack
from smartmask.io.components import save_component
from smartmask.plan.layouts.stuff import StuffConfig
from smartmask.scene.categories import clean_name
from smartmask.text.encoder import TextEncoder
from smartmask.train.networks.stuff import StuffModule
from smartmask.train.schedules import OneCycle
from smartmask.train.settings import StuffSettings
from smartmask.train.task import Batch, Losses, Stream, Task, Tensors, tensor
from smartmask.train.trainer import Trainer

SOURCES = ("coco_panoptic",)
GRID = 64  # points a side at which a scene's stuff is read
POINTS = 256  # points of a scene in one step
LEAST = 0.002  # share of the picture below which a region is left out


@dataclass(frozen=True, eq=False)
class StuffScene:
    """One scene's stuff: its key, names (k), labels (GRID, GRID) index of a name or -1, log of width over height."""

    key: str
    names: tuple[str, ...]
    labels: np.ndarray
    aspect: float


def read_stuff(pack: Pack, split: str, sources: Sequence[str] = SOURCES) -> list[StuffScene]:
    """The stuff of a split's scenes that have at least two kinds of it; things and the unlabeled are -1."""
    found = []
    for number in range(len(pack)):
        meta = pack.meta
        if meta.splits[number] != split or meta.sources[number] not in sources:
            continue
        top = pack.top(number)
        rows = ((np.arange(GRID) + 0.5) * top.shape[0] / GRID).astype(int)
        cols = ((np.arange(GRID) + 0.5) * top.shape[1] / GRID).astype(int)
        small = top[rows[:, None], cols[None, :]].astype(int) - 1
        names: list[str] = []
        labels = np.full(small.shape, -1)
        for layer, (name, thing) in enumerate(zip(meta.layer_names[number], meta.layer_things[number], strict=True)):
            here = small == layer
            if thing or here.mean() < LEAST:
                continue
            name = clean_name(name)
            if name not in names:
                names.append(name)
            labels[here] = names.index(name)
        if len(names) >= 2:
            aspect = float(np.log(meta.widths[number] / meta.heights[number]))
            found.append(StuffScene(meta.keys[number], tuple(names), labels, aspect))
    if not found:
        raise ValueError(f"{pack.path} has no scene with two kinds of stuff in its {split} split.")
    return found


def stuff_task(scenes: Sequence[StuffScene], text: TextEncoder, settings: StuffSettings) -> Task:
    """The field's training: random points of scenes and of their mirror images, which are scenes of their own."""
    torch.manual_seed(settings.seed)
    most = max(len(scene.names) for scene in scenes)
    vectors, known = np.zeros((len(scenes), most, 128), np.float32), np.zeros((len(scenes), most), bool)
    for row, scene in enumerate(scenes):
        vectors[row, : len(scene.names)] = [text.encode(name) for name in scene.names]
        known[row, : len(scene.names)] = True
    vectors, known = np.tile(vectors, (2, 1, 1)), np.tile(known, (2, 1))
    labels = [*(scene.labels for scene in scenes), *(scene.labels[:, ::-1] for scene in scenes)]
    aspects = np.tile(np.array([scene.aspect for scene in scenes], np.float32), 2)
    places = [np.argwhere(one >= 0) for one in labels]
    config = StuffConfig(scenes=len(labels))
    field = StuffModule(config)
    field.sets.copy_(torch.from_numpy(vectors.sum(1) / known.sum(1, keepdims=True)))

    def make(rng: np.random.Generator, number: int) -> Batch:
        rows = rng.integers(0, len(labels), settings.batch)
        picks = [places[row][rng.integers(0, len(places[row]), POINTS)] for row in rows]
        target = np.stack([labels[row][p[:, 0], p[:, 1]] for row, p in zip(rows, picks, strict=True)])
        points = np.stack([(p[:, ::-1] + rng.random(p.shape)) / GRID * 2 - 1 for p in picks])
        tensors = {
            "rows": tensor(rows), "target": tensor(target), "points": tensor(points, np.float32),
            "aspect": tensor(aspects[rows]), "names": tensor(vectors[rows]), "known": tensor(known[rows]),
        }  # fmt: skip
        return Batch([scenes[row % len(scenes)].key for row in rows], tensors)

    others = [value for name, value in field.named_parameters() if name != "latents"]
    return Task(
        "stuff", field, Stream(make, settings.seed, settings.workers), stuff_loss,
        save=lambda network, out: save_component(out / "stuff", network, config), schedule=OneCycle(),
        groups=[{"params": others}, {"params": [field.latents], "lr": 5.0, "weight_decay": 0.0}],
        facts={"scenes": len(scenes)},
    )  # fmt: skip


def stuff_loss(field: StuffModule, batch: Tensors) -> Losses:
    """Cross-entropy of the stuff at points, and small latents; "right": the share of points told rightly."""
    latent = field.latents[batch["rows"]]
    latent = latent + 0.15 * torch.randn_like(latent)  # neighbours of a latent are arrangements too
    noisy = batch["names"] + 0.15 * torch.randn_like(batch["names"])
    logits = field(batch["points"], batch["aspect"], noisy, batch["known"], latent)
    loss = nn.functional.cross_entropy(logits, batch["target"]) + 2e-3 * latent.square().sum(1).mean()
    return {"loss": loss, "right": (logits.argmax(1) == batch["target"]).float().mean()}


def train_stuff(settings: StuffSettings) -> dict[str, float]:
    """Trains the field, saves ``out/stuff``, returns the loss and the share of training points it gets right."""
    scenes = read_stuff(Pack(settings.data), "train")
    text = TextEncoder.from_pretrained(settings.text_folder)
    trainer = Trainer(stuff_task(scenes, text, settings), settings, settings.out)
    trainer.fit()
    return {"scenes": float(len(scenes)), **trainer.figures}
