"""``exactness``: random inserts into photographs of every kind; pixels that changed where none may."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from smartmask.evaluate.protocol import SEED, WEIGHTS, Benchmark, ReportSettings
from smartmask.evaluate.report import finish, heading, split_by, table
from smartmask.evaluate.systems import load_pipeline
from smartmask.evaluate.tasks.exactness.trials import Trial, tried
from smartmask.io.bars import watched
from smartmask.io.checks import check_seed
from smartmask.io.settings import option


class ExactnessSettings(ReportSettings):
    """How many inserts."""

    count: int = option(1000, "Inserts.", ge=1, le=1_000_000)
    first: int = option(0, "Number of the first one: any can be tried again by itself.", ge=0)
    seed: int = SEED
    weights: Path | None = WEIGHTS


KINDS: dict[str, Callable[[Trial], str]] = {
    "photo": lambda trial: trial.photo,
    "size": lambda trial: trial.size,
    "mask": lambda trial: trial.mask,
    "inserter": lambda trial: trial.inserter,
    "saved as": lambda trial: trial.saved,
}


def trials_of(settings: ExactnessSettings) -> list[Trial]:
    """The trials, one after another."""
    check_seed(settings.seed)
    pipeline = load_pipeline(settings.weights)
    found = []
    for number in watched("inserts", range(settings.first, settings.first + settings.count)):
        with tempfile.TemporaryDirectory() as folder:
            found.append(tried(number, settings.seed, pipeline, Path(folder)))
    return found


def figures(trials: Sequence[Trial]) -> dict[str, Any]:
    """Counts of all trials, or of some."""
    return {
        "inserts": len(trials), "pixels": sum(t.pixels for t in trials), "changed": sum(t.changed for t in trials),
        "outside": sum(t.outside for t in trials), "inexact": sum(t.outside > 0 for t in trials),
    }  # fmt: skip


def lines_of(report: dict[str, Any]) -> list[str]:
    """The report as Markdown."""
    whole = report["all"]
    lines = [
        f"# Pixels changed where none may change: {whole['outside']:,} in {whole['inserts']:,} inserts", "",
        f"`{report['command']}`, smartmask {report['version']}. Photographs of {whole['pixels']:,} pixels in all, "
        f"{whole['changed']:,} of them changed. May change: what the result says it has painted, of that no more than "
        "a finished mask that was given (of a cut-out its box), what stands in front left out; and painted shadows. "
        "Pixels are read by Pillow or OpenCV; JPEG and WebP are compared as their encoders got them.",
    ]  # fmt: skip
    for kind, parts in report["by"].items():
        rows = [[name, *(f"{part[key]:,}" for key in ("inserts", "pixels", "changed", "outside"))]
                for name, part in parts.items()]  # fmt: skip
        lines += ["", *table([kind, "inserts", "pixels", "changed", "changed outside"], rows)]
    return lines


def run(settings: ExactnessSettings) -> None:
    """Random inserts into photographs of every kind: are all other pixels as they were, bit for bit?

    Ends with exit code 1 if one is not.
    """
    trials = trials_of(settings)
    by = {
        kind: {name: figures(part) for name, part in sorted(split_by(trials, key).items())}
        for kind, key in KINDS.items()
    }
    wrong = [settings.first + index for index, trial in enumerate(trials) if trial.outside]
    report: dict[str, Any] = {**heading("exactness"), "seed": settings.seed, "all": figures(trials), "by": by}
    report["wrong"] = [{"number": number, **asdict(trials[number - settings.first])} for number in wrong]
    finish("exactness", report, lines_of(report), settings)
    if wrong:
        raise RuntimeError(
            f"{len(wrong)} of {len(trials)} inserts changed pixels outside; the first again: "
            f"'smartmask eval exactness --count 1 --first {wrong[0]} --seed {settings.seed}'"
        )


BENCHMARK = Benchmark("exactness", ExactnessSettings, run)
