"""What the inserters are asked in these tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from smartmask.geometry import box_mask
from smartmask.insertion.inpainter import PaintRequest
from smartmask.scene import Layer, Scene

HEIGHT, WIDTH = 50, 70


def make_request(**changes: Any) -> PaintRequest:
    """A dog under the sky, into noise, in two steps."""
    mask = box_mask((20, 10, 50, 40), HEIGHT, WIDTH)
    scene = Scene(HEIGHT, WIDTH, (Layer("sky", ~mask, thing=False), Layer("dog", mask)))
    image = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return replace(PaintRequest(image, mask, mask, scene, 1, "dog", "a dog in a park", seed=3, steps=2), **changes)
