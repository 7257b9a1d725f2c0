"""Training of the evaluation network, on real masks of the training split and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from smartmask.data.silhouettes import Silhouettes
from smartmask.metrics.intervals import bootstrap_interval
from smartmask.metrics.judge import Judge, JudgeConfig, as_input, jitter, macro_accuracy, named_by


@dataclass(frozen=True)
class JudgeRecipe:
    """least: objects that a class needs in the training set to be one of the judge's."""

    steps: int = 6000
    batch: int = 64
    rate: float = 2e-3
    weight_decay: float = 0.02
    width: int = 32
    least: int = 100
    seed: int = 0


def train_judge(real: Silhouettes, recipe: JudgeRecipe, advance: Callable[[], None] = lambda: None) -> Judge:
    """A judge of the classes with at least ``recipe.least`` silhouettes, drawn by count to the power .5.

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
    labels = torch.from_numpy(np.searchsorted(kept, real.names))
    weights = (labels.bincount()[labels].double()) ** -0.5
    pictures = torch.from_numpy(real.pictures)
    torch.manual_seed(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    judge = Judge(JudgeConfig(tuple(kept.tolist()), recipe.width)).train()
    optimizer = torch.optim.AdamW(judge.parameters(), lr=recipe.rate, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.rate, total_steps=recipe.steps)
    for _ in range(recipe.steps):
        rows = torch.multinomial(weights, recipe.batch, replacement=True, generator=generator)
        logits = judge(jitter(as_input(pictures[rows].numpy()), generator))
        loss = functional.cross_entropy(logits, labels[rows], label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        advance()
    return judge.eval()


def judge_report(judge: Judge, recipe: JudgeRecipe, train: Silhouettes, unseen: Silhouettes) -> dict[str, Any]:
    """Accuracy on unseen real masks of the judge's classes: macro over classes, over all with interval by image."""
    unseen = unseen[np.isin(unseen.names, judge.config.names)]
    if not len(unseen):
        raise ValueError("No unseen object is of a class that the judge knows; give a split that has some.")
    said = named_by(judge, unseen.pictures)
    right = (said == unseen.names).astype(float)
    return {
        "recipe": asdict(recipe),
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
