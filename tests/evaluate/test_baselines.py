"""Baselines on shapes with known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from smartmask.data.shapes import ShapeBank, from_box_frame, pairwise_ious, shape_key, to_box_frame
from smartmask.evaluate.baselines import BASELINES, ClassMean, Cover, Retrieval, box_fill, covering, ellipse, place
from smartmask.geometry import BoxXYXY, box_mask, mask_box, mask_iou
from smartmask.guides import Blob, Box, MaskGuide, Point, Scribble
from smartmask.scene import Layer, Scene

HEIGHT, WIDTH = 90, 120


def disk(cx: float, cy: float, rx: float, ry: float) -> np.ndarray:
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    return ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 <= 1


def cross(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    w, h = (x1 - x0) // 4, (y1 - y0) // 4
    mask[y0 + h : y1 - h, x0:x1] = True
    mask[y0:y1, x0 + w : x1 - w] = True
    return mask


@pytest.fixture
def bank() -> ShapeBank:
    layers = [("ball", disk(40, 40, r, r)) for r in (10, 15, 20, 25)]
    layers += [("dining_table", cross(10, 20, 10 + 2 * s, 20 + s)) for s in range(20, 50, 2)]
    return ShapeBank.from_layers([*layers, ("nothing", np.zeros((HEIGHT, WIDTH), dtype=bool))])


@pytest.fixture
def scene() -> Scene:
    return Scene.empty(HEIGHT, WIDTH)


def exact(mask: np.ndarray) -> Box:
    box = mask_box(mask)
    assert box is not None
    return Box(*box)


def test_names_meet_across_spellings() -> None:
    assert shape_key("dining_table") == shape_key("Dining table") == "dining table"


def test_a_shape_survives_its_frame() -> None:
    for mask in (disk(60, 45, 40, 30), disk(30, 30, 9, 12), cross(10, 10, 90, 70)):
        box = mask_box(mask)
        assert box is not None
        assert mask_iou(from_box_frame(to_box_frame(mask), box, HEIGHT, WIDTH), mask) > 0.97
    with pytest.raises(ValueError, match="no shape"):
        to_box_frame(np.zeros((4, 4), bool))


def test_pasting_rounds_the_box_and_cuts_at_the_border() -> None:
    full = np.ones((64, 64), bool)
    assert mask_box(from_box_frame(full, (10.4, 5.6, 20.4, 30.2), 90, 120)) == (10, 6, 20, 30)
    assert mask_box(from_box_frame(full, (-10, 80, 20, 130), 90, 120)) == (0, 80, 20, 90)
    assert from_box_frame(full, (5.1, 5.1, 5.2, 5.2), 90, 120).sum() == 1
    assert not from_box_frame(full, (200, 0, 220, 10), 90, 120).any()


def test_bank_knows_names_boxes_and_aspects(bank: ShapeBank) -> None:
    outlines = bank.outlines
    assert len(outlines) == 19  # the empty mask is left out
    assert outlines.knows("Dining Table")
    assert not outlines.knows("zebra")
    assert outlines.aspects[0] == 1
    np.testing.assert_allclose(bank.places.of("ball")[0], [30 / 120, 30 / 90, 50 / 120, 50 / 90])
    assert len(outlines.members("ball")) == len(bank.places.of("Ball")) == 4
    assert len(outlines.members("zebra")) == len(bank.places.of("zebra")) == 19
    assert mask_iou(outlines.shape(2), to_box_frame(disk(40, 40, 20, 20))) == 1
    with pytest.raises(ValueError, match="no outline"):
        ShapeBank.from_layers([])


def test_nearest_orders_by_aspect_within_the_class() -> None:
    bars = [("a", box_mask((0, 0, w, 20), HEIGHT, WIDTH)) for w in (10, 20, 40, 80)]
    found = ShapeBank.from_layers([*bars, ("b", box_mask((0, 0, 44, 20), HEIGHT, WIDTH))]).outlines
    assert found.nearest("a", 2.2, 2).tolist() == [2, 3]
    assert found.nearest("a", 0.6, 2).tolist() == [0, 1]
    assert found.nearest("b", 2.2, 2).tolist() == [4]
    assert found.nearest("b", 2.2, 2, least=3).tolist() == [4, 2, 3]  # filled up from all classes
    assert found.select(found.names == "b", "bars").sets.tolist() == [""]
    with pytest.raises(ValueError, match="no outline among zebras"):
        found.select(found.names == "zebra", "zebras")


def test_box_fill_of_a_rectangle_is_exact(bank: ShapeBank, scene: Scene) -> None:
    true = box_mask((13, 7, 60, 41), HEIGHT, WIDTH)
    found = box_fill(bank)(scene, "ball", exact(true), 8, 0)
    assert found.masks.shape == (1, HEIGHT, WIDTH)
    assert mask_iou(found.masks[0], true) == 1


def test_ellipse_and_box_fill_on_a_disk(bank: ShapeBank, scene: Scene) -> None:
    true = disk(60, 45, 40, 30)
    assert mask_iou(ellipse(bank)(scene, "ball", exact(true), 1, 0).masks[0], true) > 0.98
    filled = mask_iou(box_fill(bank)(scene, "ball", exact(true), 1, 0).masks[0], true)
    assert filled == pytest.approx(math.pi / 4, abs=0.01)


def test_class_mean_and_retrieval_find_the_class_shape(bank: ShapeBank, scene: Scene) -> None:
    ball, table = disk(60, 45, 40, 30), cross(20, 10, 100, 50)
    for system in (ClassMean(bank), Retrieval(bank)):
        assert mask_iou(system(scene, "ball", exact(ball), 1, 0).masks[0], ball) > 0.9
        assert mask_iou(system(scene, "dining table", exact(table), 1, 0).masks[0], table) > 0.9


def test_class_mean_takes_the_threshold_that_fits_its_shapes() -> None:
    small, large = box_mask((0, 0, 64, 64), 64, 64), box_mask((0, 0, 64, 64), 64, 64)
    small[:, 32:] = False
    small[0, 63] = small[0, 32:] = True  # keeps the box whole
    bank = ShapeBank.from_layers([("a", large)] + [("a", small)] * 2)
    # A third of the shapes fill the right half: at .35 and above the mean is the left half.
    assert ClassMean(bank).mean_shape("a").mean() == pytest.approx(0.5, abs=0.05)
    mostly_large = ShapeBank.from_layers([("a", large)] * 3 + [("a", small)] * 2)
    assert ClassMean(mostly_large).mean_shape("a").all()


def test_retrieval_gives_different_shapes_and_repeats_itself(bank: ShapeBank, scene: Scene) -> None:
    guide = Box(10, 10, 90, 50)
    system = Retrieval(bank)
    masks = system(scene, "dining table", guide, 8, 3).masks
    assert masks.shape == (8, HEIGHT, WIDTH)
    np.testing.assert_array_equal(masks, system(scene, "dining table", guide, 8, 3).masks)
    # Only four balls are known: the nearest of other classes fill up.
    assert system(scene, "ball", guide, 8, 0).masks.shape[0] == 8
    assert system(scene, "zebra", guide, 8, 0).masks.shape[0] == 8


def left_half(height: int) -> np.ndarray:
    """Fills its box but for the upper right quarter's first ``height`` rows."""
    mask = box_mask((10, 10, 74, 74), HEIGHT, WIDTH)
    mask[10 : 10 + height, 42:74] = False
    return mask


