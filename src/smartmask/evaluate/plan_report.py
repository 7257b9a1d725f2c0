"""The report of ``eval plan``: all figures of a next-object planner and of what it is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from smartmask.data.pack import Pack
from smartmask.data.plans import NAMES, PlanScene, depth_pairs
from smartmask.evaluate.plans import (
    CoOccurrence,
    Frequency,
    Learned,
    Predictor,
    better_by,
    count_error,
    next_figures,
    order_tau,
    place_figures,
)
from smartmask.plan.planners.next_object import NextObjectNetwork
from smartmask.scene.categories import STYLES
from smartmask.text.encoder import TextEncoder


def plan_report(
    network: NextObjectNetwork, text: TextEncoder, pack: Pack, train: Sequence[PlanScene],
    unseen: Sequence[PlanScene], limit: int,
) -> dict[str, Any]:  # fmt: skip
    """{kind of annotation: figures}, and ``order``: Kendall's tau with a size rule beside it."""
    learned = Learned(network, text)
    predictors: list[Predictor] = [
        Frequency(train),
        CoOccurrence(train),
        Learned(network, text, captions=False),
        learned,
    ]
    report: dict[str, Any] = {}
    for style in STYLES:
        scenes = [scene for scene in unseen if scene.style == style][: limit or None]
        own = [scene for scene in train if scene.style == style]
        if not scenes or not own:
            continue
        gain = better_by(learned, predictors[1], scenes)
        report[style] = {
            "next": {p.name: next_figures(p, scenes) for p in predictors},
            "gain_over_co_occurrence": {"mean": gain[0], "low": gain[1], "high": gain[2]},
            "count": count_error(learned, scenes, own),
            "place": place_figures(learned, scenes, own),
        }
    report["order"] = order_figures(network, learned.table, pack, train, unseen)
    return report


def order_figures(
    network: NextObjectNetwork, table: torch.Tensor, pack: Pack, train: Sequence[PlanScene], unseen: Sequence[PlanScene]
) -> dict[str, float]:
    """Kendall's tau of orders by name alone: learned; smaller classes in front; names seen lower in front."""
    with torch.inference_mode():
        near = network.nearness(table)
    rules = {"learned": dict(zip(NAMES, near.tolist(), strict=True))}
    areas: dict[str, list[tuple[float, float]]] = {name: [] for name in NAMES}
    for scene in train:
        for name, (x0, y0, x1, y1) in zip(scene.names, scene.boxes, strict=True):
            areas[name].append((float((x1 - x0) * (y1 - y0)), float(y1)))
    rules["smaller_in_front"] = {n: -float(np.mean([a for a, _ in rows])) if rows else 0 for n, rows in areas.items()}
    rules["lower_in_front"] = {n: float(np.mean([y for _, y in rows])) if rows else 0 for n, rows in areas.items()}
    pairs = depth_pairs(pack, unseen)
    figures = {name: order_tau(rule, pairs)[0] for name, rule in rules.items()}
    return {"pairs": float(order_tau(rules["learned"], pairs)[1]), **figures}


def plan_lines(report: dict[str, Any]) -> list[str]:
    """The report as Markdown."""
    lines = ["| scenes | planner | number | top-1 | top-5 | log-likelihood |", "|---|---|---|---|---|---|"]
    styles = [style for style in STYLES if style in report]
    for style in styles:
        for name, f in report[style]["next"].items():
            cells = f"{f['scenes']} | {f['top1']:.3f} | {f['top5']:.3f} | {f['log_likelihood']:.3f}"
            lines.append(f"| {style} | {name} | {cells} |")
    lines.append("")
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
