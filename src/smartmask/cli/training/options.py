"""Command-line options that the training commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smartmask.io.package import BUNDLED_TEXT

DataOption = Annotated[Path, typer.Option(metavar="PACK", help="The packed layouts ('smartmask data pack').")]
OutOption = Annotated[Path, typer.Option(metavar="DIR", help="Checkpoints, logs, samples and the trained component.")]
TextOption = Annotated[Path | None, typer.Option(metavar="DIR", help="A text component; default: the bundled one.")]
StepsOption = Annotated[int, typer.Option(min=1, help="Optimiser steps at most.")]
MinutesOption = Annotated[float | None, typer.Option(help="Wall-clock budget; ends the run if it comes first.")]
BatchOption = Annotated[int, typer.Option(min=1, help="Samples a step.")]
WorkersOption = Annotated[int, typer.Option(min=0, help="Processes that draw samples.")]
PrecisionOption = Annotated[str, typer.Option(help="no (float32), bf16 or fp16.")]


def bundled_text() -> Path:
    """The text component that is bundled with the package."""
    return BUNDLED_TEXT
