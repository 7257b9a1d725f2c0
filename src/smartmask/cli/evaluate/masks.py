"""``smartmask eval masks``: suggestions against real unseen objects, beside the baselines."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    command_line,
    listed,
    progress,
)
from smartmask.cli.options import WeightsOption

if TYPE_CHECKING:
    from smartmask.data.pack import Pack
    from smartmask.data.targets import Protocol, Sample
    from smartmask.evaluate.benchmark import Row
    from smartmask.evaluate.grabcut import GrabCut


def masks(
    data: DataOption,
    split: SplitOption = "test",
    limit: LimitOption = 300,
    whole: Annotated[int, typer.Option(help="Whole objects, reported apart; 0: those among the limit.")] = 240,
    guidance: Annotated[str, typer.Option(help="Of box, blob, scribble, mask, point, none.")] = "box",
    sources: SourcesOption = "voc,coco",
    systems: Annotated[
        str | None,
        typer.Option(help="Of pipeline, box-fill, ellipse, class-mean, retrieval, cover, cover-400, guide, holes."),
    ] = None,
    num_masks: Annotated[int, typer.Option(help="Samples an object.")] = 8,
    min_area: Annotated[float, typer.Option(help="Smallest object, as a share of the image.")] = 0.01,
    seed: Annotated[int, typer.Option(help="Of the choice of objects, guides and samples.")] = 0,
    steps: Annotated[int | None, typer.Option(help="Denoising steps, for models that have some.")] = None,
    photos: Annotated[
        Path | None,
        typer.Option(metavar="ROOT", help="The packed folder: adds GrabCut; only objects with a photo count."),
    ] = None,
    memory: MemoryOption = None,
    licences: LicencesOption = None,
    weights: WeightsOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Suggestions against real unseen objects, whole ones apart: IoU, boundary F, diversity, obedience, place.

    Everything inside the object's box is hidden from every system; the baselines use outlines of the same memory.
    Writes report.json, report.md, objects.csv, and for each kind of guide a sheet (best, median and worst objects)
    and a plot of best-of-n curves into --out.
    """
    from smartmask.data.pack import Pack
    from smartmask.data.targets import Protocol
    from smartmask.evaluate.benchmark import cases, run
    from smartmask.evaluate.report import build_report
    from smartmask.evaluate.report_text import to_markdown
    from smartmask.evaluate.systems import assemble, system_names

    # 1. What to ask, of whom: cheap, and everything that can be wrong with the input.
    protocol = Protocol(
        split=split,
        sources=listed(sources),
        limit=limit or None,
        whole=whole,
        min_area=min_area,
        num_masks=num_masks,
        seed=seed,
        guidance=listed(guidance),
    )
    names = system_names(None if systems is None else listed(systems), protocol.guidance)
    pack = Pack(data)
    sample, sighted = _objects(pack, protocol, photos)
    asked = assemble(names, pack, protocol, weights, memory, licences, steps)

    # 2. The run.
    questions = cases(pack, sample.targets, protocol)
    with progress("objects", len(sample.targets) * len(protocol.guidance)) as advance:
        rows = run(questions, asked.systems, protocol, advance, sighted)

    # 3. The report.
    unknown = sum(not asked.bank.outlines.knows(t.name) for t in sample.targets)
    extra = {
        **asked.about,
        "objects_of_unknown_class": unknown,
        "photographs": None if photos is None else "only objects with a photograph count",
    }
    report = build_report(rows, sample, protocol, command_line(), extra)
    if out is not None:
        _save(out, report, rows, pack, protocol)
    print(json.dumps(report, indent=2) if as_json else to_markdown(report))


def _objects(pack: Pack, protocol: Protocol, photos: Path | None) -> tuple[Sample, GrabCut | None]:
    """The objects to ask about, and what looks at their photographs."""
    from smartmask.data.targets import Sample, choose, draw_sample, find_targets, is_whole
    from smartmask.evaluate.grabcut import GrabCut, find_photos, with_photos

    if photos is None:
        return draw_sample(pack, protocol), None
    if "box" not in protocol.guidance:
        raise ValueError(f"GrabCut needs an exact box, not {', '.join(protocol.guidance)}; leave --photos out.")
    paths = find_photos(photos, protocol.sources)
    every = with_photos(pack, find_targets(pack, replace(protocol, limit=None)), paths)
    chosen = choose(every, protocol.limit, protocol.seed)
    return Sample(tuple(chosen), tuple(t for t in chosen if is_whole(pack, t))), GrabCut(pack, paths)


def _save(out: Path, report: dict[str, Any], rows: list[Row], pack: Pack, protocol: Protocol) -> None:
    from smartmask.evaluate.curves import curve_svg
    from smartmask.evaluate.report_text import TITLES, to_csv, to_markdown
    from smartmask.image.files import save_png
    from smartmask.io.files import save_json
    from smartmask.io.publish import staging

    with staging(out) as folder:
        (folder / "report.md").write_text(to_markdown(report), encoding="utf-8")
        (folder / "objects.csv").write_text(to_csv(rows), encoding="utf-8")
        for kind, parts in report["results"].items():
            save_png(_sheet(kind, rows, pack, protocol), folder / f"sheet_{kind}.png")
            for part, figures in parts.items():
                plot = curve_svg(figures, f"IoU in the own box, best of k, guidance {kind}, {TITLES[part]}")
                (folder / f"curves_{kind}_{part}.svg").write_text(plot, encoding="utf-8")
        save_json(report, folder / "report.json")


def _sheet(kind: str, rows: list[Row], pack: Pack, protocol: Protocol) -> Any:
    """Best, median and worst objects of the first system, beside the covering baseline (or the last system)."""
    from smartmask.data.targets import make_case
    from smartmask.evaluate.report import COVER
    from smartmask.evaluate.report_text import pick_extremes, sheet

    of_kind = [row for row in rows if row.kind == kind]
    names = list(dict.fromkeys(row.system for row in of_kind))
    other = COVER if COVER in names else names[-1]
    rivals = {(row.target.record, row.target.layer): row for row in of_kind if row.system == other}
    picks = pick_extremes([row for row in of_kind if row.system == names[0]])
    questions = [make_case(pack[row.target.record], row.target, kind, protocol) for row in picks]
    return sheet(picks, questions, [rivals[row.target.record, row.target.layer] for row in picks])
