"""Processes that train together: what one of them says to the others, and weights that they share out.

accelerate makes the process group, the precision and DDP. Sharing out (FSDP) is torch's ``fully_shard`` itself, which
works on a CPU as on GPUs; accelerate's plugin for it does nothing on a CPU, so what was tested would not be what runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs, broadcast_object_list, gather_object
from torch import nn
from torch.distributed.tensor import DTensor

from smartmask.io.publish import joining, replacing_folder
from smartmask.train.settings import LoopSettings

Made = TypeVar("Made")
LEAST = 1_000_000  # weights that are gathered together for their part of the network, at least


def accelerator_of(settings: LoopSettings, out: Path | None) -> Accelerator:
    """An accelerator with TensorBoard under ``out/log``, on the GPU if there is one."""
    cpu = not torch.cuda.is_available()
    if settings.precision == "fp16" and cpu:
        raise ValueError("The precision fp16 needs a GPU, and there is none; use bf16 or no.")
    if settings.precision == "fp16" and settings.shard:
        raise ValueError("The precision fp16 was never tried on weights that are shared out; use bf16 or no.")
    AcceleratorState._reset_state()  # a run before, in this process, may have had another precision
    return Accelerator(
        mixed_precision=settings.precision, gradient_accumulation_steps=settings.accumulate, cpu=cpu,
        log_with=None if out is None else "tensorboard", project_dir=None if out is None else out / "log",
        # a loss may leave weights out now and then, such as a head that some batches have no target for
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )  # fmt: skip


# --- what they say ---------------------------------------------------------------------------------


class Team:
    """The processes of a run, as one of them sees them; without an accelerator it is alone.

    Every method but the numbers is called by all of them, or none goes on.
    """

    def __init__(self, accelerator: Accelerator | None = None) -> None:
        self.accelerator = accelerator
        self.rank = accelerator.process_index if accelerator is not None else 0
        self.ranks = accelerator.num_processes if accelerator is not None else 1
        self.main = self.rank == 0

    def most(self, value: float) -> float:
        """The largest of all processes' values, so that all of them do the same."""
        if self.accelerator is None or self.ranks == 1:
            return value
        device = self.accelerator.device
        given = torch.tensor([value], dtype=torch.float64 if device.type == "cpu" else torch.float32, device=device)
        return float(self.accelerator.gather(given).max())

    def collect(self, one: Made) -> list[Made]:
        """What each process has, by rank."""
        return list(gather_object([one])) if self.ranks > 1 else [one]

    def agree(self, make: Callable[[], Made]) -> Made:
        """What the main process makes, or a ValueError of what it could not; the main process raises its own error."""
        if self.ranks == 1:
            return make()
        told: list[Any] = [None, None]
        failed: Exception | None = None
        if self.main:
            try:
                told = [make(), None]
            except Exception as error:  # whatever it is, the others must not wait for ever
                failed, told = error, [None, str(error)]
        broadcast_object_list(told)
        if failed is not None:
            raise failed
        if told[1] is not None:
            raise ValueError(told[1])
        made: Made = told[0]
        return made

    def each(self, make: Callable[[], Made]) -> list[Made]:
        """What each process makes, by rank; if one cannot, it raises its own error, and the others a ValueError."""
        failed: Exception | None = None
        made = None
        try:
            made = make()
        except Exception as error:
            failed = error
        told = self.collect((made, None if failed is None else str(failed)))
        if failed is not None:
            raise failed
        for rank, (_, reason) in enumerate(told):
            if reason is not None:
                raise ValueError(f"Process {rank} could not do its part ({reason.rstrip('.')}).")
        return [one for one, _ in told]  # type: ignore[misc]

    @contextmanager
    def folder(self, target: Path) -> Iterator[Path]:
        """``replacing_folder`` of the main process, which the others may save into as well."""
        with ExitStack() as stack:
            partial = Path(self.agree(lambda: str(stack.enter_context(replacing_folder(target)))))
            if not self.main:
                stack.enter_context(joining(partial, target))
            yield partial

    def wait(self) -> None:
        """Until all have come so far."""
        if self.accelerator is not None:
            self.accelerator.wait_for_everyone()


ALONE = Team()


# --- what they share out ---------------------------------------------------------------------------


class Part(NamedTuple):
    """Rows of a tensor along its first axis: ``local`` holds those from ``start`` on; shape: of the whole."""

    local: torch.Tensor
    start: int
    shape: tuple[int, ...]

    @property
    def whole(self) -> bool:
        """Whether it is all of the tensor."""
        return tuple(self.local.shape) == self.shape


def part_of(tensor: torch.Tensor) -> Part:
    """What this process holds of a tensor: all, but of one that is shared out its rows, no copy."""
    tensor = tensor.detach()
    if not isinstance(tensor, DTensor):
        return Part(tensor, 0, tuple(tensor.shape))
    rows, each = tensor.shape[0], -(-tensor.shape[0] // tensor.device_mesh.size())  # as torch.chunk cuts
    return Part(tensor.to_local(), min(tensor.device_mesh.get_rank() * each, rows), tuple(tensor.shape))


def share_out(whole: nn.Module, network: nn.Module, team: Team, least: int = LEAST) -> nn.Module:
    """Shares a module's weights out among the processes, in place; returns an empty twin of its ``network``.

    Each item of its lists of modules from ``least`` weights on is gathered on its own, just before it is needed; the
    rest with the whole. The twin, without memory for weights, is what ``gathered`` fills.
    ValueError for one process alone.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    if team.ranks == 1 or team.accelerator is None:
        raise ValueError("One process alone has nobody to share weights with; leave --shard out, or start several.")
    empty = {id(p): nn.Parameter(torch.empty_like(p, device="meta"), p.requires_grad) for p in network.parameters()}
    twin = deepcopy(network, empty)
    mesh = init_device_mesh(team.accelerator.device.type, (team.ranks,))
    taken: set[int] = set()
    items = [item for owner in whole.modules() if isinstance(owner, nn.ModuleList) for item in owner]
    inner_first = sorted(set(items), key=lambda item: len(list(item.modules())))
    for item in inner_first:
        own = {id(p): p.numel() for p in item.parameters() if id(p) not in taken}
        if sum(own.values()) >= least:
            fully_shard(item, mesh=mesh)
            taken.update(id(p) for p in item.parameters())
    fully_shard(whole, mesh=mesh)
    return twin


def gathered(network: nn.Module, twin: nn.Module, team: Team) -> nn.Module | None:
    """The twin with all weights of a network that is shared out, on the CPU of the main process; None elsewhere."""
    found = {}
    for name, value in network.state_dict().items():
        full = value.full_tensor() if isinstance(value, DTensor) else value
        if team.main:
            found[name] = full.detach().cpu()
    if not team.main:
        return None
    twin.load_state_dict(found, assign=True)
    return twin


def recompute(network: nn.Module, name: str) -> None:
    """Has a network of diffusers or transformers make activations a second time instead of keeping them.

    ValueError for one whose blocks cannot (``name``: the task's).
    """
    for way in ("enable_gradient_checkpointing", "gradient_checkpointing_enable"):
        for module in network.modules():
            if callable(enable := getattr(module, way, None)):
                enable()
                return
    raise ValueError(
        f"The network of '{name}' has no blocks that can be recomputed; leave --gradient-checkpointing out."
    )
