"""A suggested mask as ``result.json`` tells it."""

from __future__ import annotations

from typing import Any

from smartmask.io.records import Record
from smartmask.masks.model import MaskOutput
from smartmask.scene import Scene
from smartmask.scene.neighbours import neighbours


class MaskRecord(Record):
    """One mask of a result. mask, visible: its files. box: (x0, y0, x1, y1) pixel edges, None for an empty mask.

    order: its index in the scene's layers. in_front_of, behind: the nearest thing behind it and the nearest one before
    it among those that it overlaps (a hundredth of its pixels or of theirs), where there is none the stuff that it
    overlaps most; None where it overlaps nothing.
    """

    mask: str
    visible: str
    box: tuple[float, float, float, float] | None
    area: int
    visible_area: int
    score: float
    order: int
    in_front_of: str | None
    behind: str | None
    seed: int
    why: dict[str, Any]


def mask_records(output: MaskOutput, scene: Scene, folder: str = "") -> list[MaskRecord]:
    """A record a mask, best first. folder: put before the names of files."""
    records = []
    for index, (mask, visible) in enumerate(zip(output.windows, output.seen, strict=True)):
        order = int(output.orders[index])
        in_front_of, behind = neighbours(scene, mask, order)
        records.append(
            MaskRecord(
                mask=f"{folder}mask_{index:02d}.png", visible=f"{folder}visible_{index:02d}.png", box=mask.bounds,
                area=mask.area, visible_area=visible.area,
                score=round(float(output.scores[index]), 6), order=order, in_front_of=in_front_of, behind=behind,
                seed=int(output.seeds[index]), why=output.why[index],
            )
        )  # fmt: skip
    return records
