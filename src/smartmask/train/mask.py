"""Training of the mask network: one loop on accelerate, for a CPU or one GPU."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from smartmask import diffusion
from smartmask.data.pack import Pack
from smartmask.models.presets import load_weights, save_component, shape_preset
from smartmask.models.shape import Condition, ShapeNetwork
from smartmask.models.text import TextEncoder
from smartmask.train import checkpoint
from smartmask.train.dataset import PairStream, collate_condition, find_targets
from smartmask.train.samples import SampleSheet

DROP_OBJECT, DROP_CONTEXT, DROP_BOTH = 0.05, 0.10, 0.10  # text dropout for classifier-free guidance


@dataclass
class TrainConfig:
    """Settings of one run.

    steps: optimiser steps, or minutes: wall-clock budget, whichever ends first (the learning rate falls
    to zero over the last ``decay`` share of it). ema: decay of the weights' average, reached gradually.
    compile: torch.compile the blocks (needs a C++ compiler; a third faster on a CPU).
    """

    preset: str = "small"
    steps: int = 20_000
    minutes: float | None = None
    batch: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup: int = 200
    decay: float = 0.3
    ema: float = 0.999
    clip: float = 1.0
    composed: float = 0.6
    noise_mean: float = 0.8
    text_noise: float = 0.1
    workers: int = 1
    seed: int = 0
    precision: str = "bf16"
    compile: bool = False
    save_every: int = 250
    sample_every: int = 500
    sources: list[str] = field(default_factory=list)


class Average:
    """Exponential moving average of a network's weights, with a decay that grows towards its end value."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        own, new = list(self.network.parameters()), [p.detach() for p in network.parameters()]
        torch._foreach_lerp_(own, new, 1 - decay)


def optimizers(network: nn.Module, config: TrainConfig) -> list[torch.optim.Optimizer]:
    """Muon for the blocks' matrices, AdamW for all else (embeddings, heads, norms, vectors)."""
    matrices, others = [], []
    for name, parameter in network.named_parameters():
        (matrices if parameter.ndim == 2 and name.startswith("blocks.") and "offset" not in name else others).append(
            parameter
        )
    muon = torch.optim.Muon(
        matrices, lr=config.learning_rate, weight_decay=config.weight_decay, adjust_lr_fn="match_rms_adamw"
    )
    adam = torch.optim.AdamW(others, lr=config.learning_rate, weight_decay=config.weight_decay, betas=(0.9, 0.98))
    return [muon, adam]


def rate(config: TrainConfig, step: int, progress: float) -> float:
    """Learning-rate factor: linear warm-up, a plateau, and a fall to zero over the last ``decay`` of the run."""
    warm = min(1.0, (step + 1) / max(config.warmup, 1))
    return warm * min(1.0, max(1 - progress, 0.0) / config.decay)


def training_loss(
    network: nn.Module, batch: dict[str, torch.Tensor], names: torch.Tensor, config: TrainConfig
) -> torch.Tensor:
    """``(B,)`` losses of one batch: random time, text dropout and noise on the text vectors."""
    clean = batch["clean"]
    count, device = len(clean), clean.device
    t = diffusion.training_times(count, mean=config.noise_mean).to(device)
    noisy = diffusion.add_noise(clean, torch.randn_like(clean), t)
    draw = torch.rand(count, device=device)
    drop_object = (draw < DROP_OBJECT) | (draw >= 1 - DROP_BOTH)
    drop_context = (draw >= DROP_OBJECT) & (draw < DROP_OBJECT + DROP_CONTEXT) | (draw >= 1 - DROP_BOTH)
    condition = collate_condition(batch, _jitter(names, config.text_noise))
    condition.object = _jitter(condition.object, config.text_noise)
    predicted = network(noisy, t, condition, ~drop_object, ~drop_context).float()
    known = nn.functional.interpolate(batch["known"][:, None], size=clean.shape[-2:], mode="nearest")
    weight = torch.cat([0.3 + 0.7 * known, torch.ones_like(known)], dim=1)
    return diffusion.loss(predicted, clean, t, weight)


def _jitter(vectors: torch.Tensor, scale: float) -> torch.Tensor:
    return vectors + scale * vectors.std() * torch.randn_like(vectors)


def train(pack_path: Path, text_folder: Path, out: Path, config: TrainConfig, init: Path | None = None) -> Path:
    """Trains and returns the folder of the saved component (``out/shape``), the average's weights in float16.

    Resumes from the newest sound checkpoint in ``out/checkpoints`` if there is one, else starts from the
    component folder ``init`` or afresh. TensorBoard logs and sample sheets go to ``out``.
    """
    accelerator = Accelerator(
        mixed_precision="no" if config.precision == "fp32" else config.precision,
        log_with="tensorboard", project_dir=out, cpu=not torch.cuda.is_available(),
    )  # fmt: skip
    torch.manual_seed(config.seed)
    accelerator.init_trackers("log", {k: v for k, v in asdict(config).items() if isinstance(v, (int, float, str))})
    text = TextEncoder.from_pretrained(text_folder)
    pack = Pack(pack_path)
    names = sorted({name for layers in pack.meta.layer_names for name in layers})
    table = torch.from_numpy(_stack([text.encode(name) for name in names])).to(accelerator.device)
    network = ShapeNetwork(shape_preset(config.preset))
    if init is not None:
        load_weights(init, network)
    average = Average(network, config.ema)
    optims = optimizers(network, config)
    state = _resume(out / "checkpoints", network, average, optims, accelerator.print)
    loader = _loader(pack, text, names, config, state["step"])
    sheet = SampleSheet(pack, text, names, out / "samples", seed=config.seed)
    if config.compile:
        for block in network.blocks:
            block.compile()  # in place, so that the names of the weights stay
    network, *prepared = accelerator.prepare(network, *optims)
    average.network.to(accelerator.device)
    run = _Run(accelerator, config, network, average, prepared, out, state)
    run.loop(iter(loader), table, sheet)
    accelerator.end_training()
    save_component(out / "shape", average.network, shape_preset(config.preset))
    return out / "shape"


