"""Processes that train together: accelerate's accelerator for one of them."""

from __future__ import annotations

from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs

from smartmask.train.settings import LoopSettings


def accelerator_of(settings: LoopSettings, out: Path | None) -> Accelerator:
    """An accelerator with TensorBoard under ``out/log``, on the GPU if there is one."""
    cpu = not torch.cuda.is_available()
    if settings.precision == "fp16" and cpu:
        raise ValueError("The precision fp16 needs a GPU, and there is none; use bf16 or no.")
    AcceleratorState._reset_state()  # a run before, in this process, may have had another precision
    return Accelerator(
        mixed_precision=settings.precision, gradient_accumulation_steps=settings.accumulate, cpu=cpu,
        log_with=None if out is None else "tensorboard", project_dir=None if out is None else out / "log",
        # a loss may leave weights out now and then, such as a head that some batches have no target for
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )  # fmt: skip
