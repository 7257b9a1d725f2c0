"""Result folders: what the commands write, all of it or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from smartmask.export.pictures import overlay, scene_colours
from smartmask.geometry import mask_box
from smartmask.guides import Guide
from smartmask.image.files import save_png
from smartmask.image.sheets import contact_sheet, rank_colour
from smartmask.io.files import save_json
from smartmask.io.package import VERSION
from smartmask.io.publish import RESULT
from smartmask.scene import Scene

if TYPE_CHECKING:
    from smartmask.masks.model import MaskOutput
SHEET_MASKS = 59  # masks on the overlay sheet; with the layout 60 tiles
SHEET_TILE = 256


def describe_masks(
    output: MaskOutput, scene: Scene, guides: Sequence[Guide], request: dict[str, Any]
) -> dict[str, Any]:
    """What ``result.json`` says: version, the request, the scene's size, and a record a mask, best first.

    request: the caller's own keys (object, context, ...), copied. Boxes are (x0, y0, x1, y1) pixel
    edges, null for an empty mask; ``order`` is the index in the scene's layers, and
    ``in_front_of`` the layer next behind it (null at the back).
    """
    records = []
    for index, (mask, visible) in enumerate(zip(output.masks, output.visible, strict=True)):
        order = int(output.orders[index])
        records.append(
            {
                "mask": f"mask_{index:02d}.png",
                "visible": f"visible_{index:02d}.png",
                "box": mask_box(mask),
                "area": int(np.count_nonzero(mask)),
                "visible_area": int(np.count_nonzero(visible)),
                "score": round(float(output.scores[index]), 6),
                "order": order,
                "in_front_of": scene.layers[order - 1].name if order > 0 else None,
                "seed": int(output.seeds[index]),
                "why": output.why[index],
            }
        )
    return {
        "version": VERSION,
        **request,
        "guidance": [guide.describe() for guide in guides],
        "size": {"width": scene.width, "height": scene.height},
        "layers": [layer.name for layer in scene.layers],
        "masks": records,
        "timings": {stage: round(float(seconds), 4) for stage, seconds in output.timings.items()},
        "notes": list(output.notes),
    }


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
