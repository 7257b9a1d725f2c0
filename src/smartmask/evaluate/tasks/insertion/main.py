"""``insertion``: real objects inserted again, our masks beside the papers' and controls."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.data.discover import Source
from smartmask.evaluate.baselines import BASELINES, ShapeBank
from smartmask.evaluate.protocol import SPLIT, WEIGHTS, Benchmark, ReportSettings, listed
from smartmask.evaluate.report import heading, machine, show
from smartmask.evaluate.systems import PipelineSystem, load_pipeline
from smartmask.evaluate.tasks.insertion.makers import (
    OURS,
    PLAIN,
    InpaintThenSegment,
    MaskMaker,
    OwnMask,
    Painter,
    SystemMaker,
)
from smartmask.evaluate.tasks.insertion.objects import (
    InsertionProtocol,
    Task,
    find_tasks,
    make_task,
    photo_sources,
    train_shapes,
)
from smartmask.evaluate.tasks.insertion.report import build_report, sheet, tiles_of, to_csv, to_markdown
from smartmask.evaluate.tasks.insertion.rows import InsertionRow, Judges
from smartmask.evaluate.tasks.insertion.rows import run as insert_all
from smartmask.image.files import save_png
from smartmask.io.bars import watched
from smartmask.io.package import BUNDLED_MASKS
from smartmask.io.publish import save_json, save_text, staging
from smartmask.io.reading import read_bytes
from smartmask.io.settings import option, required
from smartmask.metrics.pretrained import BoxSegmenter, ClipScore, load_features

MAKERS = (OURS, "unranked", "box", "ellipse", "same-area", "class-mean", "retrieval", "exact")  # in this order
SHOWN = (OURS, "box", "same-area", "class-mean")  # on the page of pictures


class InsertionSettings(ReportSettings):
    """The photographs, whose masks, what paints and what judges."""

    data: str = required("Photographs with objects: COCO, Penn-Fudan, or both.", metavar="FOLDER")
    inpainter: str | None = option(None, "A folder or hub name of a model that paints inside masks.", metavar="NAME")
    features: str | None = option(
        None, "Weights of FID's Inception, or a vision model; for FID and Local-FID.", metavar="NAME"
    )
    clip: str | None = option(None, "A CLIP model for the CLIP score.", metavar="NAME")
    segmenter: str | None = option(None, "A SAM or SAM-HQ for inpaint-then-segment.", metavar="NAME")
    makers: str = option(",".join(MAKERS), "Whose masks, separated by commas.")
    split: str = SPLIT
    limit: int = option(100, "At most so many objects, the same for the same seed; 0: all.")
    min_area: float = option(0.01, "Smallest object, as a share of the image.")
    num_masks: int = option(8, "Candidates of the pipeline; the best ranked is painted.")
    seed: int = option(0, "Of the choice of objects, masks and paint.")
    steps: int | None = option(None, "Steps of painting; the inserter's own by default.")
    guidance_scale: float | None = option(None, "Weight of the text in painting.")
    device: str | None = option(None, "Where inserter and judges run: cpu, cuda, ...")
    dtype: str | None = option(None, "The inserter's numbers: float32, float16 or bfloat16.")
    controlnet: str | None = option(None, "Its segmentation ControlNet.", metavar="NAME")
    pictures: bool = option(False, "Also write every painted picture, for 'ab'.", flags=("--pictures",))
    shown: int = option(16, "Objects on the page of pictures.", ge=1)
    weights: Path | None = WEIGHTS


def run(settings: InsertionSettings) -> None:
    """Real objects inserted again: what our mask spares of the background beside the papers' whole box.

    Without --inpainter only the figures that need none are reported. Writes insertion.json, insertion.md,
    objects.csv and sheet.png into --out.
    """
    # 1. What to ask, of whom: everything that can be wrong with the input.
    asked = settings
    protocol = InsertionProtocol(asked.split, asked.limit or None, asked.min_area, asked.num_masks, asked.seed)
    names = _maker_names(asked.makers)
    _check(asked)
    sources = photo_sources(asked.data)
    left_out: list[ValueError] = []
    chosen = find_tasks(sources, protocol, left_out.append)
    painter, judges = _painter(asked), _judges(asked)
    makers = _makers(names, sources, protocol, painter, asked)

    # 2. The run.
    with nullcontext() if asked.out is None else staging(asked.out) as folder:
        page = _Page(min(asked.shown, len(chosen)), folder if asked.pictures else None)
        tasks = (page.next(make_task(*item, protocol)) for item in watched("objects", chosen))
        rows, gallery = insert_all(tasks, makers, painter, judges, page.keep)

        # 3. The report.
        models: dict[str, Any] = {"weights": None, "weights_digest": None}
        if OURS in names:
            models = {"weights": str(asked.weights or "bundled"), "weights_digest": _digest(asked.weights)}
        models |= {name: getattr(asked, name) for name in ("inpainter", "features", "clip", "segmenter")}
        about = {**heading("insertion"), "machine": machine(), **models, "pictures_left_out": len(left_out)}
        report = build_report(rows, protocol, gallery, about)
        if folder is not None:
            _save(folder, report, rows, page)
    show(report, [to_markdown(report).rstrip()], asked)


def _check(settings: InsertionSettings) -> None:
    pictures = settings.pictures or None
    needing = {"--features": settings.features, "--clip": settings.clip, "--segmenter": settings.segmenter}
    lonely = [flag for flag, value in {**needing, "--pictures": pictures}.items() if value is not None]
    if settings.inpainter is None and lonely:
        raise ValueError(f"{lonely[0]} judges painted pictures, but nothing paints; name an --inpainter too.")
    if pictures and settings.out is None:
        raise ValueError("--pictures needs a folder to write to; give --out too.")


class _Page:
    """Keeps what the page of pictures shows, and writes painted pictures as they come."""

    def __init__(self, shown: int, folder: Path | None) -> None:
        self.shown, self.folder = shown, folder
        self.tasks: list[Task] = []
        self.painted: list[dict[str, np.ndarray]] = []
        self.labels: dict[str, str] = {}
        self.count = 0

    def next(self, task: Task) -> Task:
        self.count += 1
        if len(self.tasks) < self.shown:
            self.tasks.append(task)
            self.painted.append({})
        return task

    def keep(self, task: Task, maker: str, picture: np.ndarray) -> None:
        if self.tasks and task is self.tasks[-1]:
            self.painted[-1][maker] = picture
        if self.folder is not None:
            folder = self.folder / "pictures" / "".join(c for c in maker.replace(" ", "-") if c.isalnum() or c == "-")
            name = f"{self.count:04d}_{task.target.source}_{task.target.key}"
            self.labels[name] = task.name
            save_png(picture, folder / f"{name}.png")


def _save(folder: Path, report: dict[str, Any], rows: Sequence[InsertionRow], page: _Page) -> None:
    makers = list(dict.fromkeys(row.maker for row in rows))
    shown = [name for name in makers if name in SHOWN]
    columns = []
    for number, (task, painted) in enumerate(zip(page.tasks, page.painted, strict=True)):
        of_task = {row.maker: row for row in rows[number * len(makers) : (number + 1) * len(makers)]}
        columns.append(tiles_of(task, of_task, shown, painted))
    save_png(sheet(columns), folder / "sheet.png")
    save_text(to_markdown(report), folder / "insertion.md")
    save_text(to_csv(rows), folder / "objects.csv")
    if page.labels:
        save_json(page.labels, folder / "pictures" / "labels.json")
    save_json(report, folder / "insertion.json")


def _digest(weights: Path | None) -> str:
    """The first 12 digits of the SHA-256 of all weight files, so that a report says which version it measured."""
    total = hashlib.sha256()
    for file in sorted((weights or BUNDLED_MASKS).rglob("*.safetensors")):
        total.update(read_bytes(file, "weights", "weights_mb"))
    return total.hexdigest()[:12]


def _maker_names(text: str) -> list[str]:
    names = listed(text)
    unknown = [name for name in names if name not in MAKERS]
    if unknown or not names:
        raise ValueError(f"There is no mask maker '{', '.join(unknown)}'; use some of {', '.join(MAKERS)}.")
    copies = [name for name in ("same-area", "unranked") if name in names]
    if copies and OURS not in names:
        raise ValueError(f"The maker '{copies[0]}' goes by smartmask's masks; name 'smartmask' too.")
    return [name for name in MAKERS if name in names]


def _painter(settings: InsertionSettings) -> Painter | None:
    if settings.inpainter is None:
        return None
    if settings.inpainter == "paste":
        raise ValueError("The inserter 'paste' draws no object of its own; name a model that paints.")
    from smartmask.insertion.load import load_inpainter

    loader = {name: getattr(settings, name) for name in ("device", "dtype", "controlnet")}
    given = {key: value for key, value in loader.items() if value is not None}
    inpainter = load_inpainter(settings.inpainter, **given)
    return Painter(inpainter, steps=settings.steps, guidance_scale=settings.guidance_scale)


def _judges(settings: InsertionSettings) -> Judges:
    features, clip, where = settings.features, settings.clip, settings.device or "cpu"
    return Judges(
        None if features is None else load_features(features, where),
        None if clip is None else ClipScore.from_pretrained(clip, where),
    )


def _makers(
    names: Sequence[str], sources: Sequence[Source], protocol: InsertionProtocol, painter: Painter | None,
    settings: InsertionSettings,
) -> list[MaskMaker]:  # fmt: skip
    """The makers by name, then those that the inpainter allows."""
    found: list[MaskMaker] = []
    bank = None
    for name in names:
        if name in PLAIN:
            found.append(PLAIN[name])
        elif name == OURS:
            found.append(SystemMaker(name, PipelineSystem(load_pipeline(settings.weights)), protocol.num_masks))
        else:
            bank = bank or ShapeBank.from_layers(train_shapes(sources, protocol))
            found.append(SystemMaker(name, BASELINES[name](bank)))
    if painter is not None:
        found.append(OwnMask(painter))
        if settings.segmenter is not None:
            segmenter = BoxSegmenter.from_pretrained(settings.segmenter, settings.device or "cpu")
            found.append(InpaintThenSegment(painter, segmenter))
    return found


BENCHMARK = Benchmark("insertion", InsertionSettings, run)
