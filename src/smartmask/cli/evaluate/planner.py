"""``smartmask eval plan`` and ``eval layout``: planners and layouts beside simple rules, on what they never saw."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smartmask.cli.evaluate.console import (
    DataOption,
    JsonOption,
    LimitOption,
    OutOption,
    SplitOption,
    finish,
    heading,
    progress,
)
from smartmask.cli.options import WeightsOption

if TYPE_CHECKING:
    from smartmask.plan.layouts.stuff import StuffField

PlannerOption = Annotated[
    Path | None, typer.Option("--planner", metavar="DIR", help="A planner's folder (next/, stuff/); the bundled one.")
]


def plan(
    data: DataOption,
    split: SplitOption = "test",
    limit: LimitOption = 400,
    planner: PlannerOption = None,
    weights: WeightsOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """The next object in unseen scenes, beside the frequency prior and co-occurrence counts.

    Top-1, top-5, log-likelihood in nats; the number of objects of a name; Kendall's tau of the back-to-front
    order by name; density of the box. --limit: scenes of each kind of annotation.
    """
    from smartmask.data.pack import Pack
    from smartmask.data.plans import plan_scenes
    from smartmask.evaluate.plan_report import plan_lines, plan_report
    from smartmask.io.components import load_component
    from smartmask.masks.pipeline import BUNDLED
    from smartmask.plan.layouts.stuff import BUNDLED as BUNDLED_PLANNER
    from smartmask.plan.planners.next_object import NextObjectConfig, NextObjectNetwork
    from smartmask.text.encoder import TextEncoder

    pack = Pack(data)
    network = load_component((planner or BUNDLED_PLANNER) / "next", NextObjectNetwork, NextObjectConfig)
    text = TextEncoder.from_pretrained((weights or BUNDLED) / "text")
    train, unseen = plan_scenes(pack, "train"), plan_scenes(pack, split)
    if not unseen:
        raise ValueError(f"{data} has no scene of two known objects in its {split} split; give another pack.")
    report: dict[str, Any] = {
        **heading("plan"),
        "split": split,
        **plan_report(network, text, pack, train, unseen, limit),
    }
    finish("plan", report, plan_lines(report), out, as_json)


def layout(
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder with NSR-1K's spatial and counting prompts.")
    ] = None,
    pack: Annotated[
        Path | None, typer.Option(metavar="PACK", help="Packed layouts: distances of drawn layouts to real ones.")
    ] = None,
    split: Annotated[str, typer.Option(help="Prompts and scenes of pictures in test, dev, train; or all.")] = "test",
    limit: LimitOption = 0,
    draw: Annotated[bool, typer.Option("--draw", help="Also draw the masks and judge their boxes (seconds each).")] = (
        False
    ),
    boxes: Annotated[
        list[Path] | None,
        typer.Option(metavar="JSON", help="Boxes of a language model in LayoutGPT's output format; may be repeated."),
    ] = None,
    ask: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="A language model to ask for boxes: endpoint:MODEL or vision:MODEL."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the choice of prompts and of the layouts.")] = 0,
    planner: PlannerOption = None,
    weights: WeightsOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Spatial and counting accuracy on NSR-1K's prompts, beside placing each object by itself.

    --boxes and --ask put a large language model's box layouts beside them, judged by the same rules.
    With --pack the Frechet distance of drawn layouts to real scenes, beside real to real, ellipses and retrieved
    layouts, and the seconds of a layout of ten objects. --limit: prompts, and scenes of each kind of annotation.
    """
    from smartmask.plan.layouts.stuff import load_field

    if data is None and pack is None:
        raise ValueError("There is nothing to measure; give --data with NSR-1K's prompts, --pack, or both.")
    if data is None and (boxes or ask):
        raise ValueError("--boxes and --ask are about NSR-1K's prompts; give their folder with --data.")
    field = load_field(planner)
    report: dict[str, Any] = {**heading("layout"), "split": split}
    lines: list[str] = []
    if data is not None:
        report |= _prompt_report(data, split, limit, draw, seed, field, weights, boxes or [], ask)
        lines += _prompt_lines(report["systems"])
        if report.get("unanswered"):
            lines += ["", f"{ask} did not answer {report['unanswered']} prompts; they count as empty layouts."]
    if pack is not None:
        report |= _distance_report(pack, split, limit, seed, field, weights)
        lines += [*([""] if lines else []), *_distance_lines(report)]
    finish("layout", report, lines, out, as_json)


