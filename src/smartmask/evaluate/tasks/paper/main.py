"""``paper``: every table and figure of both papers, from a folder of models and one of photographs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smartmask.evaluate.protocol import SPLIT, Benchmark, ReportSettings, listed
from smartmask.evaluate.report import heading, machine, show, table
from smartmask.evaluate.tasks.insertion.objects import InsertionProtocol, find_tasks, photo_sources
from smartmask.evaluate.tasks.paper.cache import Cache
from smartmask.evaluate.tasks.paper.cells import kept_judges
from smartmask.evaluate.tasks.paper.editor_table import editor_table
from smartmask.evaluate.tasks.paper.figure import figure
from smartmask.evaluate.tasks.paper.insertion_table import ablation_table, smartbrush_table, smartmask_table
from smartmask.evaluate.tasks.paper.layout_table import layout_table
from smartmask.evaluate.tasks.paper.mask_table import mask_table
from smartmask.evaluate.tasks.paper.models import Roster, read_models
from smartmask.evaluate.tasks.paper.precision_table import precision_table
from smartmask.evaluate.tasks.paper.published import SMARTBRUSH, SMARTMASK
from smartmask.evaluate.tasks.paper.run import Run, Table
from smartmask.image.files import save_png
from smartmask.io.publish import output_folder, save_json, save_text, staging
from smartmask.io.settings import option, required


@dataclass(frozen=True)
class Entry:
    """A table by its short name: its title, the paper and place that it is of, and what makes it."""

    title: str
    paper: str
    make: Callable[[Run], Table]


HQ_SAM = "the comparison with HQ-SAM and SmartBrush"
TABLES: dict[str, Entry] = {
    "table1": Entry("Insertion: background, quality, text", f"{SMARTMASK}, Table 1", smartmask_table),
    "masks": Entry("Masks beside inpaint-then-segment", f"{SMARTMASK}, {HQ_SAM}", mask_table),
    "editors": Entry("Mask-free insertion beside editors by instruction", f"{SMARTMASK}, Fig. 8", editor_table),
    "layouts": Entry("Layouts for segmentation-to-image", f"{SMARTMASK}, beside scribbled layouts", layout_table),
    "smartbrush": Entry("Inpainting at exact and box masks", f"{SMARTBRUSH}, tables of quality", smartbrush_table),
    "precision": Entry("Precision and how the object fills", f"{SMARTBRUSH}, precision control", precision_table),
    "ablation": Entry("SmartBrush by the parts it was trained with", f"{SMARTBRUSH}, ablation", ablation_table),
    "figure": Entry("Photographs, layouts, masks, insertions", "both papers' qualitative figures", figure),
}
RANDOM = (
    "**Some of these models say that their weights are random. Rows with them prove that the path runs, and nothing "
    "else: no figure of theirs says anything of the method.**"
)


class PaperSettings(ReportSettings):
    """Which models, which photographs, which tables."""

    models: Path = required("A folder of models, or a file that names them.", metavar="FOLDER|YAML")
    data: str = required("Photographs with objects: COCO, Penn-Fudan, or both.", metavar="FOLDER")
    out: Path = required("Folder for the report, pages and what is kept.", metavar="DIR")
    only: str = option("all", f"Some of {', '.join(TABLES)}.", metavar="NAMES")
    split: str = SPLIT
    limit: int = option(100, "At most so many objects, the same for the same seed; 0: all.", ge=0)
    min_area: float = option(0.01, "Smallest object, as a share of the image.")
    num_masks: int = option(8, "Candidates of a mask model; the best ranked counts.")
    seed: int = option(0, "Of the choice of objects, masks and paint.")
    steps: int | None = option(None, "Steps of painting; each model's own by default.")
    guidance_scale: float | None = option(None, "Weight of the text in painting.")
    device: str | None = option(None, "Where models run: cpu, cuda, ...")
    dtype: str | None = option(None, "The inserters' numbers: float32, float16 or bfloat16.")
    fold_steps: int = option(300, "Training steps a fold of the critic that tells masks apart.", ge=1)
    pictures: bool = option(False, "Also DIR/pictures: finished ones, for 'study make'.", flags=("--pictures",))
    shown: int = option(8, "Objects on pages of pictures.", ge=1)


def run(settings: PaperSettings) -> None:
    """Every table and figure of both papers that the models allow, the published rows beside.

    What is made is kept in DIR/cache: a run that was killed goes on, and a further table makes nothing anew.
    """
    # 1. What to make, of what: everything that can be wrong with the input.
    names = _tables(settings.only)
    roster = read_models(settings.models)
    protocol = InsertionProtocol(
        settings.split, settings.limit or None, settings.min_area, settings.num_masks, settings.seed
    )
    sources = photo_sources(settings.data)
    left_out: list[ValueError] = []
    found = find_tasks(sources, protocol, left_out.append)
    cache = Cache(output_folder(settings.out / "cache"))
    device = settings.device or "cpu"
    judges = kept_judges(roster.one("features"), roster.one("clip"), cache, device)
    pictures = settings.out / "pictures" if settings.pictures else None
    work = Run(
        roster, sources, found, protocol, judges, cache, device, settings.dtype, settings.steps,
        settings.guidance_scale, settings.shown, settings.fold_steps, pictures,
    )  # fmt: skip

    # 2. The tables.
    tables = {name: TABLES[name].make(work) for name in names}

    # 3. The report.
    report = {
        **heading("paper"),
        "machine": machine(),
        "models": [model.as_dict() for model in roster.models],
        "protocol": protocol.as_dict(),
        "objects": len(found),
        "images": len({f"{target.source}/{target.key}" for _, target in found}),
        "pictures_left_out": len(left_out),
        "made": cache.made,
        "kept": cache.found,
        "tables": {name: {"data": made.data, "notes": made.notes} for name, made in tables.items()},
    }
    lines = to_lines(report, tables, roster)
    if pictures is not None and work.labels:
        save_json(work.labels, output_folder(pictures) / "labels.json")
    with staging(settings.out, adding=True) as folder:
        save_text("\n".join(lines) + "\n", folder / "paper.md")
        save_json(report, folder / "paper.json")
        for made in tables.values():
            for page, picture in made.pictures.items():
                save_png(picture, folder / f"{page}.png")
    show(report, lines, settings)


def _tables(text: str) -> list[str]:
    names = list(TABLES) if text == "all" else list(listed(text))
    unknown = [name for name in names if name not in TABLES]
    if unknown or not names:
        raise ValueError(f"There is no table '{', '.join(unknown)}'; use some of {', '.join(TABLES)}.")
    return [name for name in TABLES if name in names]


def to_lines(report: Mapping[str, Any], tables: Mapping[str, Table], roster: Roster) -> list[str]:
    """The page of Markdown: models and what they say of themselves, rules, then each table with its notes."""
    lines = ["# The papers' tables", ""]
    lines += [f"smartmask {report['version']}, `{report['command']}`.", ""]
    lines += [f"{report['objects']} objects in {report['images']} photographs.", ""]
    if any(model.random for model in roster.models):
        lines += [RANDOM, ""]
    rows = [[m.name, m.role, m.kind or "-", m.card or "says nothing of itself"] for m in roster.models]
    lines += [*table(["model", "role", "class", "its card"], rows), ""]
    lines += [f"- {rule}" for rule in report["protocol"]["rules"]]
    for name, made in tables.items():
        entry = TABLES[name]
        lines += ["", f"## {entry.title}", "", f"`--only {name}`: {entry.paper}.", "", *made.lines, ""]
        lines += [f"- {note}" for note in made.notes]
        lines += [f"- Page: {page}.png" for page in made.pictures]
    return lines


BENCHMARK = Benchmark("paper", PaperSettings, run)
