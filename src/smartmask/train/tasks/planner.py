"""Training of the next-object network: a few minutes on one core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from smartmask.data.pack import Pack
from smartmask.data.plans import INDEX, NAMES, STOP, PlanScene, caption_scenes, depth_pairs, plan_scenes
from smartmask.io.components import save_component
from smartmask.plan.language.phrases import parse
from smartmask.plan.planners.next_object import BOX, LONGEST, NextObjectConfig, box_numbers
from smartmask.scene.categories import STYLES
from smartmask.text.encoder import TextEncoder
from smartmask.train.networks.next_object import NextObjectModule
from smartmask.train.schedules import OneCycle
from smartmask.train.settings import PlannerSettings
from smartmask.train.task import Batch, Losses, Stream, Task, Tensors, tensor
from smartmask.train.trainer import Trainer

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

    def __init__(self, scenes: Sequence[PlanScene], text: TextEncoder) -> None:
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

    def batch(self, size: int, rng: np.random.Generator) -> Batch:
        """ids, boxes, known, caption, style; target; rest (names + 1) shares of what is still missing; box, count."""
        groups = list(self.groups.values())
        picks = [groups[pick] for pick in rng.choice(len(groups), size, p=self.odds)]
        scenes = [group[int(rng.integers(len(group)))] for group in picks]
        rows = [self._step(scene, rng) for scene in scenes]
        return Batch(
            [scene.key for scene in scenes], {key: tensor(np.stack([row[key] for row in rows])) for key in rows[0]}
        )

    def _step(self, scene: PlanScene, rng: np.random.Generator) -> dict[str, np.ndarray]:
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
            boxes[: len(before), :BOX] = box_numbers(_jittered(scene.boxes[before], rng))
            boxes[: len(before), BOX] = 1
        if scene.captions and rng.random() < 0.7:
            caption = rng.choice(self.contexts[scene.key + scene.style])
        rest = np.bincount([INDEX[scene.names[i]] for i in order[count:]] or [STOP], minlength=STOP + 1)
        target = INDEX[scene.names[order[count]]] if count < len(order) else STOP
        box, number = np.zeros(BOX, np.float32), -1.0
        if target != STOP and scene.style != "mentions":
            box = box_numbers(scene.boxes[order[count]])
            if target not in ids[: len(before)]:  # asked once a name; asked at each, large numbers would weigh double
                number = float(scene.names.count(NAMES[target]))
        return {
            "ids": ids, "boxes": boxes, "known": known, "caption": caption,
            "style": np.array(STYLES.index(scene.style)),
            "target": np.array(target), "rest": (rest / rest.sum()).astype(np.float32), "box": box,
            "count": np.array(number, np.float32),
        }  # fmt: skip


def _jittered(boxes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    shares = boxes + rng.normal(0, 0.02, boxes.shape)
    return shares.astype(np.float32)


def loss_of(network: NextObjectModule, batch: Tensors, table: torch.Tensor) -> torch.Tensor:
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


def planner_task(samples: Samples, pairs: Sequence[tuple[str, str]], settings: PlannerSettings) -> Task:
    """The network's training on samples, and on pairs of names: (in front, behind)."""
    torch.manual_seed(settings.seed)
    config = NextObjectConfig(names=NAMES)
    known = torch.tensor([(INDEX[a], INDEX[b]) for a, b in pairs if a in INDEX and b in INDEX]).reshape(-1, 2)

    def loss(network: NextObjectModule, batch: Tensors) -> Losses:
        table = samples.table.to(batch["ids"].device)
        names = table[batch["ids"]]
        batch = {**batch, "names": names + 0.2 * torch.randn_like(names)}
        value = loss_of(network, batch, table + 0.1 * torch.randn_like(table))
        if len(known):
            front, back = known[torch.randint(len(known), (128,))].to(table.device).T
            noisy = table + 0.3 * torch.randn_like(table)
            odds = network.nearness(noisy[front]) - network.nearness(noisy[back])
            value = value + 0.3 * nn.functional.softplus(-odds).mean()
        return {"loss": value}

    return Task(
        "next", NextObjectModule(config),
        Stream(lambda rng, number: samples.batch(settings.batch, rng), settings.seed, settings.workers), loss,
        save=lambda network, out: save_component(out / "next", network, config), schedule=OneCycle(),
        facts={"scenes": sum(map(len, samples.groups.values()))},
    )  # fmt: skip


def train_planner(settings: PlannerSettings) -> dict[str, float]:
    """Trains the network, saves ``out/next``, returns losses and numbers of what it learnt from."""
    text, pack = TextEncoder.from_pretrained(settings.text_folder), Pack(settings.data)
    scenes = plan_scenes(pack, "train")
    pairs = depth_pairs(pack, scenes)
    spoken = caption_scenes(settings.captions, "train", mentioned(text)) if settings.captions is not None else []
    trainer = Trainer(planner_task(Samples([*scenes, *spoken], text), pairs, settings), settings, settings.out)
    trainer.fit()
    return {"scenes": len(scenes), "caption_scenes": len(spoken), "depth_pairs": len(pairs), **trainer.figures}
