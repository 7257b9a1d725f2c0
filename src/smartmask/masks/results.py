"""What a masks call leaves: its result as a schema, and the pictures of its folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ConfigDict

from smartmask.export.pictures import overlay, scene_colours
from smartmask.geometry import mask_box
from smartmask.guides import Guide
from smartmask.image.files import save_png
from smartmask.image.sheets import contact_sheet, rank_colour
from smartmask.io.package import VERSION
from smartmask.io.publish import RESULT, save_json
from smartmask.io.records import Record, Size
from smartmask.io.watch import rounded
from smartmask.masks.model import MaskOutput
from smartmask.scene import Scene

SHEET_MASKS = 59  # masks on the overlay sheet; with the layout 60 tiles
SHEET_TILE = 256


class MaskRecord(Record):
    """One mask of a result. mask, visible: its files. box: (x0, y0, x1, y1) pixel edges, None for an empty mask.

    order: its index in the scene's layers; in_front_of: the layer next behind it, None at the back.
    """

    mask: str
    visible: str
    box: tuple[float, float, float, float] | None
    area: int
    visible_area: int
    score: float
    order: int
    in_front_of: str | None
    seed: int
    why: dict[str, Any]


class MasksResult(Record):
    """What ``result.json`` says: version, the request, the scene's size, and a record a mask, best first.

    files: all that was written, but ``result.json``.
    """

    model_config = ConfigDict(extra="allow")  # the request's own keys stand beside

    version: str = VERSION
    command: str = "masks"
    guidance: list[dict[str, Any]]
    size: Size
    layers: list[str]
    masks: list[MaskRecord]
    files: list[str]
    timings: dict[str, float]
    notes: list[str]

    @classmethod
    def of_output(
        cls, output: MaskOutput, scene: Scene, guides: Sequence[Guide], asked: dict[str, Any],
        notes: Sequence[str] = (), seconds: dict[str, float] | None = None, files: Sequence[str] = (),
    ) -> MasksResult:  # fmt: skip
        """The result of a pipeline's output. asked: what of the request is repeated; notes: on the scene.

        files: what was written.
        """
        return cls(
            **asked,
            guidance=[guide.describe() for guide in guides],
            size=Size(width=scene.width, height=scene.height),
            layers=[layer.name for layer in scene.layers],
            masks=mask_records(output, scene),
            files=list(files),
            timings=rounded(output.timings | (seconds or {})),
            notes=[*notes, *output.notes],
        )


def mask_records(output: MaskOutput, scene: Scene) -> list[MaskRecord]:
    """A record a mask, best first."""
    return [
        MaskRecord(
            mask=f"mask_{index:02d}.png", visible=f"visible_{index:02d}.png", box=mask_box(mask),
            area=int(np.count_nonzero(mask)), visible_area=int(np.count_nonzero(visible)),
            score=round(float(score), 6), order=int(order),
            in_front_of=scene.layers[order - 1].name if order > 0 else None, seed=int(seed), why=why,
        )
        for index, (mask, visible, score, order, seed, why) in enumerate(
            zip(output.masks, output.visible, output.scores, output.orders, output.seeds, output.why, strict=True)
        )
    ]  # fmt: skip


def save_masks(output: MaskOutput, scene: Scene, guides: Sequence[Guide], folder: Path) -> None:
    """``mask_00.png``, ``visible_00.png``, ... best first, and ``overlay.png``, into a staging folder."""
    for index, (mask, visible) in enumerate(zip(output.masks, output.visible, strict=True)):
        save_png(mask, folder / f"mask_{index:02d}.png")
        save_png(visible, folder / f"visible_{index:02d}.png")
    save_png(mask_sheet(output, scene, guides), folder / "overlay.png")


def mask_sheet(output: MaskOutput, scene: Scene, guides: Sequence[Guide]) -> np.ndarray:
    """``(H, W, 3)`` uint8 RGB: the layout, then the photo (or layout) with each mask, its score, seed and order.

    Shows the best SHEET_MASKS masks; guides are drawn on every tile.
    """
    colours = scene_colours(scene)
    picture = colours if scene.photo is None else scene.photo
    tiles = [overlay(colours, guides=guides, side=SHEET_TILE)]
    captions = [f"layout {scene.width}x{scene.height}\n{len(scene.layers)} layers"]
    for index in range(min(len(output.masks), SHEET_MASKS)):
        mask, visible = output.masks[index], output.visible[index]
        tiles.append(overlay(picture, mask, visible, guides, rank_colour(index), SHEET_TILE))
        captions.append(
            f"{index:02d}  score {output.scores[index]:.2f}\nseed {output.seeds[index]}  order {output.orders[index]}"
        )
    return contact_sheet(tiles, captions, columns=min(len(tiles), 5), tile=SHEET_TILE)


def save_result(result: dict[str, Any], folder: Path) -> None:
    """``result.json`` into a staging folder."""
    save_json(result, folder / RESULT)
