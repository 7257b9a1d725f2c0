"""Runs of the trainer in processes of their own, without the seconds that starting Python and torch takes.

``python forked_training.py JOBS`` imports once and forks for each job of a JSON list, one after the other; a job's
processes talk by gloo. A job: {"out", "ranks", and what ``work`` takes}. Prints each job's exit codes as JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch._dynamo
import torch.distributed.fsdp
import torch.utils.tensorboard  # all of them imported before the fork
from safetensors.torch import save_file
from torch import nn

from smartmask.train import parallel, trainer
from smartmask.train.chance import generators, normal
from smartmask.train.schedules import Plateau
from smartmask.train.settings import LoopSettings
from smartmask.train.task import Losses, Sample, Samples, Task, Tensors

GROUP = 16  # samples of a step


class Blocks(nn.Module):
    """Layers of odd widths in a list, as networks of attention have them, a buffer, and weights outside of the list."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 7)
        self.blocks = nn.ModuleList([nn.Linear(7, 7) for _ in range(3)])
        self.head = nn.Linear(7, 1)
        self.register_buffer("scale", torch.ones(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        for block in self.blocks:
            x = x + torch.tanh(block(x))
        return self.head(x) * self.scale


def loss(network: nn.Module, batch: Tensors) -> Losses:
    """With noise of each sample's own."""
    noise = normal(generators(batch["chance"]), batch["x"])
    return {"loss": (network(batch["x"] + 0.1 * noise) - batch["y"]).square().mean()}


class Ending:
    """Ends this process at the n-th draw of a sample, or the n-th time that it opens, makes, moves or removes a file of
    the run: SIGKILL, or SIGTERM to be asked for it. how: "draw" or "file"."""

    def __init__(self, out: str, how: str = "", at: int = 0, number: int = signal.SIGKILL) -> None:
        self.out, self.how, self.left, self.number = out, how, at, number
        if how == "file":
            sys.addaudithook(self.heard)

    def heard(self, event: str, told: tuple[Any, ...]) -> None:
        if event in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir") and str(told[0]).startswith(self.out):
            self.count()

    def count(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), self.number)


def work(
    out: str, batch: int = 4, accumulate: int = 1, steps: int = 8, ending: dict[str, Any] | None = None,
    save_every: int = 2, **settings: Any,
) -> None:  # fmt: skip
    """Trains. ending: of ``Ending``, and of which "rank". At the end ``rank_N.json`` says what was drawn, by step, the
    losses, and how many numbers of the network this process held."""
    parallel.LEAST = 50
    run: trainer.Trainer
    drawn: dict[int, list[int]] = {}
    ending = dict(ending or {})
    mine = ending.pop("rank", 0) == int(os.environ.get("RANK", "0"))
    end = Ending(out, **(ending if mine else {}))

    def draw(rng: np.random.Generator, number: int) -> Sample:
        if end.how == "draw":
            end.count()
        drawn.setdefault(run.step, []).append(number)
        x = rng.normal(size=4).astype(np.float32)
        return Sample(f"sample {number}", {"x": x, "y": x.mean(keepdims=True)})

    torch.manual_seed(0)

    def save(network: Any, folder: Path) -> None:
        save_file(network.state_dict(), folder / "blocks.safetensors")

    task = Task("blocks", Blocks(), Samples(draw, batch, 3), loss, save, schedule=Plateau(warmup=2))
    told = LoopSettings.of(
        steps=steps, batch=batch, accumulate=accumulate, learning_rate=3e-2, save_every=save_every,
        **{"ema": 0.9, **settings},
    )  # fmt: skip
    losses: list[float] = []
    run = trainer.Trainer(task, told, Path(out), on_step=lambda: losses.append(run.figures["loss"]))
    first = run.step
    run.fit()
    rank = run.team.rank
    held = sum(part.local.numel() for part in (parallel.part_of(value) for value in run._trained().values()))
    text = json.dumps({"first": first, "drawn": list(drawn.values()), "losses": losses, "held": held})
    Path(out, f"rank_{rank}.json").write_text(text)


def fork(job: dict[str, Any]) -> list[int]:
    """Exit codes of a job's processes, by rank; if one dies the others are killed, as torchrun does."""
    ranks = job.pop("ranks", 1)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = []
    for rank in range(ranks):
        child = os.fork()
        if child == 0:
            if ranks > 1:
                os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(ranks),
                               "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}  # fmt: skip
            code = 1
            try:
                work(**job)
                code = 0
            except SystemExit as left:
                code = int(left.code or 0)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        children.append(child)
    codes: dict[int, int] = {}
    while len(codes) < ranks:
        child, status = os.wait()
        codes[child] = os.waitstatus_to_exitcode(status)
        if codes[child] != 0:
            time.sleep(0.3)  # they may be leaving, too
            for other in children:
                if other not in codes:
                    os.kill(other, signal.SIGKILL)
    return [codes[child] for child in children]


def endless(job: dict[str, Any]) -> dict[str, Any]:
    """Kills a job again and again, at a draw or in the middle of what it does with files, then lets it end."""
    kills, ranks, chance = job.pop("kills"), job.get("ranks", 1), random.Random(job.pop("seed", 0))
    killed = []
    for _ in range(kills):
        how = chance.choice(("draw", "file"))
        end = {"rank": 0 if how == "file" else chance.randrange(ranks), "how": how, "at": chance.randint(1, 80)}
        killed.append(-signal.SIGKILL in fork({**job, "ending": end}))
    return {"killed": sum(killed), "codes": fork(job)}


def main(text: str) -> None:
    jobs = json.loads(text)
    told = []
    for job in jobs:
        told.append(endless(job) if "kills" in job else {"codes": fork(job)})
    print("JOBS " + json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1])
