"""What training costs: time, samples a second, memory, and how much of the device's arithmetic it uses.

Model FLOPs utilisation (Chowdhery et al., PaLM, arXiv 2204.02311, appendix B): the operations that the model needs,
over those that the device could do in the step's time. What gradient checkpointing does again does not count.
"""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from smartmask.train.cards import STATED

WARM = 2  # steps that are left out: the first allocate and choose kernels
KEPT = 1000  # step times of which the median is taken
GIGA, TERA = 1 << 30, 1e12


@dataclass
class Counted:
    """Floating-point operations of a batch, a multiplication and an addition being two. recomputed: those that only
    gradient checkpointing makes necessary, which ``model`` leaves out."""

    model: float = 0.0
    recomputed: float = 0.0


class Meter:
    """Of one process. samples: of a step, of all processes. ``timed`` round each step; ``figures`` for the log."""

    def __init__(self, device: torch.device, samples: int) -> None:
        self.device, self.samples = device, samples
        self.times: list[float] = []
        self.steps = 0
        self.counted: Counted | None = None

    @contextmanager
    def timed(self) -> Iterator[None]:
        """A step, with the waiting for its samples."""
        begun = time.perf_counter()
        yield
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.steps += 1
        before = [] if self.steps <= WARM + 1 else self.times[-KEPT:]
        self.times = [*before, time.perf_counter() - begun]

    def figures(self) -> dict[str, float]:
        """Median seconds of a step, samples a second by it, and the most memory held, in GiB: of the GPU, else of the
        process."""
        if not self.times:
            return {}
        seconds = statistics.median(self.times)
        return {"step_seconds": seconds, "samples_per_second": self.samples / seconds, "memory_gb": self._memory()}

    def _memory(self) -> float:
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device) / GIGA
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIGA  # Linux tells kibibytes

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Counts the operations of the block, forwards and backwards, once."""
        with count() as counted:
            yield
        self.counted = counted

    def profile(self, network: nn.Module, precision: str, batches: int) -> dict[str, Any]:
        """What was measured, beside the floor. batches: of a step of this process, like the one that was counted."""
        weights = {id(value): value for value in network.parameters()}.values()
        told: dict[str, Any] = {
            "device": device_name(self.device), "precision": precision, "samples_a_step": self.samples,
            "steps_measured": len(self.times), **self.figures(),
            "weights": sum(value.numel() for value in weights),
            "trained_weights": sum(value.numel() for value in weights if value.requires_grad),
        }  # fmt: skip
        if self.counted is None or not self.times:
            return told
        model, again = self.counted.model * batches, self.counted.recomputed * batches
        peak, stated = measured_peak(self.device, precision), stated_peak(self.device, precision)
        seconds = told["step_seconds"]
        told |= {
            "model_tflop": model / TERA, "recomputed_tflop": again / TERA, "peak_tflops_measured": peak / TERA,
            "floor_seconds": (model + again) / peak, "utilisation_of_measured_peak": model / seconds / peak,
        }  # fmt: skip
        if stated is not None:
            told |= {"peak_tflops_stated": stated / TERA, "utilisation_of_stated_peak": model / seconds / stated}
        return told


def lines(told: dict[str, Any]) -> list[str]:
    """A profile in words."""
    found = [
        f"{told['device']}, {told['precision']}: {told['step_seconds']:.3f} s a step of {told['samples_a_step']} "
        f"samples (median of {told['steps_measured']}), {told['samples_per_second']:.3f} samples/s, "
        f"{told['memory_gb']:.2f} GiB, {told['trained_weights'] / 1e6:,.1f} M of {told['weights'] / 1e6:,.1f} M "
        "weights trained."
    ]
    if "model_tflop" in told:
        stated = told.get("utilisation_of_stated_peak")
        beside = "" if stated is None else f", {stated:.1%} of the {told['peak_tflops_stated']:.0f} TFLOP/s stated"
        found.append(
            f"{told['model_tflop']:.3f} TFLOP a step of this process, {told['recomputed_tflop']:.3f} made again: "
            f"{told['utilisation_of_measured_peak']:.1%} of the {told['peak_tflops_measured']:.3f} TFLOP/s that a "
            f"matrix product reaches here{beside}. The floor is {told['floor_seconds']:.3f} s."
        )
    return found


@contextmanager
def count() -> Iterator[Counted]:
    """Counts the operations of the block by torch's formulas for matrix products, convolutions and attention."""
    from torch.utils.checkpoint import set_checkpoint_early_stop
    from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

    def attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
        return int(sdpa_flop_count(query, key, value))

    def attention_back(grad: Any, query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
        return int(sdpa_backward_flop_count(grad, query, key, value))

    own: Any = {  # of the CPU, which torch's table leaves out
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: attention,
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: attention_back,
    }
    mode = FlopCounterMode(display=False, custom_mapping=own)
    counted = Counted()
    inside: list[float] = []  # totals at the entrance of modules that are called by the way back

    def total() -> float:
        return float(sum(mode.flop_counts["Global"].values()))

    def enter(*_: Any) -> None:
        if torch._C._current_graph_task_id() != -1:  # a module called while gradients flow is one that is recomputed
            inside.append(total())

    def leave(*_: Any) -> None:
        if inside and torch._C._current_graph_task_id() != -1:
            since = inside.pop()
            if not inside:
                counted.recomputed += total() - since

    hooks = [
        nn.modules.module.register_module_forward_pre_hook(enter),
        nn.modules.module.register_module_forward_hook(leave, always_call=True),
    ]
    try:
        with set_checkpoint_early_stop(False), mode:
            yield counted
    finally:
        for hook in hooks:
            hook.remove()
    counted.model = total() - counted.recomputed


def device_name(device: torch.device) -> str:
    """What a device calls itself."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {torch.get_num_threads()} threads"


def stated_peak(device: torch.device, precision: str) -> float | None:
    """Operations a second by the maker's table; None for what it has not, and for float32."""
    if device.type != "cuda" or precision == "no":
        return None
    name = device_name(device)
    return next((peak for part, peak in STATED.items() if part in name), None)


def measured_peak(device: torch.device, precision: str, seconds: float = 0.5) -> float:
    """Operations a second of a large square matrix product in the precision: the fastest of three tries."""
    side = 8192 if device.type == "cuda" else 1024
    kind = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision, torch.float32)
    left, right = (torch.randn(side, side, device=device, dtype=torch.float32).to(kind) for _ in range(2))
    best, rounds = 0.0, 1
    for _ in range(3):
        while True:
            spent = _products(left, right, rounds)
            if spent >= seconds / 3:
                break
            rounds *= 2
        best = max(best, rounds * 2 * side**3 / spent)
    return best


def _products(left: torch.Tensor, right: torch.Tensor, rounds: int) -> float:
    """Seconds of so many products."""
    if left.is_cuda:
        torch.cuda.synchronize(left.device)
    begun = time.perf_counter()
    for _ in range(rounds):
        torch.mm(left, right)
    if left.is_cuda:
        torch.cuda.synchronize(left.device)
    return time.perf_counter() - begun
