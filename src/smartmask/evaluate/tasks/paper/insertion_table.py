"""SmartMask's Table 1 and SmartBrush's tables: every inserter, painting the mask that each method paints.

SmartMask's table gives each inserter the user's box, as the paper does the baselines, and our mask; SmartBrush's the
real object's own mask and its box. SmartBrush's multi-task ablation is the same table over folders that were trained
with and without its parts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.evaluate.report import interval_text, table
from smartmask.evaluate.tasks.insertion.makers import PLAIN, MaskMaker, OwnMask
from smartmask.evaluate.tasks.insertion.objects import Task
from smartmask.evaluate.tasks.insertion.report import distances, fid_text, kid_text
from smartmask.evaluate.tasks.insertion.rows import InsertionRow
from smartmask.evaluate.tasks.paper.cells import images_of, passed
from smartmask.evaluate.tasks.paper.models import Model
from smartmask.evaluate.tasks.paper.published import NOT_AT_HAND, SMARTBRUSH, SMARTMASK, SMARTMASK_TABLE_1
from smartmask.evaluate.tasks.paper.run import CLIP_CROP, FID, L2, Run, Table, rows_of
from smartmask.io.reading import read_json
from smartmask.metrics.intervals import mean_interval

BRUSH = "SmartBrushPipeline"
DASH = "-"
HEADS = ("method", "objects", "Local-FID", "Local-KID x 1000", "CLIP score", "Norm. L2-BG")
STILL = "The photographs still show the real object where a mask leaves a part of it, which flatters small masks."


def smartmask_table(run: Run) -> Table:
    """Table 1 of SmartMask: Local-FID, CLIP score and Norm. L2-BG of every inserter."""
    inserters = run.roster.of("inserters")
    rows = rows_of(inserters, run, lambda model: measured(run, model, _smartmask_makers(run, model)))
    lines = table(HEADS, [*map(_published_cells, SMARTMASK_TABLE_1), *map(_cells, rows)])
    lines += ["", f"Rows without a number of objects: published, {SMARTMASK}, Table 1. The others were measured here."]
    data = {"published": [asdict(row) for row in SMARTMASK_TABLE_1], "rows": rows}
    return Table(lines, data, [L2, FID, CLIP_CROP, STILL])


def smartbrush_table(run: Run) -> Table:
    """SmartBrush's tables: Local-FID, CLIP score and FID of every inserter at the exact and at the box mask."""
    rows = rows_of(run.roster.of("inserters"), run, lambda model: measured(run, model, [PLAIN["exact"], PLAIN["box"]]))
    return Table(_by_mask(rows), {"rows": rows}, [NOT_AT_HAND.format(paper=SMARTBRUSH), FID, CLIP_CROP, STILL])


def ablation_table(run: Run) -> Table:
    """SmartBrush's multi-task ablation: the same figures for SmartBrush folders by the parts they were trained with."""
    brushes = [model for model in run.roster.of("inserters") if model.kind == BRUSH]
    if not brushes:
        return Table(["No SmartBrush folder is among the inserters: nothing to compare."], {"rows": []})
    makers: list[MaskMaker] = [PLAIN["exact"], PLAIN["box"]]

    def make(model: Model) -> list[dict[str, Any]]:
        parts = parts_of(model)
        return [{**row, "parts": parts} for row in measured(run, model, makers)]

    rows = rows_of(brushes, run, make)
    without = {row["method"]: _without(row["parts"]) for row in rows}
    lines = [f"- {method}: {told}" for method, told in without.items()]
    note = "Folders of one size, trained alike but for the part, make an ablation; that they were is not checked here."
    return Table([*lines, "", *_by_mask(rows)], {"rows": rows}, [NOT_AT_HAND.format(paper=SMARTBRUSH), note, FID])


def parts_of(model: Model) -> dict[str, bool]:
    """Which of SmartBrush's parts a folder was trained with, from its own settings. ValueError where it says none."""
    file = Path(model.path) / "model_index.json"
    settings = read_json(file, "model index").get("settings")
    parts = settings.get("parts") if isinstance(settings, dict) else None
    if not isinstance(parts, dict):
        raise ValueError(f"'{file}' does not say which parts the model was trained with; save it again.")
    return {str(name): bool(there) for name, there in parts.items()}


def _without(parts: Mapping[str, bool]) -> str:
    missing = [name.replace("_", " ") for name, there in parts.items() if not there]
    return "without " + ", ".join(missing) if missing else "all parts of the paper"


# --- the rows --------------------------------------------------------------------------------------


def _smartmask_makers(run: Run, model: Model) -> list[MaskMaker]:
    """The user's box, what the inserter itself predicts in it, and the mask of each mask model."""
    own: list[MaskMaker] = [OwnMask(run.painter(model))] if model.kind == BRUSH else []
    return [PLAIN["box"], *own, *run.mask_makers]


def measured(run: Run, model: Model, makers: Sequence[MaskMaker]) -> list[dict[str, Any]]:
    """One row a maker: what the inserter makes of its masks."""

    def keep(task: Task, maker: str, picture: np.ndarray) -> None:
        run.keep_picture(task, maker if maker == "real" else f"{model.name} {maker}", picture)

    by_maker, gallery = passed(
        run.found, run.protocol, makers, run.painter(model), run.judges, f"objects, {model.name}", keep
    )
    random = {mask.name for mask in run.roster.of("masks") if mask.random}
    rows = []
    for maker, some in by_maker.items():
        images = images_of(some)
        rows.append(
            {
                "method": run.named(model), "mask": maker, "mask_random": maker in random, "objects": len(some),
                "l2_background": mean_interval(_painted(some, "l2_background"), images),
                "clip": None if run.judges.clip is None else mean_interval(_painted(some, "clip"), images),
                **distances(gallery, maker, images),
            }
        )  # fmt: skip
    return rows


def _painted(rows: Sequence[InsertionRow], name: str) -> list[float]:
    return [float(row.painted[name]) for row in rows if row.painted is not None]


def _published_cells(row: Any) -> list[str]:
    figures = ((row.local_fid, 2), (None, 0), (row.clip, 3), (row.l2_background, 3))
    return [row.method, DASH, *(DASH if value is None else f"{value:.{digits}f}" for value, digits in figures)]


def _cells(row: Mapping[str, Any]) -> list[str]:
    mask = row["mask"] + (" (random weights)" if row["mask_random"] else "")
    cells = [f"{row['method']}, mask: {mask}", str(row["objects"])]
    local = row.get("local_fid")
    return [*cells, fid_text(local), kid_text(local), interval_text(row["clip"]), interval_text(row["l2_background"])]


def _by_mask(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    heads = ["method", "mask", "objects", "Local-FID", "Local-KID x 1000", "CLIP score", "FID", "KID x 1000"]
    cells = [["SmartBrush, as published", mask, *[DASH] * 6] for mask in ("exact", "box")]
    for row in rows:
        local, whole = row.get("local_fid"), row.get("fid")
        figures = [fid_text(local), kid_text(local), interval_text(row["clip"]), fid_text(whole), kid_text(whole)]
        cells.append([row["method"], row["mask"], str(row["objects"]), *figures])
    return [*table(heads, cells), *([] if rows else ["", "No inserter is among the models."])]
