"""Mask quality: our masks beside what is found by painting the box first.

SmartMask's paper shows its masks beside inpaint-then-HQ-SAM and beside SmartBrush's own, in pictures alone. Here they
are measured: against the real object where its box is known, by how ragged they are, and by whether a network can tell
them from real ones. The baselines of the same run stand beside; the one to beat is `cover`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from smartmask.data.curation import roughness
from smartmask.data.shapes import shape_key
from smartmask.data.silhouettes import SIDE, Silhouettes, silhouette
from smartmask.evaluate.report import interval_text, table
from smartmask.evaluate.tasks.insertion.makers import PLAIN, InpaintThenSegment, MaskMaker, OwnMask
from smartmask.evaluate.tasks.insertion.rows import InsertionRow, Judges
from smartmask.evaluate.tasks.paper.cache import digest_of
from smartmask.evaluate.tasks.paper.cells import images_of, passed, tasks_of
from smartmask.evaluate.tasks.paper.insertion_table import BRUSH
from smartmask.evaluate.tasks.paper.models import Model
from smartmask.evaluate.tasks.paper.published import NOT_AT_HAND, SMARTMASK
from smartmask.evaluate.tasks.paper.run import Run, Table
from smartmask.geometry import rle_decode
from smartmask.metrics.intervals import mean_interval, rounded
from smartmask.metrics.masks import boundary_f
from smartmask.metrics.sets import auc_interval

BASELINES = ("ellipse", "class-mean", "retrieval", "cover")
REAL = "exact"
FOLDS, FEWEST = 5, 40  # of the critic; fewer objects tell it nothing
NOTES = (
    "IoU and boundary F: with the real object of the same box; raggedness: length of the outline over that of itself "
    "smoothed, 1 is smooth, and real outlines stand in the last row; AUC: of a network told to tell these masks from "
    "the real ones, folds by image, .5 cannot be told.",
    "Inpaint-then-segment: the inserter paints the user's box, the segmenter finds the object in it.",
)


def mask_table(run: Run) -> Table:
    """Masks against the real objects: ours, inpaint-then-segment, the inserters' own, baselines."""
    rows: dict[str, list[InsertionRow]] = {}
    random = {model.name for model in run.roster.of("masks") if model.random}
    plain: list[MaskMaker] = [*run.mask_makers, PLAIN["box"], *(run.baseline(name) for name in BASELINES)]
    for maker, some in passed(run.found, run.protocol, plain, None, Judges(), "objects, masks")[0].items():
        rows[maker + (" (random weights)" if maker in random else "")] = some
    for model in run.roster.of("inserters"):
        makers = _painting_first(run, model)
        if makers:
            rows |= passed(run.found, run.protocol, makers, None, Judges(), f"objects, {model.name}")[0]
        run.release(model)
    rows[REAL] = passed(run.found, run.protocol, [PLAIN[REAL]], None, Judges(), "objects, real")[0][REAL]
    reals = [task.real for task in tasks_of(run.found, run.protocol, "real outlines")]
    figures = {name: _figures(some, reals) for name, some in rows.items()}
    for name, told in _realism(rows, run).items():
        figures[name]["auc"] = told
    return Table(_lines(figures), {"rows": figures}, [NOT_AT_HAND.format(paper=SMARTMASK), *NOTES])


def _painting_first(run: Run, model: Model) -> list[MaskMaker]:
    """What an inserter answers for a mask: its own where it predicts one, and what each segmenter finds."""
    painter = run.painter(model)
    makers: list[MaskMaker] = []
    if model.kind == BRUSH:
        own = OwnMask(painter)
        own.name = f"{run.named(model)}, own mask"
        makers.append(own)
    for segmenter, found in run.segmenters:
        then = InpaintThenSegment(painter, found)  # type: ignore[arg-type]
        then.name = f"{run.named(model)}, then {run.named(segmenter)}"
        makers.append(then)
    return makers


def _figures(rows: Sequence[InsertionRow], reals: Sequence[np.ndarray]) -> dict[str, Any]:
    images = images_of(rows)
    masks = [rle_decode(row.mask) for row in rows]
    edges = [boundary_f(mask, real) for mask, real in zip(masks, reals, strict=True)]
    rough = [(roughness(mask), image) for mask, image in zip(masks, images, strict=True) if mask.any()]
    return {
        "objects": len(rows),
        "iou": mean_interval([row.iou for row in rows], images),
        "boundary_f": mean_interval(edges, images),
        "roughness": mean_interval([r for r, _ in rough], np.array([i for _, i in rough])) if rough else None,
        "area": mean_interval([row.area for row in rows], images),
        "empty": int(sum(not mask.any() for mask in masks)),
        "auc": None,
    }


def _realism(rows: Mapping[str, Sequence[InsertionRow]], run: Run) -> dict[str, list[float]]:
    """{maker: [AUC, low, high]} of a critic; nothing for too few objects or photographs."""
    real = rows[REAL]
    images = images_of(real)
    if len(real) < FEWEST or len(np.unique(images)) < FOLDS:
        return {}
    from smartmask.evaluate.critic import tell_apart
    from smartmask.metrics.judge import load_judge

    start = load_judge()
    truth = _silhouettes(real)
    found = {}
    for name, some in rows.items():
        if name == REAL:
            continue
        made = _silhouettes(some)
        parts = ["critic", digest_of(truth.pictures), digest_of(made.pictures), images.tolist(), FOLDS, run.fold_steps]

        def scores(made: Silhouettes = made) -> np.ndarray:
            return np.stack(tell_apart(truth, made, start, FOLDS, run.fold_steps, run.protocol.seed))

        told = run.cache.array(parts, scores)
        found[name] = rounded(auc_interval(told[0], told[1], images))
    return found


def _silhouettes(rows: Sequence[InsertionRow]) -> Silhouettes:
    masks = [rle_decode(row.mask) for row in rows]
    pictures = [silhouette(mask) if mask.any() else np.zeros((SIDE, SIDE), np.uint8) for mask in masks]
    names = np.array([shape_key(row.target.name) for row in rows])
    return Silhouettes(np.stack(pictures), names, images_of(rows))


def _lines(figures: Mapping[str, Mapping[str, Any]]) -> list[str]:
    heads = ["mask", "objects", "IoU", "boundary F", "raggedness", "AUC of a critic", "share of box", "empty"]
    rows = []
    for name, found in figures.items():
        cells = [name, str(found["objects"])]
        cells += [interval_text(found[key]) for key in ("iou", "boundary_f", "roughness", "auc", "area")]
        rows.append([*cells, str(found["empty"])])
    return table(heads, rows)
