"""``smartmask eval insertion``, ``paper-table``, ``ab`` and ``ab-score``: insertions measured, tabled and voted on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smartmask.cli.evaluate.console import JsonOption, OutOption, SplitOption, heading, listed, progress
from smartmask.cli.options import WeightsOption

if TYPE_CHECKING:
    import numpy as np

    from smartmask.evaluate.insertion import Judges
    from smartmask.evaluate.insertion_tasks import InsertionProtocol, Task
    from smartmask.evaluate.mask_makers import MaskMaker, Painter

MAKERS = ("smartmask", "unranked", "box", "ellipse", "same-area", "class-mean", "retrieval", "exact")  # in this order
SHOWN = ("smartmask", "box", "same-area", "class-mean")  # on the page of pictures
ModelOption = Annotated[str | None, typer.Option(metavar="NAME", help="A folder or hub name.")]


def insertion(
    data: Annotated[str, typer.Option(metavar="FOLDER", help="Photographs with objects: COCO, Penn-Fudan, or both.")],
    inpainter: Annotated[
        str | None, typer.Option(metavar="NAME", help="A folder or hub name of a model that paints inside masks.")
    ] = None,
    features: Annotated[
        str | None, typer.Option(metavar="NAME", help="A vision model whose features give FID and Local-FID.")
    ] = None,
    clip: Annotated[str | None, typer.Option(metavar="NAME", help="A CLIP model for the CLIP score.")] = None,
    segmenter: Annotated[
        str | None, typer.Option(metavar="NAME", help="A SAM or SAM-HQ for inpaint-then-segment.")
    ] = None,
    makers: Annotated[str, typer.Option(help="Whose masks, separated by commas.")] = ",".join(MAKERS),
    split: SplitOption = "test",
    limit: Annotated[int, typer.Option(help="At most so many objects, the same for the same seed; 0: all.")] = 100,
    min_area: Annotated[float, typer.Option(help="Smallest object, as a share of the image.")] = 0.01,
    num_masks: Annotated[int, typer.Option(help="Candidates of the pipeline; the best ranked is painted.")] = 8,
    seed: Annotated[int, typer.Option(help="Of the choice of objects, masks and paint.")] = 0,
    steps: Annotated[int | None, typer.Option(help="Steps of painting; the inserter's own by default.")] = None,
    guidance_scale: Annotated[float | None, typer.Option(help="Weight of the text in painting.")] = None,
    device: Annotated[str | None, typer.Option(help="Where inserter and judges run: cpu, cuda, ...")] = None,
    dtype: Annotated[str | None, typer.Option(help="The inserter's numbers: float32, float16 or bfloat16.")] = None,
    controlnet: Annotated[str | None, typer.Option(metavar="NAME", help="Its segmentation ControlNet.")] = None,
    pictures: Annotated[bool, typer.Option("--pictures", help="Also write every painted picture, for 'ab'.")] = False,
    shown: Annotated[int, typer.Option(min=1, help="Objects on the page of pictures.")] = 16,
    weights: WeightsOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Real objects inserted again: what our mask spares of the background beside the papers' whole box.

    Without --inpainter only the figures that need none are reported. Writes insertion.json, insertion.md,
    objects.csv and sheet.png into --out.
    """
    from smartmask.evaluate.insertion import run
    from smartmask.evaluate.insertion_report import build_report, to_markdown
    from smartmask.evaluate.insertion_tasks import InsertionProtocol, find_tasks, make_task, photo_sources

    # 1. What to ask, of whom: everything that can be wrong with the input.
    protocol = InsertionProtocol(split, limit if limit else None, min_area, num_masks, seed)
    names = _maker_names(makers)
    needing = {"--features": features, "--clip": clip, "--segmenter": segmenter, "--pictures": pictures or None}
    lonely = [option for option, value in needing.items() if value is not None]
    if inpainter is None and lonely:
        raise ValueError(f"{lonely[0]} judges painted pictures, but nothing paints; name an --inpainter too.")
    if pictures and out is None:
        raise ValueError("--pictures needs a folder to write to; give --out too.")
    sources = photo_sources(data)
    left_out: list[ValueError] = []
    chosen = find_tasks(sources, protocol, left_out.append)
    loader = {"device": device, "dtype": dtype, "controlnet": controlnet}
    painter = _painter(inpainter, steps, guidance_scale, loader)
    judges = _judges(features, clip, device)
    asked = _makers(names, sources, protocol, weights, painter, segmenter, device)

    # 2. The run.
    from smartmask.io.publish import staging

    with nullcontext() if out is None else staging(out) as folder:
        page = _Page(len(asked), min(shown, len(chosen)), folder if pictures else None)
        with progress("objects", len(chosen)) as advance:
            tasks = (page.next(make_task(*item, protocol)) for item in chosen)
            rows, gallery = run(tasks, asked, painter, judges, advance, page.keep)

        # 3. The report.
        models = {
            "weights": str(weights or "bundled") if "smartmask" in names else None,
            "weights_digest": _digest(weights) if "smartmask" in names else None,
            "inpainter": inpainter,
            "features": features,
            "clip": clip,
            "segmenter": segmenter,
            "pictures_left_out": len(left_out),
        }
        report = build_report(rows, protocol, gallery, {**heading("insertion"), "machine": _machine(), **models})
        if folder is not None:
            _save(folder, report, rows, page)
    print(json.dumps(report, indent=2) if as_json else to_markdown(report).rstrip())


