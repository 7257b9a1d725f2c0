"""The fit network's eyes: what it reads of a scene, and that each part of it can matter."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from drawn import block

from smartmask.data.view import View
from smartmask.models.layout import CELLS
from smartmask.models.place_fit import (
    THINGS,
    FitConfig,
    FitNetwork,
    FitScenes,
    _means,
    _regions,
    _scalars,
    fit_size,
    inside_photo,
    scene_things,
)
from smartmask.models.placement import render_scene, scene_frame
from smartmask.scene import Layer, Scene

NAMES = torch.eye(3, 128)


def typical(name: str) -> tuple[float, float]:
    return {"car": (1.5, 2.0)}.get(name, (1.0, 1.0))


def street(*cars: tuple[int, int, int, int]) -> Scene:
    """Sky above, road below from row 60 of 96; cars in their boxes."""
    masks = [block(96, 96, *car) for car in cars]
    free = ~np.any([np.zeros((96, 96), bool), *masks], axis=0)
    sky, road = block(96, 96, 0, 0, 96, 60) & free, block(96, 96, 0, 60, 96, 96) & free
    layers = [Layer("sky", sky, False), Layer("road", road, False), *(Layer("car", mask) for mask in masks)]
    return Scene(96, 96, tuple(layers))


def scenes_of(scene: Scene, name: str = "dog") -> FitScenes:
    view = View.of(scene)
    crop, frame = render_scene(view), scene_frame(view)
    ids = torch.from_numpy(np.minimum(crop.ids, 3))
    things, present = scene_things(view, frame, typical)
    told = torch.zeros(1, 128)
    told[0, 7] = 1
    size = torch.from_numpy(fit_size(name, typical))[None]
    return FitScenes(ids[None], torch.from_numpy(crop.flags)[None], told, size, torch.from_numpy(things)[None],
                     torch.from_numpy(present)[None])  # fmt: skip


def network() -> FitNetwork:
    torch.manual_seed(0)
    return FitNetwork(FitConfig()).eval()


def test_things_are_the_largest_first_in_frame_units() -> None:
    scene = street((0, 70, 10, 80), (40, 60, 80, 90))
    view = View.of(scene)
    things, present = scene_things(view, scene_frame(view), typical)
    assert things.shape == (THINGS, 5)
    assert present.tolist() == [True, True, *[False] * (THINGS - 2)]
    np.testing.assert_allclose(things[0], (40 / 96, 60 / 96, 80 / 96, 90 / 96, np.log(1.5)), rtol=1e-6)
    np.testing.assert_allclose(things[1, :4], (0, 70 / 96, 10 / 96, 80 / 96), rtol=1e-6)


def test_things_without_what_was_emptied() -> None:
    scene = street((40, 60, 80, 90))
    view = View.of(scene)
    things, present = scene_things(view, scene_frame(view), typical, block(96, 96, 60, 0, 96, 96))
    assert things[0, 2] == pytest.approx(60 / 96)
    assert not scene_things(view, scene_frame(view), typical, np.ones((96, 96), bool))[1].any()
    assert present.sum() == 1


def test_specks_count_at_no_resolution() -> None:
    """What is too small on the maps of training is too small on a photo, however many pixels it has there."""
    for scale in (1, 5):
        car = block(96 * scale, 96 * scale, 10 * scale, 70 * scale, 40 * scale, 84 * scale)
        speck = block(96 * scale, 96 * scale, 60 * scale, 70 * scale, 61 * scale, 71 * scale)
        view = View.of(Scene(96 * scale, 96 * scale, (Layer("car", car), Layer("person", speck))))
        assert scene_things(view, scene_frame(view), typical)[1].sum() == 1


@pytest.mark.parametrize("seed", range(5))
def test_means_over_regions_are_those_of_their_cells(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cells = torch.from_numpy(rng.random((2, 3, CELLS, CELLS)).astype(np.float32))
    first = rng.integers(0, CELLS - 4, (2, 4, 1, 2))
    last = first + rng.integers(1, 5, first.shape)
    regions = torch.from_numpy(np.concatenate([first, last], -1) / CELLS).float()
    means = _means(cells, regions)
    assert means.shape == (2, 4, 1, 3)
    for b in range(2):
        for n in range(4):
            (x0, y0), (x1, y1) = first[b, n, 0], last[b, n, 0]
            expected = cells[b, :, y0:y1, x0:x1].mean((1, 2))
            torch.testing.assert_close(means[b, n, 0], expected, atol=1e-4, rtol=1e-4)


def test_regions_beyond_the_frame_are_its_last_cells() -> None:
    cells = torch.zeros(1, 1, CELLS, CELLS)
    cells[..., -1, :] = 1
    means = _means(cells, torch.tensor([[[[0.2, 1.0, 0.4, 1.2]], [[-0.5, -0.3, -0.1, 0.0]]]]))
    assert means.flatten().tolist() == [1, 0]


def test_the_region_below_is_below() -> None:
    below, lower, upper, left, right = _regions(torch.tensor([[[0.2, 0.1, 0.4, 0.6]]]))[0, 0]
    assert below[1] == lower[3] == pytest.approx(0.6)
    assert lower[1] == upper[3] == pytest.approx(0.35)
    assert left[2] == pytest.approx(0.2)
    assert right[0] == pytest.approx(0.4)


def test_size_is_told_beside_the_other_things() -> None:
    """A dog as a metre, cars of one and a half; the same box is larger beside small cars than beside large ones."""
    box = torch.tensor([[[0.1, 0.6, 0.2, 0.8]]])
    small, large, none = (scenes_of(street(*cars)) for cars in ([(60, 72, 70, 77)], [(40, 52, 90, 77)], []))
    beside_small, beside_large, alone = (_scalars(scenes, box)[0, 0] for scenes in (small, large, none))
    assert beside_small[5] > beside_large[5]
    assert beside_small[5] - beside_large[5] == pytest.approx(np.log(25 / 5), rel=1e-3)
    assert alone[5] == alone[7] == 0
    assert beside_small[7] == 1


def test_overlap_with_things_is_told() -> None:
    scenes = scenes_of(street((48, 48, 96, 96)))
    inside, apart = _scalars(scenes, torch.tensor([[[0.6, 0.6, 0.8, 0.8], [0.1, 0.6, 0.3, 0.8]]]))[0]
    assert inside[9] == pytest.approx(1)
    assert inside[8] == pytest.approx(0.04 / 0.25)
    assert apart[8] == apart[9] == 0


def test_what_is_below_matters() -> None:
    on_sky, on_road = torch.tensor([[[0.3, 0.1, 0.5, 0.3]]]), torch.tensor([[[0.3, 0.5, 0.5, 0.7]]])
    net, scenes = network(), scenes_of(street())
    with torch.no_grad():
        both = net(scenes, NAMES, torch.cat([on_sky, on_road], dim=1))
        swapped = net(scenes, NAMES.flip(0), torch.cat([on_sky, on_road], dim=1))
        other = scenes_of(street())
        other.object[0] = torch.roll(other.object[0], 1)
        renamed = net(other, NAMES, torch.cat([on_sky, on_road], dim=1))
    assert both.shape == (1, 2)
    assert not torch.allclose(both, swapped)
    assert not torch.allclose(both, renamed)


def test_each_box_is_judged_by_itself() -> None:
    net, scenes = network(), scenes_of(street((40, 60, 80, 90)))
    boxes = torch.rand(1, 6, 2).mul(0.5)
    boxes = torch.cat([boxes, boxes + 0.3], dim=-1)
    with torch.no_grad():
        torch.testing.assert_close(net(scenes, NAMES, boxes)[:, 3:4], net(scenes, NAMES, boxes[:, 3:4]))


def test_boxes_inside_the_photo() -> None:
    boxes = np.array([[-0.2, 0.3, 0.5, 0.6], [0.2, 0.9, 0.4, 1.4], [0.1, 0.95, 0.2, 0.99]])
    cut = inside_photo(boxes, np.array([0.0, 0.2, 1.0, 0.9]))
    np.testing.assert_allclose(cut[0], (0, 0.3, 0.5, 0.6))
    np.testing.assert_allclose(cut[1], (0.2, 0.9, 0.4, 0.92))  # nothing of it inside: a sliver at the border
    assert (cut[:, 2:] - cut[:, :2] >= 0.02 - 1e-9).all()