def _stack(vectors: list[Any]) -> Any:
    import numpy as np

    return np.stack(vectors).astype(np.float32)


def _loader(pack: Pack, text: TextEncoder, names: list[str], config: TrainConfig, step: int) -> DataLoader:
    targets = find_targets(pack, "train", config.sources) if config.sources else find_targets(pack, "train")
    if not targets:
        raise ValueError(f"The pack has no trainable object in its train split; sources asked for: {config.sources}.")
    # a resumed run draws other samples than the ones it has seen
    stream = PairStream(pack, targets, text, names, seed=config.seed + step, composed=config.composed)
    return DataLoader(stream, batch_size=config.batch, num_workers=config.workers,
                      prefetch_factor=4 if config.workers else None, worker_init_fn=_one_thread)  # fmt: skip


def _one_thread(_: int) -> None:
    import cv2

    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def _resume(
    folder: Path,
    network: nn.Module,
    average: Average,
    optims: list[torch.optim.Optimizer],
    say: Callable[[str], None],
) -> dict[str, Any]:
    found = checkpoint.load_latest(folder)
    if found is None:
        return {"step": 0, "seconds": 0.0, "samples": 0}
    tensors, meta, warnings = found
    for warning in warnings:
        say(warning)
    for prefix, module in (("network", network), ("average", average.network)):
        module.load_state_dict({k.split(".", 1)[1]: v for k, v in tensors.items() if k.startswith(prefix + ".")})
    for i, optimizer in enumerate(optims):
        checkpoint.restore_optimizer(optimizer, tensors, f"optimizer{i}")
    say(f"Resuming at step {meta['step']}.")
    return {key: meta[key] for key in ("step", "seconds", "samples")}


class _Run:
    """The loop's moving parts, so that a step, a save and a log line fit a screen each."""

    def __init__(self, accelerator: Accelerator, config: TrainConfig, network: nn.Module, average: Average,
                 optims: list[Any], out: Path, state: dict[str, Any]) -> None:  # fmt: skip
        self.accelerator, self.config, self.network, self.average = accelerator, config, network, average
        self.optims, self.out, self.state = optims, out, state
        self.started = time.monotonic() - state["seconds"]

    def progress(self) -> float:
        share = self.state["step"] / self.config.steps
        if self.config.minutes:
            share = max(share, (time.monotonic() - self.started) / (60 * self.config.minutes))
        return share

    def loop(self, batches: Iterator[dict[str, torch.Tensor]], table: torch.Tensor, sheet: SampleSheet) -> None:
        bar = tqdm(total=self.config.steps, initial=self.state["step"], unit="step", mininterval=5)
        running = 0.0
        while (progress := self.progress()) < 1:
            value = self.step(next(batches), table, progress)
            running = value if running == 0 else 0.98 * running + 0.02 * value
            step = self.state["step"]
            bar.update()
            if step % 20 == 0:
                bar.set_postfix(loss=f"{running:.4f}")
                self.accelerator.log({"loss": running, "samples": self.state["samples"]}, step=step)
            if step % self.config.sample_every == 0:
                self.accelerator.log(sheet.draw(self.average.network, table, step), step=step)
            if step % self.config.save_every == 0:
                self.save()
        self.save()
        bar.close()

    def step(self, batch: dict[str, torch.Tensor], table: torch.Tensor, progress: float) -> float:
        batch = {key: value.to(self.accelerator.device, non_blocking=True) for key, value in batch.items()}
        factor = rate(self.config, self.state["step"], progress)
        for optimizer in self.optims:
            for group in optimizer.param_groups:
                group["lr"] = self.config.learning_rate * factor
        with self.accelerator.autocast():
            value = training_loss(self.network, batch, table, self.config).mean()
        if not math.isfinite(value.item()):
            raise ValueError(f"The loss is {value.item()} at step {self.state['step']}; lower the learning rate.")
        self.accelerator.backward(value)
        self.accelerator.clip_grad_norm_(self.network.parameters(), self.config.clip)
        for optimizer in self.optims:
            optimizer.step()
            optimizer.zero_grad()
        self.state["step"] += 1
        self.state["samples"] += len(batch["clean"])
        self.average.update(self.accelerator.unwrap_model(self.network), self.state["step"])
        return value.item()

    def save(self) -> None:
        self.state["seconds"] = time.monotonic() - self.started
        tensors = {f"network.{k}": v for k, v in self.accelerator.unwrap_model(self.network).state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.network.state_dict().items()}
        for i, optimizer in enumerate(self.optims):
            tensors |= checkpoint.flatten_optimizer(optimizer.optimizer, f"optimizer{i}")
        meta = {**self.state, "config": asdict(self.config)}
        checkpoint.save(self.out / "checkpoints", self.state["step"], tensors, meta)


def condition_to(condition: Condition, device: torch.device) -> Condition:
    """The condition's tensors on a device."""
    return Condition(**{name: value.to(device) for name, value in vars(condition).items()})
