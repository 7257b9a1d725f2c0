"""Training of the stuff field: minutes on one core."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from smartmask.data.pack import Pack
from smartmask.io.components import save_component
from smartmask.plan.layouts.stuff import StuffConfig, StuffField
from smartmask.scene.categories import clean_name
from smartmask.text.encoder import TextEncoder
from smartmask.train.resume import Resumable

SOURCES = ("coco_panoptic",)
GRID = 64  # points a side at which a scene's stuff is read
POINTS = 256  # points of a scene in one step
LEAST = 0.002  # share of the picture below which a region is left out


@dataclass(frozen=True, eq=False)
class StuffScene:
    """One scene's stuff: names (k), labels (GRID, GRID) index of a name or -1, log of width over height."""

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
            found.append(StuffScene(tuple(names), labels, aspect))
    if not found:
        raise ValueError(f"{pack.path} has no scene with two kinds of stuff in its {split} split.")
    return found


def train_stuff(
    pack_path: Path, text_folder: Path, out: Path, steps: int = 4000, batch: int = 32, seed: int = 0,
    save_every: int = 500,
) -> dict[str, float]:  # fmt: skip
    """Trains the field, saves ``out/stuff``, returns the loss and the share of training points it gets right.

    Resumes from ``out/checkpoints``, which is written every ``save_every`` steps.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    text = TextEncoder.from_pretrained(text_folder)
    scenes = read_stuff(Pack(pack_path), "train")
    most = max(len(scene.names) for scene in scenes)
    vectors = np.zeros((2 * len(scenes), most, 128), np.float32)
    known = np.zeros((2 * len(scenes), most), bool)
    labels: list[np.ndarray] = []
    aspects: list[float] = []
    for flip in (False, True):  # a mirrored scene is a scene of its own
        for scene in scenes:
            row = len(labels)
            vectors[row, : len(scene.names)] = [text.encode(name) for name in scene.names]
            known[row, : len(scene.names)] = True
            labels.append(scene.labels[:, ::-1] if flip else scene.labels)
            aspects.append(scene.aspect)
    places = [np.argwhere(one >= 0) for one in labels]
    config = StuffConfig(scenes=len(labels))
    field = StuffField(config)
    field.sets.copy_(torch.from_numpy(vectors.sum(1) / known.sum(1, keepdims=True)))
    others = [p for n, p in field.named_parameters() if n != "latents"]
    optimizer = torch.optim.AdamW(
        [{"params": others, "weight_decay": 0.02}, {"params": [field.latents], "lr": 1e-2, "weight_decay": 0.0}],
        lr=2e-3,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, [2e-3, 1e-2], total_steps=steps)
    names_, known_ = torch.from_numpy(vectors), torch.from_numpy(known)
    settings = {"steps": steps, "batch": batch, "seed": seed, "scenes": len(scenes)}
    run = Resumable(out, field, optimizer, schedule, settings, [rng], save_every)
    while run.step < steps:
        rows = rng.integers(0, len(labels), batch)
        picks = [places[row][rng.integers(0, len(places[row]), POINTS)] for row in rows]
        target = torch.from_numpy(np.stack([labels[row][p[:, 0], p[:, 1]] for row, p in zip(rows, picks, strict=True)]))
        jitter = [(p[:, ::-1] + rng.random(p.shape)) / GRID * 2 - 1 for p in picks]
        points = torch.from_numpy(np.stack(jitter).astype(np.float32))
        latent = field.latents[rows]
        latent = latent + 0.15 * torch.randn_like(latent)  # neighbours of a latent are arrangements too
        noisy = names_[rows] + 0.15 * torch.randn_like(names_[rows])
        aspect = torch.tensor([aspects[row] for row in rows])
        logits = field(points, aspect, noisy, known_[rows], latent)
        loss = nn.functional.cross_entropy(logits, target) + 2e-3 * latent.square().sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(field.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        share = float((logits.argmax(1) == target).float().mean())
        run.done({"loss": loss.item(), "right": share}, last=run.step + 1 == steps)
        if run.step % 500 == 0:
            print(f"step {run.step}: loss {run.figures['loss']:.3f}, right {run.figures['right']:.3f}", flush=True)
    field.eval()
    save_component(out / "stuff", field, config)
    return {"scenes": float(len(scenes)), **run.figures}
