"""A small ``objects/`` folder, a VOC folder and shapes, written by hand for the tests of outlines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

H, W = 120, 160


def box(x0: float, y0: float, x1: float, y1: float) -> list[float]:
    """A rectangle as a COCO polygon."""
    return [float(v) for v in (x0, y0, x1, y0, x1, y1, x0, y1)]


def write_objects(
    root: Path, name: str, things: list[tuple[str, str, Any]], picture: dict[str, Any] | None = None, **extra: Any
) -> None:
    """``objects/NAME.json`` of (source, label, polygons or RLE); things of one source share a picture.

    picture: more fields of every image. extra: more fields of every annotation.
    """
    sources = list(dict.fromkeys(source for source, _, _ in things))
    labels = list(dict.fromkeys(label for _, label, _ in things))
    content = {
        "info": {"licence": "as tested"},
        "images": [
            {"id": i + 1, "file_name": f"{s}.jpg", "height": H, "width": W, "source": s, **(picture or {})}
            for i, s in enumerate(sources)
        ],
        "categories": [{"id": i + 1, "name": label} for i, label in enumerate(labels)],
        "annotations": [
            {
                "id": i + 1,
                "image_id": sources.index(source) + 1,
                "category_id": labels.index(label) + 1,
                "iscrowd": 0,
                "segmentation": segmentation,
                **extra,
            }
            for i, (source, label, segmentation) in enumerate(things)
        ],
    }
    (root / "objects").mkdir(parents=True, exist_ok=True)
    (root / "objects" / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


def write_voc(root: Path, name: str, labels: np.ndarray) -> None:
    """``voc/SegmentationClassAug/NAME.png`` of an ``(H, W)`` uint8 class map."""
    folder = root / "voc" / "SegmentationClassAug"
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(labels, "L").save(folder / f"{name}.png")


def star(points: int, size: int = 90, inner: float = 0.4, turn: float = 0.0) -> np.ndarray:
    """``(size, size)`` bool: a star, the more points the hairier."""
    angles = turn + np.arange(2 * points) * np.pi / points
    radii = np.where(np.arange(2 * points) % 2 == 0, 0.48, 0.48 * inner) * size
    corners = np.stack([size / 2 + radii * np.sin(angles), size / 2 - radii * np.cos(angles)], axis=1)
    mask = np.zeros((size, size), np.uint8)
    cv2.fillPoly(mask, [np.rint(corners).astype(np.int32)], 1)
    rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return mask[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1].astype(bool)
