"""A small COCO folder on disk: drawn photographs with objects, for the benchmark of insertions."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from smartmask.data.splits import split_of

HEIGHT, WIDTH = 96, 128
NAMES = {1: "ball", 2: "bus"}


def write_coco(folder: Path, test: int = 4, train: int = 6) -> Path:
    """``folder/coco`` with instances.json and images/: a round ball and a bus with a notch on noise, each picture."""
    root = folder / "coco"
    (root / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    wanted = {"test": test, "train": train, "dev": 0}
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    number = 0
    while any(wanted.values()):
        number += 1
        split = split_of(str(number))
        if not wanted[split]:
            continue
        wanted[split] -= 1
        photo = rng.integers(60, 120, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        shapes = {1: _ball(rng), 2: _bus(rng)}
        for category, outline in shapes.items():
            cv2.fillPoly(photo, [outline], tuple(int(v) for v in rng.integers(0, 255, 3)))
            polygon = [float(v) for v in outline.ravel()]
            annotations.append(
                {"id": len(annotations) + 1, "image_id": number, "category_id": category, "segmentation": [polygon]}
            )
        name = f"{number:012d}.png"
        Image.fromarray(photo).save(root / "images" / name)
        images.append({"id": number, "file_name": name, "height": HEIGHT, "width": WIDTH})
    categories = [{"id": key, "name": name} for key, name in NAMES.items()]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (root / "instances.json").write_text(json.dumps(content))
    return root


def _ball(rng: np.random.Generator) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    radius = rng.uniform(12, 18)
    centre = rng.uniform(25, 40), rng.uniform(30, 60)
    return np.stack([centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)], axis=1).astype(np.int32)


def _bus(rng: np.random.Generator) -> np.ndarray:
    x, y = int(rng.integers(65, 80)), int(rng.integers(30, 45))
    return np.array([(x, y), (x + 20, y), (x + 20, y + 12), (x + 40, y + 12), (x + 40, y + 30), (x, y + 30)], np.int32)
