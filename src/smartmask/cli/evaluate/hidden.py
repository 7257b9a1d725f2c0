"""``smartmask eval hidden``: the part of an object that others or the border hide."""

from __future__ import annotations

from typing import Annotated

import typer

from smartmask.cli.evaluate.console import (
    DataOption,
    JsonOption,
    LicencesOption,
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


def hidden(
    data: DataOption,
    split: SplitOption = "test",
    scenes: Annotated[int, typer.Option(min=1, help="Composed scenes of each kind.")] = 200,
    sources: SourcesOption = "voc,coco",
    num_masks: Annotated[int, typer.Option(min=2, help="Samples an object.")] = 8,
    min_area: Annotated[float, typer.Option(help="Smallest object put together, as a share of its image.")] = 0.02,
    seed: Annotated[int, typer.Option(help="Of the composition and the samples.")] = 0,
    memory: MemoryOption = None,
    licences: LicencesOption = None,
    weights: WeightsOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Overlap of what others or the border hide with the truth, beside outlines put in the box as they are."""
    from smartmask.data.pack import Pack
    from smartmask.data.targets import Protocol
    from smartmask.evaluate.hidden_part import KINDS, asked_behind, hidden_cases, hidden_lines, hidden_report, unfitted
    from smartmask.evaluate.report import machine
    from smartmask.evaluate.systems import PIPELINE, assemble

    protocol = Protocol(
        split=split, sources=listed(sources), limit=None, min_area=min_area, num_masks=num_masks, seed=seed
    )
    pack = Pack(data)
    asked = assemble((PIPELINE,), pack, protocol, weights, memory, licences)
    cases = [case for kind in KINDS for case in hidden_cases(pack, protocol, kind, scenes)]
    systems = {PIPELINE: asked_behind(asked.pipe), "unfitted": unfitted(asked.bank)}
    with progress("scenes", len(cases)) as advance:
        found = hidden_report(cases, systems, num_masks, advance)
    report = {
        **heading("hidden"),
        "machine": machine(),
        **asked.about,
        "split": split,
        "num_masks": num_masks,
        "seed": seed,
        "results": found,
    }
    lines = [
        f"# Hidden parts: {num_masks} masks an object",
        "",
        f"smartmask {report['version']}, `{report['command']}`; weights: {report['weights']}; memory: "
        f"{report['memory']}; split {split}.",
        "Whole unseen objects put into other unseen layouts, 15 to 60 % of each hidden by a third picture's object in "
        "front or by the border. IoU, 95 % bootstrap by image. Unfitted: the class's outlines of the nearest aspect in "
        "the guide's box.",
        "",
        *hidden_lines(found),
    ]
    finish("hidden", report, lines, out, as_json)
