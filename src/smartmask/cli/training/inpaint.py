"""``smartmask train inpaint`` and ``inpaint-ablation``: SmartBrush, on photographs with masks and names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from smartmask.cli.training.options import (
    BatchOption,
    MinutesOption,
    OutOption,
    PrecisionOption,
    TextOption,
    WorkersOption,
    bundled_text,
)

PhotosOption = Annotated[
    Path, typer.Option("--data", metavar="PATH", help="A folder of sets (coco/, pennfudan/), or COCO's own folder.")
]
SourcesOption = Annotated[
    str, typer.Option(help="Sets of a folder of sets, separated by commas; none: coco_instances,pennfudan.")
]


def inpaint(
    data: PhotosOption,
    out: OutOption,
    preset: Annotated[str, typer.Option(help="tiny, small, or sd (needs --base).")] = "small",
    base: Annotated[str, typer.Option(metavar="DIR", help="A Stable Diffusion folder to start from.")] = "",
    lora: Annotated[bool, typer.Option("--lora", help="Train LoRA matrices of the base, merged at the end.")] = False,
    rank: Annotated[int, typer.Option(min=1, help="Of the LoRA matrices.")] = 16,
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps at most.")] = 5000,
    minutes: MinutesOption = None,
    batch: BatchOption = 8,
    workers: WorkersOption = 1,
    precision: PrecisionOption = "bf16",
    learning_rate: Annotated[float | None, typer.Option(help="Peak rate; default 5e-4, and 1e-5 for sd.")] = None,
    sample_every: Annotated[int, typer.Option(min=1, help="Steps between sample sheets.")] = 500,
    save_every: Annotated[int, typer.Option(min=1, help="Steps between checkpoints.")] = 250,
    sources: SourcesOption = "",
    seed: Annotated[int, typer.Option(help="Of crops and noise.")] = 0,
    text: TextOption = None,
) -> None:
    """SmartBrush, the inserter: paints objects into masks. Resumes from --out if there are checkpoints."""
    from smartmask.train.tasks.inpaint import InpaintTrainConfig, train_inpaint

    if learning_rate is None:
        learning_rate = (1e-4 if lora else 1e-5) if preset == "sd" else 5e-4
    config = InpaintTrainConfig(
        preset=preset, base=base, lora=lora, rank=rank, steps=steps, minutes=minutes, batch=batch, workers=workers,
        precision=precision, learning_rate=learning_rate, sample_every=sample_every, save_every=save_every,
        sources=_names(sources), seed=seed, ema=0.998,
    )  # fmt: skip
    print(f"Trained: {train_inpaint(data, text or bundled_text(), out, config)}")


def inpaint_ablation(
    data: PhotosOption,
    out: OutOption,
    preset: Annotated[str, typer.Option(help="tiny or small.")] = "tiny",
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps of each variant.")] = 1000,
    batch: BatchOption = 8,
    workers: WorkersOption = 0,
    precision: PrecisionOption = "bf16",
    objects: Annotated[int, typer.Option(min=1, help="Held-out objects at most.")] = 40,
    sources: SourcesOption = "",
    seed: Annotated[int, typer.Option(help="Of crops and noise.")] = 0,
    text: TextOption = None,
) -> None:
    """Trains SmartBrush whole and with each of its parts left out, and reports on held-out photographs."""
    from smartmask.train.tasks.inpaint import InpaintTrainConfig
    from smartmask.train.tasks.inpaint_ablation import run_ablation

    config = InpaintTrainConfig(
        preset=preset, steps=steps, batch=batch, workers=workers, precision=precision, sources=_names(sources),
        seed=seed, ema=0.995, save_every=max(steps // 2, 1), sample_every=steps + 1,
    )  # fmt: skip
    report = run_ablation(data, text or bundled_text(), out, config, objects)
    print(json.dumps(report, indent=1))


def _names(sources: str) -> list[str]:
    return [name.strip() for name in sources.split(",") if name.strip()]