class _Page:
    """Keeps what the page of pictures shows, and writes painted pictures as they come."""

    def __init__(self, makers: int, shown: int, folder: Path | None) -> None:
        self.makers, self.shown, self.folder = makers, shown, folder
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
            from smartmask.image.files import save_png

            folder = self.folder / "pictures" / "".join(c for c in maker.replace(" ", "-") if c.isalnum() or c == "-")
            folder.mkdir(parents=True, exist_ok=True)
            name = f"{self.count:04d}_{task.target.source}_{task.target.key}"
            self.labels[name] = task.name
            save_png(picture, folder / f"{name}.png")


def _save(folder: Path, report: dict[str, Any], rows: Sequence[Any], page: _Page) -> None:
    from smartmask.evaluate.insertion_report import sheet, tiles_of, to_csv, to_markdown
    from smartmask.image.files import save_png
    from smartmask.io.files import save_json

    makers = list(dict.fromkeys(row.maker for row in rows))
    shown = [name for name in makers if name in SHOWN]
    columns = []
    for number, (task, painted) in enumerate(zip(page.tasks, page.painted, strict=True)):
        of_task = {row.maker: row for row in rows[number * len(makers) : (number + 1) * len(makers)]}
        columns.append(tiles_of(task, of_task, shown, painted))
    save_png(sheet(columns), folder / "sheet.png")
    (folder / "insertion.md").write_text(to_markdown(report), encoding="utf-8")
    (folder / "objects.csv").write_text(to_csv(rows), encoding="utf-8")
    if page.labels:
        save_json(page.labels, folder / "pictures" / "labels.json")
    save_json(report, folder / "insertion.json")


def _machine() -> dict[str, Any]:
    from smartmask.evaluate.report import machine

    return machine()


def _digest(weights: Path | None) -> str:
    """The first 12 digits of the SHA-256 of all weight files, so that a report says which version it measured."""
    import hashlib

    from smartmask.masks.pipeline import BUNDLED

    total = hashlib.sha256()
    for file in sorted((weights or BUNDLED).rglob("*.safetensors")):
        total.update(file.read_bytes())
    return total.hexdigest()[:12]


def _maker_names(text: str) -> list[str]:
    names = listed(text)
    unknown = [name for name in names if name not in MAKERS]
    if unknown or not names:
        raise ValueError(f"There is no mask maker '{', '.join(unknown)}'; use some of {', '.join(MAKERS)}.")
    copies = [name for name in ("same-area", "unranked") if name in names]
    if copies and "smartmask" not in names:
        raise ValueError(f"The maker '{copies[0]}' goes by smartmask's masks; name 'smartmask' too.")
    return [name for name in MAKERS if name in names]


def _painter(name: str | None, steps: int | None, scale: float | None, loader: dict[str, Any]) -> Painter | None:
    if name is None:
        return None
    if name == "paste":
        raise ValueError("The inserter 'paste' draws no object of its own; name a model that paints.")
    from smartmask.evaluate.mask_makers import Painter
    from smartmask.insertion.load import load_inpainter

    given = {key: value for key, value in loader.items() if value is not None}
    return Painter(load_inpainter(name, **given), steps=steps, guidance_scale=scale)


def _judges(features: str | None, clip: str | None, device: str | None) -> Judges:
    from smartmask.evaluate.insertion import Judges
    from smartmask.evaluate.pretrained import ClipScore, ImageFeatures

    where = device or "cpu"
    return Judges(
        None if features is None else ImageFeatures.from_pretrained(features, where),
        None if clip is None else ClipScore.from_pretrained(clip, where),
    )


def _makers(
    names: Sequence[str],
    sources: Sequence[tuple[str, Path]],
    protocol: InsertionProtocol,
    weights: Path | None,
    painter: Painter | None,
    segmenter: str | None,
    device: str | None,
) -> list[MaskMaker]:
    """The makers by name, then those that the inpainter allows."""
    from smartmask.evaluate import baselines
    from smartmask.evaluate.insertion_tasks import train_shapes
    from smartmask.evaluate.mask_makers import (
        BoxMaker,
        ExactMaker,
        InpaintThenSegment,
        OwnMask,
        SameAreaMaker,
        SystemMaker,
        UnrankedMaker,
    )

    found: list[MaskMaker] = []
    bank = None
    for name in names:
        if name in baselines.BASELINES:
            bank = bank or baselines.ShapeBank.from_layers(train_shapes(sources, protocol))
            found.append(SystemMaker(name, baselines.BASELINES[name](bank)))
        elif name == "smartmask":
            found.append(SystemMaker(name, _pipeline(weights), protocol.num_masks))
        else:
            plain = {"unranked": UnrankedMaker, "box": BoxMaker, "same-area": SameAreaMaker, "exact": ExactMaker}
            found.append(plain[name]())
    if painter is not None:
        found.append(OwnMask(painter))
        if segmenter is not None:
            from smartmask.evaluate.pretrained import BoxSegmenter

            found.append(InpaintThenSegment(painter, BoxSegmenter.from_pretrained(segmenter, device or "cpu")))
    return found


def _pipeline(weights: Path | None) -> Any:
    from smartmask.evaluate.systems import load_pipeline, pipeline_of

    return pipeline_of(load_pipeline(weights))
