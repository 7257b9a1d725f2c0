"""``smartmask eval realism`` and ``smartmask eval judge``: sets of masks beside real ones, and the network for it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from smartmask.cli.evaluate.console import (
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
from smartmask.cli.options import WeightsOption

JudgeOption = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Evaluation network ('smartmask eval judge'); else the bundled.")
]
OutlinesOption = Annotated[
    Path | None,
    typer.Option(metavar="TABLE", help="Curated outlines (outlines.parquet); else the pack's own whole objects."),
]


def realism(
    data: DataOption,
    outlines: OutlinesOption = None,
    split: SplitOption = "test",
    limit: LimitOption = 800,
    sources: SourcesOption = "voc,coco",
    systems: Annotated[str, typer.Option(help="Of pipeline and the baselines.")] = "pipeline,cover,retrieval",
    num_masks: Annotated[int, typer.Option(min=2, help="Suggestions a box, of which one is looked at.")] = 8,
    min_area: Annotated[float, typer.Option(help="Smallest object of the pack, as a share of the image.")] = 0.01,
    smallest: Annotated[int, typer.Option(help="Pixels of a real outline's longer side, at least.")] = 48,
    seed: Annotated[int, typer.Option(help="Of outlines, suggestions, halves and folds.")] = 0,
    folds: Annotated[int, typer.Option(min=2, help="Folds of the classifier that tells suggested from real.")] = 5,
    steps: Annotated[int, typer.Option(min=1, help="Training steps of that classifier a fold.")] = 300,
    judge: JudgeOption = None,
    memory: MemoryOption = None,
    licences: LicencesOption = None,
    weights: WeightsOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """One random suggestion of 8 told from whole outlines kept apart: AUC, over that of random remembered ones."""
    from smartmask.data.pack import Pack
    from smartmask.data.targets import Protocol
    from smartmask.evaluate.memories import curated_outlines, whole_outlines
    from smartmask.evaluate.realism import realism_report
    from smartmask.evaluate.realism_sets import gather, in_shares, known_share, requests
    from smartmask.evaluate.realism_text import realism_lines, shares_of
    from smartmask.evaluate.report import RANDOM, machine
    from smartmask.evaluate.systems import assemble, system_names
    from smartmask.metrics.judge import load_judge

    protocol = Protocol(
        split=split, sources=listed(sources), limit=limit or None, min_area=min_area, num_masks=num_masks, seed=seed
    )
    names = system_names(listed(systems), protocol.guidance)
    network = load_judge(judge)
    pack = Pack(data)
    real = whole_outlines(pack, protocol, split) if outlines is None else curated_outlines(outlines, split)
    asked = assemble(names, pack, protocol, weights, memory, licences)
    remembered = asked.bank.outlines
    chosen = in_shares(real, remembered, limit or len(real), seed, smallest)
    questions = list(requests(pack, protocol, real, chosen.tolist()))
    with progress("outlines", len(questions)) as advance:
        gathered = gather(questions, asked.systems, num_masks, advance)
    with progress("folds", folds * len(asked.systems)) as advance:
        found = realism_report(gathered.pictures, network, folds, steps, seed, RANDOM, advance)
    known = {name: float(known_share(some, remembered).mean()) for name, some in gathered.shapes.items()}
    report: dict[str, Any] = {
        **heading("realism"),
        "machine": machine(),
        **asked.about,
        "kept_apart": real.about,
        "judge": str(judge or "bundled"),
        "split": split,
        "folds": folds,
        "steps": steps,
        "num_masks": num_masks,
        "in_scene": sum(question.in_scene for question in questions),
        "sets": shares_of(real.sets[chosen], remembered.sets),
        "near_a_remembered_one": {name: round(share, 4) for name, share in known.items()},
        "empty": gathered.empty,
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
    from smartmask.data.silhouettes import real_silhouettes
    from smartmask.data.targets import Protocol, admitted
    from smartmask.evaluate.report import machine
    from smartmask.io.components import save_component
    from smartmask.io.publish import staging
    from smartmask.train.tasks.judge import JudgeRecipe, judge_report, train_judge

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
