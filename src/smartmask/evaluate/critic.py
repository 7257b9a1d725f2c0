"""A critic: a network told to tell drawn silhouettes from real ones, never on those that it then judges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from smartmask.data.silhouettes import Silhouettes
from smartmask.io.bars import watched
from smartmask.metrics.sets import folds_by_image

if TYPE_CHECKING:
    import torch

    from smartmask.metrics.judge import Judge


def tell_apart(
    real: Silhouettes, other: Silhouettes, start: Judge | None = None, folds: int = 5, steps: int = 300, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Scores (N,), (N,) of real and other silhouettes, higher: not real, each by a network that saw neither its
    image nor its counterpart.

    Row i of both belongs to the same object. A network of the judge's form learns on the other folds;
    ``start``: a judge whose layers it begins from, for a sharper eye on few samples.
    """
    import torch

    from smartmask.metrics.judge import as_input

    fold = folds_by_image(real.images, folds, seed)
    scores = np.zeros((2, len(real)))
    for number in watched("folds", range(folds)):
        seen, held = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        pictures = torch.from_numpy(np.concatenate([real.pictures[seen], other.pictures[seen]]))
        labels = torch.cat([torch.zeros(len(seen)), torch.ones(len(seen))])
        network = _train_critic(pictures, labels, start, steps, seed + number)
        with torch.inference_mode():
            for row, some in enumerate((real, other)):
                logits = network(as_input(some.pictures[held])).double().numpy()
                scores[row, held] = logits[:, 1] - logits[:, 0]
    return scores[0], scores[1]


def _train_critic(pictures: torch.Tensor, labels: torch.Tensor, start: Judge | None, steps: int, seed: int) -> Judge:
    """A two-name network of the judge's form after ``steps`` batches. pictures (N, side, side); labels 1: other."""
    import torch
    from torch.nn.functional import cross_entropy

    from smartmask.metrics.judge import Judge, JudgeConfig, as_input, jitter

    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    width = start.config.width if start is not None else JudgeConfig(()).width
    network = Judge(JudgeConfig(("real", "other"), width)).train()
    if start is not None:
        known = {name: value for name, value in start.state_dict().items() if not name.startswith("head")}
        network.load_state_dict(known, strict=False)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps)
    for _ in range(steps):
        rows = torch.randint(len(labels), (64,), generator=generator)
        logits = network(jitter(as_input(pictures[rows].numpy()), generator, 0.03))
        loss = cross_entropy(logits, labels[rows].long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()
