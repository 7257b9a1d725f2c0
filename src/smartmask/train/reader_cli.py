"""``smartmask train reader``: the bundled reader of photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smartmask.train.options import BatchOption, MinutesOption, OutOption, PrecisionOption, StepsOption


def reader(
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="A folder of sets (coco/, lalonde_efros/, ...).")],
    out: OutOption,
    steps: StepsOption = 3500,
    minutes: MinutesOption = None,
    batch: BatchOption = 16,
    precision: PrecisionOption = "bf16",
    learning_rate: Annotated[float, typer.Option(help="Peak rate.")] = 2e-3,
    seed: Annotated[int, typer.Option(help="Of views and initial weights.")] = 0,
) -> None:
    """The reader of photographs (which surface or thing is where). Resumes from --out if there are checkpoints."""
    from smartmask.train.reader import ReaderTrainConfig, train_reader

    config = ReaderTrainConfig(
        steps=steps, minutes=minutes, batch=batch, precision=precision, learning_rate=learning_rate, seed=seed
    )
    print(f"Trained: {train_reader(data, out, config)}")
