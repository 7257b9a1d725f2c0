"""The trainer: the loop of every network that is kept, on accelerate, for a CPU, a GPU or several processes.

``torchrun --nproc_per_node N -m smartmask train ...`` runs it on several. A run that is stopped, however it is, goes
on to the same bits on the same machine: checkpoints hold weights, their average, the optimiser, each process's
position in its stream and all its generators of random numbers. Only the main process writes.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import gather_object, send_to_device
from torch import nn
from tqdm import tqdm

from smartmask.io.locks import locked, sweep
from smartmask.io.publish import remove_folder, save_json
from smartmask.io.signals import noted
from smartmask.io.terminal import say
from smartmask.train import checkpoint
from smartmask.train.parallel import accelerator_of
from smartmask.train.settings import LoopSettings
from smartmask.train.task import Batch, Losses, Task, Tensors

# Settings that a resumed run may change: they do not touch the weights, or only say when it ends.
FREE = ("out", "data", "text", "check", "captions", "resume", "minutes", "save_every", "sample_every")
SMOOTH = 0.98  # of the figures' running averages
LOG_EVERY = 20  # steps
BAD_BATCH = "bad_batch.json"


class Average:
    """Exponential moving average of a network's weights, with a decay that grows towards its end value."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = deepcopy(network).eval().requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Moves the average towards the network's present weights, and takes its buffers; step counts from 1."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for own, new in zip(self.network.parameters(), network.parameters(), strict=True):
            own.lerp_(new.detach(), 1 - decay)
        for held, fresh in zip(self.network.buffers(), network.buffers(), strict=True):
            held.copy_(fresh)


class _Whole(nn.Module):
    """A network and its loss: what is wrapped for several processes is one call, whatever the loss asks of it."""

    def __init__(self, network: nn.Module, loss: Callable[[Any, Tensors], Losses]) -> None:
        super().__init__()
        self.network, self.loss = network, loss

    def forward(self, tensors: Tensors) -> Losses:
        return self.loss(self.network, tensors)