def test_covering_takes_one_of_each_kind_the_most_typical_first() -> None:
    alike = np.full((7, 7), 0.1)
    for group in ([0, 1, 2], [3, 4], [5, 6]):
        alike[np.ix_(group, group)] = 0.8
    np.fill_diagonal(alike, 1)
    assert covering(alike, 1).tolist() == [0]
    assert covering(alike, 3).tolist() == [0, 3, 5]
    assert covering(alike + 1e-9, 3).tolist() == [0, 3, 5]  # last bits decide nothing
    assert sorted(covering(alike, 20).tolist()) == list(range(7))


def test_the_cover_holds_mirror_images_and_ignores_the_seed(scene: Scene) -> None:
    bank = ShapeBank.from_layers([("flag", left_half(20 + k)) for k in range(12)])
    system = Cover(bank)
    guide = Box(10, 10, 74, 74)
    masks = system(scene, "flag", guide, 4, 0).masks
    np.testing.assert_array_equal(masks, system(scene, "flag", guide, 4, 99).masks)
    right, left = masks[:, 20, 60], masks[:, 20, 20]
    assert set(right) == set(left) == {True, False}, "some are mirrored"
    assert (right != left).all()
    assert len({mask.tobytes() for mask in masks}) == 4
    few = Cover(ShapeBank.from_layers([("flag", left_half(20))]))(scene, "flag", guide, 4, 0).masks
    assert len(few) == 4
    assert len({mask.tobytes() for mask in few}) == 2
    assert len(system(scene, "flag", None, 3, 0).masks) == 3


