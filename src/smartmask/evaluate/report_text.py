"""The benchmark's report for people: Markdown tables, a line an object as CSV, a page of pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from smartmask.data.targets import Case
from smartmask.evaluate.benchmark import Row
from smartmask.evaluate.report import COVER, RANKS
from smartmask.export.pictures import scene_colours
from smartmask.geometry import mask_box, rle_decode, scale_box
from smartmask.image.sheets import contact_sheet

LISTED = 5  # objects a group needs for a line in the Markdown tables; the JSON has all
TITLES = {"whole": "whole objects", "all": "all objects"}
MASK_WHITE = np.array([255, 255, 255], dtype=np.float32)


def to_markdown(report: Mapping[str, Any]) -> str:
    """The report as a page of Markdown: rules, for each kind of guide whole and all objects, then tables by group."""
    counts = [f"{report['objects'][part]} {TITLES[part]} in {report['images'][part]} images" for part in TITLES]
    lines = ["# Masks against real objects", "", f"{'; '.join(counts)}. "]
    about = "".join(f"; {what}: {report[what]}" for what in ("weights", "memory", "licences") if report.get(what))
    lines += [f"smartmask {report['version']}, `{report['command']}`{about}; split {report['protocol']['split']}.", ""]
    lines += [f"{report['machine']['processor']}, {report['machine']['cores']} cores.", ""]
    lines += [f"- {rule}" for rule in report["protocol"]["rules"]] + [""]
    count = report["protocol"]["num_masks"]
    for kind, parts in report["results"].items():
        for part, systems in parts.items():
            lines += [f"## Guidance: {kind}, {TITLES[part]}", "", *_main_table(systems, count, kind), ""]
            lines += _difference_table(systems, count)
        for group, values in report["groups"][kind].items():
            rule = f"of at least {LISTED} objects: IoU in the own box, first / mean / best of {count}"
            table = _group_table(values, group, "own")
            lines += [f"### {kind}, all objects by {group}, {rule}", "", *table, ""] if len(table) > 2 else []
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


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table, line by line."""
    rule = "|" + "|".join("---" for _ in heads) + "|"
    return ["| " + " | ".join(heads) + " |", rule, *("| " + " | ".join(row) + " |" for row in rows)]


def interval_text(interval: Sequence[float]) -> str:
    """``mean [low, high]``."""
    mean, low, high = interval
    return f"{mean:.3f} [{low:.3f}, {high:.3f}]"


def signed_text(interval: Sequence[float], digits: int = 3) -> str:
    """``+mean [low, high]`` of a difference."""
    return "{:+.{d}f} [{:+.{d}f}, {:+.{d}f}]".format(*interval, d=digits)


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


def pick_extremes(rows: Sequence[Row], each: int = 8) -> list[Row]:
    """The best, median and worst ``each`` rows by best of n in the own box, best first; fewer if there are none."""
    ranked = sorted(rows, key=lambda row: -row.own.max())
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
            f"{row.system} {row.own[0]:.2f}\nbest {row.own.max():.2f}",
            f"{rival.system} {rival.own[0]:.2f}\nbest {rival.own.max():.2f}",
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
