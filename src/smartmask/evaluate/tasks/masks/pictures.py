"""The page of pictures of ``eval masks``: the best, median and worst objects, so that an average fools nobody."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from smartmask.data.pack import Pack
from smartmask.data.targets import Case, Protocol, make_case
from smartmask.evaluate.tasks.masks.report import COVER
from smartmask.evaluate.tasks.masks.rows import Row
from smartmask.export.pictures import scene_colours
from smartmask.geometry import mask_box, rle_decode, scale_box
from smartmask.image.sheets import contact_sheet

MASK_WHITE = np.array([255, 255, 255], dtype=np.float32)


def extremes_sheet(kind: str, rows: Sequence[Row], pack: Pack, protocol: Protocol) -> np.ndarray:
    """``sheet`` of the first system's extremes beside the covering baseline (or the last system)."""
    of_kind = [row for row in rows if row.kind == kind]
    names = list(dict.fromkeys(row.system for row in of_kind))
    other = COVER if COVER in names else names[-1]
    rivals = {(row.target.record, row.target.layer): row for row in of_kind if row.system == other}
    picks = pick_extremes([row for row in of_kind if row.system == names[0]])
    questions = [make_case(pack[row.target.record], row.target, kind, protocol) for row in picks]
    return sheet(picks, questions, [rivals[row.target.record, row.target.layer] for row in picks])


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