def test_pairwise_overlaps_are_exact() -> None:
    shapes = np.stack([to_box_frame(disk(40, 40, 20, 20)), np.ones((64, 64), bool), np.zeros((64, 64), bool)])
    found = pairwise_ious(shapes, shapes[:2])
    assert found[0, 0] == found[1, 1] == 1
    assert found[0, 1] == found[1, 0] == pytest.approx(mask_iou(shapes[0], shapes[1]))
    assert found[2].tolist() == [0, 0]


def test_place_uses_the_guide_or_the_class_prior(bank: ShapeBank, scene: Scene) -> None:
    rng = np.random.default_rng(0)
    assert place(bank, scene, "ball", Box(1, 2, 30, 40), rng) == (1, 2, 30, 40)
    known: list[BoxXYXY] = [(40 - r, 40 - r, 40 + r, 40 + r) for r in (10, 15, 20, 25)]
    for _ in range(10):
        box = place(bank, scene, "ball", None, rng)
        assert any(np.allclose(box, k) for k in known)
        x0, y0, x1, y1 = place(bank, scene, "ball", Point(70, 30), rng)
        assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx((70, 30))


@pytest.mark.parametrize("name", sorted(BASELINES))
@pytest.mark.parametrize("guide", [None, Point(60, 45), Box(-10, 5, 40, 60), Blob(60, 45, 8, 12)])
def test_every_baseline_answers_every_guide(
    bank: ShapeBank, scene: Scene, name: str, guide: Box | Point | Blob | None
) -> None:
    found = BASELINES[name](bank)(scene, "ball", guide, 3, 0)
    assert found.masks.dtype == bool
    assert found.masks.shape[1:] == (HEIGHT, WIDTH)
    assert len(found.masks) in (1, 3)
    assert found.masks.any(axis=(1, 2)).all()


def test_rough_guides_are_stretched_to_where_objects_reach(bank: ShapeBank, scene: Scene) -> None:
    rng = np.random.default_rng(0)
    # Two standard deviations reach an ellipse's edge; crosses reach almost as far.
    assert place(bank, scene, "ball", Blob(50, 40, 10, 5), rng) == pytest.approx((30, 30, 70, 50), abs=3)
    stroke = Scribble([(40, 40), (60, 40)], width=4)
    x0, y0, x1, y1 = place(bank, scene, "ball", stroke, rng)
    extent = stroke.extent(HEIGHT, WIDTH)
    assert x0 < extent[0]
    assert x1 > extent[2]
    assert y0 < extent[1]
    assert y1 > extent[3]


def test_guide_fill_is_what_was_drawn(bank: ShapeBank, scene: Scene) -> None:
    system, true = BASELINES["guide"](bank), disk(60, 45, 30, 20)
    np.testing.assert_array_equal(system(scene, "ball", MaskGuide(true), 8, 0).masks, true[None])
    assert mask_iou(system(scene, "ball", exact(true), 8, 0).masks[0], true) == pytest.approx(math.pi / 4, abs=0.02)


def test_holes_are_found_and_filled_with_the_class(bank: ShapeBank, scene: Scene) -> None:
    hole = box_mask((20, 20, 60, 50), HEIGHT, WIDTH)
    grass = Scene(HEIGHT, WIDTH, (Layer("grass", ~hole, thing=False),))
    system = BASELINES["holes"](bank)
    found = system(grass, "dining table", None, 3, 0).masks
    assert len(found) == 3
    for mask in found:
        assert mask.any()
        assert not (mask & ~hole).any()
    prior = BASELINES["class-mean"](bank)(scene, "ball", None, 3, 0).masks
    np.testing.assert_array_equal(system(scene, "ball", None, 3, 0).masks, prior)  # an empty canvas has no hole
