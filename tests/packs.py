"""A small pack of drawn scenes: test, train and dev pictures with things on stuff."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from smartmask.data.pack import Pack, write_pack
from smartmask.data.record import Record
from smartmask.data.splits import split_of
from smartmask.geometry import box_mask
from smartmask.scene import Layer, Scene

HEIGHT, WIDTH = 120, 160


def ellipse_mask(cx: float, cy: float, rx: float, ry: float) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    cv2.ellipse(mask, (round(cx), round(cy)), (round(rx), round(ry)), 0, 0, 360, 1, -1)
    return mask.astype(bool)


def drawn_scene(rng: np.random.Generator) -> Scene:
    """Sky over grass, a ball, a box-shaped bus that may reach the border, and a pebble under 1 %."""
    horizon = int(rng.integers(40, 70))
    ball = ellipse_mask(rng.uniform(30, 70), rng.uniform(60, 90), rng.uniform(10, 20), rng.uniform(10, 20))
    left, top = int(rng.integers(90, 120)), int(rng.integers(20, 60))
    bus = box_mask((left, top, left + 50, top + 40), HEIGHT, WIDTH) & ~ball
    pebble = box_mask((4, 110, 9, 115), HEIGHT, WIDTH)
    free = ~(ball | bus | pebble)
    sky = box_mask((0, 0, WIDTH, horizon), HEIGHT, WIDTH)
    layers = (
        Layer("sky", sky & free, thing=False),
        Layer("grass", ~sky & free, thing=False),
        Layer("bus", bus),
        Layer("ball", ball),
        Layer("ball", pebble),
    )
    return Scene(HEIGHT, WIDTH, layers, caption="a ball and a bus")


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    rng = np.random.default_rng(0)
    wanted = {"train": 14, "test": 8, "dev": 2}
    records, number = [], 0
    while any(wanted.values()):
        number += 1
        split = split_of(str(number))
        if wanted[split]:
            wanted[split] -= 1
            source = "voc" if number % 2 else "coco_panoptic"
            records.append(Record(str(number), source, drawn_scene(rng), name=f"picture {number}"))
    path: Path = tmp_path_factory.mktemp("pack") / "layouts.parquet"
    write_pack(records, path)
    return Pack(path)
