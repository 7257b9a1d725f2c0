"""From the benchmark's rows to a report: figures with intervals as JSON, Markdown tables, a page of pictures."""

from __future__ import annotations

import csv
import io
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from smartmask import __version__
from smartmask.evaluate.benchmark import Row
from smartmask.evaluate.metrics import (
    Interval,
    best_of,
    best_of_curve,
    bootstrap_interval,
    bootstrap_intervals,
    top_of_curve,
)
from smartmask.evaluate.targets import SIZES, Case, Protocol
from smartmask.geometry import mask_box, rle_decode, scale_box
from smartmask.render import contact_sheet, scene_colours

LISTED = 5  # objects a group needs for a line in the Markdown tables; the JSON has all
HIT = 0.5  # box IoU from which a proposed place counts as found
RANKS = ("unranked", "top", "best")
REFERENCE = "retrieval"  # the baseline that paired differences are taken against
GROUPS: dict[str, Callable[[Row], Sequence[str]]] = {
    "source": lambda row: [row.target.source],
    "size": lambda row: [row.target.size],
    "kind of object": lambda row: row.flags or ["plain"],
    "class": lambda row: [row.target.name],
}
MASK_WHITE = np.array([255, 255, 255], dtype=np.float32)


def build_report(rows: Sequence[Row], protocol: Protocol, command: str, extra: Mapping[str, Any]) -> dict[str, Any]:
    """All figures of a run as a JSON-ready dict; every interval is [mean, low, high].

    results: {guidance: {system: figures}}.  groups: {guidance: {group: {value: {system: figures}}}}.
    extra: what else the reader should know, such as weights and sizes of the shape bank.
    """
    results: dict[str, Any] = {}
    groups: dict[str, Any] = {}
    for kind in protocol.guidance:
        of_kind = [row for row in rows if row.kind == kind]
        systems = _split(of_kind, lambda row: [row.system])
        results[kind] = {name: figures(some, curve=True) for name, some in systems.items()}
        for name, some in systems.items():
            if name != REFERENCE and REFERENCE in systems:
                results[kind][name][f"minus_{REFERENCE}"] = paired(some, systems[REFERENCE])
        groups[kind] = {group: _grouped(of_kind, key) for group, key in GROUPS.items()}
    return {
        "benchmark": "masks",
        "version": __version__,
        "command": command,
        "machine": machine(),
        "protocol": {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(protocol).items()}
        | {"rules": protocol.rules()},
        "objects": len({row.target.code + str(row.target.layer) for row in rows}),
        "images": len({row.target.key for row in rows}),
        **extra,
        "results": results,
        "groups": groups,
    }


def figures(rows: Sequence[Row], curve: bool = False) -> dict[str, Any]:
    """Means and intervals of one system's rows (one row an object), resampled by image."""
    images = np.array([row.target.key for row in rows])

    def interval(values: np.ndarray | list[float]) -> list[float]:
        return _rounded(bootstrap_interval(np.asarray(values, dtype=np.float64), images))

    found: dict[str, Any] = {"objects": len(rows), "images": len(set(images))}
    for name in ("iou", "boundary"):
        values = np.stack([getattr(row, name) for row in rows])  # (objects, n)
        first = [getattr(row, name)[row.first] for row in rows]
        found[name] = {
            "unranked": interval(first),
            "top": interval(values[:, 0]),
            "best": interval(best_of(values, values.shape[1])),
        }
        if curve:
            for curve_name, of_k in (("best_of_k", best_of_curve), ("top_of_k", top_of_curve)):
                found[name][curve_name] = [_rounded(i) for i in bootstrap_intervals(of_k(values), images)]
    if not curve:
        return found
    boxes = np.stack([row.box_iou for row in rows])
    found["box"] = {
        "hit": interval((boxes.max(axis=1) >= HIT).astype(float)),
        "hit_unranked": interval([float(row.box_iou[row.first] >= HIT) for row in rows]),
        "best_iou": interval(boxes.max(axis=1)),
        "unranked_iou": interval([row.box_iou[row.first] for row in rows]),
    }
    found["diversity"] = interval([row.diversity for row in rows])
    found["obedience"] = interval([row.obedience for row in rows])
    found["obedience_of_real_objects"] = interval([row.obedience_true for row in rows])
    found["seconds_per_call"] = round(float(np.median([row.seconds for row in rows])), 4)
    return found


def paired(rows: Sequence[Row], reference: Sequence[Row]) -> dict[str, list[float]]:
    """Interval of the IoU difference, object by object, to another system's rows on the same objects."""
    images = np.array([row.target.key for row in rows])
    pairs = list(zip(rows, reference, strict=True))
    differences = {
        "unranked": [a.iou[a.first] - b.iou[b.first] for a, b in pairs],
        "top": [a.iou[0] - b.iou[0] for a, b in pairs],
        "best": [a.iou.max() - b.iou.max() for a, b in pairs],
    }
    return {name: _rounded(bootstrap_interval(np.array(v), images)) for name, v in differences.items()}


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


# --- for people --------------------------------------------------------------------------------


