"""Training of the placement network (where, how big) and of the order network (in front of what)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from smartmask.data.pack import Pack
from smartmask.data.pairs import context_of
from smartmask.data.places import Place, make_place
from smartmask.geometry import BoxXYXY
from smartmask.models.placement import (
    OrderConfig,
    OrderNetwork,
    PlacementConfig,
    PlacementNetwork,
    overlaps,
    pair_features,
    render_scene,
    scene_frame,
)
from smartmask.models.presets import save_component
from smartmask.models.text import TextEncoder
from smartmask.scene import Scene
from smartmask.train.dataset import Target, find_targets
from smartmask.train.loop import Batch, LoopConfig, Run, make_accelerator, one_thread
from smartmask.train.mask import name_table

SOURCES = ("voc", "coco_panoptic", "coco_instances", "cocoa", "pennfudan", "lalonde_efros")
SOFT = 0.7  # standard deviation, in cells, of the soft target round a box's centre
SURE = 0.7  # share of two boxes' common ground that a thing must hold to count as in front


@dataclass
class PlacementTrainConfig(LoopConfig):
    """The loop's settings; panoptic: how much likelier a fully labelled scene is drawn than another."""

    panoptic: float = 8.0
    sources: list[str] = field(default_factory=list)


def render_place(place: Place, text: TextEncoder, index: dict[str, int], context: str) -> dict[str, Any]:
    """A place as arrays: ids, flags, object, context, and ``box`` (4,): x0, y0, x1, y1 in frame units."""
    crop, frame = render_scene(place.view, place.guides), scene_frame(place.view)
    table = np.array([0, *(index[name] + 1 for name in place.view.names)], dtype=np.int64)
    return {
        "ids": table[crop.ids], "flags": crop.flags, "object": text.encode(place.name).copy(),
        "context": text.encode_context(context), "box": np.array(frame.to_frame(place.box), dtype=np.float32),
    }  # fmt: skip


class PlaceStream(IterableDataset):
    """Endless placement samples of a pack's things."""

    def __init__(self, pack: Pack, targets: Sequence[Target], text: TextEncoder, names: Sequence[str], seed: int,
                 panoptic: float) -> None:  # fmt: skip
        self.pack, self.targets, self.text, self.seed = pack, list(targets), text, seed
        if not self.targets:
            raise ValueError(f"{pack.path} has no object to train on in the split and sources asked for.")
        self.index = {name: i for i, name in enumerate(names)}
        self.boxes: dict[str, list[BoxXYXY]] = defaultdict(list)
        for target in self.targets:
            self.boxes[target.name].append(share_box(pack, target))
        weights = np.array([len(self.boxes[t.name]) ** -0.5 for t in self.targets])
        weights *= [panoptic if pack.meta.sources[t.scene] == "coco_panoptic" else 1.0 for t in self.targets]
        self.cumulative = np.cumsum(weights / weights.sum())

    def __iter__(self) -> Iterator[dict[str, Any]]:
        info = get_worker_info()
        rng = np.random.default_rng([self.seed, info.id if info is not None else 0])
        while True:
            target = self.targets[min(int(np.searchsorted(self.cumulative, rng.random())), len(self.targets) - 1)]
            record = self.pack[target.scene]
            place = make_place(record.scene, target.layer, rng, self.boxes[target.name])
            if place is not None:
                caption = str(rng.choice(record.captions)) if record.captions and rng.random() < 0.5 else None
                yield render_place(place, self.text, self.index, context_of(record.scene, target.name, caption))


def share_box(pack: Pack, target: Target) -> BoxXYXY:
    """A target's box in shares of its scene."""
    x0, y0, x1, y1 = (float(v) for v in pack.meta.boxes[target.scene][target.layer])
    width, height = pack.meta.widths[target.scene], pack.meta.heights[target.scene]
    return x0 / width, y0 / height, x1 / width, y1 / height


def placement_loss(network: PlacementNetwork, batch: Batch, names: torch.Tensor) -> torch.Tensor:
    """``(B,)`` negative log-likelihood of the boxes: soft cross-entropy of the centre, density of the size."""
    centre, features = network(batch["ids"], batch["flags"], names, batch["object"], batch["context"])
    cells = math.isqrt(centre.shape[1])
    x0, y0, x1, y1 = batch["box"].unbind(1)
    u, v = ((x0 + x1) / 2 * cells).clamp(0, cells - 1e-3), ((y0 + y1) / 2 * cells).clamp(0, cells - 1e-3)
    steps = torch.arange(cells, device=u.device) + 0.5
    near_x = torch.exp(-((steps[None] - u[:, None]) ** 2) / (2 * SOFT**2))
    near_y = torch.exp(-((steps[None] - v[:, None]) ** 2) / (2 * SOFT**2))
    soft = (near_y[:, :, None] * near_x[:, None, :]).flatten(1)
    soft = soft / soft.sum(1, keepdim=True)
    cell = v.long() * cells + u.long()
    offset = torch.stack([u - u.floor() - 0.5, v - v.floor() - 0.5], dim=1)
    size = torch.stack([(x1 - x0).clamp_min(1e-3).log(), (y1 - y0).clamp_min(1e-3).log()], dim=1)
    density = network.log_density(features[torch.arange(len(cell)), cell], torch.cat([offset, size], dim=1))
    return -(soft * centre.clamp_min(-30)).sum(1) - 0.5 * density


