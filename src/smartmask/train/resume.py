"""Resuming of short loops of their own: network, optimiser, schedule and random states in the project's checkpoints.

A run that was interrupted goes on as if nothing had happened: the same steps give the same weights, bit for bit, on
the same kind of machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from smartmask.train import checkpoint


class Resumable:
    """The state of one run, loaded from ``out/checkpoints`` where there is one.

    network: whose weights are kept, but for frozen ones.  generators: the run's own random numbers, beside torch's.
    settings: what a resumed run must have in common with its beginning; ValueError if it has not.
    step: how many steps are done.  figures: running averages that the run goes on with.
    """

    def __init__(
        self, out: Path, network: nn.Module, optimizer: torch.optim.Optimizer, schedule: Any,
        settings: dict[str, Any], generators: Sequence[np.random.Generator] = (), every: int = 500,
    ) -> None:  # fmt: skip
        self.folder, self.every = Path(out) / "checkpoints", every
        self.network, self.optimizer, self.schedule = network, optimizer, schedule
        self.settings, self.generators = settings, list(generators)
        self.step = 0
        self.figures: dict[str, float] = {}
        self._load()

    def done(self, figures: dict[str, float], last: bool = False) -> None:
        """One step is done; figures: its numbers. Saves every so many steps, and at the last."""
        self.step += 1
        for name, value in figures.items():
            self.figures[name] = 0.98 * self.figures.get(name, value) + 0.02 * value
        if last or self.step % self.every == 0:
            self.save()

    def save(self) -> None:
        """Writes a checkpoint of everything that a resumed run needs."""
        tensors = {f"network.{name}": value for name, value in self._weights().items()}
        tensors |= checkpoint.flatten_optimizer(self.optimizer, "optimizer")
        tensors["random"] = torch.get_rng_state()
        meta = {
            "settings": self.settings,
            "figures": self.figures,
            "groups": [{k: v for k, v in group.items() if k != "params"} for group in self.optimizer.param_groups],
            "schedule": {k: v for k, v in self.schedule.state_dict().items() if not callable(v)},
            "generators": [generator.bit_generator.state for generator in self.generators],
        }
        checkpoint.save(self.folder, self.step, tensors, meta)

    def _weights(self) -> dict[str, torch.Tensor]:
        frozen = {name for name, value in self.network.named_parameters() if not value.requires_grad}
        return {name: value for name, value in self.network.state_dict().items() if name not in frozen}

    def _load(self) -> None:
        found = checkpoint.load_latest(self.folder)
        if found is None:
            return
        tensors, meta, warnings = found
        for warning in warnings:
            print(warning)
        for key, value in self.settings.items():
            if meta["settings"].get(key) != value:
                raise ValueError(
                    f"{self.folder} holds a run with {key} {meta['settings'].get(key)}, not {value}; "
                    "give that, or another --out."
                )
        weights = {name.split(".", 1)[1]: value for name, value in tensors.items() if name.startswith("network.")}
        lost = self.network.load_state_dict(weights, strict=False)
        if lost.unexpected_keys or set(self._weights()) - set(weights):
            raise ValueError(f"{self.folder} holds the run of another network; give another --out.")
        checkpoint.restore_optimizer(self.optimizer, tensors, "optimizer")
        for group, known in zip(self.optimizer.param_groups, meta["groups"], strict=True):
            group.update({key: tuple(value) if key == "betas" else value for key, value in known.items()})
        self.schedule.load_state_dict(meta["schedule"])
        for generator, state in zip(self.generators, meta["generators"], strict=True):
            generator.bit_generator.state = state
        torch.set_rng_state(tensors["random"])
        self.step, self.figures = int(meta["step"]), dict(meta["figures"])
        print(f"Resuming at step {self.step}.", flush=True)
