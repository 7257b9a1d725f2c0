"""``smartmask eval scene``, ``order`` and ``sense``: what scenes tell of shapes, of depth, and what things rest on."""

from __future__ import annotations

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


def scene(
    data: DataOption,
    split: SplitOption = "test",
    limit: LimitOption = 300,
    whole: Annotated[int, typer.Option(help="Whole objects, reported apart; 0: those among the limit.")] = 240,
    sources: SourcesOption = "voc,coco",
    systems: Annotated[str, typer.Option(help="Of pipeline and the baselines, which see no scene.")] = "pipeline,cover",
    swaps: Annotated[int, typer.Option(min=1, help="Other scenes an object is asked about in; their mean counts.")] = 1,
    num_masks: Annotated[int, typer.Option(min=2, help="Samples an object.")] = 8,
    min_area: Annotated[float, typer.Option(help="Smallest object, as a share of the image.")] = 0.01,
    seed: Annotated[int, typer.Option(help="Of objects and samples.")] = 0,
    memory: MemoryOption = None,
    licences: LicencesOption = None,
    weights: WeightsOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Overlap in the true scene beside a like object's scene and none, same box and seeds: what the scene tells."""
    from smartmask.data.pack import Pack
    from smartmask.data.targets import Protocol, draw_sample
    from smartmask.evaluate.benchmark import cases
    from smartmask.evaluate.report import machine
    from smartmask.evaluate.scene_nats import nats_lines, nats_report, nats_rows, teller_of
    from smartmask.evaluate.scene_use import Donors, scene_lines, scene_report, scene_rows
    from smartmask.evaluate.systems import assemble, system_names

    protocol = Protocol(
        split=split, sources=listed(sources), limit=limit or None, whole=whole, min_area=min_area,
        num_masks=num_masks, seed=seed,
    )  # fmt: skip
    names = system_names(listed(systems), protocol.guidance)
    pack = Pack(data)
    sample = draw_sample(pack, protocol)
    asked = assemble(names, pack, protocol, weights, memory, licences)
    with progress("objects", len(sample.targets)) as advance:
        questions = cases(pack, sample.targets, protocol)
        donors = Donors(pack, protocol)
        rows = scene_rows(questions, asked.systems, donors, swaps, advance)
    found = scene_report(rows, sample)
    teller = teller_of(asked.pipe)
    told = [] if teller is None else nats_rows(cases(pack, sample.targets, protocol), teller, donors)
    nats = nats_report(told, sample)
    report = {
        **heading("scene"),
        "machine": machine(),
        **asked.about,
        "split": split,
        "swaps": swaps,
        "rules": protocol.rules(),
        "results": found,
        "nats": nats,
    }
    lines = [
        f"# Scene: exact box, {num_masks} masks an object, all in the box hidden",
        "",
        f"smartmask {report['version']}, `{report['command']}`; weights: {report['weights']}; memory: "
        f"{report['memory']}; split {split}.",
        "IoU in the object's own box, 64 x 64. Swapped: the scene of another object of the same name and set whose box "
        f"lies most alike{f' (mean of {swaps})' if swaps > 1 else ''}. 95 % bootstrap by image.",
        "",
        *scene_lines(found),
        *(nats_lines(nats) if nats else []),
    ]
    finish("scene", report, lines, out, as_json)


def order(
    data: DataOption,
    split: SplitOption = "test",
    scenes: Annotated[int, typer.Option(min=2, help="Composed scenes.")] = 400,
    sources: SourcesOption = "voc,coco",
    annotated: Annotated[str, typer.Option(help="Source with annotated depth, reported apart.")] = "cocoa",
    seed: Annotated[int, typer.Option(help="Of the composition.")] = 0,
    weights: WeightsOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """In front or behind: balanced accuracy in composed scenes of known depth, beside simple rules on boxes."""
    from smartmask.data.pack import Pack
    from smartmask.data.targets import Protocol
    from smartmask.evaluate.order import (
        HEURISTICS,
        annotated_questions,
        composed_questions,
        order_lines,
        order_report,
        pipeline_order,
    )
    from smartmask.evaluate.report import machine
    from smartmask.evaluate.systems import load_pipeline

    protocol = Protocol(split=split, sources=listed(sources), limit=None, seed=seed)
    pack = Pack(data)
    systems = {"pipeline": pipeline_order(load_pipeline(weights)), **HEURISTICS}
    questions = []
    with progress("scenes", scenes) as advance:
        for question in composed_questions(pack, protocol, scenes):
            questions.append(question)
            advance()
    report: dict[str, Any] = {
        **heading("order"),
        "machine": machine(),
        "weights": str(weights or "bundled"),
        "split": split,
        "seed": seed,
        "composed": order_report(questions, systems),
        "annotated": {},
    }
    lines = [
        f"# Order: smartmask {report['version']}, `{report['command']}`",
        "",
        f"Weights: {report['weights']}; split {split}. Balanced accuracy: mean of the shares right among pairs truly "
        "in front and truly behind; 95 % bootstrap by image. Composed objects stand in front of all in half of the "
        "scenes, and by their lower edge in the others.",
        "",
        *order_lines("Composed scenes", report["composed"]),
    ]
    by_split: dict[str, list[Any]] = {}
    for where, question in annotated_questions(pack, annotated):
        by_split.setdefault(where, []).append(question)
    for where, some in by_split.items():
        report["annotated"][where] = order_report(some, systems)
        lines += order_lines(f"{annotated}, {where} split, annotated depth", report["annotated"][where])
    finish("order", report, lines, out, as_json)


def sense(
    data: DataOption,
    split: SplitOption = "test",
    limit: LimitOption = 200,
    sources: SourcesOption = "coco_panoptic",
    systems: Annotated[str, typer.Option(help="Of pipeline and the baselines.")] = "pipeline,retrieval",
    num_masks: Annotated[int, typer.Option(min=2, help="Samples an object.")] = 8,
    min_area: Annotated[float, typer.Option(help="Smallest object, as a share of the image.")] = 0.01,
    seed: Annotated[int, typer.Option(help="Of objects and samples.")] = 0,
    memory: MemoryOption = None,
    licences: LicencesOption = None,
    weights: WeightsOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Without a guide: share of people, animals, vehicles and furniture that rest on something, beside real ones."""
    from smartmask.data.pack import Pack
    from smartmask.data.targets import Protocol, choose, find_targets
    from smartmask.evaluate.benchmark import cases
    from smartmask.evaluate.report import machine
    from smartmask.evaluate.sense import kind_of, sense_lines, sense_report
    from smartmask.evaluate.systems import assemble, system_names

    everything = Protocol(
        split=split,
        sources=listed(sources),
        limit=None,
        min_area=min_area,
        num_masks=num_masks,
        seed=seed,
        guidance=("none",),
    )
    names = system_names(listed(systems), everything.guidance)
    pack = Pack(data)
    fitting = [target for target in find_targets(pack, everything) if kind_of(target.name)]
    targets = choose(fitting, limit or None, seed)
    asked = assemble(names, pack, everything, weights, memory, licences)
    with progress("objects", len(targets)) as advance:
        found = sense_report(
            cases(pack, targets, everything),
            lambda case: pack.scene(case.target.record).remove(case.target.layer),
            asked.systems,
            num_masks,
            seed,
            advance,
        )
    report = {
        **heading("sense"),
        "machine": machine(),
        **asked.about,
        "split": split,
        "rules": everything.rules(),
        **found,
    }
    lines = [
        f"# Layout sense: {found['objects']} objects, no guide, {num_masks} masks an object",
        "",
        f"smartmask {report['version']}, `{report['command']}`; weights: {report['weights']}; split {split}.",
        "Share of masks whose lower edge lies on ground or on a thing that carries others, of those that can be "
        "judged; 95 % bootstrap by image.",
        "",
        *sense_lines(found),
    ]
    finish("sense", report, lines, out, as_json)
