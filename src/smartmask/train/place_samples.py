"""Samples for the networks that answer where: scenes with one object taken out, drawn into memory once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from tqdm import tqdm

from smartmask.data.pack import Pack
from smartmask.data.pairs import context_of
from smartmask.data.places import Place, make_place
from smartmask.geometry import BoxXYXY
from smartmask.models.place_fit import fit_size, scene_things
from smartmask.models.placement import render_scene, scene_frame
from smartmask.models.text import TextEncoder
from smartmask.models.typical import typical_size
from smartmask.train.dataset import Target
from smartmask.train.loop import Batch, LoopConfig, one_thread
from smartmask.train.mask import name_table

SOURCES = ("voc", "coco_panoptic", "coco_instances", "cocoa", "pennfudan", "lalonde_efros")
PART = 256  # samples drawn together


@dataclass
class PlaceTrainConfig(LoopConfig):
    """The loop's settings; samples: scenes drawn into memory first (some 9 KB each); panoptic: how much likelier a
    fully labelled scene is drawn than another; sources: of the pack (empty: the default ones)."""

    batch: int = 32
    samples: int = 60_000
    panoptic: float = 8.0
    sources: list[str] = field(default_factory=list)


class PlaceStream(IterableDataset):
    """Endless samples of a pack's things."""

    def __init__(self, pack: Pack, targets: Sequence[Target], text: TextEncoder, seed: int, panoptic: float) -> None:
        self.pack, self.targets, self.text, self.seed = pack, list(targets), text, seed
        if not self.targets:
            raise ValueError(f"{pack.path} has no object to train on in the split and sources asked for.")
        self.index = {name: i for i, name in enumerate(name_table(pack, text)[0])}
        self.typical = lru_cache(maxsize=None)(partial(typical_size, encoder=text))
        self.boxes: dict[str, list[BoxXYXY]] = defaultdict(list)
        for target in self.targets:
            self.boxes[target.name].append(share_box(pack, target))
        self.number = {name: i for i, name in enumerate(sorted(self.boxes))}
        weights = np.array([len(self.boxes[t.name]) ** -0.5 for t in self.targets])
        weights *= [panoptic if pack.meta.sources[t.scene] == "coco_panoptic" else 1.0 for t in self.targets]
        self.cumulative = np.cumsum(weights / weights.sum())

    def draw(self, rng: np.random.Generator) -> dict[str, Any] | None:
        """The next random sample; None if cropping loses the object."""
        target = self.targets[min(int(np.searchsorted(self.cumulative, rng.random())), len(self.targets) - 1)]
        record = self.pack[target.scene]
        place = make_place(record.scene, target.layer, rng, self.boxes[target.name])
        if place is None:
            return None
        caption = str(rng.choice(record.captions)) if record.captions and rng.random() < 0.5 else None
        return {**self.render(place, context_of(record.scene, target.name, caption)), "scene": target.scene}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        info = get_worker_info()
        rng = np.random.default_rng([self.seed, info.id if info is not None else 0])
        while True:
            sample = self.draw(rng)
            if sample is not None:
                yield sample

    def render(self, place: Place, context: str) -> dict[str, Any]:
        """A place as arrays.

        ids, flags (in 255ths): the rendered scene, ids pointing into the pack's table of names plus 1. object, context
        (text_dim,). box, photo: (4,) x0, y0, x1, y1 in frame units. name: a number. typical, things, present: what
        ``FitScenes`` has.
        """
        crop, frame = render_scene(place.view, place.guides), scene_frame(place.view)
        table = np.array([0, *(self.index[name] + 1 for name in place.view.names)], dtype=np.int16)
        # what was emptied is filled with what surrounds it, which makes neighbours larger than they are
        things, present = scene_things(place.view, frame, self.typical, place.filled)
        return {
            "ids": table[crop.ids], "flags": np.round(crop.flags * 255).astype(np.uint8),
            "object": self.text.encode(place.name).copy(), "context": self.text.encode_context(context),
            "box": np.array(frame.to_frame(place.box), dtype=np.float32),
            "photo": np.array(frame.to_frame(place.view.photo), dtype=np.float32),
            "name": self.number[place.name], "typical": fit_size(place.name, self.typical), "things": things,
            "present": present,
        }  # fmt: skip


def share_box(pack: Pack, target: Target) -> BoxXYXY:
    """A target's box in shares of its scene."""
    x0, y0, x1, y1 = (float(v) for v in pack.meta.boxes[target.scene][target.layer])
    width, height = pack.meta.widths[target.scene], pack.meta.heights[target.scene]
    return x0 / width, y0 / height, x1 / width, y1 / height


def draw_places(pack: Pack, targets: Sequence[Target], text: TextEncoder, config: PlaceTrainConfig) -> Batch:
    """``config.samples`` samples, stacked: {name: (samples, ...)}. Raises ValueError without targets."""
    stream = PlaceStream(pack, targets, text, config.seed, config.panoptic)
    loader = DataLoader(stream, batch_size=PART, num_workers=config.workers, worker_init_fn=one_thread)
    count = -(-config.samples // PART)
    bar = tqdm(range(count), desc="samples", unit="batch", mininterval=5)
    parts = [part for _, part in zip(bar, loader, strict=False)]
    return {key: torch.cat([part[key] for part in parts])[: config.samples] for key in parts[0]}


def place_batches(samples: Batch, config: PlaceTrainConfig, step: int) -> Iterator[Batch]:
    """Endless random batches of samples, as the networks take them: ids int64, flags in [0, 1]."""
    generator = torch.Generator().manual_seed(config.seed + step)
    while True:
        rows = torch.randint(len(samples["box"]), (config.batch,), generator=generator)
        batch = {key: value[rows] for key, value in samples.items()}
        yield {**batch, "ids": batch["ids"].long(), "flags": batch["flags"].float() / 255}
