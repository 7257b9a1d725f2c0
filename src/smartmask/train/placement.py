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

from smartmask.data.compose import compose, is_complete
from smartmask.data.pack import Pack
from smartmask.data.pairs import context_of
from smartmask.data.places import Place, make_place
from smartmask.geometry import BoxXYXY, mask_box
from smartmask.models.placement import (
    OrderConfig,
    OrderNetwork,
    PlacementConfig,
    PlacementNetwork,
    ordered_pairs,
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
COMPOSED = 12_000  # tries to compose a scene for the order network; some six in ten succeed
SOFT = 0.7  # standard deviation, in cells, of the soft target round a box's centre


@dataclass
class PlacementTrainConfig(LoopConfig):
    """The loop's settings; panoptic: how much likelier a fully labelled scene is drawn than another."""

    steps: int = 3500
    batch: int = 32
    ema: float = 0.998
    save_every: int = 500
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

    def draw(self, rng: np.random.Generator) -> tuple[Place, str] | None:
        """The next random place and its context sentence; None if cropping loses the object."""
        target = self.targets[min(int(np.searchsorted(self.cumulative, rng.random())), len(self.targets) - 1)]
        record = self.pack[target.scene]
        place = make_place(record.scene, target.layer, rng, self.boxes[target.name])
        if place is None:
            return None
        caption = str(rng.choice(record.captions)) if record.captions and rng.random() < 0.5 else None
        return place, context_of(record.scene, target.name, caption)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        info = get_worker_info()
        rng = np.random.default_rng([self.seed, info.id if info is not None else 0])
        while True:
            drawn = self.draw(rng)
            if drawn is not None:
                yield render_place(drawn[0], self.text, self.index, drawn[1])


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


def train_placement(
    pack_path: Path, text_folder: Path, out: Path, config: PlacementTrainConfig, targets: Sequence[Target] | None = None
) -> Path:
    """Trains the placement network; returns its saved component (``out/placement``). Resumes as mask training does.

    targets: what to train on; None: all of the train split.
    """
    accelerator = make_accelerator(config, out)
    text, pack = TextEncoder.from_pretrained(text_folder), Pack(pack_path)
    names, vectors = name_table(pack, text)
    table = vectors.to(accelerator.device)
    preset = PlacementConfig()
    run = Run(accelerator, PlacementNetwork(preset), config, out)
    chosen = find_targets(pack, "train", config.sources or SOURCES) if targets is None else targets
    stream = PlaceStream(pack, chosen, text, names, config.seed + run.state["step"], config.panoptic)
    loader = DataLoader(stream, batch_size=config.batch, num_workers=config.workers, worker_init_fn=one_thread)
    noise = vectors.std() * 0.1
    average = run.loop(
        iter(loader),
        lambda net, b: placement_loss(cast(PlacementNetwork, net), b, table + noise * torch.randn_like(table)),
    )
    save_component(out / "placement", average, preset)
    return out / "placement"


# --- order -------------------------------------------------------------------------------------


OrderRow = tuple[np.ndarray, np.ndarray, np.ndarray, float]


def order_table(
    pack: Pack, split: str, text: TextEncoder, composed: int = 0, seed: int = 0, sources: Sequence[str] = SOURCES
) -> dict[str, torch.Tensor]:
    """Pairs of a split, both ways round: new, other (N, text_dim), pair (N, PAIR), front (N,).

    Those whose depth an annotation gives away first, then those of up to ``composed`` composed scenes,
    where what reaches lower stands in front. Raises ValueError without any of the first kind.
    """
    rows: list[OrderRow] = []
    for number in range(len(pack)):
        meta = pack.meta
        if meta.splits[number] != split or meta.sources[number] not in sources or sum(meta.layer_things[number]) < 2:
            continue
        scene = pack[number].scene
        boxes = [tuple(float(v) for v in box) if box is not None else None for box in meta.boxes[number]]
        for front, back in ordered_pairs(scene, boxes):  # type: ignore[arg-type]
            rows += _both_ways(scene, boxes, front, back, text)
    if not rows:
        raise ValueError(f"{pack.path} has no two things of known depth in its {split} split.")
    rows += _composed_rows(pack, split, text, composed, seed, sources)
    new_, other_, pair_, front_ = zip(*rows, strict=True)
    return {
        "new": torch.from_numpy(np.stack(new_)), "other": torch.from_numpy(np.stack(other_)),
        "pair": torch.from_numpy(np.stack(pair_)), "front": torch.tensor(front_, dtype=torch.float32),
    }  # fmt: skip


def _both_ways(scene: Scene, boxes: Sequence[Any], front: int, back: int, text: TextEncoder) -> list[OrderRow]:
    rows = []
    for new, other, label in ((front, back, 1.0), (back, front, 0.0)):
        pair = pair_features(boxes[new], boxes[other], scene.height, scene.width)
        rows.append((text.encode(scene.layers[new].name), text.encode(scene.layers[other].name), pair, label))
    return rows


def _composed_rows(
    pack: Pack, split: str, text: TextEncoder, count: int, seed: int, sources: Sequence[str]
) -> list[OrderRow]:
    targets = find_targets(pack, split, sources)
    rng = np.random.default_rng(seed)
    rows: list[OrderRow] = []
    for _ in range(count):
        host, donor = (targets[i] for i in rng.integers(0, len(targets), 2))
        given = pack.scene(donor.scene)
        if host.scene == donor.scene or not is_complete(given, donor.layer):
            continue
        made = compose(pack.scene(host.scene), given.layers[donor.layer], rng, in_front=0.0)
        if made is None:
            continue
        scene, index = made
        boxes = [mask_box(layer.mask) for layer in scene.layers]
        for front, back in ordered_pairs(scene, boxes):
            near, far = boxes[front], boxes[back]
            # a stack that is not sorted by lower edge puts some pairs the other way round: no truth to learn
            if index in (front, back) and near is not None and far is not None and near[3] >= far[3]:
                rows += _both_ways(scene, boxes, front, back, text)
    return rows


def train_order(
    pack_path: Path, text_folder: Path, out: Path, steps: int = 2000, seed: int = 0, composed: int = COMPOSED
) -> dict[str, float]:
    """Trains the order network, saves ``out/order`` and returns accuracies on annotated development pairs.

    Beside them those of two rules. composed: scenes composed for training.
    """
    torch.manual_seed(seed)
    text, pack = TextEncoder.from_pretrained(text_folder), Pack(pack_path)
    train, dev = order_table(pack, "train", text, composed, seed), order_table(pack, "dev", text)
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
