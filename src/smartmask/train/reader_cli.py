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
    sources: Annotated[str, typer.Option(help="Sets to learn from, separated by commas; none: all.")] = "",
    seed: Annotated[int, typer.Option(help="Of views and initial weights.")] = 0,
) -> None:
    """The reader of photographs (which surface or thing is where). Resumes from --out if there are checkpoints."""
    from smartmask.data.photo_labels import SOURCES
    from smartmask.train.reader import ReaderTrainConfig, train_reader

    names = tuple(name.strip() for name in sources.split(",") if name.strip())
    config = ReaderTrainConfig(
        steps=steps, minutes=minutes, batch=batch, precision=precision, learning_rate=learning_rate, seed=seed,
        sources=names or SOURCES,
    )  # fmt: skip
    print(f"Trained: {train_reader(data, out, config)}")
