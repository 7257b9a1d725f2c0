"""What places see of a scene: kinds of names, the summed map, the things."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import block
from hypothesis import given
from hypothesis import strategies as st

from smartmask.masks.exemplar.place.layout import (
    CELLS,
    CHANNELS,
    GLOBAL,
    KINDS,
    SIDE,
    THINGS,
    Layout,
    Names,
    fill,
    key_of,
    small_top,
    standing_metres,
)
from smartmask.scene import Layer, Scene
from smartmask.text.encoder import TextEncoder


@pytest.mark.parametrize(
    ("name", "kind"),
    [("pavement", "road"), ("ocean", "water"), ("sofa", "chair"), ("truck", "car"), ("sheep", "dog"), ("mug", "cup")],
)
def test_names_are_like_their_kind(names: Names, name: str, kind: str) -> None:
    found = names.find(name)
    assert found.kinds.sum() == pytest.approx(1, abs=1e-5)
    assert KINDS[int(found.kinds.argmax())][0] == kind


def test_seen_sizes_count_on_typical_ones(text: TextEncoder) -> None:
    plain, told = Names(text), Names(text, {"dining table": -0.7})
    assert told.find("Dining-Table").metres == pytest.approx(plain.find("dining table").metres - 0.7)
    assert told.find("dog").metres == pytest.approx(plain.find("dog").metres, abs=0.05)
    assert plain.size("dog") == pytest.approx((0.6, 1.15))


def test_names_like_a_measured_one_take_over_some_of_it(text: TextEncoder) -> None:
    plain, told = Names(text), Names(text, {"car": -0.6})
    change = {name: told.find(name).metres - plain.find(name).metres for name in ("taxi", "van", "spoon")}
    assert -0.6 < change["taxi"] < -0.2
    assert change["taxi"] < change["spoon"]


def test_one_key_for_all_spellings_of_a_kind(names: Names) -> None:
    assert key_of("dining_table") == key_of("Dining-Table") == "dining table"
    assert names.key("man") == names.key("person") == "person"
    assert names.key("brown dog") == "dog"
    assert names.key("Zzyzx") == "zzyzx", "nonsense is not alike"


def test_the_small_map_is_the_scene_seen_small(meadow: Scene) -> None:
    top = small_top(meadow)
    assert top.shape == (96, SIDE)
    exact = meadow.top()
    rows = ((np.arange(96) + 0.5) * meadow.height / 96).astype(int)
    columns = ((np.arange(SIDE) + 0.5) * meadow.width / SIDE).astype(int)
    np.testing.assert_array_equal(top, exact[np.ix_(rows, columns)])


def test_gaps_hold_what_surrounds_them() -> None:
    top = np.zeros((8, 8), np.int16)
    top[:, 4:] = 1
    gap = np.zeros((8, 8), bool)
    gap[2:6, 1:3] = True
    np.testing.assert_array_equal(fill(np.where(gap, np.int16(-1), top), gap), top)
    nothing = np.full((4, 4), -1, np.int16)
    np.testing.assert_array_equal(fill(nothing, nothing < 0), nothing)


def test_an_unlabeled_scene_stays_unlabeled(names: Names) -> None:
    corner = block(60, 80, 0, 0, 10, 10)
    layout = Layout.of(Scene(60, 80, (Layer("wall", corner, False),)), names)
    assert layout.means(np.array([0.5, 0.5, 1, 1]))[-1] == 1
    assert layout.means(np.array([0, 0, 0.05, 0.05]))[-1] == 0


@given(st.lists(st.floats(-0.3, 1.3), min_size=4, max_size=4))
def test_means_are_those_of_the_cells(meadow_layout: Layout, values: list[float]) -> None:
    x0, x1 = sorted(values[:2])
    y0, y1 = sorted(values[2:])
    cells = np.diff(np.diff(meadow_layout.sums, axis=0), axis=1)
    a, c = int(np.floor(np.clip(x0, 0, 1) * CELLS)), int(np.ceil(np.clip(x1, 0, 1) * CELLS))
    b, d = int(np.floor(np.clip(y0, 0, 1) * CELLS)), int(np.ceil(np.clip(y1, 0, 1) * CELLS))
    part = cells[b:d, a:c].reshape(-1, CHANNELS)
    outside = x1 <= 0 or y1 <= 0 or x0 >= 1 or y0 >= 1
    expected = part.mean(0) if len(part) and not outside else np.zeros(CHANNELS)
    np.testing.assert_allclose(meadow_layout.means(np.array([x0, y0, x1, y1])), expected, atol=1e-3)


@pytest.fixture(scope="module")
def meadow_layout(meadow: Scene, names: Names) -> Layout:
    return Layout.of(meadow, names)


def test_things_are_found_largest_first(meadow_layout: Layout) -> None:
    assert meadow_layout.keys.tolist() == ["horse", "dog"]
    np.testing.assert_allclose(meadow_layout.boxes[0], [20 / 160, 40 / 120, 60 / 160, 80 / 120], atol=0.02)
    assert meadow_layout.whole.shape == (GLOBAL,)
    assert np.exp(meadow_layout.ratio) == pytest.approx(160 / 120)


def test_no_more_things_than_count(names: Names) -> None:
    layers = tuple(Layer("cup", block(120, 160, 5 * i, 10, 5 * i + 4, 20 + i)) for i in range(30))
    assert len(Layout.of(Scene(120, 160, layers), names).boxes) == THINGS


def test_an_empty_scene(names: Names) -> None:
    layout = Layout.of(Scene.empty(30, 40), names)
    assert layout.boxes.shape == (0, 4)
    assert layout.kinds.shape == (0, len(KINDS))


def test_on_open_ground_things_are_as_high_as_they_are(meadow_layout: Layout) -> None:
    """The dog and the horse of the meadow stand on grass; in the sky, or on the horse, things are as pictures show."""
    on_grass, in_the_sky, on_the_horse = [0.3, 0.7, 0.5, 0.9], [0.7, 0.1, 0.9, 0.2], [0.13, 0.3, 0.37, 0.5]
    boxes = np.array([on_grass, in_the_sky, on_the_horse])
    metres = standing_metres(meadow_layout.sums, boxes, np.zeros(3), np.ones(3))
    assert metres[0] < -0.7
    assert metres[1] > -0.3
    assert metres[2] > -0.3
    assert np.isfinite(meadow_layout.standing).all()
    assert len(meadow_layout.standing) == len(meadow_layout.metres)