def _prompt_report(
    data: Path, split: str, limit: int, draw: bool, seed: int, field: StuffField, weights: Path | None,
    boxes: Sequence[Path], ask: str | None,
) -> dict[str, Any]:  # fmt: skip
    import numpy as np

    from smartmask.evaluate.language_layouts import ask_language_model, read_boxes
    from smartmask.evaluate.layouts import Drawer, arranged, drawn_with, layout_figures, read_prompts
    from smartmask.masks.pipeline import BUNDLED
    from smartmask.text.encoder import TextEncoder

    prompts = [prompt for prompt in read_prompts(data) if split in ("all", prompt.split)]
    if not prompts:
        raise ValueError(f"{data} has no prompt of the split '{split}'; give test, dev, train or all.")
    if limit and limit < len(prompts):
        chosen = np.random.default_rng(seed).permutation(len(prompts))[:limit]
        prompts = [prompts[i] for i in sorted(chosen)]
    text = TextEncoder.from_pretrained((weights or BUNDLED) / "text")
    drawers: dict[str, Drawer] = {
        "arranged": arranged(text, field), "each by itself": arranged(text, field, related=False)
    }  # fmt: skip
    for path in boxes:
        drawers[path.stem] = read_boxes(path, prompts)
    model = None if ask is None else ask_language_model(ask, text, data)
    if ask is not None and model is not None:
        drawers[ask] = model
    if draw:
        from smartmask.evaluate.systems import load_pipeline

        drawers["drawn"] = drawn_with(load_pipeline(weights), field)
    with progress("layouts", len(prompts) * len(drawers)) as advance:
        figures = layout_figures(prompts, drawers, text, seed, advance)
    report: dict[str, Any] = {"prompts": len(prompts), "systems": figures}
    if model is not None:
        report |= {"unanswered": model.unanswered, "asked": model.kept}
    return report