def to_markdown(report: Mapping[str, Any]) -> str:
    """The report as a page of Markdown: rules, one table a kind of guide, then tables by group."""
    lines = ["# Masks against real objects", "", f"{report['objects']} objects in {report['images']} images. "]
    about = f"; weights: {report['weights']}" if report.get("weights") else ""
    lines += [f"smartmask {report['version']}, `{report['command']}`{about}; split {report['protocol']['split']}.", ""]
    lines += [f"{report['machine']['processor']}, {report['machine']['cores']} cores.", ""]
    lines += [f"- {rule}" for rule in report["protocol"]["rules"]] + [""]
    count = report["protocol"]["num_masks"]
    for kind, systems in report["results"].items():
        lines += [f"## Guidance: {kind}", "", *_main_table(systems, count, kind), ""]
        lines += [f"### {kind}, best of k and top-ranked of k samples: IoU", "", *_curve_table(systems, count), ""]
        for group, values in report["groups"][kind].items():
            for metric, name in (("iou", "IoU"), ("boundary", "boundary F")):
                rule = f"of at least {LISTED} objects: {name} unranked / top / best of {count}"
                table = _group_table(values, group, metric)
                lines += [f"### {kind}, by {group}, {rule}", "", *table, ""] if len(table) > 2 else []
    return "\n".join(lines)


def _main_table(systems: Mapping[str, Any], count: int, kind: str) -> list[str]:
    heads = ["system", "IoU unranked", "IoU top", f"IoU best of {count}", "F unranked", "F top", f"F best of {count}"]
    heads += ["diversity", "obedience", "box hit", "best box IoU", "s/call"]
    rows = []
    for name, f in systems.items():
        cells = [name]
        for metric in ("iou", "boundary"):
            cells += [_text(f[metric][rank]) for rank in RANKS]
        cells += [_text(f["diversity"]), f"{f['obedience'][0]:.3f} ({f['obedience_of_real_objects'][0]:.3f} real)"]
        cells += [_text(f["box"]["hit"]), _text(f["box"]["best_iou"]), f"{f['seconds_per_call']:.3f}"]
        rows.append(cells)
    return _table(heads, rows)


def _curve_table(systems: Mapping[str, Any], count: int) -> list[str]:
    shown = [k for k in range(1, count + 1) if k <= 4 or k % 4 == 0 or k == count]
    rows = []
    for name, f in systems.items():
        for curve in ("best", "top"):
            values = f["iou"][f"{curve}_of_k"]
            rows.append([f"{name}, {curve}", *(_text(values[k - 1]) for k in shown)])
    return _table(["system", *(f"k = {k}" for k in shown)], rows)


def _group_table(values: Mapping[str, Any], group: str, metric: str) -> list[str]:
    systems = list(dict.fromkeys(name for value in values.values() for name in value))
    rows = []
    for value, of_system in values.items():
        objects = next(iter(of_system.values()))["objects"]
        if objects < LISTED:
            continue
        cells = [" / ".join(f"{of_system[s][metric][rank][0]:.3f}" for rank in RANKS) for s in systems]
        rows.append([value, str(objects), *cells])
    return _table([group, "objects", *systems], rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    rule = "|" + "|".join("---" for _ in heads) + "|"
    return ["| " + " | ".join(heads) + " |", rule, *("| " + " | ".join(row) + " |" for row in rows)]


def _text(interval: Sequence[float]) -> str:
    mean, low, high = interval
    return f"{mean:.3f} [{low:.3f}, {high:.3f}]"


def to_csv(rows: Sequence[Row]) -> str:
    """One line an object, guide and system, for further analysis."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    heads = "guidance system source key layer name area flags iou_unranked iou_top iou_best f_unranked f_top f_best"
    writer.writerow([*heads.split(), "box_iou_best", "diversity", "obedience", "seconds"])
    for row in rows:
        t = row.target
        scores = [row.iou[row.first], row.iou[0], row.iou.max()]
        scores += [row.boundary[row.first], row.boundary[0], row.boundary.max(), row.box_iou.max(), row.diversity]
        named = [row.kind, row.system, t.source, t.key, t.layer, t.name, f"{t.area:.4f}", "+".join(row.flags)]
        writer.writerow([*named, *(f"{v:.4f}" for v in (*scores, row.obedience, row.seconds))])
    return stream.getvalue()


def pick_extremes(rows: Sequence[Row], each: int = 8) -> list[Row]:
    """The best, median and worst ``each`` rows by best-of-n IoU, best first; fewer if there are not enough."""
    ranked = sorted(rows, key=lambda row: -row.iou.max())
    if len(ranked) <= 3 * each:
        return ranked
    middle = (len(ranked) - each) // 2
    return [*ranked[:each], *ranked[middle : middle + each], *ranked[-each:]]


def sheet(picks: Sequence[Row], questions: Sequence[Case], rivals: Sequence[Row]) -> np.ndarray:
    """``(H, W, 3)`` uint8 RGB page: for each pick the real mask, the system's top and the rival's, in what was shown.

    questions, rivals: the case and the other system's row of each pick. Four objects a row.
    """
    tiles, captions = [], []
    for row, case, rival in zip(picks, questions, rivals, strict=True):
        masks = (case.true, rle_decode(row.top), rle_decode(rival.top))
        window = _window(case)
        tiles += [_tile(case, mask)[window] for mask in masks]
        captions += [
            f"real {row.target.name}",
            f"{row.system} {row.iou[0]:.2f}\nbest {row.iou.max():.2f}",
            f"{rival.system} {rival.iou[0]:.2f}\nbest {rival.iou.max():.2f}",
        ]
    return contact_sheet(tiles, captions, columns=12, tile=128)


def _window(case: Case) -> tuple[slice, slice]:
    box = mask_box(case.true) or (0, 0, case.true.shape[1], case.true.shape[0])
    x0, y0, x1, y1 = (round(v) for v in scale_box(box, 1.5))
    return slice(max(y0, 0), y1), slice(max(x0, 0), x1)


def _tile(case: Case, mask: np.ndarray) -> np.ndarray:
    picture = scene_colours(case.scene).astype(np.float32)
    picture[mask] = 0.15 * picture[mask] + 0.85 * MASK_WHITE
    return picture.astype(np.uint8)