def train_placement(pack_path: Path, text_folder: Path, out: Path, config: PlacementTrainConfig) -> Path:
    """Trains the placement network; returns its saved component (``out/placement``). Resumes as mask training does."""
    accelerator = make_accelerator(config, out)
    text, pack = TextEncoder.from_pretrained(text_folder), Pack(pack_path)
    names, vectors = name_table(pack, text)
    table = vectors.to(accelerator.device)
    preset = PlacementConfig()
    run = Run(accelerator, PlacementNetwork(preset), config, out)
    targets = find_targets(pack, "train", config.sources or SOURCES)
    stream = PlaceStream(pack, targets, text, names, config.seed + run.state["step"], config.panoptic)
    loader = DataLoader(stream, batch_size=config.batch, num_workers=config.workers, worker_init_fn=one_thread)
    noise = vectors.std() * 0.1
    average = run.loop(
        iter(loader),
        lambda net, b: placement_loss(cast(PlacementNetwork, net), b, table + noise * torch.randn_like(table)),
    )
    save_component(out / "placement", average, preset)
    return out / "placement"


# --- order -------------------------------------------------------------------------------------


def ordered_pairs(scene: Scene, boxes: Sequence[BoxXYXY | None]) -> list[tuple[int, int]]:
    """``(front, back)`` layer indices of things whose depth the annotation gives away.

    Of two overlapping boxes, the thing that holds at least SURE of what both hold of their common
    ground is in front. In amodal scenes, where masks overlap, the layers' own order tells.
    """
    things = [i for i, layer in enumerate(scene.layers) if layer.thing and boxes[i] is not None]
    pairs: list[tuple[int, int]] = []
    for position, i in enumerate(things):
        for j in things[position + 1 :]:
            a, b = boxes[i], boxes[j]
            if a is None or b is None or not overlaps(a, b):
                continue
            x0, y0 = math.floor(max(a[0], b[0])), math.floor(max(a[1], b[1]))
            common = np.s_[y0 : math.ceil(min(a[3], b[3])), x0 : math.ceil(min(a[2], b[2]))]
            first, second = scene.layers[i].mask[common], scene.layers[j].mask[common]
            if (first & second).sum() > 20:
                pairs.append((j, i))
                continue
            held, other = int(first.sum()), int(second.sum())
            if held + other < 20:
                continue
            share = held / (held + other)
            if share >= SURE:
                pairs.append((i, j))
            elif share <= 1 - SURE:
                pairs.append((j, i))
    return pairs


def order_table(pack: Pack, split: str, text: TextEncoder, sources: Sequence[str] = SOURCES) -> dict[str, torch.Tensor]:
    """All sure pairs of a split, both ways round: new, other (N, text_dim), pair (N, PAIR), front (N,)."""
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray, float]] = []
    for number in range(len(pack)):
        meta = pack.meta
        if meta.splits[number] != split or meta.sources[number] not in sources or sum(meta.layer_things[number]) < 2:
            continue
        scene = pack[number].scene
        boxes = [tuple(float(v) for v in box) if box is not None else None for box in meta.boxes[number]]
        for front, back in ordered_pairs(scene, boxes):  # type: ignore[arg-type]
            for new, other, label in ((front, back, 1.0), (back, front, 0.0)):
                pair = pair_features(boxes[new], boxes[other], scene.height, scene.width)  # type: ignore[arg-type]
                rows.append((text.encode(scene.layers[new].name), text.encode(scene.layers[other].name), pair, label))
    if not rows:
        raise ValueError(f"{pack.path} has no two things of known depth in its {split} split.")
    new_, other_, pair_, front_ = zip(*rows, strict=True)
    return {
        "new": torch.from_numpy(np.stack(new_)), "other": torch.from_numpy(np.stack(other_)),
        "pair": torch.from_numpy(np.stack(pair_)), "front": torch.tensor(front_, dtype=torch.float32),
    }  # fmt: skip


def train_order(pack_path: Path, text_folder: Path, out: Path, steps: int = 2000, seed: int = 0) -> dict[str, float]:
    """Trains the order network, saves ``out/order`` and returns development accuracies beside the lower-edge rule's."""
    torch.manual_seed(seed)
    text, pack = TextEncoder.from_pretrained(text_folder), Pack(pack_path)
    train, dev = order_table(pack, "train", text), order_table(pack, "dev", text)
    config = OrderConfig()
    network = OrderNetwork(config)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        rows = torch.randint(len(train["front"]), (256,))
        new, other = (train[k][rows] + 0.3 * torch.randn(256, config.text_dim) for k in ("new", "other"))
        loss = nn.functional.binary_cross_entropy_with_logits(
            network(new, other, train["pair"][rows]), train["front"][rows]
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    network.eval()
    with torch.no_grad():
        said = network(dev["new"], dev["other"], dev["pair"]) > 0
    truth = dev["front"] > 0.5
    rules = {"lower_edge": dev["pair"][:, 0] > 0, "smaller": dev["pair"][:, 4] + dev["pair"][:, 5] < 0}
    save_component(out / "order", network, config)
    return {"pairs": float(len(truth)), "order": float((said == truth).float().mean()),
            **{name: float((rule == truth).float().mean()) for name, rule in rules.items()}}  # fmt: skip
