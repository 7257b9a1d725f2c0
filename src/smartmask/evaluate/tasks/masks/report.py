"""From the rows of ``eval masks`` to its report, as JSON, Markdown and CSV: whole objects apart from all."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from smartmask.data.targets import SIZES, Protocol, Sample
from smartmask.evaluate.report import (
    PARTS,
    RANKS,
    about_line,
    by_part,
    heading,
    interval_text,
    machine,
    ranked,
    signed_text,
    split_by,
    table,
)
from smartmask.evaluate.tasks.masks.rows import Row
from smartmask.metrics.intervals import (
    best_of_curve,
    bootstrap_intervals,
    mean_interval,
    ratio_interval,
    rounded,
    top_of_curve,
)

HIT = 0.5  # box IoU from which a proposed place counts as found
METRICS = ("own", "iou", "boundary")
COVER, RANDOM = "cover", "retrieval"  # the baseline to beat, and the one whose diversity is the measure
LISTED = 5  # objects a group needs for a line in the Markdown tables; the JSON has all
GROUPS: dict[str, Callable[[Row], str | Sequence[str]]] = {
    "source": lambda row: row.target.source,
    "size": lambda row: row.target.size,
    "kind of object": lambda row: row.flags or ["whole"],
    "class": lambda row: row.target.name,
}


def build_report(rows: Sequence[Row], sample: Sample, protocol: Protocol, extra: Mapping[str, Any]) -> dict[str, Any]:
    """All figures of a run as a JSON-ready dict; every interval is [mean, low, high].

    results: {guidance: {part: {system: figures}}}, parts "whole" and "all"; a part without objects is left out.
    groups: {guidance: {group: {value: {system: figures}}}} of all objects.
    extra: what else the reader should know, such as weights and the baselines' memory.
    """
    results: dict[str, Any] = {}
    groups: dict[str, Any] = {}
    for kind in protocol.guidance:
        parts = by_part([row for row in rows if row.kind == kind], sample)
        results[kind] = {part: _compared(some) for part, some in parts.items()}
        groups[kind] = {group: _grouped(parts.get("all", []), key) for group, key in GROUPS.items()}
    drawn = {"whole": set(sample.whole), "all": set(sample.every)}
    return {
        **heading("masks"),
        "machine": machine(),
        "split": protocol.split,
        "protocol": {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(protocol).items()}
        | {"rules": protocol.rules()},
        "objects": {part: len(some) for part, some in drawn.items()},
        "images": {part: len({target.key for target in some}) for part, some in drawn.items()},
        **extra,
        "results": results,
        "groups": groups,
    }


def _compared(rows: Sequence[Row]) -> dict[str, Any]:
    """Every system's figures, with its differences to the covering baseline and its share of retrieval's diversity."""
    systems = split_by(rows, lambda row: row.system)
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

    def interval(values: Sequence[float] | np.ndarray) -> list[float]:
        return mean_interval(values, images)

    found: dict[str, Any] = {"objects": len(rows), "images": len(set(images))}
    for name in METRICS:
        values = np.stack([getattr(row, name) for row in rows])  # (objects, n)
        found[name] = {rank: interval(some) for rank, some in ranked(values).items()}
        if curve:
            for curve_name, of_k in (("best_of_k", best_of_curve), ("top_of_k", top_of_curve)):
                found[name][curve_name] = [rounded(i) for i in bootstrap_intervals(of_k(values), images)]
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


def paired(rows: Sequence[Row], reference: Sequence[Row]) -> dict[str, dict[str, list[float]]]:
    """Intervals of the differences in IoU, object by object, to another system's rows on the same objects."""
    images = np.array([row.target.key for row in rows])
    found: dict[str, dict[str, list[float]]] = {}
    for metric in ("own", "iou"):
        a, b = (ranked(np.stack([getattr(row, metric) for row in some])) for some in (rows, reference))
        found[metric] = {rank: mean_interval(a[rank] - b[rank], images) for rank in RANKS}
    return found


def _diversity_share(rows: Sequence[Row], reference: Sequence[Row]) -> list[float]:
    images = np.array([row.target.key for row in rows])
    above, below = (np.array([row.diversity for row in some]) for some in (rows, reference))
    return rounded(ratio_interval(above, below, images))


def _grouped(rows: Sequence[Row], key: Callable[[Row], str | Sequence[str]]) -> dict[str, Any]:
    parts = split_by(rows, key)
    return {
        value: {name: figures(some) for name, some in split_by(parts[value], lambda row: row.system).items()}
        for value in sorted(parts, key=_group_order)
    }


