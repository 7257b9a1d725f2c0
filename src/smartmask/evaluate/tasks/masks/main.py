"""``masks``: suggestions against real unseen objects, beside the baselines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from smartmask.data.pack import Pack
from smartmask.data.targets import Protocol, Sample, choose, draw_sample, find_targets, is_whole
from smartmask.evaluate.protocol import Benchmark, ObjectSettings, cases, listed
from smartmask.evaluate.report import PARTS, show
from smartmask.evaluate.systems import assemble, system_names
from smartmask.evaluate.tasks.masks.grabcut import GrabCut, find_photos, with_photos
from smartmask.evaluate.tasks.masks.pictures import extremes_sheet
from smartmask.evaluate.tasks.masks.report import build_report, to_csv, to_markdown
from smartmask.evaluate.tasks.masks.rows import run as ask_all
from smartmask.image.curves import curve_svg
from smartmask.image.files import save_png
from smartmask.io.bars import watched
from smartmask.io.publish import save_json, save_text, staging
from smartmask.io.settings import option


class MasksSettings(ObjectSettings):
    """Which objects, guides and systems."""

    limit: int = option(300, "At most so many objects, the same for the same seed; 0: all.")
    whole: int = option(240, "Whole objects, reported apart; 0: those among the limit.")
    guidance: str = option("box", "Of box, blob, scribble, mask, point, none.")
    systems: str | None = option(
        None, "Of pipeline, box-fill, ellipse, class-mean, retrieval, cover, cover-400, guide, holes."
    )
    steps: int | None = option(None, "Denoising steps, for models that have some.")
    photos: Path | None = option(
        None, "The packed folder: adds GrabCut; only objects with a photo count.", metavar="ROOT"
    )


def run(settings: MasksSettings) -> None:
    """Suggestions against real unseen objects, whole ones apart: IoU, boundary F, diversity, obedience, place.

    Everything inside the object's box is hidden from every system; the baselines use outlines of the same memory.
    Writes report.json, report.md, objects.csv, and for each kind of guide a sheet (best, median and worst objects)
    and a plot of best-of-n curves into --out.
    """
    # 1. What to ask, of whom: cheap, and everything that can be wrong with the input.
    kinds = listed(settings.guidance)
    protocol = settings.protocol(limit=settings.limit or None, whole=settings.whole, guidance=kinds)
    names = system_names(None if settings.systems is None else listed(settings.systems), kinds)
    pack = Pack(settings.data)
    sample, sighted = _objects(pack, protocol, settings.photos)
    steps = {} if settings.steps is None else {"num_inference_steps": settings.steps}
    asked = assemble(names, pack, protocol, settings, **steps)

    # 2. The run.
    questions = watched("objects", cases(pack, sample.targets, protocol), len(sample.targets) * len(kinds))
    rows = ask_all(questions, asked.systems, protocol, sighted)

    # 3. The report.
    extra = {
        **asked.about,
        "objects_of_unknown_class": sum(not asked.bank.outlines.knows(t.name) for t in sample.targets),
        "photographs": None if settings.photos is None else "only objects with a photograph count",
    }
    report = build_report(rows, sample, protocol, extra)
    page = to_markdown(report)
    if settings.out is not None:
        with staging(settings.out) as folder:
            save_text(page, folder / "report.md")
            save_text(to_csv(rows), folder / "objects.csv")
            for kind, parts in report["results"].items():
                save_png(extremes_sheet(kind, rows, pack, protocol), folder / f"sheet_{kind}.png")
                for part, figures in parts.items():
                    plot = curve_svg(figures, f"IoU in the own box, best of k, guidance {kind}, {PARTS[part]}")
                    save_text(plot, folder / f"curves_{kind}_{part}.svg")
            save_json(report, folder / "report.json")
    show(report, [page], settings)


def _objects(pack: Pack, protocol: Protocol, photos: Path | None) -> tuple[Sample, GrabCut | None]:
    """The objects to ask about, and what looks at their photographs."""
    if photos is None:
        return draw_sample(pack, protocol), None
    if "box" not in protocol.guidance:
        raise ValueError(f"GrabCut needs an exact box, not {', '.join(protocol.guidance)}; leave --photos out.")
    paths = find_photos(photos, protocol.sources)
    every = with_photos(pack, find_targets(pack, replace(protocol, limit=None)), paths)
    chosen = choose(every, protocol.limit, protocol.seed)
    return Sample(tuple(chosen), tuple(t for t in chosen if is_whole(pack, t))), GrabCut(pack, paths)


BENCHMARK = Benchmark("masks", MasksSettings, run)
