"""A COCO of drawn photographs, for SmartBrush's training tests."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from smartmask.data.splits import split_of
from smartmask.geometry import mask_box, rle_encode
from smartmask.scene import Layer, Scene

COLOURS = {"dog": (200, 60, 40), "cat": (40, 60, 200)}


def drawn_photo(rng: np.random.Generator, height: int = 72, width: int = 96) -> Scene:
    """A green photograph with a red dog (a disc) and a blue cat (a triangle) on it."""
    y, x = np.mgrid[:height, :width]
    cx, cy, radius = rng.uniform(20, 30), rng.uniform(25, 45), rng.uniform(14, 18)
    dog = (x - cx) ** 2 + (y - cy) ** 2 < radius**2
    left, top, size = rng.uniform(50, 60), rng.uniform(10, 25), rng.uniform(28, 34)
    cat = (y - top > 0) & (y - top < size) & (np.abs(x - left - size / 2) < (y - top) / 2)
    photo = np.full((height, width, 3), (60, 160, 60)) + rng.integers(-10, 11, (height, width, 3))
    for name, mask in (("dog", dog), ("cat", cat)):
        photo[mask] = COLOURS[name]
    layers = (Layer("dog", dog), Layer("cat", cat))
    return Scene(height, width, layers, photo=photo.clip(0, 255).astype(np.uint8), caption="a dog and a cat on grass")


def coco_folder(folder: Path, train: int = 6, dev: int = 3) -> Path:
    """``coco/`` in a folder of sets: drawn photos as PNG, instances.json with run lengths, captions.json."""
    root = folder / "coco"
    (root / "images").mkdir(parents=True)
    rng = np.random.default_rng(0)
    numbers = [n for n in range(1, 400) if split_of(str(n)) == "train"][:train]
    numbers += [n for n in range(1, 400) if split_of(str(n)) == "dev"][:dev]
    images, annotations, captions = [], [], []
    for number in numbers:
        scene = drawn_photo(rng)
        Image.fromarray(scene.photo).save(root / "images" / f"{number:012d}.png")
        images.append({"id": number, "file_name": f"{number:012d}.png", "height": 72, "width": 96})
        captions.append({"id": number, "image_id": number, "caption": scene.caption})
        for category, layer in enumerate(scene.layers, 1):
            x0, y0, x1, y1 = mask_box(layer.mask) or (0, 0, 0, 0)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": category,
                    "iscrowd": 0,
                    "segmentation": rle_encode(layer.mask),
                    "area": int(layer.mask.sum()),
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                }
            )
    categories = [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (root / "instances.json").write_text(json.dumps(content))
    (root / "captions.json").write_text(json.dumps({"images": images, "annotations": captions}))
    return folder
