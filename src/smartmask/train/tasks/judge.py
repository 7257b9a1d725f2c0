"""Training of the evaluation network, on real masks of the training split and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from smartmask.data.silhouettes import Silhouettes
from smartmask.metrics.intervals import bootstrap_interval
from smartmask.metrics.judge import Judge, JudgeConfig, as_input, jitter, macro_accuracy, named_by
from smartmask.train.schedules import OneCycle
from smartmask.train.settings import JudgeRecipe
from smartmask.train.task import Batch, Losses, Stream, Task, Tensors, tensor
from smartmask.train.trainer import Trainer


def judge_task(real: Silhouettes, recipe: JudgeRecipe) -> Task:
    """Training of a judge of the classes with at least ``recipe.least`` silhouettes, drawn by count to the power .5.

    Raises ValueError if fewer than two classes are left.
    """
    classes, counts = np.unique(real.names, return_counts=True)
    kept = classes[counts >= recipe.least]
    if len(kept) < 2:
        raise ValueError(
            f"Only {len(kept)} class has {recipe.least} training objects; the judge needs two. Pack more data, or "
            "ask for fewer objects a class."
        )
    real = real[np.isin(real.names, kept)]
    labels = np.searchsorted(kept, real.names)
    weights = np.bincount(labels)[labels] ** -0.5
    weights /= weights.sum()

    def make(rng: np.random.Generator, number: int) -> Batch:
        rows = rng.choice(len(labels), recipe.batch, p=weights)
        chance = torch.Generator().manual_seed(int(rng.integers(2**62)))
        pictures = jitter(as_input(real.pictures[rows]), chance)
        return Batch(real.images[rows].tolist(), {"pictures": pictures, "labels": tensor(labels[rows])})

    def loss(judge: Judge, batch: Tensors) -> Losses:
        logits = judge(batch["pictures"])
        return {"loss": functional.cross_entropy(logits, batch["labels"], label_smoothing=0.05)}

    torch.manual_seed(recipe.seed)
    judge = Judge(JudgeConfig(tuple(kept.tolist()), recipe.width))
    return Task("judge", judge, Stream(make, recipe.seed, recipe.workers), loss, schedule=OneCycle(),
                facts={"objects": len(labels)})  # fmt: skip


def train_judge(
    real: Silhouettes, recipe: JudgeRecipe, advance: Callable[[], None] = lambda: None, out: Path | None = None
) -> Judge:
    """The trained judge. out: where it keeps checkpoints and a log; errors of ``judge_task``."""
    judge: Judge = Trainer(judge_task(real, recipe), recipe, out, advance).fit()
    return judge


def judge_report(judge: Judge, recipe: JudgeRecipe, train: Silhouettes, unseen: Silhouettes) -> dict[str, Any]:
    """Accuracy on unseen real masks of the judge's classes: macro over classes, over all with interval by image."""
    unseen = unseen[np.isin(unseen.names, judge.config.names)]
    if not len(unseen):
        raise ValueError("No unseen object is of a class that the judge knows; give a split that has some.")
    said = named_by(judge, unseen.pictures)
    right = (said == unseen.names).astype(float)
    return {
        "recipe": recipe.model_dump(mode="json", exclude={"resume", "save_every", "sample_every"}),
        "parameters": sum(p.numel() for p in judge.parameters()),
        "classes": list(judge.config.names),
        "trained_on": int(np.isin(train.names, judge.config.names).sum()),
        "unseen": len(unseen),
        "accuracy": [round(v, 4) for v in bootstrap_interval(right, unseen.images)],
        "macro_accuracy": round(macro_accuracy(unseen.names, said), 4),
        "chance": round(1 / len(judge.config.names), 4),
        "by_class": {
            str(name): [int((unseen.names == name).sum()), round(float(right[unseen.names == name].mean()), 4)]
            for name in np.unique(unseen.names)
        },
    }
