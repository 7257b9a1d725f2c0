"""SmartBrush's precision control: how well the object fills a mask of each precision, and whether its own mask is it.

The coarser the mask that a SmartBrush is given, the more of it should stay background. For each rung s of the ladder
(``smartbrush/precision.py``) the real object's mask is coarsened to ``m_s`` and painted at s; the object is where the
model's own mask says. Beside it stands the mask given taken as the answer, which needs no model: a predicted mask is
worth something where its IoU with the exact object is above that of ``m_s`` itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from smartmask.evaluate.report import interval_text, table
from smartmask.evaluate.tasks.insertion.objects import Task
from smartmask.evaluate.tasks.paper.cells import tasks_of
from smartmask.evaluate.tasks.paper.insertion_table import BRUSH
from smartmask.evaluate.tasks.paper.models import Model
from smartmask.evaluate.tasks.paper.published import NOT_AT_HAND, SMARTBRUSH
from smartmask.evaluate.tasks.paper.run import Run, Table, rows_of
from smartmask.geometry import mask_iou
from smartmask.insertion.smartbrush.precision import LEVELS, coarsen
from smartmask.metrics.insertion import normalised_l2, share
from smartmask.metrics.intervals import mean_interval

RUNGS = (0, 2, 4, 6, 8)  # of LEVELS; the first and the last are the exact outline and the box
NOTES = (
    "fills: share of the mask given that the model's own mask covers; IoU: of that own mask with the real object, "
    "beside that of the mask given; covered: share of the real object that the own mask covers; Norm. L2-BG: over the "
    "user's box without the object, painted inside the own mask.",
    "At s = 0 the exact outline is given and taken as the object.",
)


def precision_table(run: Run) -> Table:
    """How well the object fills masks from the exact outline to the box, for every SmartBrush."""
    brushes = [model for model in run.roster.of("inserters") if model.kind == BRUSH]
    if not brushes:
        return Table(["No SmartBrush folder is among the inserters: no other takes a precision."], {"rows": []})
    rows = rows_of(brushes, run, lambda model: _rungs(run, model))
    heads = ["method", "s / S", "fills", "IoU, own mask", "IoU, mask given", "covered", "Norm. L2-BG"]
    cells = [[row["method"], f"{row['s']} / {LEVELS}", *(interval_text(row[key]) for key in _FIGURES)] for row in rows]
    return Table(table(heads, cells), {"rows": rows}, [NOT_AT_HAND.format(paper=SMARTBRUSH), *NOTES])


_FIGURES = ("fills", "iou_own", "iou_given", "covered", "l2_background")


def _rungs(run: Run, model: Model) -> list[dict[str, Any]]:
    found: dict[int, list[dict[str, float]]] = {rung: [] for rung in RUNGS}
    images = []
    for task in tasks_of(run.found, run.protocol, f"objects, {model.name}"):
        images.append(f"{task.target.source}/{task.target.key}")
        for rung in RUNGS:
            found[rung].append(_rung(run, model, task, rung))
    keys = np.array(images)
    return [
        {
            "method": run.named(model),
            "s": rung,
            "objects": len(some),
            **{name: mean_interval([one[name] for one in some], keys) for name in _FIGURES},
        }
        for rung, some in found.items()
    ]


def _rung(run: Run, model: Model, task: Task, rung: int) -> dict[str, float]:
    painter, given = run.painter(model), coarsen(task.real, rung / LEVELS)
    window, image, own = painter.painted(task, given, rung / LEVELS)
    mask = given if own is None or rung == 0 else own & given
    after = painter.composed(task, window, image, mask)
    return {
        "fills": share(mask, given),
        "iou_own": mask_iou(mask, task.real),
        "iou_given": mask_iou(given, task.real),
        "covered": share(mask, task.real),
        "l2_background": normalised_l2(task.photo, after, task.background),
    }
