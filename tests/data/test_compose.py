"""Composed scenes: what counts as complete, and that amodal, visible and depth agree."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import block, ellipse

from smartmask.data.compose import compose, is_complete
from smartmask.geometry import mask_box, mask_iou
from smartmask.scene import Layer, Scene

HEIGHT, WIDTH = 60, 80
DOG = ellipse(HEIGHT, WIDTH, 30, 30, 10, 12)


def alone(mask: np.ndarray, *others: Layer) -> Scene:
    return Scene(HEIGHT, WIDTH, (*others, Layer("dog", mask)))


def something(x0: int, y0: int, x1: int, y1: int, thing: bool = True) -> Layer:
    return Layer("cat" if thing else "grass", block(HEIGHT, WIDTH, x0, y0, x1, y1), thing)


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (DOG, True),
        (block(HEIGHT, WIDTH, 1, 1, WIDTH - 1, HEIGHT - 1), True),
        (block(HEIGHT, WIDTH, 0, 20, 20, 40), False),
        (block(HEIGHT, WIDTH, 20, 0, 40, 20), False),
        (block(HEIGHT, WIDTH, 60, 20, WIDTH, 40), False),
        (block(HEIGHT, WIDTH, 20, 40, 40, HEIGHT), False),
        (DOG | block(HEIGHT, WIDTH, 60, 20, 62, 22), True),  # a speck of 1 %
        (DOG | block(HEIGHT, WIDTH, 60, 20, 70, 30), False),  # a second part of a fifth
    ],
)
def test_whole_and_in_one_part(mask: np.ndarray, expected: bool) -> None:
    assert is_complete(alone(mask), 0) is expected


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (something(40, 20, 60, 40), False),  # touches the dog's right side
        (something(41, 20, 60, 40), False),  # a pixel away: an annotator's seam
        (something(43, 20, 60, 40), True),
        (something(40, 20, 60, 40, thing=False), True),  # stuff hides no dog
        (something(0, 0, WIDTH, HEIGHT, thing=False), True),
        (something(25, 25, 35, 35), False),
    ],
)
def test_no_other_thing_touches_it(other: Layer, expected: bool) -> None:
    assert is_complete(alone(DOG, other), 1) is expected


# --- compose ---------------------------------------------------------------------------------------

HOST = Scene(
    120,
    100,
    (
        Layer("sky", block(120, 100, 0, 0, 100, 60), thing=False),
        Layer("grass", block(120, 100, 0, 60, 100, 120), thing=False),
        Layer("person", block(120, 100, 10, 30, 30, 100)),
        Layer("cat", block(120, 100, 60, 90, 90, 118)),
    ),
    caption="a person and a cat",
)
DONOR = Layer("dog", DOG)


def composed(count: int = 200, donor: Layer = DONOR) -> list[tuple[Scene, int]]:
    found = (compose(HOST, donor, np.random.default_rng(seed)) for seed in range(count))
    return [one for one in found if one is not None]


def test_layers_masks_and_depth_agree() -> None:
    results = composed()
    assert len(results) > 150
    for scene, order in results:
        dog = scene.layers[order]
        assert (dog.name, dog.thing) == ("dog", True)
        assert scene.remove(order).layers == HOST.layers
        assert (scene.height, scene.width, scene.caption) == (120, 100, "a person and a cat")
        hidden = scene.covered(order + 1)
        assert np.array_equal(scene.visible(order), dog.mask & ~hidden)
        assert scene.visible(order).sum() >= 0.25 * dog.mask.sum()


def test_the_shape_stays_and_its_size_follows_the_picture() -> None:
    scales = []
    for scene, order in composed():
        mask = scene.layers[order].mask
        x0, y0, x1, y1 = mask_box(mask) or (0, 0, 0, 0)
        scales.append((y1 - y0) / 24)
        assert (x1 - x0) / (y1 - y0) == pytest.approx(20 / 24, rel=0.15)
        assert mask_iou(mask, ellipse(120, 100, (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 2, (y1 - y0) / 2)) > 0.85
    # the host is 120 / 60 as high and 100 / 80 as wide: the smaller counts
    assert np.exp(np.mean(np.log(scales))) == pytest.approx(1.25, rel=0.1)
    assert np.std(np.log(scales)) == pytest.approx(0.3, abs=0.06)


def test_it_keeps_its_height_in_the_picture() -> None:
    """The donor's lower edge is at 42 of 60; feet stay low and birds high, give or take 8 %."""
    lower = [(mask_box(scene.layers[order].mask) or (0, 0, 0, 0))[3] / 120 for scene, order in composed()]
    assert np.mean(lower) == pytest.approx(42 / 60, abs=0.02)
    assert np.std(lower) == pytest.approx(0.08, abs=0.02)
    bird = Layer("bird", np.roll(DOG, -16, axis=0))
    assert np.mean([(mask_box(s.layers[o].mask) or (0, 0, 0, 0))[3] / 120 for s, o in composed(100, bird)]) < 0.55


def test_half_in_front_and_else_by_the_lower_edge() -> None:
    forward = 0
    results = composed()
    for scene, order in results:
        lower = (mask_box(scene.layers[order].mask) or (0, 0, 0, 0))[3]
        by_edge = 2 if lower < 100 else 3 if lower < 118 else 4  # the person reaches down to 100, the cat to 118
        assert order in (4, by_edge)
        forward += order == 4
    assert 0.4 < forward / len(results) < 0.8


def test_what_does_not_fit() -> None:
    rng = np.random.default_rng(0)
    empty = Layer("dog", np.zeros((HEIGHT, WIDTH), dtype=bool))
    assert compose(HOST, empty, rng) is None
    speck = Layer("dog", block(HEIGHT, WIDTH, 30, 30, 33, 40))
    assert all(compose(HOST, speck, np.random.default_rng(seed)) is None for seed in range(20))
    wide = Layer("bus", block(40, 400, 1, 1, 399, 39))
    results = [compose(HOST, wide, np.random.default_rng(seed)) for seed in range(40)]
    assert any(one is None for one in results)
    assert any(one is not None for one in results)


def test_an_object_that_would_hardly_be_seen_is_left_out() -> None:
    wall = Scene(120, 100, (Layer("person", np.ones((120, 100), dtype=bool)),))
    results = [compose(wall, DONOR, np.random.default_rng(seed)) for seed in range(60)]
    assert {order for one in results if one is not None for order in (one[1],)} == {1}
    assert any(one is None for one in results)


def test_it_repeats_with_the_generator() -> None:
    one, two = (compose(HOST, DONOR, np.random.default_rng(9)) for _ in range(2))
    assert one is not None
    assert two is not None
    assert one[1] == two[1]
    assert np.array_equal(one[0].layers[one[1]].mask, two[0].layers[two[1]].mask)


def test_depth_by_the_lower_edge_alone() -> None:
    """Without objects in front of all, none stands in front of a thing that reaches lower."""
    rng = np.random.default_rng(4)
    placed = [made for made in (compose(HOST, DONOR, rng, in_front=0.0) for _ in range(30)) if made is not None]
    assert placed
    for scene, index in placed:
        bottom = mask_box(scene.layers[index].mask)[3]  # type: ignore[index]
        behind = [mask_box(layer.mask) for layer in scene.layers[:index] if layer.thing]
        assert all(box is None or box[3] <= bottom for box in behind)
