"""The one training loop, on accelerate, for a CPU or one GPU: all networks train through ``run``."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import nn
from tqdm import tqdm

from smartmask.train import checkpoint

Batch = dict[str, torch.Tensor]
Loss = Callable[[nn.Module, Batch], torch.Tensor]
Watch = Callable[[nn.Module, int], dict[str, float]]
OPTIMIZER = "optimizer0"  # prefix of its tensors in a checkpoint


@dataclass
class LoopConfig:
    """Settings of one run.

    steps: optimiser steps, or minutes: wall-clock budget, whichever ends first (the learning rate falls
    to zero over the last ``decay`` share of it). ema: decay of the weights' average, reached gradually.
    precision: no, bf16 or fp16. Checkpoints and samples come every so many steps.
    """

    steps: int = 20_000
    minutes: float | None = None
    batch: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup: int = 200
    decay: float = 0.3
    ema: float = 0.999
    clip: float = 1.0
    workers: int = 1
    seed: int = 0
    precision: str = "bf16"
    save_every: int = 250
    sample_every: int = 500


class Average:
    """Exponential moving average of a network's weights, with a decay that grows towards its end value."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Moves the average towards the network's present weights; step counts from 1."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for own, new in zip(self.network.parameters(), network.parameters(), strict=True):
            own.lerp_(new.detach(), 1 - decay)


def adam(network: nn.Module, config: LoopConfig) -> torch.optim.Optimizer:
    """AdamW over all weights."""
    return torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, betas=(0.9, 0.98)
    )


def rate(config: LoopConfig, step: int, progress: float) -> float:
    """Learning-rate factor: linear warm-up, a plateau, and a fall to zero over the last ``decay`` of the run."""
    warm = min(1.0, (step + 1) / max(config.warmup, 1))
    return warm * min(1.0, max(1 - progress, 0.0) / config.decay)


def make_accelerator(config: LoopConfig, out: Path) -> Accelerator:
    """An accelerator that logs to TensorBoard under ``out/log``, on the GPU if there is one."""
    AcceleratorState._reset_state()  # a run before, in this process, may have had another precision
    accelerator = Accelerator(mixed_precision=config.precision, log_with="tensorboard", project_dir=out,
                              cpu=not torch.cuda.is_available())  # fmt: skip
    torch.manual_seed(config.seed)
    accelerator.init_trackers("log", {k: v for k, v in asdict(config).items() if isinstance(v, (int, float, str))})
    return accelerator


def one_thread(_: int) -> None:
    """Worker set-up: many small arrays gain nothing from threads, and the network needs the cores."""
    import cv2

    cv2.setNumThreads(0)
    torch.set_num_threads(1)


class Run:
    """A run's state: network, its average, optimisers, step count; resumed from ``out/checkpoints`` if possible."""

    def __init__(self, accelerator: Accelerator, network: nn.Module, config: LoopConfig, out: Path) -> None:
        self.accelerator, self.config, self.out = accelerator, config, out
        self.average = Average(network, config.ema)
        optim = adam(network, config)
        self.state: dict[str, Any] = {"step": 0, "seconds": 0.0, "samples": 0}
        self._resume(network, optim)
        self.network, self.optim = accelerator.prepare(network, optim)
        self.average.network.to(accelerator.device)
        self.started = time.monotonic() - self.state["seconds"]

    def _resume(self, network: nn.Module, optim: torch.optim.Optimizer) -> None:
        found = checkpoint.load_latest(self.out / "checkpoints")
        if found is None:
            return
        tensors, meta, warnings = found
        for warning in warnings:
            self.accelerator.print(warning)
        for prefix, module in (("network", network), ("average", self.average.network)):
            module.load_state_dict({k.split(".", 1)[1]: v for k, v in tensors.items() if k.startswith(prefix + ".")})
        checkpoint.restore_optimizer(optim, tensors, OPTIMIZER)
        self.state = {key: meta[key] for key in self.state}
        self.accelerator.print(f"Resuming at step {meta['step']}.")

    def progress(self) -> float:
        """Share of the budget that is spent, 0 to 1 and beyond."""
        share = self.state["step"] / self.config.steps
        if self.config.minutes:
            share = max(share, (time.monotonic() - self.started) / (60 * self.config.minutes))
        return share

    def loop(self, batches: Iterator[Batch], loss: Loss, watch: Watch | None = None) -> nn.Module:
        """Trains until the budget is spent and returns the average network.

        loss(network, batch) -> (B,) losses. watch(average network, step) -> figures to log, now and then.
        """
        bar = tqdm(total=self.config.steps, initial=self.state["step"], unit="step", mininterval=5)
        running = 0.0
        while (progress := self.progress()) < 1:
            value = self._step(next(batches), loss, progress)
            running = value if running == 0 else 0.98 * running + 0.02 * value
            step = self.state["step"]
            bar.update()
            if step % 20 == 0:
                bar.set_postfix(loss=f"{running:.4f}")
                self.accelerator.log({"loss": running, "samples": self.state["samples"]}, step=step)
            if watch is not None and step % self.config.sample_every == 0:
                self.accelerator.log(watch(self.average.network, step), step=step)
            if step % self.config.save_every == 0:
                self.save()
        self.save()
        bar.close()
        self.accelerator.end_training()
        return self.average.network

    def _step(self, batch: Batch, loss: Loss, progress: float) -> float:
        batch = {key: value.to(self.accelerator.device, non_blocking=True) for key, value in batch.items()}
        factor = rate(self.config, self.state["step"], progress)
        for group in self.optim.param_groups:
            group["lr"] = self.config.learning_rate * factor
        with self.accelerator.autocast():
            value = loss(self.network, batch).mean()
        if not math.isfinite(value.item()):
            raise ValueError(f"The loss is {value.item()} at step {self.state['step']}; lower the learning rate.")
        self.accelerator.backward(value)
        self.accelerator.clip_grad_norm_(self.network.parameters(), self.config.clip)
        self.optim.step()
        self.optim.zero_grad()
        self.state["step"] += 1
        self.state["samples"] += len(next(iter(batch.values())))
        self.average.update(self.accelerator.unwrap_model(self.network), self.state["step"])
        return value.item()

    def save(self) -> None:
        """Writes a checkpoint of everything that a resumed run needs."""
        self.state["seconds"] = time.monotonic() - self.started
        tensors = {f"network.{k}": v for k, v in self.accelerator.unwrap_model(self.network).state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.network.state_dict().items()}
        tensors |= checkpoint.flatten_optimizer(self.optim.optimizer, OPTIMIZER)
        meta = {**self.state, "config": asdict(self.config)}
        checkpoint.save(self.out / "checkpoints", self.state["step"], tensors, meta)