def _prompt_lines(systems: dict[str, Any]) -> list[str]:
    lines = [
        "| system | prompts | number | right | 95 % interval | precision | recall | overlap of boxes |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for system, kinds in systems.items():
        for kind, f in kinds.items():
            cells = f"{f['right']:.3f} | {f['right_low']:.3f} to {f['right_high']:.3f}"
            cells += f" | {f['class_precision']:.3f} | {f['class_recall']:.3f} | {f['overlap']:.3f}"
            lines.append(f"| {system} | {kind} | {f['prompts']:.0f} | {cells} |")
    return lines


def _distance_report(
    path: Path, split: str, limit: int, seed: int, field: StuffField, weights: Path | None
) -> dict[str, Any]:
    from smartmask.data.pack import Pack
    from smartmask.data.plans import plan_scenes
    from smartmask.evaluate.layout_realism import SOURCES, layout_distances, time_of_ten
    from smartmask.evaluate.layouts import HEIGHT, WIDTH
    from smartmask.evaluate.report import machine
    from smartmask.evaluate.systems import load_pipeline
    from smartmask.scene.categories import STYLES

    packed = Pack(path)
    unseen = plan_scenes(packed, split, SOURCES)
    unseen = [s for style in STYLES for s in [s for s in unseen if s.style == style][: limit or None]]
    if not unseen:
        raise ValueError(f"{path} has no COCO scene of two known objects in its {split} split; give another pack.")
    pipeline = load_pipeline(weights)
    with progress("layouts", len(unseen)) as advance:
        found = layout_distances(
            packed, plan_scenes(packed, "train", SOURCES), unseen, pipeline, field, HEIGHT, WIDTH, seed, advance
        )
    return {"distances": found, "ten_objects": time_of_ten(pipeline, field), "machine": machine()}


def _distance_lines(report: dict[str, Any]) -> list[str]:
    lines = [
        "| scenes | number | features | layouts | Frechet | 95 % of halves | over real to real |",
        "|---|---|---|---|---|---|---|",
    ]
    for style, found in report["distances"].items():
        for kind, systems in found["features"].items():
            for system in ("real", "drawn", "ellipses", "retrieved"):
                mean, low, high = systems[system]["frechet"]
                cells = f"{mean:.4f} | {low:.4f} to {high:.4f} | {systems[system]['frechet_over_floor']:.2f}"
                lines.append(f"| {style} | {found['scenes']} | {kind} | {system} | {cells} |")
    ten = report["ten_objects"]
    return [*lines, "", f"A layout of {ten['objects']} objects, 512x384: {ten['seconds']:.2f} s."]


def several(
    data: DataOption,
    split: SplitOption = "test",
    limit: LimitOption = 0,
    num_masks: Annotated[int, typer.Option("--num-masks", "-n", help="Candidate masks an object.")] = 4,
    seed: Annotated[int, typer.Option(help="Of the phrases and of the masks.")] = 0,
    weights: WeightsOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Two objects with relations put into real scenes together ('insert --objects'), beside one at a time.

    Share of the relations that hold; unwanted overlap; how far sizes are from what the scene's own things say.
    --limit: scenes.
    """
    from smartmask.data.pack import Pack
    from smartmask.data.plans import plan_scenes
    from smartmask.evaluate.layout_realism import SOURCES
    from smartmask.evaluate.systems import load_pipeline
    from smartmask.evaluate.together import SYSTEMS, SizeModel, interval, make_tasks, real_size_errors, together_report
    from smartmask.io.checks import check_num_masks, check_seed

    check_num_masks(num_masks)
    check_seed(seed)
    packed = Pack(data)
    train, unseen = plan_scenes(packed, "train", SOURCES), plan_scenes(packed, split, SOURCES)
    tasks = make_tasks(packed, train, unseen, limit, seed)
    if not tasks:
        raise ValueError(f"{data} has no COCO scene with a single thing of its name in its {split} split.")
    sizes = SizeModel.fit(train)
    pipeline = load_pipeline(weights)
    with progress("tasks", len(tasks) * len(SYSTEMS)) as advance:
        figures = together_report(tasks, sizes, pipeline, num_masks, seed, advance)
    real = real_size_errors(sizes, unseen)
    report: dict[str, Any] = {**heading("several"), "split": split, "tasks": len(tasks), "systems": figures}
    report["real_size_error"] = interval(real) if real else None
    finish("several", report, _several_lines(report), out, as_json)


def _several_lines(report: dict[str, Any]) -> list[str]:
    lines = [
        f"{report['tasks']} scenes, two new objects each; means and 95 % intervals.",
        "",
        "| objects put in | relations kept | unwanted overlap | objects with .25 of it | size error, nats |",
        "|---|---|---|---|---|",
    ]
    for system, figures in report["systems"].items():
        cells = []
        for key in ("relations", "overlap", "overlapping", "size"):
            mean, low, high = figures.get(key, [float("nan")] * 3)
            cells.append(f"{mean:.3f} ({low:.3f} to {high:.3f})")
        lines.append(f"| {system} | {' | '.join(cells)} |")
    if report["real_size_error"] is not None:
        mean, low, high = report["real_size_error"]
        lines.append(f"| real things of the scenes | | | | {mean:.3f} ({low:.3f} to {high:.3f}) |")
    return lines
