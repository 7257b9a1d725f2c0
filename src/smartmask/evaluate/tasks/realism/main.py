"""``realism``: one random suggestion of eight told from whole outlines kept apart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.data.pack import Pack
from smartmask.evaluate.memories import curated_outlines, whole_outlines
from smartmask.evaluate.protocol import JUDGE, OUTLINES, Benchmark, ObjectSettings, listed
from smartmask.evaluate.report import finish, interval_text, measured, signed_text, table, watched
from smartmask.evaluate.systems import assemble, system_names
from smartmask.evaluate.tasks.realism.sets import SAME, SMALLEST, gather, in_shares, known_share, requests
from smartmask.io.settings import option
from smartmask.metrics.sets import REAL

LISTED = 0.01  # share that a set needs to be named on the page; the JSON has all
RANDOM = "retrieval"  # random remembered outlines, over which the others' AUC is given


class RealismSettings(ObjectSettings):
    """The outlines kept apart, and the classifier."""

    outlines: Path | None = OUTLINES
    limit: int = option(800, "At most so many objects, the same for the same seed; 0: all.")
    systems: str = option("pipeline,cover,retrieval", "Of pipeline and the baselines.")
    num_masks: int = option(8, "Suggestions a box, of which one is looked at.", ge=2)
    min_area: float = option(0.01, "Smallest object of the pack, as a share of the image.")
    smallest: int = option(SMALLEST, "Pixels of a real outline's longer side, at least.")
    folds: int = option(5, "Folds of the classifier that tells suggested from real.", ge=2)
    steps: int = option(300, "Training steps of that classifier a fold.", ge=1)
    judge: Path | None = JUDGE


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
        cells = [name, interval_text(report["auc"].get(name)), signed_text(report.get("over", {}).get(name))]
        cells += [f"{report['near_a_remembered_one'][name]:.3f}", interval_text(row["frechet"])]
        rows.append([*cells, f"{row['frechet_over_floor']:.2f}", f"{1000 * row['kid'][0]:.2f}"])
    lines += table(["masks", "AUC", "over", "known", "Frechet", "over the floor", "KID x 1000"], rows)
    shares = ", ".join(
        f"{name} {judged:.2f} ({held:.2f})"
        for name, (judged, held) in report["sets"].items()
        if max(judged, held) >= LISTED
    )
    return [*lines, "", f"Sets, share here (and in the memory): {shares}."]


def run(settings: RealismSettings) -> None:
    """One random suggestion of 8 told from whole outlines kept apart: AUC, over that of random remembered ones."""
    from smartmask.evaluate.tasks.realism.critic import realism_report
    from smartmask.metrics.judge import load_judge

    seed, folds, steps = settings.seed, settings.folds, settings.steps
    protocol = settings.protocol()
    names = system_names(listed(settings.systems), protocol.guidance)
    network = load_judge(settings.judge)
    pack = Pack(settings.data)
    outlines, split = settings.outlines, settings.split
    real = whole_outlines(pack, protocol, split) if outlines is None else curated_outlines(outlines, split)
    asked = assemble(names, pack, protocol, settings)
    remembered = asked.bank.outlines
    chosen = in_shares(real, remembered, settings.limit or len(real), seed, settings.smallest)
    questions = list(requests(pack, protocol, real, chosen.tolist()))
    gathered = gather(watched("outlines", questions), asked.systems, settings.num_masks)
    found = realism_report(gathered.pictures, network, folds, steps, seed, RANDOM)
    known = {name: float(known_share(some, remembered).mean()) for name, some in gathered.shapes.items()}
    report: dict[str, Any] = {
        **measured("realism", split, asked.about),
        "kept_apart": real.about,
        "judge": str(settings.judge or "bundled"),
        "folds": folds,
        "steps": steps,
        "num_masks": settings.num_masks,
        "in_scene": sum(question.in_scene for question in questions),
        "sets": shares_of(real.sets[chosen], remembered.sets),
        "near_a_remembered_one": {name: round(share, 4) for name, share in known.items()},
        "empty": gathered.empty,
        **found,
    }
    finish("realism", report, realism_lines(report), settings)


BENCHMARK = Benchmark("realism", RealismSettings, run)