class Trainer:
    """A run of a task: resumed from ``out/checkpoints/NAME`` where there is a checkpoint; out None keeps nothing.

    ``fit`` trains to the end of the budget, saves the component, and returns the network.  figures: running averages
    of the losses.  on_step: called after each step, instead of a bar.
    Raises ValueError if the run in ``out`` has other settings.
    """

    def __init__(
        self, task: Task, settings: LoopSettings, out: Path | None, on_step: Callable[[], None] | None = None
    ) -> None:
        self.task, self.settings, self.out, self.on_step = task, settings, out, on_step
        self.accelerator = accelerator = accelerator_of(settings, out)
        self.step, self.seconds, self.figures = 0, 0.0, dict[str, float]()
        task.network.to(accelerator.device).train()
        self.average = Average(task.network, settings.ema) if settings.ema else None
        self.optimizer = torch.optim.AdamW(
            self._groups(), lr=settings.learning_rate, weight_decay=settings.weight_decay, betas=task.betas
        )
        self.rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        task.stream.start(accelerator.process_index, accelerator.num_processes)
        self.whole, self.prepared = accelerator.prepare(_Whole(task.network, task.loss), self.optimizer)
        checkpoint.seed_everything(settings.seed, accelerator.process_index)
        self._resume()
        self.started = time.monotonic() - self.seconds
        self._start_log()

    @property
    def network(self) -> Any:
        """The network itself, without what it is wrapped in."""
        return self.accelerator.unwrap_model(self.whole).network

    @property
    def progress(self) -> float:
        """Share of the budget that is spent, 0 to 1 and beyond."""
        share = self.step / self.settings.steps
        if self.settings.minutes:
            share = max(share, self._most((time.monotonic() - self.started) / (60 * self.settings.minutes)))
        return share

    # --- running -------------------------------------------------------------------------------------

    def fit(self) -> Any:
        """Trains to the end of the budget; saves and returns the network, or its average, ready for use.

        Raises ValueError if a loss is not finite, BusyError if another run is at work in the same folder. Asked to end
        (SIGTERM, SIGHUP) it finishes the step, saves, and leaves by SystemExit with 128 + the signal's number.
        """
        main = self.accelerator.is_main_process
        bar = tqdm(total=self.settings.steps, initial=self.step, unit="step", mininterval=5, desc=self.task.name,
                   leave=False, disable=True if self.on_step is not None or not main else None)  # fmt: skip
        saved = self.step
        try:
            with self._alone(), noted() as asked_to_end, bar:
                while (progress := self.progress) < 1:
                    self._one_step(progress)
                    self._tell(bar)
                    if asked := self._most(float(max(asked_to_end, default=0))):
                        self._leave(int(asked))
                    if self.step % self.settings.save_every == 0:
                        self.save()
                        saved = self.step
                    bar.update()  # last of all: it never stands full while a step's checkpoint is written
            if saved != self.step:
                self.save()
        finally:
            self.task.stream.close()
            for tracker in getattr(self.accelerator, "trackers", ()):
                tracker.finish()
        done = (self.network if self.average is None else self.average.network).eval()
        if self.out is not None and self.task.save is not None and main:
            self.task.save(done, self.out)
        self.accelerator.wait_for_everyone()
        return done

    def _one_step(self, progress: float) -> None:
        """One optimiser step of ``accumulate`` batches."""
        settings, accelerator = self.settings, self.accelerator
        factor, beta = self.task.schedule(self.step, progress, settings.steps)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor
            if beta is not None:
                group["betas"] = (beta, group["betas"][1])
        total: dict[str, float] = {}
        for _ in range(settings.accumulate):
            batch: Batch = next(self.task.stream)
            with accelerator.accumulate(self.whole):
                losses = self.whole(send_to_device(batch.tensors, accelerator.device, non_blocking=True))
                self._check(losses["loss"], batch.ids)
                accelerator.backward(losses["loss"])
                if accelerator.sync_gradients and settings.clip:
                    accelerator.clip_grad_norm_(self.whole.parameters(), settings.clip)
                self.prepared.step()
                self.prepared.zero_grad()
            for name, value in losses.items():
                total[name] = total.get(name, 0.0) + float(value.detach()) / settings.accumulate
        self.step += 1
        if self.average is not None:
            self.average.update(self.network, self.step)
        for name, one in total.items():
            self.figures[name] = SMOOTH * self.figures.get(name, one) + (1 - SMOOTH) * one

    def _check(self, loss: torch.Tensor, ids: list[str]) -> None:
        """ValueError on all processes if the loss of one is not finite; its batch's ids are saved before."""
        value = float(loss.detach())
        if not self._most(float(not math.isfinite(value))):
            return
        found = gather_object([{"rank": self.accelerator.process_index, "loss": str(value), "ids": list(ids)}])
        bad = [one for one in found if not math.isfinite(float(one["loss"]))]
        where = ""
        if self.out is not None:
            path = self.out / BAD_BATCH
            if self.accelerator.is_main_process:
                save_json({"task": self.task.name, "step": self.step, "batches": bad}, path)
            where = f", or look at the samples that {path} names"
        raise ValueError(f"The loss is {bad[0]['loss']} at step {self.step}; lower the learning rate{where}.")

    def _tell(self, bar: tqdm) -> None:
        """The log's figures, and now and then those of the development split, which leave chance as it was."""
        if self.on_step is not None:
            self.on_step()
        if self.step % LOG_EVERY == 0:
            bar.set_postfix({name: f"{value:.4f}" for name, value in self.figures.items()})
            rate, samples = self.optimizer.param_groups[0]["lr"], self.task.stream.position * self.settings.batch
            self._log({**self.figures, "learning_rate": rate, "samples": samples})
        if self.task.validate is not None and self.step % self.settings.sample_every == 0:
            kept = checkpoint.random_states()
            if self.accelerator.is_main_process:
                shown = self.network if self.average is None else self.average.network
                self._log(self.task.validate(shown.eval(), self.step))
                self.network.train()
            checkpoint.restore_random_states(*kept)
            self.accelerator.wait_for_everyone()

    def _alone(self) -> AbstractContextManager[None]:
        """Two runs with checkpoints in one folder would go on with each other's: BusyError for the second."""
        if self.out is None or not self.accelerator.is_main_process:
            return nullcontext()
        sweep(self._folder.parent)
        return locked(self._folder)

    # --- leaving -------------------------------------------------------------------------------------

    def _leave(self, number: int) -> None:
        self.save()
        if self.accelerator.is_main_process:
            kept = "" if self.out is None else f"; it is saved in {self._folder}, and the same command goes on there"
            say(f"Asked to end, the training stopped after step {self.step}{kept}.", file=sys.stderr)
        raise SystemExit(128 + number)

    def _most(self, value: float) -> float:
        """The largest of all processes' values, so that all of them do the same."""
        if self.accelerator.num_processes == 1:
            return value
        given = torch.tensor([value], dtype=torch.float64 if self.accelerator.device.type == "cpu" else torch.float32)
        return float(self.accelerator.gather(given.to(self.accelerator.device)).max())

    # --- keeping -------------------------------------------------------------------------------------

    @property
    def _folder(self) -> Path:
        if self.out is None:
            raise ValueError(f"The run of '{self.task.name}' has no folder, so no checkpoints; give it one as 'out'.")
        return self.out / "checkpoints" / self.task.name

    def save(self) -> None:
        """Writes a checkpoint of everything that a resumed run needs; nothing without a folder."""
        if self.out is None:
            return
        tensors, state = checkpoint.random_states()
        mine = {"stream": self.task.stream.state_dict(), "random": state}
        ranks = gather_object([(mine, {name: value.cpu() for name, value in tensors.items()})])
        if self.accelerator.is_main_process:
            kept = {f"network.{name}": value for name, value in self._trained(self.network).items()}
            if self.average is not None:
                average = self.average.network.state_dict()
                kept |= {f"average.{name}": average[name] for name in self._trained(self.network)}
            kept |= checkpoint.flatten_optimizer(self.optimizer, "optimizer")
            for rank, (_, drawn) in enumerate(ranks):
                kept |= {f"random.{rank}.{name}": value for name, value in drawn.items()}
            scaler = self.accelerator.scaler
            meta = {
                "settings": self._fixed(), "seconds": time.monotonic() - self.started, "figures": self.figures,
                "scaler": None if scaler is None else scaler.state_dict(), "ranks": [one for one, _ in ranks],
            }  # fmt: skip
            checkpoint.save(self._folder, self.step, kept, meta)
        self.accelerator.wait_for_everyone()

    def _resume(self) -> None:
        if self.out is None:
            return
        if not self.settings.resume:
            if self.accelerator.is_main_process:
                with self._alone():
                    remove_folder(self._folder)
            self.accelerator.wait_for_everyone()
        found = checkpoint.load_latest(self._folder)
        if found is None:
            return
        tensors, meta, warnings = found
        for warning in warnings:
            self._say(warning)
        self._compare(meta["settings"], set(tensors))
        self.network.load_state_dict(checkpoint.under(tensors, "network"), strict=False)
        if self.average is not None:
            self.average.network.load_state_dict(checkpoint.under(tensors, "average"), strict=False)
        checkpoint.restore_optimizer(self.optimizer, tensors, "optimizer")
        if self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(meta["scaler"])
        rank = self.accelerator.process_index
        self.task.stream.load_state_dict(meta["ranks"][rank]["stream"])
        checkpoint.restore_random_states(checkpoint.under(tensors, f"random.{rank}"), meta["ranks"][rank]["random"])
        self.step, self.seconds, self.figures = int(meta["step"]), float(meta["seconds"]), dict(meta["figures"])
        self._say(f"Resuming at step {self.step}.")

    def _say(self, line: str) -> None:
        if self.accelerator.is_main_process:
            say(line)

    def _compare(self, known: dict[str, Any], names: set[str]) -> None:
        """ValueError if the run in the folder is another one."""
        for key, value in self._fixed().items():
            grown = key == "steps" and self.task.schedule.extends and known.get(key, value) <= value
            if known.get(key) != value and not grown:
                raise ValueError(
                    f"{self._folder} holds a run with {key} {known.get(key)}, not {value}; "
                    "give that, or another --out, or --no-resume."
                )
        own = {f"network.{name}" for name in self._trained(self.network)}
        if own != {name for name in names if name.startswith("network.")}:
            raise ValueError(f"{self._folder} holds the run of another network; give another --out, or --no-resume.")

    def _fixed(self) -> dict[str, Any]:
        """What a resumed run must have in common with its beginning."""
        fixed = self.settings.model_dump(mode="json", exclude=set(FREE))
        return {**fixed, **self.task.facts, "processes": self.accelerator.num_processes}

    @staticmethod
    def _trained(network: nn.Module) -> dict[str, torch.Tensor]:
        """Weights and buffers, but for frozen weights."""
        frozen = {name for name, value in network.named_parameters() if not value.requires_grad}
        return {name: value for name, value in network.state_dict().items() if name not in frozen}

    def _groups(self) -> list[dict[str, Any]]:
        trained = [value for value in self.task.network.parameters() if value.requires_grad]
        groups: Sequence[dict[str, Any]] = self.task.groups or [{"params": trained}]
        return [{**group, "lr": self.settings.learning_rate * group.get("lr", 1.0)} for group in groups]

    def _start_log(self) -> None:
        if self.out is not None:
            told = {k: v for k, v in self.settings.model_dump(mode="json").items() if isinstance(v, (int, float, str))}
            self.accelerator.init_trackers(self.task.name, told)

    def _log(self, figures: dict[str, float]) -> None:
        if self.out is not None and figures:
            self.accelerator.log(figures, step=self.step)
