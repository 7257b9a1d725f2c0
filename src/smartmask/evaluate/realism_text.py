"""The realism report as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from smartmask.evaluate.realism import REAL
from smartmask.evaluate.realism_sets import SAME
from smartmask.evaluate.report_text import interval_text, signed_text, table

LISTED = 0.01  # share that a set needs to be named on the page; the JSON has all


def shares_of(judged: np.ndarray, remembered: np.ndarray) -> dict[str, list[float]]:
    """{set: [share of the judged outlines, share of the remembered ones]}, the largest of the memory first."""
    names, counts = np.unique(remembered, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {
        str(names[i]): [round(float((judged == names[i]).mean()), 4), round(float(counts[i] / len(remembered)), 4)]
        for i in order
    }


def realism_lines(report: Mapping[str, Any]) -> list[str]:
    """The page: what was compared with what, one table, the shares of the sets."""
    found = report["distances"]
    count = report["num_masks"]
    lines = [
        f"# Realism: {report['objects']} whole outlines kept apart, one random suggestion of {count} for each",
        "",
        f"smartmask {report['version']}, `{report['command']}`; weights: {report['weights']}; memory: "
        f"{report['memory']}; real: {report['kept_apart']}, {report['in_scene']} of them asked for in their own scene.",
        f"AUC: {report['folds']} folds by image, {report['steps']} steps a fold, 95 % bootstrap by image; .5 cannot be "
        "told from real, 1 always. Over: above the AUC of random remembered outlines of the same name and aspect. "
        f"Known: share within IoU {SAME:g} of a remembered outline in its box, mirrored or not. Distances: "
        f"{report['features']} features of the evaluation network, {found['objects_a_side']} outlines a side, "
        f"{found['halves']} halves of the images.",
        "",
    ]
    rows = []
    for name in (REAL, *report["auc"]):
        row = found[name]
        over = report.get("over", {}).get(name)
        rows.append(
            [
                "real" if name == REAL else name,
                "-" if name == REAL else interval_text(report["auc"][name]),
                "-" if over is None else signed_text(over),
                f"{report['near_a_remembered_one'][name]:.3f}",
                interval_text(row["frechet"]),
                f"{row['frechet_over_floor']:.2f}",
                f"{1000 * row['kid'][0]:.2f}",
            ]
        )
    lines += table(["masks", "AUC", "over", "known", "Frechet", "over the floor", "KID x 1000"], rows)
    shares = ", ".join(
        f"{name} {judged:.2f} ({held:.2f})"
        for name, (judged, held) in report["sets"].items()
        if max(judged, held) >= LISTED
    )
    return [*lines, "", f"Sets, share here (and in the memory): {shares}."]
