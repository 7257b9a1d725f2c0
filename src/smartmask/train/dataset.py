"""Endless training samples for the mask network: scenes of a pack -> pairs -> rendered frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch.utils.data import IterableDataset, get_worker_info

from smartmask.data.compose import compose, is_complete
from smartmask.data.pack import Pack
from smartmask.data.pairs import Pair, PairConfig, is_target, make_pair
from smartmask.frame import Frame, encode_mask
from smartmask.geometry import BoxXYXY
from smartmask.guidance import extent
from smartmask.models.layout import render
from smartmask.models.shape import Condition
from smartmask.models.text import TextEncoder

FINEST = 192  # grid of the signed distance in training: fast, and finer than the mask frame itself
SOURCES = ("voc", "coco_panoptic", "coco_instances", "cocoa", "pennfudan", "lalonde_efros", "shapes")


@dataclass(frozen=True)
class Target:
    """One layer worth drawing: its scene's number in the pack, its index there, its name."""

    scene: int
    layer: int
    name: str


def find_targets(pack: Pack, split: str, sources: Sequence[str] = SOURCES) -> list[Target]:
    """All things of one split large enough to have a shape, from the pack's columns alone."""
    meta = pack.meta
    targets = []
    for number in range(len(pack)):
        if meta.splits[number] != split or meta.sources[number] not in sources:
            continue
        pixels = meta.heights[number] * meta.widths[number]
        for layer, (name, thing) in enumerate(zip(meta.layer_names[number], meta.layer_things[number], strict=True)):
            box = meta.boxes[number][layer]
            if not thing or box is None or meta.areas[number][layer] < 0.003 * pixels:
                continue
            if max(box[2] - box[0], box[3] - box[1]) >= 14:
                targets.append(Target(number, layer, name))
    return targets


def frame_box(pair: Pair, rng: np.random.Generator) -> BoxXYXY:
    """The box that the frame is laid round: an exact box's own, else a guess as placement or the prior makes it."""
    drawn = extent(pair.guides, *pair.amodal.shape)
    if pair.kind == "box" and drawn is not None:
        return drawn
    x0, y0, x1, y1 = pair.box
    spread = 0.06 if rng.random() < 0.5 or pair.kind not in ("none", "point") else 0.0  # a guess is never exact
    jitter = rng.normal(0, spread, 4) * (x1 - x0, y1 - y0, x1 - x0, y1 - y0)
    return x0 + jitter[0], y0 + jitter[1], max(x1 + jitter[2], x0 + 2), max(y1 + jitter[3], y0 + 2)


def render_pair(pair: Pair, text: TextEncoder, index: dict[str, int], rng: np.random.Generator) -> dict[str, Any]:
    """A pair as the network's input and target, all arrays.

    clean: (2, BAND, BAND) encoded amodal and visible mask; known: share of the amodal mask that is certain;
    ids, flags, scalars: the rendered frame, ids pointing into the run's table of names (``index``) plus 1;
    object, context: (128,).
    """
    box = frame_box(pair, rng)
    frame = Frame.around(box)
    crop = render(pair.view, frame, box, pair.guides)
    table = np.array([0, *(index[name] + 1 for name in pair.view.names)], dtype=np.int64)
    amodal = encode_mask(pair.amodal, frame, FINEST)
    same = pair.visible is pair.amodal or bool((pair.visible == pair.amodal).all())
    visible = amodal if same else encode_mask(pair.visible, frame, FINEST)
    return {
        "clean": np.stack([amodal, visible]).astype(np.float32),
        "known": frame.crop(pair.known.astype(np.float32), 9, border=1.0),
        "ids": table[crop.ids],
        "flags": crop.flags,
        "scalars": crop.scalars,
        "object": text.encode(pair.name),
        "context": text.encode_context(pair.context),
    }


class PairStream(IterableDataset):
    """Endless rendered samples; classes drawn by count to the power one half.

    composed: chance that a complete object (about a third are) is composed into another scene, where
    background and depth are truly known.
    """

    def __init__(
        self,
        pack: Pack,
        targets: Sequence[Target],
        text: TextEncoder | None,
        names: Sequence[str],
        *,
        seed: int = 0,
        composed: float = 0.6,
        weak: float = 0.05,
        config: PairConfig | None = None,
    ) -> None:
        self.pack, self.targets, self.text = pack, list(targets), text
        if not self.targets:
            raise ValueError(f"{pack.path} has no object to train on in the split and sources asked for.")
        self.index = {name: i for i, name in enumerate(names)}
        self.seed, self.composed, self.config = seed, composed, config or PairConfig()
        self._fit: dict[Target, bool] = {}  # what is_target said, which costs more than the rest of a draw
        counts = Counter(t.name for t in self.targets)
        weights = np.array([counts[t.name] ** -0.5 for t in self.targets])
        is_weak = np.array([pack.meta.sources[t.scene] == "shapes" for t in self.targets])
        if is_weak.any() and not is_weak.all():
            weights[is_weak] *= weak / (1 - weak) * weights[~is_weak].sum() / weights[is_weak].sum()
        self.cumulative = np.cumsum(weights / weights.sum())
        hosts = sorted({t.scene for t in self.targets if pack.meta.sources[t.scene] != "shapes"})
        if not hosts:
            raise ValueError("Silhouettes alone have no scene to stand in; add another source, such as voc.")
        panoptic = [i for i in hosts if pack.meta.sources[i] == "coco_panoptic"]
        self.hosts = panoptic * max(1, len(hosts) // max(2 * len(panoptic), 1)) + hosts

    def __iter__(self) -> Iterator[dict[str, Any]]:
        info = get_worker_info()
        worker = info.id if info is not None else 0
        rng = np.random.default_rng([self.seed, worker])
        if self.text is None:
            raise ValueError("This stream has no text encoder; it can draw pairs but not render them.")
        while True:
            pair = self.draw(rng)
            if pair is not None:
                yield render_pair(pair, self.text, self.index, rng)

    def draw(self, rng: np.random.Generator) -> Pair | None:
        """One random pair; None where the chosen layer turns out unfit."""
        choice = min(int(np.searchsorted(self.cumulative, rng.random())), len(self.targets) - 1)
        target = self.targets[choice]
        record = self.pack[target.scene]
        weak = record.source == "shapes"
        if target not in self._fit:
            self._fit[target] = weak or is_target(record.scene, target.layer)
        if not self._fit[target]:
            return None
        caption = str(rng.choice(record.captions)) if record.captions and rng.random() < 0.7 else None
        scene = replace(record.scene, caption=caption)
        if weak or (rng.random() < self.composed and is_complete(scene, target.layer)):
            host = self.pack[int(rng.choice(self.hosts))]
            placed = compose(host.scene, scene.layers[target.layer], rng)
            if placed is None:
                return None
            return make_pair(placed[0], placed[1], rng, modal=rng.random() < 0.3, config=self.config, composed=True)
        return make_pair(scene, target.layer, rng, modal=record.modal, config=self.config)


def collate_condition(batch: dict[str, torch.Tensor], names: torch.Tensor) -> Condition:
    """A collated batch and the run's table of names (N, text_dim) as the network's condition."""
    return Condition(batch["ids"], batch["flags"], batch["scalars"], names, batch["object"], batch["context"])
