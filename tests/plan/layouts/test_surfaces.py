"""Surfaces as people build them, and as they are seen from where one stands."""

from __future__ import annotations

import numpy as np
import pytest

from smartmask.io.package import BUNDLED_MASKS
from smartmask.plan.layouts.stuff import load_field
from smartmask.plan.layouts.surfaces import ENOUGH, GROUND, STORY, draw_surfaces, kerbed, straightened
from smartmask.scene import Scene
from smartmask.text.encoder import TextEncoder

TEXT = TextEncoder.from_pretrained(BUNDLED_MASKS / "text")
FIELD = load_field()


def shares(scene: Scene) -> dict[str, float]:
    return {layer.name: float(scene.visible(i).mean()) for i, layer in enumerate(scene.layers)}


@pytest.mark.parametrize("seed", range(5))
def test_a_kitchen_has_room_to_stand_in(seed: int) -> None:
    seen = shares(draw_surfaces(FIELD, TEXT, ["wall", "floor", "cabinet"], 60, 80, seed))
    assert seen["floor"] > 0.8 * ENOUGH


@pytest.mark.parametrize("seed", range(5))
def test_a_street_has_houses_a_pavement_and_a_road_before_it(seed: int) -> None:
    scene = draw_surfaces(FIELD, TEXT, ["sky", "building", "road", "pavement"], 96, 128, seed)
    rows = {layer.name: np.nonzero(scene.visible(i))[0].mean() for i, layer in enumerate(scene.layers)}
    assert rows["building"] < rows["pavement"] < rows["road"]
    assert shares(scene)["building"] > 0.5 * STORY


def fields_of(labels: np.ndarray, count: int) -> np.ndarray:
    return np.stack([np.where(labels == i, 1.0, 0.0) for i in range(count)]).astype(np.float32)


def test_roofs_are_flat_and_walls_upright() -> None:
    """A mound of building becomes a few blocks; the sky takes what they give up, the ground stays."""
    y, x = np.mgrid[:60, :90]
    labels = np.where(y > 45, 2, np.where(y > 20 + (x - 45) ** 2 / 90, 1, 0))
    made = straightened(fields_of(labels, 3), ["sky", "building", "grass"]).argmax(0)
    roof = (made == 1).argmax(axis=0)
    assert (np.diff(roof) != 0).sum() < 8 < (np.diff((labels == 1).argmax(axis=0)) != 0).sum()
    assert ((made == 2) == (labels == 2)).all()
    assert set(np.unique(made)) == {0, 1, 2}


def test_the_sea_ends_in_a_level_line() -> None:
    y, x = np.mgrid[:60, :90]
    labels = np.where(y > 35 + 4 * np.sin(x / 9), 2, np.where(y > 20 + 3 * np.cos(x / 7), 1, 0))
    made = straightened(fields_of(labels, 3), ["sky", "sea", "sand"]).argmax(0)
    assert len(set((made == 1).argmax(axis=0))) == 1
    assert ((made == 2) == (labels == 2)).all(), "the beach keeps its own edge"


def test_road_and_pavement_change_places_only_if_they_must() -> None:
    names = ["sky", "road", "pavement"]
    labels = np.repeat([0, 1, 2], 20)[:, None] * np.ones((1, 30), int)
    wrong, right = fields_of(labels, 3), fields_of(np.choose(labels, [0, 2, 1]), 3)
    assert (kerbed(wrong, names) == right).all()
    assert (kerbed(right, names) == right).all()
    assert (kerbed(wrong, ["sky", "road", "grass"]) == wrong).all()
    assert "road" in GROUND
