"""From the benchmark's rows to a report: figures with intervals, whole objects apart from all."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.data.targets import SIZES, Protocol, Sample, Target
from smartmask.evaluate.benchmark import Row
from smartmask.io.package import VERSION
from smartmask.metrics.masks import (
    Interval,
    best_of_curve,
    bootstrap_interval,
    bootstrap_intervals,
    ratio_interval,
    top_of_curve,
)

HIT = 0.5  # box IoU from which a proposed place counts as found
RANKS = ("first", "mean", "best")
METRICS = ("own", "iou", "boundary")
COVER, RANDOM = "cover", "retrieval"  # the baseline to beat, and the one whose diversity is the measure
PARTS = ("whole", "all")
GROUPS: dict[str, Callable[[Row], Sequence[str]]] = {
    "source": lambda row: [row.target.source],
    "size": lambda row: [row.target.size],
    "kind of object": lambda row: row.flags or ["whole"],
    "class": lambda row: [row.target.name],
}


def build_report(
    rows: Sequence[Row], sample: Sample, protocol: Protocol, command: str, extra: Mapping[str, Any]
) -> dict[str, Any]:
    """All figures of a run as a JSON-ready dict; every interval is [mean, low, high].

    results: {guidance: {part: {system: figures}}}, parts "whole" and "all"; a part without objects is left out.
    groups: {guidance: {group: {value: {system: figures}}}} of all objects.
    extra: what else the reader should know, such as weights and the baselines' memory.
    """
    results: dict[str, Any] = {}
    groups: dict[str, Any] = {}
    members = {"whole": _places(sample.whole), "all": _places(sample.every)}
    for kind in protocol.guidance:
        of_kind = [row for row in rows if row.kind == kind]
        results[kind] = {}
        for part in PARTS:
            some = [row for row in of_kind if (row.target.record, row.target.layer) in members[part]]
            if some:
                results[kind][part] = _compared(some)
        every = [row for row in of_kind if (row.target.record, row.target.layer) in members["all"]]
        groups[kind] = {group: _grouped(every, key) for group, key in GROUPS.items()}
    return {
        "benchmark": "masks",
        "version": VERSION,
        "command": command,
        "machine": machine(),
        "protocol": {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(protocol).items()}
        | {"rules": protocol.rules()},
        "objects": {part: len(members[part]) for part in PARTS},
        "images": {"whole": len({t.key for t in sample.whole}), "all": len({t.key for t in sample.every})},
        **extra,
        "results": results,
        "groups": groups,
    }


def _places(targets: Sequence[Target]) -> set[tuple[int, int]]:
    return {(target.record, target.layer) for target in targets}


def _compared(rows: Sequence[Row]) -> dict[str, Any]:
    """Every system's figures, with its differences to the covering baseline and its share of retrieval's diversity."""
    systems = _split(rows, lambda row: [row.system])
    found = {name: figures(some, curve=True) for name, some in systems.items()}
    for name, some in systems.items():
        if name != COVER and COVER in systems:
            found[name][f"minus_{COVER}"] = paired(some, systems[COVER])
        if RANDOM in systems and sum(row.diversity for row in systems[RANDOM]) > 0:
            found[name]["diversity_share"] = _diversity_share(some, systems[RANDOM])
    return found


def figures(rows: Sequence[Row], curve: bool = False) -> dict[str, Any]:
    """Means and intervals of one system's rows (one row an object), resampled by image."""
    images = np.array([row.target.key for row in rows])

    def interval(values: np.ndarray | list[float]) -> list[float]:
        return _rounded(bootstrap_interval(np.asarray(values, dtype=np.float64), images))

    found: dict[str, Any] = {"objects": len(rows), "images": len(set(images))}
    for name in METRICS:
        values = np.stack([getattr(row, name) for row in rows])  # (objects, n)
        found[name] = {rank: interval(_ranked(values, rank)) for rank in RANKS}
        if curve:
            for curve_name, of_k in (("best_of_k", best_of_curve), ("top_of_k", top_of_curve)):
                found[name][curve_name] = [_rounded(i) for i in bootstrap_intervals(of_k(values), images)]
    if not curve:
        return found
    boxes = np.stack([row.box_iou for row in rows])
    found["box"] = {
        "hit": interval((boxes.max(axis=1) >= HIT).astype(float)),
        "hit_mean": interval((boxes >= HIT).mean(axis=1)),
        "best_iou": interval(boxes.max(axis=1)),
        "mean_iou": interval(boxes.mean(axis=1)),
    }
    found["diversity"] = interval([row.diversity for row in rows])
    found["obedience"] = interval([row.obedience for row in rows])
    found["obedience_of_real_objects"] = interval([row.obedience_true for row in rows])
    found["seconds_per_call"] = round(float(np.median([row.seconds for row in rows])), 4)
    return found


def _ranked(values: np.ndarray, rank: str) -> np.ndarray:
    """``(objects,)`` of (objects, n) values, first-ranked first."""
    return {"first": values[:, 0], "mean": values.mean(axis=1), "best": values.max(axis=1)}[rank]


def paired(rows: Sequence[Row], reference: Sequence[Row]) -> dict[str, dict[str, list[float]]]:
    """Intervals of the differences in IoU, object by object, to another system's rows on the same objects."""
    images = np.array([row.target.key for row in rows])
    found: dict[str, dict[str, list[float]]] = {}
    for metric in ("own", "iou"):
        a, b = (np.stack([getattr(row, metric) for row in some]) for some in (rows, reference))
        found[metric] = {
            rank: _rounded(bootstrap_interval(_ranked(a, rank) - _ranked(b, rank), images)) for rank in RANKS
        }
    return found


def _diversity_share(rows: Sequence[Row], reference: Sequence[Row]) -> list[float]:
    images = np.array([row.target.key for row in rows])
    above, below = (np.array([row.diversity for row in some]) for some in (rows, reference))
    return _rounded(ratio_interval(above, below, images))


def _grouped(rows: Sequence[Row], key: Callable[[Row], Sequence[str]]) -> dict[str, Any]:
    parts = _split(rows, key)
    return {
        value: {name: figures(some) for name, some in _split(parts[value], lambda row: [row.system]).items()}
        for value in sorted(parts, key=_group_order)
    }


def _group_order(value: str) -> tuple[int, str]:
    sizes = [name for _, name in SIZES]
    return (sizes.index(value) if value in sizes else 0), value


def _split(rows: Sequence[Row], key: Callable[[Row], Sequence[str]]) -> dict[str, list[Row]]:
    parts: dict[str, list[Row]] = {}
    for row in rows:
        for value in key(row):
            parts.setdefault(value, []).append(row)
    return parts


def _rounded(interval: Interval) -> list[float]:
    return [round(value, 4) for value in interval]


def machine() -> dict[str, Any]:
    """What a time depends on: processor, cores, system, versions."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": _processor(),
        "cores": cores,
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "numpy": np.__version__,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
