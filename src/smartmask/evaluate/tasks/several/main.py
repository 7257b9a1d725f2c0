"""``several``: two objects put into a real scene together, beside one at a time."""

from __future__ import annotations

from typing import Any

from smartmask.data.pack import Pack
from smartmask.data.targets import FAMILIES
from smartmask.evaluate.protocol import LIMIT, Benchmark, PackSettings, ReportSettings
from smartmask.evaluate.report import finish, heading, table
from smartmask.evaluate.systems import load_pipeline
from smartmask.io.bars import watched
from smartmask.io.checks import check_num_masks, check_seed
from smartmask.io.settings import option
from smartmask.metrics.intervals import mean_interval


class SeveralSettings(PackSettings, ReportSettings):
    """The scenes, and the candidates of each object."""

    limit: int = option(0, f"Scenes. {LIMIT}")
    num_masks: int = option(4, "Candidate masks an object.", flags=("--num-masks", "-n"))


def several_lines(report: dict[str, Any]) -> list[str]:
    """The report as Markdown."""
    heads = ["objects put in", "relations kept", "unwanted overlap", "objects with .25 of it", "size error, nats"]
    rows = []
    for system, figures in report["systems"].items():
        keys = ("relations", "overlap", "overlapping", "size")
        rows.append([system, *(_text(figures.get(key, [float("nan")] * 3)) for key in keys)])
    if report["real_size_error"] is not None:
        rows.append(["real things of the scenes", "", "", "", _text(report["real_size_error"])])
    about = f"{report['tasks']} scenes, two new objects each; means and 95 % intervals."
    return [about, "", *table(heads, rows)]


def _text(interval: list[float]) -> str:
    return "{:.3f} ({:.3f} to {:.3f})".format(*interval)


def run(settings: SeveralSettings) -> None:
    """Two objects with relations put into real scenes together ('insert --objects'), beside one at a time.

    Share of the relations that hold; unwanted overlap; how far sizes are from what the scene's own things say.
    --limit: scenes.
    """
    from smartmask.data.plans import plan_scenes
    from smartmask.evaluate.sizes import SizeModel, real_size_errors
    from smartmask.evaluate.tasks.several.figures import make_tasks, together_report

    check_num_masks(settings.num_masks)
    seed, split = check_seed(settings.seed), settings.split
    pack = Pack(settings.data)
    train, unseen = (plan_scenes(pack, of, FAMILIES["coco"]) for of in ("train", split))
    tasks = make_tasks(pack, train, unseen, settings.limit, seed)
    if not tasks:
        raise ValueError(f"{settings.data} has no COCO scene with a single thing of its name in its {split} split.")
    sizes = SizeModel.fit(train)
    pipeline = load_pipeline(settings.weights)
    figures = together_report(watched("tasks", tasks), sizes, pipeline, settings.num_masks, seed)
    real = real_size_errors(sizes, unseen)
    report: dict[str, Any] = {**heading("several"), "split": split, "tasks": len(tasks), "systems": figures}
    report["real_size_error"] = mean_interval(real) if real else None
    finish("several", report, several_lines(report), settings)


BENCHMARK = Benchmark("several", SeveralSettings, run)
