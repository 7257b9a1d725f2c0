"""A toy to train: a regression whose batches need their numbers alone, for tests in this and in other processes."""

from __future__ import annotations

import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from smartmask.train.schedules import Plateau
from smartmask.train.settings import LoopSettings
from smartmask.train.task import Batch, Losses, Stream, Task, Tensors
from smartmask.train.trainer import Trainer


class Toy(nn.Module):
    """A hidden layer, a part left out by chance, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.drop, self.head = nn.Linear(4, 4), nn.Dropout(0.1), nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.drop(torch.tanh(self.hidden(x))))


def make(rng: np.random.Generator, number: int) -> Batch:
    x = torch.from_numpy(rng.normal(size=(16, 4)).astype(np.float32))
    return Batch([f"batch {number}"], {"x": x, "y": x.mean(1, keepdim=True)})


def squares(network: nn.Module, batch: Tensors) -> Losses:
    """With noise of all three generators, as tasks may use any."""
    noise = torch.randn_like(batch["y"]) + random.random() + np.random.random()  # noqa: NPY002
    return {"loss": (network(batch["x"]) - batch["y"] - 0.01 * noise).square().mean()}


def toy(workers: int = 0, **changes: Any) -> Task:
    torch.manual_seed(0)

    def save(network: Any, out: Path) -> None:
        save_file(network.state_dict(), out / "toy.safetensors")

    given = {"loss": squares, "schedule": Plateau(warmup=2), "betas": (0.9, 0.98), "save": save}
    return Task("toy", Toy(), Stream(make, 0, workers), **{**given, **changes})


def settings(**changes: Any) -> LoopSettings:
    given = {"steps": 8, "batch": 16, "learning_rate": 1e-2, "save_every": 3, "ema": 0.9}
    return LoopSettings(**{**given, **changes})


def plain(network: Any, batch: Tensors) -> Losses:
    """Without chance."""
    return {"loss": (network.head(torch.tanh(network.hidden(batch["x"]))) - batch["y"]).square().mean()}


def main(out: str, how: str = "", at: str = "0") -> None:
    """Trains the toy. At that call of the loss it is killed (KILL); or its last process is asked to end (TERM), or gets
    a loss that is no number (NAN). PLAIN: without chance. Each process writes at the end what it holds and has written.
    """
    written: list[str] = []

    def watch(event: str, told: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(told[1], str) and set(told[1]) & set("wax+")
        if (writes or event in ("os.mkdir", "os.rename", "shutil.rmtree")) and str(told[0]).startswith(out):
            written.append(event)

    sys.addaudithook(watch)
    calls = 0

    def loss(network: nn.Module, batch: Tensors) -> Losses:
        nonlocal calls
        calls += 1
        last = trainer.accelerator.is_last_process
        if calls == int(at) and (how == "KILL" or (how == "TERM" and last)):
            os.kill(os.getpid(), signal.SIGKILL if how == "KILL" else signal.SIGTERM)
        found = (plain if how == "PLAIN" else squares)(network, batch)
        return {"loss": found["loss"] * float("nan")} if (how, calls, last) == ("NAN", int(at), True) else found

    trainer = Trainer(toy(loss=loss), settings(accumulate=2), Path(out))
    trainer.fit()
    held = {**trainer.network.state_dict(), "chance": torch.rand(1), "writes": torch.tensor([len(written)])}
    save_file(held, Path(out) / f"rank_{trainer.accelerator.process_index}.safetensors")


if __name__ == "__main__":
    main(*sys.argv[1:])
