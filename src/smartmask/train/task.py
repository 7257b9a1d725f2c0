"""What the trainer is given: a network, its endless stream of batches, its loss, its figures, and how to save it.

A task is one file of ``tasks/`` that makes one of these; the trainer knows nothing else of it.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from smartmask.train.chance import seed_of
from smartmask.train.schedules import Plateau, Schedule

Tensors = dict[str, torch.Tensor]
Losses = dict[str, torch.Tensor]


class Batch(NamedTuple):
    """ids: of its samples, for people who look for a broken one. tensors: what the loss takes."""

    ids: list[str]
    tensors: Tensors


class Stream(Dataset):
    """Endless batches, each made from its number alone, so that the number is all there is of a position.

    make(rng, number): a batch; numbers count over all processes, in the order of the steps, and rng is seeded by (seed,
    number): whichever process makes a batch, it is the same.  workers: processes that make batches ahead.
    by_sample: whether batches may be cut otherwise, too (``Samples``).
    """

    by_sample = False

    def __init__(self, make: Callable[[np.random.Generator, int], Batch], seed: int, workers: int = 0) -> None:
        self.make, self.seed, self.workers = make, seed, workers
        self.rank, self.ranks, self.position = 0, 1, 0
        self._ahead: Iterator[Batch] | None = None

    def start(self, rank: int, ranks: int) -> None:
        """Which of how many processes this is: it makes every ``ranks``-th batch."""
        self.rank, self.ranks = rank, ranks

    def number(self, position: int) -> int:
        """The number of this process's batch at a position."""
        return position * self.ranks + self.rank

    def __getitem__(self, position: int) -> Batch:
        number = self.number(position)
        return self.make(np.random.default_rng([self.seed, 0, number]), number)

    def __next__(self) -> Batch:
        if self.workers and self._ahead is None:
            # a generator of its own: the loader must not draw from torch's, which belongs to the training
            loader = DataLoader(
                self, batch_size=None, sampler=count(self.position), num_workers=self.workers,
                worker_init_fn=one_thread, generator=torch.Generator(),
            )  # fmt: skip
            self._ahead = iter(loader)
        batch = self[self.position] if self._ahead is None else next(self._ahead)
        self.position += 1
        return batch

    def __iter__(self) -> Iterator[Batch]:
        return self

    def state_dict(self) -> dict[str, Any]:
        """The position: how many batches this process took, which is how many each of them took."""
        return {"position": self.position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from a position."""
        self.position, self._ahead = int(state["position"]), None

    def close(self) -> None:
        """Ends the workers."""
        self._ahead = None


class Sample(NamedTuple):
    """id: for people who look for a broken one. arrays: one row of each of the batch's tensors."""

    id: str
    arrays: dict[str, np.ndarray]


class Samples(Stream):
    """Batches of samples, each made from its own number, so that 2 processes x 4 are the samples of 1 x 8, in order.

    draw(rng, number): a sample; rng is seeded by (seed, number). A batch also holds "chance", (B,) int64: a seed of
    each sample for what the loss draws (``chance.py``).  batch: samples of one process in a batch.
    """

    by_sample = True

    def __init__(
        self, draw: Callable[[np.random.Generator, int], Sample], batch: int, seed: int = 0, workers: int = 0
    ) -> None:
        super().__init__(self._batch, seed, workers)
        self.draw, self.batch = draw, batch

    def _batch(self, _: np.random.Generator, number: int) -> Batch:
        numbers = range(number * self.batch, (number + 1) * self.batch)
        drawn = [self.draw(np.random.default_rng([self.seed, 0, one]), one) for one in numbers]
        tensors = {name: tensor(np.stack([one.arrays[name] for one in drawn])) for name in drawn[0].arrays}
        tensors["chance"] = torch.tensor([seed_of(self.seed, 1, one) for one in numbers])
        return Batch([one.id for one in drawn], tensors)


def one_thread(_: int) -> None:
    """Worker set-up: many small arrays gain nothing from threads, and the network needs the cores."""
    import cv2

    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the run's own process answers, and ends its workers


def tensor(values: Any, dtype: Any = None) -> torch.Tensor:
    """A tensor of an array's values."""
    return torch.from_numpy(np.ascontiguousarray(values, dtype))


@dataclass(frozen=True)
class Task:
    """One network's training.

    name: of its checkpoints and its log.  network: all that is trained; frozen weights are not kept in checkpoints.
    loss(network, batch's tensors) -> scalars: "loss" is trained on, all are shown.  save(network, folder): writes the
    trained component.  validate(network, step) -> figures, now and then, on the main process.
    groups: AdamW's parameter groups, rates as factors on the run's own ("lr": 5); default: one of all weights.
    facts: what a resumed run must find again beside its settings, such as the number of scenes.
    """

    name: str
    network: nn.Module
    stream: Stream
    loss: Callable[[Any, Tensors], Losses]
    save: Callable[[Any, Path], None] | None = None
    validate: Callable[[Any, int], dict[str, float]] | None = None
    schedule: Schedule = field(default_factory=Plateau)
    betas: tuple[float, float] = (0.9, 0.999)
    groups: Sequence[dict[str, Any]] | None = None
    facts: dict[str, Any] = field(default_factory=dict)
