"""``plan``: the planner's next object in unseen scenes, beside simple counts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from smartmask.data.pack import Pack
from smartmask.evaluate.protocol import DATA, LIMIT, PLANNER, SPLIT, WEIGHTS, Benchmark, ReportSettings
from smartmask.evaluate.report import finish, heading, signed_text, table
from smartmask.io.package import BUNDLED_MASKS, BUNDLED_PLANNER
from smartmask.io.settings import option
from smartmask.scene.categories import STYLES

if TYPE_CHECKING:
    from smartmask.evaluate.tasks.plan.figures import Predictor
    from smartmask.text.encoder import TextEncoder


class PlanSettings(ReportSettings):
    """The planner, and the scenes it is asked about."""

    data: Path = DATA
    split: str = SPLIT
    limit: int = option(400, f"Scenes of each kind of annotation. {LIMIT}")
    planner: Path | None = PLANNER
    ask: tuple[str, ...] = option(
        (), "A vision-language model to weigh the names: vision:MODEL, or a folder; may be repeated.", metavar="MODEL"
    )
    weights: Path | None = WEIGHTS


def plan_lines(report: dict[str, Any]) -> list[str]:
    """The report as Markdown."""
    styles = [style for style in STYLES if style in report]
    rows = [
        [
            style,
            name,
            f["scenes"],
            *(f"{f[key]:.3f}" for key in ("top1", "top5", "log_likelihood")),
            _gain(report[style]["gain_over_frequency"].get(name)),
        ]
        for style in styles
        for name, f in report[style]["next"].items()
    ]
    heads = ["scenes", "planner", "number", "top-1", "top-5", "log-likelihood", "over frequency, nats"]
    lines = [*table(heads, rows), ""]
    for style in styles:
        gain, count, place = (report[style][key] for key in ("gain_over_co_occurrence", "count", "place"))
        lines.append(
            f"{style}: {gain['mean']:+.3f} nats a step over co-occurrence ({gain['low']:+.3f} to {gain['high']:+.3f}); "
            f"number of a name off by {count['learned']:.2f} (class median {count['class_median']:.2f}, always one "
            f"{count['always_one']:.2f}); box density {place['learned']:.2f} (class {place['class_gaussian']:.2f})."
        )
    order = report["order"]
    lines.append(
        f"Order by name, {order['pairs']:.0f} pairs, Kendall's tau: learned {order['learned']:.3f}, smaller in front "
        f"{order['smaller_in_front']:.3f}, lower in front {order['lower_in_front']:.3f}."
    )
    return lines


def _gain(interval: dict[str, float] | None) -> str:
    return signed_text(None if interval is None else [interval[key] for key in ("mean", "low", "high")], 2)


def _asked(name: str, text: TextEncoder, pack: Pack) -> list[Predictor]:
    """The rows of a vision-language model; ValueError for another kind of planner, which has no likelihoods."""
    from smartmask.evaluate.tasks.plan.vision import weighed
    from smartmask.plan.planners.load import load_planner
    from smartmask.plan.planners.vision import VisionPlanner

    planner = load_planner(name, text)
    if not isinstance(planner, VisionPlanner):
        raise ValueError(f"'{name}' does not say how likely each name is; give vision:MODEL, or a model's folder.")
    return [*weighed(name, planner, pack)]


def run(settings: PlanSettings) -> None:
    """The next object in unseen scenes, beside the frequency prior and co-occurrence counts.

    Top-1, top-5, log-likelihood in nats; the number of objects of a name; Kendall's tau of the back-to-front
    order by name; density of the box. --limit: scenes of each kind of annotation. --ask puts vision-language models
    beside them, by the likelihood of what they would say, without a caption and with the whole one.
    """
    from smartmask.data.plans import plan_scenes
    from smartmask.evaluate.tasks.plan.figures import plan_report
    from smartmask.plan.planners.next_object import NextObjectNetwork
    from smartmask.text.encoder import TextEncoder

    pack, split = Pack(settings.data), settings.split
    network = NextObjectNetwork.load((settings.planner or BUNDLED_PLANNER) / "next")
    text = TextEncoder.from_pretrained((settings.weights or BUNDLED_MASKS) / "text")
    train, unseen = plan_scenes(pack, "train"), plan_scenes(pack, split)
    if not unseen:
        raise ValueError(f"{settings.data} has no scene of two known objects in its {split} split; give another pack.")
    asked = [row for name in settings.ask for row in _asked(name, text, pack)]
    found = plan_report(network, text, pack, train, unseen, settings.limit, asked)
    report = {**heading("plan"), "split": split, **found}
    finish("plan", report, plan_lines(report), settings)


BENCHMARK = Benchmark("plan", PlanSettings, run)
