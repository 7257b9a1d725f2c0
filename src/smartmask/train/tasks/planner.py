"""Training of the next-object network: a few minutes on one core."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from smartmask.data.pack import Pack
from smartmask.data.plans import INDEX, NAMES, STOP, PlanScene, caption_scenes, depth_pairs, plan_scenes
from smartmask.io.components import save_component
from smartmask.plan.language.phrases import parse
from smartmask.plan.planners.next_object import BOX, LONGEST, NextObjectConfig, NextObjectNetwork, box_numbers
from smartmask.scene.categories import STYLES
from smartmask.text.encoder import TextEncoder
from smartmask.train.resume import Resumable

SHARES = {"panoptic": 0.35, "things": 0.3, "voc": 0.1, "mentions": 0.25}  # of the samples, by kind of annotation


def mentioned(text: TextEncoder) -> Any:
    """A function from a caption to the known names that it mentions."""

    def read(caption: str) -> list[str]:
        try:
            request = parse(caption, text)
        except ValueError:
            return []
        return [text.understand(item.name).name for item in request.objects]

    return read


class Samples:
    """Random steps of random scenes as tensors."""

    def __init__(self, scenes: Sequence[PlanScene], text: TextEncoder, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.text = text
        self.table = torch.from_numpy(np.stack([text.encode(name) for name in NAMES]))
        self.groups = {style: [s for s in scenes if s.style == style] for style in STYLES}
        self.groups = {style: group for style, group in self.groups.items() if group}
        if not self.groups:
            raise ValueError("There is no scene with two known objects to learn from; give another pack.")
        # read once: the same captions come again and again
        self.contexts = {
            s.key + s.style: np.stack([text.encode_context(c) for c in s.captions]) for s in scenes if s.captions
        }
        shares = np.array([SHARES[style] for style in self.groups])
        self.odds = shares / shares.sum()

    def batch(self, size: int) -> dict[str, torch.Tensor]:
        """names, boxes, known, caption, style; target; rest (names + 1) shares of what is still missing; box, count."""
        picks = self.rng.choice(len(self.groups), size, p=self.odds)
        groups = list(self.groups.values())
        rows = [self._step(groups[pick][int(self.rng.integers(len(groups[pick])))]) for pick in picks]
        batch = {key: torch.from_numpy(np.stack([row[key] for row in rows])) for key in rows[0]}
        batch["names"] = self.table[batch.pop("ids")] + 0.2 * torch.randn(size, LONGEST, 128)
        return batch

    def _step(self, scene: PlanScene) -> dict[str, np.ndarray]:
        rng = self.rng
        order = np.arange(len(scene.names))
        if scene.style == "mentions":
            rng.shuffle(order)
        count = int(rng.integers(0, len(order) + (scene.style != "mentions")))
        before = order[:count]
        if rng.random() < 0.3:  # a user need not keep to the order, nor to everything
            before = before[rng.random(len(before)) < 0.7]
        before = before[-LONGEST:]
        ids, known = np.zeros(LONGEST, np.int64), np.zeros(LONGEST, bool)
        boxes, caption = np.zeros((LONGEST, BOX + 1), np.float32), np.zeros(128, np.float32)
        ids[: len(before)] = [INDEX[scene.names[i]] for i in before]
        known[: len(before)] = True
        if len(before) and scene.style != "mentions" and rng.random() < 0.8:
            boxes[: len(before), :BOX] = box_numbers(torch.from_numpy(self._jittered(scene.boxes[before]))).numpy()
            boxes[: len(before), BOX] = 1
        if scene.captions and rng.random() < 0.7:
            caption = rng.choice(self.contexts[scene.key + scene.style])
        rest = np.bincount([INDEX[scene.names[i]] for i in order[count:]] or [STOP], minlength=STOP + 1)
        target = INDEX[scene.names[order[count]]] if count < len(order) else STOP
        box, number = np.zeros(BOX, np.float32), -1.0
        if target != STOP and scene.style != "mentions":
            box = box_numbers(torch.from_numpy(scene.boxes[order[count]])).numpy()
            if target not in ids[: len(before)]:  # asked once a name; asked at each, large numbers would weigh double
                number = float(scene.names.count(NAMES[target]))
        return {
            "ids": ids, "boxes": boxes, "known": known, "caption": caption,
            "style": np.array(STYLES.index(scene.style)),
            "target": np.array(target), "rest": (rest / rest.sum()).astype(np.float32), "box": box,
            "count": np.array(number, np.float32),
        }  # fmt: skip

    def _jittered(self, boxes: np.ndarray) -> np.ndarray:
        shares = boxes + self.rng.normal(0, 0.02, boxes.shape)
        return shares.astype(np.float32)


def loss_of(network: NextObjectNetwork, batch: dict[str, torch.Tensor], table: torch.Tensor) -> torch.Tensor:
    """Mean of: cross-entropy of the next name, a third of that of all that is missing, box density, count (Poisson)."""
    state = network.state(batch["names"], batch["boxes"], batch["known"], batch["caption"], batch["style"])
    scores = network.scores(state, table, batch["style"])
    ordered = (batch["style"] != STYLES.index("mentions")).float()
    nll = nn.functional.nll_loss(scores, batch["target"], reduction="none")
    spread = -(batch["rest"] * scores).sum(1)
    loss = (ordered * (0.75 * nll + 0.25 * spread) + (1 - ordered) * spread).mean()
    real = batch["box"].any(1)
    if real.any():
        vectors = table[batch["target"][real]]
        mean, deviation, log_count = network.describe(state[real], vectors)
        gauss = (0.5 * ((batch["box"][real] - mean) * torch.exp(-deviation)) ** 2 + deviation).sum(1)
        first = (batch["count"][real] >= 0).float()
        poisson = log_count.exp() - batch["count"][real].clamp(0, 20) * log_count
        loss = loss + 0.15 * gauss.mean() + 0.15 * (first * poisson).mean()
    return loss


def train_planner(
    pack_path: Path, text_folder: Path, out: Path, captions: Path | None = None, steps: int = 3000, batch: int = 48,
    seed: int = 0, log: bool = True, save_every: int = 500,
) -> dict[str, float]:  # fmt: skip
    """Trains the network, saves ``out/next``, returns losses and numbers of what it learnt from.

    Resumes from ``out/checkpoints``, which is written every ``save_every`` steps.
    """
    torch.manual_seed(seed)
    text, pack = TextEncoder.from_pretrained(text_folder), Pack(pack_path)
    scenes = plan_scenes(pack, "train")
    pairs = depth_pairs(pack, scenes)
    spoken = caption_scenes(captions, "train", mentioned(text)) if captions is not None else []
    samples = Samples([*scenes, *spoken], text, seed)
    config = NextObjectConfig(names=NAMES)
    network = NextObjectNetwork(config)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.5e-3, total_steps=steps)
    front = torch.tensor([INDEX[a] for a, b in pairs if a in INDEX and b in INDEX])
    back = torch.tensor([INDEX[b] for a, b in pairs if a in INDEX and b in INDEX])
    settings = {"steps": steps, "batch": batch, "seed": seed, "scenes": len(scenes), "captions": len(spoken)}
    run = Resumable(out, network, optimizer, schedule, settings, [samples.rng], save_every)
    while run.step < steps:
        table = samples.table + 0.1 * torch.randn_like(samples.table)
        loss = loss_of(network, samples.batch(batch), table)
        if len(front):
            rows = torch.randint(len(front), (128,))
            noisy = samples.table + 0.3 * torch.randn_like(samples.table)
            odds = network.nearness(noisy[front[rows]]) - network.nearness(noisy[back[rows]])
            loss = loss + 0.3 * nn.functional.softplus(-odds).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        run.done({"loss": loss.item()}, last=run.step + 1 == steps)
        if log and run.step % 500 == 0:
            print(f"step {run.step}: loss {run.figures['loss']:.3f}", flush=True)
    network.eval()
    save_component(out / "next", network, config)
    return {"scenes": len(scenes), "caption_scenes": len(spoken), "depth_pairs": len(pairs), **run.figures}
