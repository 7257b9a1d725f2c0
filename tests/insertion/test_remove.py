"""remove: the region goes, what stands in front and all else stays."""

from __future__ import annotations

import numpy as np
import pytest
from painters import FlatPainter

from smartmask import Scene, remove
from smartmask.insertion.paint import NoInpainterError
from smartmask.insertion.settings import PaintOptions

HEIGHT, WIDTH = 60, 80
PHOTO = np.random.default_rng(0).integers(0, 200, (HEIGHT, WIDTH, 3), dtype=np.uint8)
HARD = PaintOptions(feather=0)


def box(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


@pytest.fixture
def scene() -> Scene:
    """sky above grass; a dog on the grass, partly behind a person."""
    scene = Scene.empty(HEIGHT, WIDTH)
    scene = scene.insert(box(0, 0, WIDTH, 20), "sky", thing=False)
    scene = scene.insert(box(0, 20, WIDTH, HEIGHT), "grass-merged", thing=False)
    return scene.insert(box(30, 30, 50, 45), "dog").insert(box(40, 10, 60, 55), "person")


def test_a_layer_by_name(scene: Scene) -> None:
    painter = FlatPainter()
    result = remove(PHOTO, "dog", scene=scene, inpainter=painter, options=HARD, grow=0)
    np.testing.assert_array_equal(result.mask, box(30, 30, 40, 45))
    np.testing.assert_array_equal(result.image[~result.mask], PHOTO[~result.mask])
    assert [layer.name for layer in result.scene.layers] == ["sky", "grass-merged", "grass", "person"]
    assert not result.scene.layers[2].thing
    (request,) = painter.requests
    assert request.prompt == "grass"
    assert "dog" not in [layer.name for layer in request.scene.layers]


def test_it_grows_but_not_over_what_stands_in_front(scene: Scene) -> None:
    result = remove(PHOTO, 2, scene=scene, inpainter=FlatPainter(), options=HARD, grow=3)
    assert result.mask[28, 35]
    assert result.mask[35, 27]
    assert not result.mask[35, 26]
    assert not (result.mask & scene.layers[3].mask).any()
    by_default = remove(PHOTO, 2, scene=scene, inpainter=FlatPainter())
    assert by_default.mask[35, 27], "two pixels of feather and one more"


def test_a_painted_region_without_a_scene() -> None:
    painter = FlatPainter()
    result = remove(PHOTO, box(10, 10, 20, 20), inpainter=painter, options=HARD, grow=0, context="a lawn", generator=4)
    np.testing.assert_array_equal(result.mask, box(10, 10, 20, 20))
    (request,) = painter.requests
    assert (request.prompt, request.context, request.seed) == ("background", "a lawn", 4)


def test_what_fills_it_may_be_said(scene: Scene) -> None:
    painter = FlatPainter()
    remove(PHOTO, "dog", scene=scene, inpainter=painter, fill="a puddle")
    assert painter.requests[0].prompt == "a puddle"


def test_bad_calls(scene: Scene) -> None:
    twins = scene.insert(box(0, 50, 5, 55), "dog")
    cases = [
        (dict(region="cow"), "layer 'cow' is not there; the layers are 0 sky, 1 grass-merged, 2 dog, 3 person"),
        (dict(region="dog", scene=twins), "layer 'dog' occurs at 2, 4; give an index"),
        (dict(region=9), "layer 9 does not exist"),
        (dict(region=-1), "layer -1 does not exist"),
        (dict(region=box(0, 0, 0, 0)), "is empty"),
        (dict(region=np.ones((3, 3), bool)), "is 3x3, but the photo is 80x60"),
        (dict(region="dog", grow=-1), "cannot grow by -1"),
        (dict(region="dog", fill=" "), "fill is empty"),
        (dict(region="dog", generator=-3), "seed is -3"),
        (dict(region="dog", inpainter="paste"), "'paste' cannot remove"),
        (dict(region="a", scene=Scene.empty(4, 4)), "is not there; the layers are none"),
    ]  # fmt: skip
    for arguments, says in cases:
        known = {"scene": scene, "inpainter": FlatPainter(), **arguments}
        with pytest.raises(ValueError, match=says):
            remove(PHOTO, **known)  # type: ignore[arg-type]
    with pytest.raises(NoInpainterError, match="No inserter is given"):
        remove(PHOTO, "dog", scene=scene)
