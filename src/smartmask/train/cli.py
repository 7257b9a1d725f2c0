"""``smartmask train``: every bundled component can be trained again with one command each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from smartmask.train.inpaint_cli import inpaint, inpaint_ablation
from smartmask.train.options import (
    BatchOption,
    DataOption,
    MinutesOption,
    OutOption,
    PrecisionOption,
    StepsOption,
    TextOption,
    WorkersOption,
)
from smartmask.train.options import bundled_text as _bundled_text
from smartmask.train.planner_cli import planner, planner_vision, stuff
from smartmask.train.reader_cli import reader

PlacesOption = Annotated[int, typer.Option("--samples", min=1, help="Scenes drawn into memory before training.")]

app = typer.Typer(help="Train the networks on a pack of layouts.", no_args_is_help=True)
app.command()(inpaint)
app.command()(inpaint_ablation)
app.command()(planner)
app.command()(planner_vision)
app.command()(stuff)
app.command()(reader)


@app.command()
def mask(
    data: DataOption,
    out: OutOption,
    preset: Annotated[str, typer.Option(help="tiny or small.")] = "small",
    steps: StepsOption = 20_000,
    minutes: MinutesOption = None,
    batch: BatchOption = 64,
    workers: WorkersOption = 1,
    precision: PrecisionOption = "bf16",
    compile: Annotated[bool, typer.Option("--compile", help="Compile the blocks: a third faster on a CPU.")] = False,
    learning_rate: Annotated[float, typer.Option(help="Peak rate.")] = 1e-3,
    sources: Annotated[str, typer.Option(help="Sources of the pack, separated by commas; none: the default.")] = "",
    seed: Annotated[int, typer.Option(help="Of samples and noise.")] = 0,
    init: Annotated[Path | None, typer.Option(metavar="DIR", help="Start from this 'shape' component.")] = None,
    text: TextOption = None,
) -> None:
    """The mask network (what shape). Resumes from --out if there are checkpoints."""
    from smartmask.train.mask import MaskTrainConfig, train

    config = MaskTrainConfig(
        preset=preset, steps=steps, minutes=minutes, batch=batch, workers=workers, precision=precision,
        compile=compile, learning_rate=learning_rate, seed=seed, sources=[s for s in sources.split(",") if s],
    )  # fmt: skip
    print(f"Trained: {train(data, text or _bundled_text(), out, config, init)}")


@app.command()
def prior(
    data: DataOption,
    out: OutOption,
    preset: Annotated[str, typer.Option(help="tiny or small.")] = "small",
    samples: Annotated[int, typer.Option(min=1, help="Shapes drawn into memory before training.")] = 80_000,
    steps: StepsOption = 6500,
    minutes: MinutesOption = None,
    batch: BatchOption = 1024,
    workers: WorkersOption = 1,
    precision: PrecisionOption = "bf16",
    sources: Annotated[str, typer.Option(help="Sources of the pack, separated by commas; none: the default.")] = "",
    seed: Annotated[int, typer.Option(help="Of samples and noise.")] = 0,
    text: TextOption = None,
) -> None:
    """The shape prior (what shapes there are). Minutes on a CPU. Resumes from --out if there are checkpoints."""
    from smartmask.train.prior import PriorTrainConfig, train_prior

    config = PriorTrainConfig(
        preset=preset, samples=samples, steps=steps, minutes=minutes, batch=batch, workers=workers,
        precision=precision, seed=seed, sources=[s for s in sources.split(",") if s], save_every=500,
    )  # fmt: skip
    print(f"Trained: {train_prior(data, text or _bundled_text(), out, config)}")


@app.command()
def outline(
    data: DataOption,
    out: OutOption,
    prior: Annotated[Path, typer.Option(metavar="DIR", help="The 'prior' component whose shapes are redrawn.")],
    preset: Annotated[str, typer.Option(help="tiny or small.")] = "small",
    samples: Annotated[int, typer.Option(min=1, help="Shapes drawn into memory before training.")] = 80_000,
    steps: StepsOption = 9000,
    minutes: MinutesOption = None,
    batch: BatchOption = 48,
    workers: WorkersOption = 1,
    precision: PrecisionOption = "bf16",
    compile: Annotated[bool, typer.Option("--compile", help="Compile the network: twice as fast on a CPU.")] = False,
    sources: Annotated[str, typer.Option(help="Sources of the pack, separated by commas; none: the default.")] = "",
    seed: Annotated[int, typer.Option(help="Of samples and noise.")] = 0,
    text: TextOption = None,
) -> None:
    """The outline network (legs, ears and edges), against a critic. Resumes from --out if there are checkpoints."""
    from smartmask.train.outline import OutlineTrainConfig, train_outline

    config = OutlineTrainConfig(
        preset=preset, samples=samples, steps=steps, minutes=minutes, batch=batch, workers=workers, compile=compile,
        precision=precision, seed=seed, sources=[s for s in sources.split(",") if s], save_every=500,
    )  # fmt: skip
    print(f"Trained: {train_outline(data, text or _bundled_text(), prior, out, config)}")


@app.command()
def placement(
    data: DataOption,
    out: OutOption,
    samples: PlacesOption = 60_000,
    steps: StepsOption = 3500,
    minutes: MinutesOption = None,
    batch: BatchOption = 32,
    workers: WorkersOption = 0,
    precision: PrecisionOption = "bf16",
    sources: Annotated[str, typer.Option(help="Sources of the pack, separated by commas; none: the default.")] = "",
    seed: Annotated[int, typer.Option(help="Of samples and noise.")] = 0,
    text: TextOption = None,
) -> None:
    """The placement network (where, how big). Resumes from --out if there are checkpoints."""
    from smartmask.train.placement import PlacementTrainConfig, train_placement

    config = PlacementTrainConfig(
        steps=steps, samples=samples, minutes=minutes, batch=batch, workers=workers, precision=precision, seed=seed,
        sources=[s for s in sources.split(",") if s],
    )  # fmt: skip
    print(f"Trained: {train_placement(data, text or _bundled_text(), out, config)}")


@app.command()
def fit(
    data: DataOption,
    out: OutOption,
    samples: PlacesOption = 60_000,
    steps: StepsOption = 5000,
    minutes: MinutesOption = None,
    batch: BatchOption = 32,
    workers: WorkersOption = 1,
    precision: PrecisionOption = "no",
    sources: Annotated[str, typer.Option(help="Sources of the pack, separated by commas; none: the default.")] = "",
    seed: Annotated[int, typer.Option(help="Of samples and contrasts.")] = 0,
    text: TextOption = None,
) -> None:
    """The fit network (which boxes suit a scene): minutes. Resumes from --out if there are checkpoints."""
    from smartmask.train.place_fit import FitTrainConfig, train_fit

    config = FitTrainConfig(
        steps=steps, samples=samples, minutes=minutes, batch=batch, workers=workers, precision=precision, seed=seed,
        sources=[s for s in sources.split(",") if s],
    )  # fmt: skip
    print(f"Trained: {train_fit(data, text or _bundled_text(), out, config)}")


@app.command()
def placement_folds(
    data: DataOption,
    out: OutOption,
    folds: Annotated[int, typer.Option(min=2, max=10, help="Parts of the images.")] = 5,
    steps: StepsOption = 3500,
    samples: PlacesOption = 60_000,
    fit_steps: Annotated[int, typer.Option(min=1, help="As of 'train fit'.")] = 5000,
    workers: WorkersOption = 1,
    precision: PrecisionOption = "bf16",
    seed: Annotated[int, typer.Option(help="Of training and of the boxes drawn.")] = 0,
    text: TextOption = None,
) -> None:
    """Placement judged on every fully labelled scene: trains it afresh for each fold of images. Some hours."""
    from smartmask.train.place_fit import FitTrainConfig
    from smartmask.train.placement import PlacementTrainConfig
    from smartmask.train.placement_folds import FoldsConfig, run_folds

    where = PlacementTrainConfig(steps=steps, samples=samples, workers=workers, precision=precision, seed=seed)
    suits = FitTrainConfig(steps=fit_steps, seed=seed)
    config = FoldsConfig(folds=folds, placement=where, fit=suits, seed=seed)
    print(json.dumps(run_folds(data, text or _bundled_text(), out, config)["systems"], indent=1))


@app.command()
def order(
    data: DataOption,
    out: OutOption,
    steps: StepsOption = 2000,
    seed: Annotated[int, typer.Option(help="Of samples and noise.")] = 0,
    text: TextOption = None,
) -> None:
    """The order network (in front of what): under a minute. Prints accuracies on the development split."""
    from smartmask.train.placement import train_order

    print(json.dumps(train_order(data, text or _bundled_text(), out, steps, seed), indent=1))


@app.command()
def text(
    data: Annotated[Path, typer.Option(metavar="DIR", help="Folder with clip_names/ and the captions.")],
    out: OutOption,
) -> None:
    """The text vocabulary: closed form, seconds. Prints cross-validated figures."""
    from smartmask.train.vocabulary import build

    build(data, out)


@app.command()
def pairs(
    data: DataOption,
    out: Annotated[Path, typer.Option(metavar="PNG", help="The sheet.")],
    count: Annotated[int, typer.Option(min=1, max=400, help="Pairs on the sheet.")] = 64,
    split: Annotated[str, typer.Option(help="train, dev or test.")] = "train",
    seed: Annotated[int, typer.Option(help="Which pairs.")] = 0,
) -> None:
    """A contact sheet of training pairs, as the mask network sees them."""
    from smartmask.train.pair_sheet import write_sheet

    print(write_sheet(data, out, count, seed, split))


@app.command()
def bundle(
    shape: Annotated[Path, typer.Option(metavar="DIR", help="The 'shape' component.")],
    placement: Annotated[Path, typer.Option(metavar="DIR", help="The 'placement' component.")],
    order: Annotated[Path, typer.Option(metavar="DIR", help="The 'order' component.")],
    prior: Annotated[Path, typer.Option(metavar="DIR", help="The 'prior' component.")],
    outline: Annotated[Path, typer.Option(metavar="DIR", help="The 'outline' component.")],
    fit: Annotated[Path, typer.Option(metavar="DIR", help="The 'fit' component.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The pipeline folder; an existing one is replaced.")],
    text: TextOption = None,
) -> None:
    """Puts trained components together into one folder for SmartMaskPipeline.from_pretrained."""
    from smartmask.models.outline import OutlineConfig, OutlineNetwork
    from smartmask.models.place_fit import FitConfig, FitNetwork
    from smartmask.models.placement import OrderConfig, OrderNetwork, PlacementConfig, PlacementNetwork
    from smartmask.models.presets import load_component
    from smartmask.models.prior import PriorConfig, ShapePrior
    from smartmask.models.shape import ShapeConfig, ShapeNetwork
    from smartmask.models.text import TextEncoder
    from smartmask.pipelines.mask import SmartMaskPipeline

    pipeline = SmartMaskPipeline(
        TextEncoder.from_pretrained(text or _bundled_text()),
        load_component(shape, ShapeNetwork, ShapeConfig),
        load_component(placement, PlacementNetwork, PlacementConfig),
        load_component(order, OrderNetwork, OrderConfig),
        load_component(prior, ShapePrior, PriorConfig),
        load_component(outline, OutlineNetwork, OutlineConfig),
        load_component(fit, FitNetwork, FitConfig),
    )
    pipeline.save_pretrained(out)
    print(out)
