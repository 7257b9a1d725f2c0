"""What all reports share: how they begin, Markdown, the machine, printing and writing."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from smartmask.data.targets import Sample
from smartmask.evaluate.protocol import ReportSettings
from smartmask.io.package import VERSION
from smartmask.io.publish import save_json, save_text, staging
from smartmask.io.reading import read_text
from smartmask.io.terminal import say

RANKS = ("first", "mean", "best")
PARTS = {"whole": "whole objects", "all": "all objects"}


def heading(benchmark: str) -> dict[str, Any]:
    """How every report begins: benchmark, version, and the command line of this process as one would type it."""
    return {"benchmark": benchmark, "version": VERSION, "command": shlex.join(["smartmask", *sys.argv[1:]])}


def measured(benchmark: str, split: str, about: Mapping[str, Any]) -> dict[str, Any]:
    """``heading``, the machine, what is measured (weights, memory, licences) and on which split."""
    return {**heading(benchmark), "machine": machine(), **about, "split": split}


def page(title: str, report: Mapping[str, Any], about: str, lines: Sequence[str]) -> list[str]:
    """A page of Markdown: title, ``about_line``, what the figures mean, and the tables."""
    return [f"# {title}", "", about_line(report), about, "", *lines]


def about_line(report: Mapping[str, Any]) -> str:
    """Version, command, and of what the figures are: weights, the baselines' memory, split."""
    said = [f"{what}: {report[what]}" for what in ("weights", "memory", "licences") if report.get(what)]
    said = [f"smartmask {report['version']}, `{report['command']}`", *said]
    return "; ".join([*said, f"split {report['split']}"] if "split" in report else said) + "."


def finish(name: str, report: Mapping[str, Any], lines: Sequence[str], settings: ReportSettings) -> None:
    """Prints a report (lines of Markdown, or JSON) and writes both to NAME.md and NAME.json in ``out``.

    The machine that the report names is the last line of the Markdown.
    """
    if "machine" in report:
        lines = [*lines, "", f"Machine: {report['machine']['processor']}, {report['machine']['cores']} cores."]
    if settings.out is not None:
        with staging(settings.out) as folder:
            save_text("\n".join(lines) + "\n", folder / f"{name}.md")
            save_json(report, folder / f"{name}.json")
    show(report, lines, settings)


def show(report: Mapping[str, Any], lines: Sequence[str], settings: ReportSettings) -> None:
    """Prints a report."""
    say(json.dumps(report, indent=2) if settings.as_json else "\n".join(lines))


# --- Markdown --------------------------------------------------------------------------------------


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """A Markdown table, line by line."""
    rule = "|" + "|".join("---" for _ in heads) + "|"
    return ["| " + " | ".join(heads) + " |", rule, *("| " + " | ".join(map(str, row)) + " |" for row in rows)]


def interval_text(interval: Sequence[float] | None, digits: int = 3) -> str:
    """``mean [low, high]``; a dash for none."""
    return "-" if interval is None else "{:.{d}f} [{:.{d}f}, {:.{d}f}]".format(*interval, d=digits)


def signed_text(interval: Sequence[float] | None, digits: int = 3) -> str:
    """``+mean [low, high]`` of a difference; a dash for none."""
    return "-" if interval is None else "{:+.{d}f} [{:+.{d}f}, {:+.{d}f}]".format(*interval, d=digits)


# --- rows of figures -------------------------------------------------------------------------------


def ranked(scores: np.ndarray) -> dict[str, np.ndarray]:
    """{rank: (...)} of (..., n) scores, the system's first choice first."""
    return dict(zip(RANKS, (scores[..., 0], scores.mean(axis=-1), scores.max(axis=-1)), strict=True))


def split_by(rows: Sequence[Any], key: Callable[[Any], str | Sequence[str]]) -> dict[str, list[Any]]:
    """The rows by their key, or under each of their keys."""
    parts: dict[str, list[Any]] = {}
    for row in rows:
        keys = key(row)
        for value in [keys] if isinstance(keys, str) else keys:
            parts.setdefault(value, []).append(row)
    return parts


def by_part(rows: Sequence[Any], sample: Sample) -> dict[str, list[Any]]:
    """{part: the rows whose ``target`` is of it}, whole objects apart from all; a part without rows is left out."""
    members = {"whole": set(sample.whole), "all": set(sample.every)}
    parts = {part: [row for row in rows if row.target in members[part]] for part in PARTS}
    return {part: some for part, some in parts.items() if some}


def machine() -> dict[str, Any]:
    """What a time depends on: processor, cores, system, versions."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    system, python = platform.platform(terse=True), platform.python_version()
    return {"processor": _processor(), "cores": cores, "system": system, "python": python, "numpy": np.__version__}


def _processor() -> str:
    try:
        lines = read_text("/proc/cpuinfo").splitlines()
    except ValueError:  # not Linux
        lines = []
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
