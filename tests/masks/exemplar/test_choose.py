"""What the chooser sees of a scene."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from strategies import boxes, scenes

from smartmask import Scene
from smartmask.masks.exemplar.choose import map_of, map_region
from smartmask.scene.view import OUTSIDE


@given(scenes(), boxes(), st.sampled_from([1.0, 2.4, 7.0]), st.sampled_from([3, 16, 24]))
def test_maps_are_the_scene_warped(
    scene: Scene, box: tuple[float, float, float, float], wider: float, side: int
) -> None:
    """The pixels taken are OpenCV's, so that weights trained with its maps see the same."""
    x0, y0, x1, y1 = map_region(box, wider)
    sx, sy = (x1 - x0) / side, (y1 - y0) / side
    matrix = np.array([[sx, 0, x0 + 0.5 * sx - 0.5], [0, sy, y0 + 0.5 * sy - 0.5]])
    expected = cv2.warpAffine(
        scene.top(np.int16), matrix, (side, side), flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT, borderValue=OUTSIDE,
    )  # fmt: skip
    np.testing.assert_array_equal(map_of(scene, box, wider, side), expected)
