"""``smartmask train planner``, ``planner-vision`` and ``stuff``: what comes next, and the surfaces of a new scene."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from smartmask.cli.training.options import BatchOption, DataOption, OutOption, PrecisionOption, StepsOption, TextOption
from smartmask.cli.training.options import bundled_text as _bundled_text


def planner(
    data: DataOption,
    out: OutOption,
    captions: Annotated[
        Path | None, typer.Option(metavar="JSON", help="COCO captions: more scenes, known by what is said of them.")
    ] = None,
    steps: StepsOption = 3000,
    seed: Annotated[int, typer.Option(help="Of samples and noise.")] = 0,
    text: TextOption = None,
) -> None:
    """The next-object network (what else, how many, where): minutes on one core. Resumes from --out."""
    from smartmask.train.tasks.planner import train_planner

    print(json.dumps(train_planner(data, text or _bundled_text(), out, captions, steps, seed=seed), indent=1))


def stuff(
    data: DataOption,
    out: OutOption,
    steps: StepsOption = 3000,
    seed: Annotated[int, typer.Option(help="Of samples and noise.")] = 0,
    text: TextOption = None,
) -> None:
    """The stuff field (sky, ground, walls of a new scene): minutes on one core. Resumes from --out."""
    from smartmask.train.tasks.stuff import train_stuff

    print(json.dumps(train_stuff(data, text or _bundled_text(), out, steps, seed=seed), indent=1))


def planner_vision(
    data: Annotated[Path, typer.Option(metavar="DIR", help="Instructions ('smartmask data instruct').")],
    base: Annotated[str, typer.Option(metavar="NAME", help="The LLaVA-like model to adapt: a folder or hub name.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Checkpoints, and the adapter's folder.")],
    check: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Instructions of unseen scenes: their loss before and after.")
    ] = None,
    steps: StepsOption = 2000,
    batch: BatchOption = 8,
    rank: Annotated[int, typer.Option(min=1, max=512, help="Of the LoRA matrices.")] = 16,
    learning_rate: Annotated[float, typer.Option(min=0, help="Peak rate.")] = 2e-4,
    precision: PrecisionOption = "bf16",
    save_every: Annotated[int, typer.Option(min=1, help="Steps between checkpoints.")] = 100,
    seed: Annotated[int, typer.Option(help="Of the order of the samples.")] = 0,
) -> None:
    """A vision-language planner by LoRA: '--planner vision:OUT/adapter' uses it. Resumes from --out."""
    from smartmask.train.tasks.planner_vision import VisionTrainConfig, train_planner_vision

    if precision not in ("no", "bf16", "fp16"):
        raise ValueError(f"The precision is '{precision}'; use no, bf16 or fp16.")
    config = VisionTrainConfig(
        steps=steps, batch=batch, rank=rank, learning_rate=learning_rate, precision=precision, seed=seed,
        save_every=save_every,
    )  # fmt: skip
    print(json.dumps(train_planner_vision(data, base, out, config, check), indent=1))