def _group_order(value: str) -> tuple[int, str]:
    sizes = [name for _, name in SIZES]
    return (sizes.index(value) if value in sizes else 0), value


# --- for people ------------------------------------------------------------------------------------


def to_markdown(report: Mapping[str, Any]) -> str:
    """The report as a page of Markdown: rules, for each kind of guide whole and all objects, then tables by group."""
    counts = [f"{report['objects'][part]} {PARTS[part]} in {report['images'][part]} images" for part in PARTS]
    lines = ["# Masks against real objects", "", f"{'; '.join(counts)}. ", about_line(report), ""]
    lines += [f"{report['machine']['processor']}, {report['machine']['cores']} cores.", ""]
    lines += [f"- {rule}" for rule in report["protocol"]["rules"]] + [""]
    count = report["protocol"]["num_masks"]
    for kind, parts in report["results"].items():
        for part, systems in parts.items():
            lines += [f"## Guidance: {kind}, {PARTS[part]}", "", *_main_table(systems, count, kind), ""]
            lines += _difference_table(systems, count)
        for group, values in report["groups"][kind].items():
            rule = f"of at least {LISTED} objects: IoU in the own box, first / mean / best of {count}"
            by_group = _group_table(values, group, "own")
            lines += [f"### {kind}, all objects by {group}, {rule}", "", *by_group, ""] if len(by_group) > 2 else []
    return "\n".join(lines)


def _main_table(systems: Mapping[str, Any], count: int, kind: str) -> list[str]:
    heads = ["system", "own box: first", "mean", f"best of {count}", "scene: first", "mean", f"best of {count}"]
    heads += ["F first", f"F best of {count}", "diversity", "of retrieval's", "obedience"]
    heads += [] if kind == "box" else ["box hit", "best box IoU"]
    rows = []
    for name, f in systems.items():
        cells = [name]
        for metric in ("own", "iou"):
            cells += [interval_text(f[metric][rank]) for rank in RANKS]
        cells += [interval_text(f["boundary"]["first"]), interval_text(f["boundary"]["best"])]
        share = f.get("diversity_share")
        cells += [interval_text(f["diversity"]), "-" if share is None else f"{share[0]:.2f}"]
        cells += [f"{f['obedience'][0]:.3f} ({f['obedience_of_real_objects'][0]:.3f} real)"]
        if kind != "box":
            cells += [interval_text(f["box"]["hit"]), interval_text(f["box"]["best_iou"])]
        rows.append([*cells, f"{f['seconds_per_call']:.3f}"])
    return table([*heads, "s/call"], rows)


def _difference_table(systems: Mapping[str, Any], count: int) -> list[str]:
    """The first system's lead over the covering baseline."""
    name, found = next(iter(systems.items()))
    lead = found.get(f"minus_{COVER}")
    if lead is None:
        return []
    titles = {"first": "first", "mean": "mean", "best": f"best of {count}"}
    cells = [f"{titles[rank]} {signed_text(lead['own'][rank])}" for rank in RANKS]
    return [f"{name} minus {COVER}, own box: {', '.join(cells)}", ""]


def _group_table(values: Mapping[str, Any], group: str, metric: str) -> list[str]:
    systems = list(dict.fromkeys(name for value in values.values() for name in value))
    rows = []
    for value, of_system in values.items():
        objects = next(iter(of_system.values()))["objects"]
        if objects < LISTED:
            continue
        cells = [" / ".join(f"{of_system[s][metric][rank][0]:.3f}" for rank in RANKS) for s in systems]
        rows.append([value, str(objects), *cells])
    return table([group, "objects", *systems], rows)


def to_csv(rows: Sequence[Row]) -> str:
    """One line an object, guide and system, for further analysis."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    heads = "guidance system source key layer name area flags own_first own_mean own_best iou_first iou_mean iou_best"
    writer.writerow([*heads.split(), "f_first", "f_best", "box_iou_best", "diversity", "obedience", "seconds"])
    for row in rows:
        t = row.target
        scores = [pick(values) for values in (row.own, row.iou) for pick in (lambda v: v[0], np.mean, np.max)]
        scores += [row.boundary[0], row.boundary.max(), row.box_iou.max(), row.diversity, row.obedience, row.seconds]
        named = [row.kind, row.system, t.source, t.key, t.layer, t.name, f"{t.area:.4f}", "+".join(row.flags)]
        writer.writerow([*named, *(f"{v:.4f}" for v in scores)])
    return stream.getvalue()
