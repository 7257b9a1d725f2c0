"""One mask an object from each system, and the silhouettes of these: what the evaluation networks judge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from smartmask.evaluate.baselines import System
from smartmask.evaluate.realism import REAL
from smartmask.evaluate.shapes import shape_key
from smartmask.evaluate.silhouettes import SIDE, Silhouettes, silhouette
from smartmask.evaluate.targets import Case

SAMPLES = 2  # asked of each system; the first seed's, unranked, is judged


def answers(
    questions: Iterable[Case],
    systems: Mapping[str, System],
    seed: int,
    advance: Callable[[], None] = lambda: None,
) -> tuple[dict[str, Silhouettes], dict[str, int]]:
    """{system: silhouettes}, the real objects' under REAL, row i for the same object; and empty answers a system.

    The judged mask is the unranked sample: ranking would show how well a system chooses, not what it
    draws. An empty mask counts as an empty picture. Raises ValueError if there is no question.
    """
    rows: dict[str, list[np.ndarray]] = {REAL: [], **{name: [] for name in systems}}
    empty = dict.fromkeys(systems, 0)
    names, images = [], []
    for case in questions:
        rows[REAL].append(silhouette(case.true))
        names.append(shape_key(case.target.name))
        images.append(case.target.key)
        for name, system in systems.items():
            said = system(case.scene, case.target.name, case.guide, SAMPLES, case.target.number(seed))
            mask = np.asarray(said.masks[said.first], dtype=bool)
            empty[name] += not mask.any()
            rows[name].append(silhouette(mask) if mask.any() else np.zeros((SIDE, SIDE), np.uint8))
        advance()
    if not names:
        raise ValueError("There is no object to ask about; check the sources and the split.")
    about = np.array(names), np.array(images)
    return {name: Silhouettes(np.stack(pictures), *about) for name, pictures in rows.items()}, empty


def realism_lines(report: Mapping[str, Any]) -> list[str]:
    """The realism report as Markdown."""
    found = report["distances"]
    lines = [
        f"# Realism: {report['objects']} objects in {report['images']} images, guidance {report['guidance']}",
        "",
        f"smartmask {report['version']}, `{report['command']}`; weights: {report['weights']}; split {report['split']}.",
        f"{report['features']} features of the evaluation network, {found['objects_a_side']} objects a side, mean and "
        f"95 % range over {found['halves']} halves of the images. AUC: {report['folds']} folds by image, 95 % "
        "bootstrap by image; .5 cannot be told from real, 1 always.",
        "",
        "| system | Frechet | over the floor | KID x 1000 | AUC |",
        "|---|---|---|---|---|",
    ]
    for name in (REAL, *report["auc"]):
        row = found[name]
        kid = " ".join(f"{1000 * v:.2f}" for v in row["kid"][:1])
        told = "-" if name == REAL else "{:.3f} [{:.3f}, {:.3f}]".format(*report["auc"][name])
        frechet = "{:.3f} [{:.3f}, {:.3f}]".format(*row["frechet"])
        shown = "real against real (floor)" if name == REAL else name
        lines.append(f"| {shown} | {frechet} | {row['frechet_over_floor']:.2f} | {kid} | {told} |")
    return lines
