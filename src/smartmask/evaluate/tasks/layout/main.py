"""``layout``: layouts from NSR-1K's prompts, and their distance to real ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.targets import FAMILIES
from smartmask.evaluate.protocol import LIMIT, PLANNER, WEIGHTS, Benchmark, ReportSettings
from smartmask.evaluate.report import finish, heading, machine, table
from smartmask.evaluate.systems import load_pipeline
from smartmask.io.package import BUNDLED_MASKS
from smartmask.io.settings import option
from smartmask.scene.categories import STYLES

if TYPE_CHECKING:
    from smartmask.evaluate.tasks.layout.planned import Stepwise
    from smartmask.evaluate.tasks.layout.prompts import Drawer
    from smartmask.plan.layouts.stuff import StuffField
    from smartmask.text.encoder import TextEncoder

RULES = (
    "Judged by NSR-1K's own definitions on the boxes' centres and numbers, not by the code that arranges; but layouts "
    "are arranged to the same definitions of left, right, above and below, so read accuracy as how far the arranger "
    "keeps its word."
)


class LayoutSettings(ReportSettings):
    """The prompts, the real scenes, and who draws."""

    data: Path | None = option(None, "Folder with NSR-1K's spatial and counting prompts.", metavar="DIR")
    pack: Path | None = option(None, "Packed layouts: distances of drawn layouts to real ones.", metavar="PACK")
    split: str = option("test", "Prompts and scenes of pictures in test, dev, train; or all.")
    limit: int = option(0, f"Prompts, and scenes of each kind of annotation. {LIMIT}")
    draw: bool = option(False, "Also draw the masks and judge their boxes (seconds each).", flags=("--draw",))
    boxes: tuple[Path, ...] = option(
        (), "Boxes of a language model in LayoutGPT's output format; may be repeated.", metavar="JSON"
    )
    ask: str | None = option(
        None, "A language model to ask for boxes: endpoint:MODEL or vision:MODEL.", metavar="MODEL"
    )
    step_by_step: tuple[str, ...] = option(
        ("learned",), "Planners that name object after object: learned, vision:MODEL, endpoint:MODEL; may be repeated.",
        metavar="NAME",
    )  # fmt: skip
    seed: int = option(0, "Of the choice of prompts and of the layouts.")
    planner: Path | None = PLANNER
    weights: Path | None = WEIGHTS


def run(settings: LayoutSettings) -> None:
    """Spatial and counting accuracy on NSR-1K's prompts, beside placing each object by itself.

    --boxes and --ask put a large language model's box layouts beside them, judged by the same rules; --step-by-step
    planners that name one object after another as 'layout' and 'insert' ask them, and with --pack the frequency prior.
    With --pack the Frechet distance of drawn layouts to real scenes, beside real to real, ellipses and retrieved
    layouts, and the seconds of a layout of ten objects. --limit: prompts, and scenes of each kind of annotation.
    """
    if settings.data is None and settings.pack is None:
        raise ValueError("There is nothing to measure; give --data with NSR-1K's prompts, --pack, or both.")
    if settings.data is None and (settings.boxes or settings.ask):
        raise ValueError("--boxes and --ask are about NSR-1K's prompts; give their folder with --data.")
    from smartmask.plan.layouts.stuff import load_field

    field = load_field(settings.planner)
    report: dict[str, Any] = {**heading("layout"), "split": settings.split}
    lines: list[str] = []
    if settings.data is not None:
        report |= _prompt_report(settings.data, settings, field)
        lines += _prompt_lines(report["systems"])
        if report.get("unanswered"):
            count = report["unanswered"]
            lines += ["", f"{settings.ask} did not answer {count} prompts; they count as empty layouts."]
        for name, count in report["step_by_step_unanswered"].items():
            lines += [] if not count else ["", f"{name}: no answer to {count} prompts, which count as empty layouts."]
    if settings.pack is not None:
        report |= _distance_report(settings.pack, settings, field)
        lines += [*([""] if lines else []), *_distance_lines(report)]
    finish("layout", report, lines, settings)


def _prompt_report(data: Path, settings: LayoutSettings, field: StuffField) -> dict[str, Any]:
    from smartmask.evaluate.tasks.layout.language import ask_language_model, read_boxes
    from smartmask.evaluate.tasks.layout.prompts import arranged, drawn_with, layout_figures, read_prompts
    from smartmask.text.encoder import TextEncoder

    split, limit, ask = settings.split, settings.limit, settings.ask
    prompts = [prompt for prompt in read_prompts(data) if split in ("all", prompt.split)]
    if not prompts:
        raise ValueError(f"{data} has no prompt of the split '{split}'; give test, dev, train or all.")
    if limit and limit < len(prompts):
        chosen = np.random.default_rng(settings.seed).permutation(len(prompts))[:limit]
        prompts = [prompts[i] for i in sorted(chosen)]
    text = TextEncoder.from_pretrained((settings.weights or BUNDLED_MASKS) / "text")
    drawers: dict[str, Drawer] = {"arranged": arranged(text, field)}
    drawers["each by itself"] = arranged(text, field, related=False)
    drawers |= {path.stem: read_boxes(path, prompts) for path in settings.boxes}
    model = None if ask is None else ask_language_model(ask, text, data)
    if ask is not None and model is not None:
        drawers[ask] = model
    stepwise = _stepwise(settings, text)
    drawers |= stepwise
    if settings.draw:
        drawers["drawn"] = drawn_with(load_pipeline(settings.weights), field)
    figures = layout_figures(prompts, drawers, text, settings.seed)
    report: dict[str, Any] = {"prompts": len(prompts), "rules": RULES, "systems": figures}
    report["step_by_step_unanswered"] = {name: one.unanswered for name, one in stepwise.items()}
    return report if model is None else report | {"unanswered": model.unanswered, "asked": model.kept}


def _stepwise(settings: LayoutSettings, text: TextEncoder) -> dict[str, Stepwise]:
    """Planners as they plan, and with a pack, names by their frequency in its training scenes."""
    from smartmask.data.plans import plan_scenes
    from smartmask.evaluate.tasks.layout.planned import MOST, FrequencyPlanner, Stepwise
    from smartmask.plan.planners.load import load_planner

    found = {f"{name}, step by step": Stepwise(load_planner(name, text, MOST)) for name in settings.step_by_step}
    if settings.pack is not None:
        train = plan_scenes(Pack(settings.pack), "train", FAMILIES["coco"])
        if any(scene.style == "things" for scene in train):
            found["frequency, step by step"] = Stepwise(FrequencyPlanner(train))
    return found


def _prompt_lines(systems: dict[str, Any]) -> list[str]:
    heads = ["system", "prompts", "number", "right", "95 % interval", "precision", "recall", "overlap of boxes"]
    rows = []
    for system, kinds in systems.items():
        for kind, f in kinds.items():
            spread = f"{f['right_low']:.3f} to {f['right_high']:.3f}"
            others = (f"{f[key]:.3f}" for key in ("class_precision", "class_recall", "overlap"))
            rows.append([system, kind, f"{f['prompts']:.0f}", f"{f['right']:.3f}", spread, *others])
    return [*table(heads, rows), "", RULES]


def _distance_report(path: Path, settings: LayoutSettings, field: StuffField) -> dict[str, Any]:
    from smartmask.data.plans import plan_scenes
    from smartmask.evaluate.tasks.layout.distances import layout_distances, time_of_ten

    pack, split = Pack(path), settings.split
    train, unseen = (plan_scenes(pack, of, FAMILIES["coco"]) for of in ("train", split))
    unseen = [s for style in STYLES for s in [s for s in unseen if s.style == style][: settings.limit or None]]
    if not unseen:
        raise ValueError(f"{path} has no COCO scene of two known objects in its {split} split; give another pack.")
    pipeline = load_pipeline(settings.weights)
    found = layout_distances(pack, train, unseen, pipeline, field, settings.seed)
    return {"distances": found, "ten_objects": time_of_ten(pipeline, field), "machine": machine()}


def _distance_lines(report: dict[str, Any]) -> list[str]:
    heads = ["scenes", "number", "features", "layouts", "Frechet", "95 % of halves", "over real to real"]
    rows = []
    for style, found in report["distances"].items():
        for kind, systems in found["features"].items():
            for system in ("real", "drawn", "ellipses", "retrieved"):
                mean, low, high = systems[system]["frechet"]
                over = f"{systems[system]['frechet_over_floor']:.2f}"
                rows.append([style, found["scenes"], kind, system, f"{mean:.4f}", f"{low:.4f} to {high:.4f}", over])
    ten = report["ten_objects"]
    return [*table(heads, rows), "", f"A layout of {ten['objects']} objects, 512x384: {ten['seconds']:.2f} s."]


BENCHMARK = Benchmark("layout", LayoutSettings, run)
