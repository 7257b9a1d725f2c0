"""The trainer: the loop of every network that is kept, on accelerate, for a CPU, a GPU or several processes.

``torchrun --nproc_per_node N -m smartmask train ...`` runs it on several. A run that is stopped, however it is, goes
on to the same bits on the same machine: checkpoints hold weights, their average and the optimiser; samples and chance
are functions of the seed and of a batch's number, counted over all processes, so another number of processes sees the
same ones in the same order. Only the main process writes, but for the shards of weights that are shared out.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import send_to_device
from torch import nn
from tqdm import tqdm

from smartmask.io.locks import locked, sweep
from smartmask.io.publish import remove_folder, save_json
from smartmask.io.signals import noted
from smartmask.io.terminal import say
from smartmask.train import checkpoint
from smartmask.train.average import Average
from smartmask.train.chance import seed_all
from smartmask.train.meter import Meter, lines
from smartmask.train.parallel import Team, accelerator_of, gathered, part_of, recompute, share_out
from smartmask.train.settings import LoopSettings
from smartmask.train.task import Batch, Losses, Task, Tensors

# Settings that a resumed run may change: they do not touch the weights, or only say when it ends.
FREE = ("out", "data", "text", "check", "captions", "resume", "minutes", "save_every", "sample_every", "workers",
        "shard", "gradient_checkpointing", "profile")  # fmt: skip
SMOOTH = 0.98  # of the figures' running averages
LOG_EVERY = 20  # steps
BAD_BATCH = "bad_batch.json"


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
        self.team = Team(accelerator)
        self.step, self.seconds, self.figures = 0, 0.0, dict[str, float]()
        task.network.to(accelerator.device).train()
        if settings.gradient_checkpointing:
            recompute(task.network, task.name)
        groups = self._groups()
        whole = _Whole(task.network, task.loss)
        self.twin = share_out(whole, task.network, self.team) if settings.shard else None
        self.average = Average(self._trained(), settings.ema, settings.ema_every) if settings.ema else None
        weights = dict(task.network.named_parameters())
        self.optimizer = torch.optim.AdamW(
            [{**group, "params": [weights[name] for name in group["params"]]} for group in groups],
            lr=settings.learning_rate, weight_decay=settings.weight_decay, betas=task.betas,
        )  # fmt: skip
        self.rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        task.stream.start(accelerator.process_index, accelerator.num_processes)
        self.whole = accelerator.prepare_model(whole, evaluation_mode=settings.shard)  # then without DDP
        self.prepared = accelerator.prepare_optimizer(self.optimizer)
        self.meter = Meter(accelerator.device, self._samples)
        self._resume()
        self.started = time.monotonic() - self.seconds
        self._start_log()

    @property
    def network(self) -> Any:
        """The network itself, without what it is wrapped in."""
        return self.task.network

    @property
    def progress(self) -> float:
        """Share of the budget that is spent, 0 to 1 and beyond."""
        share = self.step / self.settings.steps
        if self.settings.minutes:
            share = max(share, self.team.most((time.monotonic() - self.started) / (60 * self.settings.minutes)))
        return share

    # --- running -------------------------------------------------------------------------------------

    def fit(self) -> Any:
        """Trains to the end of the budget; saves and returns the network, with its average's weights if there is one.

        Where weights are shared out the main process gets a network of its own, on the CPU, with all of them.

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
                    with self.meter.timed():
                        self._one_step(progress)
                    self._tell(bar)
                    if asked := self.team.most(float(max(asked_to_end, default=0))):
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
        if self.settings.profile and main:
            self._profile()
        if self.average is not None:
            self.average.give(self._trained())
        gathering = None if self.twin is None else gathered(self.network, self.twin, self.team)
        done = (self.network if gathering is None else gathering).eval()
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
            seed_all(settings.seed, self.task.stream.number(self.task.stream.position))
            batch: Batch = next(self.task.stream)
            counting = settings.profile and self.meter.counted is None
            with accelerator.accumulate(self.whole), self.meter.counting() if counting else nullcontext():
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
            self.average.update(self._trained(), self.step)
        every = self.team.collect(total)
        for name in total:
            one = sum(each[name] for each in every) / len(every)
            self.figures[name] = SMOOTH * self.figures.get(name, one) + (1 - SMOOTH) * one

    def _profile(self) -> None:
        """What the steps of this run cost, in words and in ``profile.json``."""
        told = self.meter.profile(self.network, self.settings.precision, self.settings.accumulate)
        for line in lines(told):
            say(line)
        if self.out is not None:
            save_json(told, self.out / "profile.json")

    def _check(self, loss: torch.Tensor, ids: list[str]) -> None:
        """ValueError on all processes if the loss of one is not finite; its batch's ids are saved before."""
        value = float(loss.detach())
        if not self.team.most(float(not math.isfinite(value))):
            return
        mine = {"rank": self.team.rank, "loss": str(value), "ids": list(ids)}
        bad = [one for one, loss in self.team.collect((mine, value)) if not math.isfinite(loss)]
        where = ""
        if self.out is not None:
            path = self.out / BAD_BATCH
            if self.accelerator.is_main_process:
                save_json({"task": self.task.name, "step": self.step, "batches": bad}, path)
            where = f", or look at the samples that {path} names"
        raise ValueError(f"The loss is {bad[0]['loss']} at step {self.step}; lower the learning rate{where}.")

    def _tell(self, bar: tqdm) -> None:
        """The log's figures, and now and then those of the development split."""
        if self.on_step is not None:
            self.on_step()
        if self.step % LOG_EVERY == 0:
            bar.set_postfix({name: f"{value:.4f}" for name, value in self.figures.items()})
            self._log({**self.figures, **self.meter.figures(), "learning_rate": self.optimizer.param_groups[0]["lr"],
                       "samples": self.step * self._samples})  # fmt: skip
        if self.task.validate is not None and self.step % self.settings.sample_every == 0:
            with self._shown() as network:
                if network is not None:
                    self._log(self.task.validate(network, self.step))
            self.accelerator.wait_for_everyone()

    @contextmanager
    def _shown(self) -> Iterator[Any]:
        """What the main process looks at, None elsewhere: the network with its average's weights, for evaluation."""
        network = self.network
        if self.twin is None and not self.team.main:
            yield None
            return
        with nullcontext() if self.average is None else self.average.in_place(self._trained()):
            shown = network if self.twin is None else gathered(network, self.twin, self.team)
            if shown is None:
                yield None
                return
            yield shown.to(self.accelerator.device).eval()
        network.train()
        if self.twin is not None:
            self.twin.cpu()  # its memory is the network's

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
        parts = {f"network.{name}": part_of(value) for name, value in self._trained().items()}
        if self.average is not None:
            parts |= {f"average.{name}": part for name, part in self.average.parts.items()}
        parts |= checkpoint.optimizer_parts(self.optimizer, "optimizer")
        scaler = self.accelerator.scaler
        meta = {
            "settings": self._fixed(), "seconds": time.monotonic() - self.started, "figures": self.figures,
            "scaler": None if scaler is None else scaler.state_dict(), "stream": self.task.stream.state_dict(),
        }  # fmt: skip
        checkpoint.save(self._folder, self.step, parts, meta, self.team)

    def _resume(self) -> None:
        if self.out is None:
            return
        if not self.settings.resume:
            if self.accelerator.is_main_process:
                with self._alone():
                    remove_folder(self._folder)
            self.accelerator.wait_for_everyone()
        found = checkpoint.load_latest(self._folder, self.team)
        if found is None:
            return
        for warning in found.warnings:
            self._say(warning)
        meta = found.meta
        more = meta["settings"].get("steps", 0) <= self.settings.steps and self.task.schedule.extends
        checkpoint.compare(self._folder, found, self._fixed(), self._trained(), {"steps"} if more else set())
        found.fill(checkpoint.find_in(self._trained(), "network"))
        if self.average is not None:
            found.fill(checkpoint.find_in(self.average.parts, "average"))
        found.fill(checkpoint.find_in_optimizer(self.optimizer, "optimizer"))
        if self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(meta["scaler"])
        self.step, self.seconds, self.figures = int(meta["step"]), float(meta["seconds"]), dict(meta["figures"])
        self.task.stream.load_state_dict({**meta["stream"], "position": self.step * self.settings.accumulate})
        self._say(f"Resuming at step {self.step}.")

    def _say(self, line: str) -> None:
        if self.accelerator.is_main_process:
            say(line)

    @property
    def _samples(self) -> int:
        """Of a step, of all processes."""
        return self.settings.batch * self.settings.accumulate * self.team.ranks

    def _fixed(self) -> dict[str, Any]:
        """What a resumed run must have in common with its beginning."""
        told = {"accumulate", *({"batch"} if self.task.stream.by_sample else ())}  # in the samples of a step
        fixed = self.settings.model_dump(mode="json", exclude={*FREE, *told})
        return {**fixed, **self.task.facts, "samples_a_step": self._samples}

    def _trained(self) -> dict[str, torch.Tensor]:
        """Weights and buffers, but for frozen weights, as they are in the network."""
        network = self.network
        frozen = {name for name, value in network.named_parameters() if not value.requires_grad}
        return {name: value for name, value in network.state_dict(keep_vars=True).items() if name not in frozen}

    def _groups(self) -> list[dict[str, Any]]:
        """The optimiser's groups, with the names of their weights: sharing them out puts others in their place."""
        network = self.task.network
        names = {id(value): name for name, value in network.named_parameters()}
        trained = [value for value in network.parameters() if value.requires_grad]
        groups: Sequence[dict[str, Any]] = self.task.groups or [{"params": trained}]
        rate = self.settings.learning_rate
        return [
            {**group, "params": [names[id(value)] for value in group["params"]], "lr": rate * group.get("lr", 1.0)}
            for group in groups
        ]

    def _start_log(self) -> None:
        if self.out is not None:
            told = {k: v for k, v in self.settings.model_dump(mode="json").items() if isinstance(v, (int, float, str))}
            self.accelerator.init_trackers(self.task.name, told)

    def _log(self, figures: dict[str, float]) -> None:
        if self.out is not None and figures:
            self.accelerator.log(figures, step=self.step)
