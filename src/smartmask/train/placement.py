"""Training of the placement network (where, how big) and of the order network (in front of what)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from smartmask.data.compose import compose, is_complete
from smartmask.data.pack import Pack
from smartmask.geometry import mask_box
from smartmask.models.placement import (
    OrderConfig,
    OrderNetwork,
    PlacementConfig,
    PlacementNetwork,
    ordered_pairs,
    pair_features,
)
from smartmask.models.presets import save_component
from smartmask.models.text import TextEncoder
from smartmask.scene import Scene
from smartmask.train.dataset import find_targets
from smartmask.train.loop import Batch, Run, make_accelerator
from smartmask.train.mask import name_table
from smartmask.train.place_samples import SOURCES, PlaceTrainConfig, draw_places, place_batches

COMPOSED = 12_000  # tries to compose a scene for the order network; some six in ten succeed
SOFT = 0.7  # standard deviation, in cells, of the soft target round a box's centre


@dataclass
class PlacementTrainConfig(PlaceTrainConfig):
    """The placement network's settings."""

    steps: int = 3500
    ema: float = 0.998
    save_every: int = 500


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
    pack_path: Path, text_folder: Path, out: Path, config: PlacementTrainConfig, samples: Batch | None = None
) -> Path:
    """Trains the placement network; returns its saved component (``out/placement``). Resumes as mask training does.

    samples: what to train on; None: drawn from the train split.
    """
    accelerator = make_accelerator(config, out)
    text, pack = TextEncoder.from_pretrained(text_folder), Pack(pack_path)
    table = name_table(pack, text)[1].to(accelerator.device)
    preset = PlacementConfig()
    run = Run(accelerator, PlacementNetwork(preset), config, out)
    if samples is None:
        samples = draw_places(pack, find_targets(pack, "train", config.sources or SOURCES), text, config)
    noise = table.std() * 0.1
    average = run.loop(
        place_batches(samples, config, run.state["step"]),
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
