"""What tests of mask pipelines ask: a small scene, guides of all kinds, a call, and what holds of every answer."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from drawn import block, ellipse

from smartmask.guides import Blob, Box, Guidance, MaskGuide, Point, Polygon, Scribble
from smartmask.masks.model import MaskOutput
from smartmask.masks.pipeline import SmartMaskPipeline
from smartmask.scene import Layer, Scene

HEIGHT, WIDTH = 64, 96


def scene(height: int = HEIGHT, width: int = WIDTH) -> Scene:
    """Sky over grass, a person, and a dog that stands before it; whole masks."""
    sky = block(height, width, 0, 0, width, height // 2)
    person = block(height, width, width // 4, height // 4, width // 2, height * 7 // 8)
    dog = ellipse(height, width, width * 0.55, height * 0.7, width * 0.15, height * 0.2)
    layers = (Layer("sky", sky, False), Layer("grass", ~sky, False), Layer("person", person), Layer("dog", dog))
    return Scene(height, width, layers)


SCENE = scene()
GUIDES: dict[str, Guidance] = {
    "none": None,
    "box": Box(20, 10, 60, 50),
    "box beyond the border": Box(70, 30, 130, 90),
    "point": Point(40, 30),
    "blob": Blob(50, 32, 9, 6),
    "scribble": Scribble([(20, 20), (50, 40)], 4),
    "strokes": Scribble([[(20, 20), (50, 40)], [(30, 50)]]),
    "mask": MaskGuide(ellipse(HEIGHT, WIDTH, 50, 30, 20, 14)),
    "polygon": Polygon([(30, 16), (70, 20), (66, 44), (34, 40)]),
    "nothing in a list": [],
    "two points": [Point(20, 30), Point(60, 35)],
    "box and scribble": [Box(20, 10, 60, 50), Scribble([(25, 20), (50, 40)], 4)],
    "point and blob": [Point(20, 30), Blob(50, 32, 9, 6)],
}


def call(pipe: SmartMaskPipeline, where: Scene = SCENE, prompt: str = "cat", **options: Any) -> MaskOutput:
    return pipe(where, prompt, **{"num_masks": 3, "generator": 0, **options})


def by_seed(out: MaskOutput) -> dict[int, np.ndarray]:
    return dict(zip(out.seeds, out.masks, strict=True))


def assert_sound(out: MaskOutput, where: Scene, count: int) -> None:
    """What holds of every answer."""
    assert out.masks.shape == out.visible.shape == (count, where.height, where.width)
    assert out.masks.dtype == out.visible.dtype == np.bool_
    assert out.masks.any(axis=(1, 2)).all()
    for mask, visible, order in zip(out.masks, out.visible, out.orders, strict=True):
        assert 0 <= order <= len(where.layers)
        assert np.array_equal(visible, mask & ~where.covered(order))
    assert out.scores.shape == (count,)
    assert (np.diff(out.scores) <= 0).all()
    assert out.scores.min() >= 0
    assert out.scores.max() <= 1
    assert len(out.orders) == len(out.seeds) == len(out.boxes) == len(out.why) == count
    assert all(isinstance(number, int) for number in (*out.orders, *out.seeds))
    assert all(x1 > x0 and y1 > y0 for x0, y0, x1, y1 in out.boxes)
    assert set(out.timings) == {"suggest", "rank"}
    assert min(out.timings.values()) >= 0
    json.dumps(out.why)
