"""The moving average of a network's weights, kept in the memory of the CPU, whatever trains the network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch

from smartmask.train.parallel import Part, part_of


class Average:
    """Exponential moving average of weights, with a decay that grows towards its end value.

    It takes no memory of a GPU; a process of several that share weights out keeps the average of its own rows.
    decay: of one step. every: steps between updates, each of which then counts for so many.
    """

    def __init__(self, tensors: Mapping[str, torch.Tensor], decay: float, every: int = 1) -> None:
        self.decay, self.every = decay, every
        self.parts: dict[str, Part] = {}
        for name, tensor in tensors.items():
            part = part_of(tensor)
            self.parts[name] = part._replace(local=part.local.to("cpu", copy=True))

    @torch.no_grad()
    def update(self, tensors: Mapping[str, torch.Tensor], step: int) -> None:
        """Moves the average towards the present weights; step counts from 1.

        What requires no gradient, such as a buffer, is taken as it is.
        """
        if step % self.every:
            return
        decay = min(self.decay, (1 + step) / (10 + step)) ** self.every
        for name, tensor in tensors.items():
            own, new = self.parts[name].local, part_of(tensor).local.to("cpu")
            if tensor.requires_grad:
                own.lerp_(new, 1 - decay)
            else:
                own.copy_(new)

    @torch.no_grad()
    def give(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Puts the average into the weights, for good."""
        for name, tensor in tensors.items():
            part_of(tensor).local.copy_(self.parts[name].local)

    @contextmanager
    def in_place(self, tensors: Mapping[str, torch.Tensor]) -> Iterator[None]:
        """The average stands in the weights during the block, which are kept on the CPU meanwhile."""
        kept = {name: part_of(tensor).local.to("cpu", copy=True) for name, tensor in tensors.items()}
        self.give(tensors)
        try:
            yield
        finally:
            with torch.no_grad():
                for name, tensor in tensors.items():
                    part_of(tensor).local.copy_(kept[name])
