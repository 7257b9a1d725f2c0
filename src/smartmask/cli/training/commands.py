"""``smartmask train``: every bundled component can be trained again with one command each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smartmask.cli.training.inpaint import inpaint, inpaint_ablation
from smartmask.cli.training.options import (
    DataOption,
    MinutesOption,
    OutOption,
    PrecisionOption,
    StepsOption,
    TextOption,
)
from smartmask.cli.training.options import bundled_text as _bundled_text
from smartmask.cli.training.planner import planner, planner_vision, stuff
from smartmask.cli.training.traits import traits

app = typer.Typer(help="Train the networks on a pack of layouts, and make the memory.", no_args_is_help=True)
app.command()(inpaint)
app.command()(inpaint_ablation)
app.command()(planner)
app.command()(planner_vision)
app.command()(stuff)
app.command()(traits)


@app.command()
def chooser(
    data: DataOption,
    out: OutOption,
    steps: StepsOption = 3000,
    minutes: MinutesOption = None,
    batch: Annotated[int, typer.Option(min=1, help="Groups of like objects a step.")] = 8,
    precision: PrecisionOption = "bf16",
    seed: Annotated[int, typer.Option(help="Of samples and weights.")] = 0,
    text: TextOption = None,
) -> None:
    """The chooser (which outline suits a scene). Resumes from --out if there are checkpoints."""
    from smartmask.train.tasks.chooser import ChooserTrainConfig, train_chooser

    config = ChooserTrainConfig(steps=steps, minutes=minutes, batch=batch, precision=precision, seed=seed)
    print(f"Trained: {train_chooser(data, text or _bundled_text(), out, config)}")


@app.command()
def memory(
    curated: Annotated[Path, typer.Option(metavar="PARQUET", help="The outlines of 'smartmask data curate'.")],
    data: DataOption,
    out: OutOption,
    chooser: Annotated[Path, typer.Option(metavar="DIR", help="The 'chooser' component that will read them.")],
    text: TextOption = None,
) -> None:
    """The memory: whole outlines of the training split with their traits, a file a licence tier; and strokes."""
    from smartmask.train.memory import make_memory

    folder, counts = make_memory(curated, data, text or _bundled_text(), chooser, out)
    for tier, count in counts.items():
        print(f"{tier}: {count:,} outlines")
    print(folder)


@app.command()
def place(
    data: DataOption,
    out: OutOption,
    steps: StepsOption = 500,
    seed: Annotated[int, typer.Option(help="Of samples and weights.")] = 0,
    text: TextOption = None,
) -> None:
    """Where things stand and how large they are: remembered boxes, and the networks that weigh them in a scene."""
    from smartmask.train.tasks.place import PlaceConfig, train_place

    print(f"Trained: {train_place(data, text or _bundled_text(), out, PlaceConfig(steps=steps, seed=seed))}")


@app.command()
def text(
    data: Annotated[Path, typer.Option(metavar="DIR", help="Folder with clip_names/ and the captions.")],
    out: OutOption,
) -> None:
    """The text vocabulary: closed form, seconds. Prints cross-validated figures."""
    from smartmask.train.vocabulary.build import build

    build(data, out)


@app.command()
def bundle(
    chooser: Annotated[Path, typer.Option(metavar="DIR", help="The 'chooser' component.")],
    memory: Annotated[Path, typer.Option(metavar="DIR", help="The 'memory' component.")],
    place: Annotated[Path, typer.Option(metavar="DIR", help="The 'place' component.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The pipeline folder; an existing one is replaced.")],
    text: TextOption = None,
) -> None:
    """Puts trained components together into one folder for SmartMaskPipeline.from_pretrained."""
    from smartmask.train.memory import bundle_model

    print(bundle_model(text or _bundled_text(), chooser, memory, place, out))
