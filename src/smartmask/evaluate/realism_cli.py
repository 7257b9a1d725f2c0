"""``smartmask eval realism`` and ``smartmask eval judge``: sets of masks beside real ones, and the network for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from smartmask.evaluate.console import (
    DataOption,
    JsonOption,
    LicencesOption,
    LimitOption,
    MemoryOption,
    OutOption,
    SourcesOption,
    SplitOption,
    finish,
    heading,
    listed,
    progress,
)
from smartmask.options import WeightsOption

JudgeOption = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Evaluation network ('smartmask eval judge'); else the bundled.")
]


def realism(
    data: DataOption,
    split: SplitOption = "test",
    limit: LimitOption = 500,
    guidance: Annotated[str, typer.Option(help="Of box, blob, scribble, mask, point, none.")] = "box",
    sources: SourcesOption = "voc,coco",
    systems: Annotated[str, typer.Option(help="Of pipeline and the baselines.")] = "pipeline,retrieval,ellipse",
    min_area: Annotated[float, typer.Option(help="Smallest object, as a share of the image.")] = 0.01,
    seed: Annotated[int, typer.Option(help="Of objects, samples, halves and folds.")] = 0,
    folds: Annotated[int, typer.Option(min=2, help="Folds of the classifier that tells generated from real.")] = 5,
    steps: Annotated[int, typer.Option(min=1, help="Training steps of that classifier a fold.")] = 300,
    judge: JudgeOption = None,
    memory: MemoryOption = None,
    licences: LicencesOption = None,
    weights: WeightsOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """How real masks look as a set: Frechet and kernel distances beside their floor, and a classifier's AUC."""
    from smartmask.data.pack import Pack
    from smartmask.evaluate.answers import answers, realism_lines
    from smartmask.evaluate.benchmark import cases
    from smartmask.evaluate.judge import load_judge
    from smartmask.evaluate.realism import realism_report
    from smartmask.evaluate.report import machine
    from smartmask.evaluate.systems import assemble, system_names
    from smartmask.evaluate.targets import Protocol, find_targets

    protocol = Protocol(
        split=split, sources=listed(sources), limit=limit or None, min_area=min_area, seed=seed, guidance=(guidance,)
    )
    names = system_names(listed(systems), protocol.guidance)
    network = load_judge(judge)
    pack = Pack(data)
    targets = find_targets(pack, protocol)
    asked = assemble(names, pack, protocol, weights, memory, licences)
    with progress("objects", len(targets)) as advance:
        pictures, empty = answers(cases(pack, targets, protocol), asked.systems, seed, advance)
    with progress("folds", folds * len(asked.systems)) as advance:
        found = realism_report(pictures, network, folds, steps, seed, advance)
    report: dict[str, Any] = {
        **heading("realism"),
        "machine": machine(),
        **asked.about,
        "judge": str(judge or "bundled"),
        "split": split,
        "guidance": guidance,
        "rules": protocol.rules(),
        "folds": folds,
        "steps": steps,
        "empty": empty,
        **found,
    }
    finish("realism", report, realism_lines(report), out, as_json)


def judge(
    data: DataOption,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the network and judge.json.")],
    sources: SourcesOption = "voc,coco",
    min_area: Annotated[float, typer.Option(help="Smallest object, as a share of the image.")] = 0.01,
    steps: Annotated[int, typer.Option(min=1, help="Training steps.")] = 6000,
    least: Annotated[int, typer.Option(min=1, help="Training objects that a class needs.")] = 100,
    seed: Annotated[int, typer.Option(help="Of the initial weights and the order of samples.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Train the evaluation network on the training split's real masks; its accuracy on the development split."""
    from smartmask.data.pack import Pack
    from smartmask.evaluate.report import machine
    from smartmask.evaluate.silhouettes import real_silhouettes
    from smartmask.evaluate.targets import Protocol, admitted
    from smartmask.evaluate.train_judge import JudgeRecipe, judge_report, train_judge
    from smartmask.models.presets import save_component
    from smartmask.results import staging

    protocol = Protocol(sources=listed(sources), min_area=min_area)
    recipe = JudgeRecipe(steps=steps, least=least, seed=seed)
    pack = Pack(data)
    train, unseen = (real_silhouettes(pack, admitted(pack, protocol, split)) for split in ("train", "dev"))
    with staging(out) as folder:
        with progress("steps", steps) as advance:
            network = train_judge(train, recipe, advance)
        save_component(folder / "network", network, network.config)
    found = {**heading("judge"), "machine": machine(), **judge_report(network, recipe, train, unseen)}
    lines = [
        f"{found['trained_on']} training objects of {len(found['classes'])} classes, {found['parameters']} parameters",
        f"on {found['unseen']} unseen real objects of the development split: accuracy "
        "{:.3f} [{:.3f}, {:.3f}]".format(*found["accuracy"]),
        f"macro over classes: {found['macro_accuracy']:.3f} (chance {found['chance']:.3f})",
    ]
    finish("judge", found, lines, out, as_json)
