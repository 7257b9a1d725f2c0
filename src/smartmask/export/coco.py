"""COCO's JSON of a scene: instances, and the panoptic map with its records."""

from __future__ import annotations

from typing import Any

import numpy as np

from smartmask.geometry import rle_of_window
from smartmask.scene import Scene
from smartmask.scene.categories import COCO_PANOPTIC

_NEW_CATEGORIES = 1001  # ids of names that COCO has not, from here on, as panoptic maps have them


def coco_instances(scene: Scene, file_name: str) -> dict[str, Any]:
    """COCO's instances JSON of one image: ``info``, ``images``, ``annotations``, ``categories``.

    An annotation a layer of which something is seen, back to front. ``segmentation`` is what is seen, ``amodal`` the
    whole layer, both as compressed run lengths; ``bbox`` (x, y, width, height) and ``area`` are of what is seen.
    ``layer`` is its index in the scene. Categories have COCO's own ids where it knows the name and kind.
    """
    known = {(name, thing): number for number, name, thing in COCO_PANOPTIC}
    table: dict[tuple[str, bool], int] = {}
    annotations: list[dict[str, Any]] = []
    for index, layer in enumerate(scene.layers):
        seen = scene.seen(index)
        if not seen.any():
            continue
        key = layer.name, layer.thing
        x0, y0, x1, y1 = seen.box
        annotations.append(
            {
                "id": len(annotations) + 1, "image_id": 1,
                "category_id": table.setdefault(key, known.get(key, _NEW_CATEGORIES + len(table))),
                "segmentation": rle_of_window(seen), "bbox": [x0, y0, x1 - x0, y1 - y0], "area": seen.area,
                "iscrowd": 0, "amodal": rle_of_window(layer.window), "layer": index,
            }
        )  # fmt: skip
    return {
        "info": {"description": scene.caption or ""}, "images": [_image(scene, file_name)],
        "annotations": annotations,
        "categories": [{"id": number, "name": name, "isthing": int(thing)} for (name, thing), number in table.items()],
    }  # fmt: skip


def coco_panoptic(scene: Scene, file_name: str, map_name: str) -> tuple[np.ndarray, dict[str, Any]]:
    """``(pixels (H, W, 3) uint8 of the map, JSON)``: one image in COCO's panoptic format. map_name: the map's file."""
    rgb, segments, categories = scene.to_panoptic()
    annotation = {"image_id": 1, "file_name": map_name, "segments_info": segments}
    return rgb, {"images": [_image(scene, file_name)], "annotations": [annotation], "categories": categories}


def _image(scene: Scene, file_name: str) -> dict[str, Any]:
    return {"id": 1, "width": scene.width, "height": scene.height, "file_name": file_name}
