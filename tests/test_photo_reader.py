"""The bundled reader: from probabilities to a scene, at any size, and the weights that are bundled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smartmask.models.presets import load_component
from smartmask.models.reader import ReaderConfig, ReaderNetwork
from smartmask.photo_reader import FOLDER, GRAIN, class_shares, read_photo, scene_of

CONFIG = ReaderConfig(("sky", "grass", "person", "object"), ("person",), ("object",))


def shares(sky: float = 0.9) -> np.ndarray:
    """(4, 12, 16): sky above grass, two persons of different size, an object, and a corner nobody is sure of."""
    found = np.zeros((4, 12, 16), dtype=np.float32)
    found[0, :6], found[1, 6:] = sky, 0.9
    for part in (np.s_[3:9, 2:4], np.s_[6:9, 9:12]):
        found[:, *part] = 0
        found[2, *part] = 0.8
    found[:, 9:, 13:] = np.array([0, 0, 0.1, 0.8])[:, None, None]
    found[:, :3, 13:] = 0.25
    return found


def test_surfaces_are_one_layer_and_things_one_a_part() -> None:
    photo = np.zeros((120, 160, 3), dtype=np.uint8)
    scene = scene_of(photo, shares(), CONFIG)
    names = [(layer.name, layer.thing) for layer in scene.layers]
    assert sorted(names[:2]) == [("grass", False), ("sky", False)]
    assert names[2:] == [("person", True), ("person", True)]
    assert scene.photo is photo
    assert np.sum([layer.mask for layer in scene.layers], axis=0).max() == 1
    top = scene.top()
    assert top[5, 155] == -1, "nobody is sure"
    assert top[110, 150] == -1, "an object makes no layer"
    assert scene.layers[top[60, 30]].name == "person"
    assert scene.layers[top[10, 5]].name == "sky"


def test_what_is_small_or_unsure_is_left_out() -> None:
    photo = np.zeros((120, 160, 3), dtype=np.uint8)
    small = shares()
    small[:, 6:9, 9:12] = np.array([0, 0.9, 0, 0])[:, None, None]
    small[:, 0, 0] = (0, 0, 0.9, 0)
    assert [layer.name for layer in scene_of(photo, small, CONFIG).layers].count("person") == 1
    assert "sky" not in [layer.name for layer in scene_of(photo, shares(sky=0.35), CONFIG).layers]


def test_a_large_photo_has_the_same_layers() -> None:
    small, large = (scene_of(np.zeros((h, w, 3), np.uint8), shares(), CONFIG) for h, w in ((60, 80), (1200, 1600)))
    for a, b in zip(small.layers, large.layers, strict=True):
        assert a.name == b.name
        assert abs(a.mask.mean() - b.mask.mean()) < 0.01


@pytest.mark.parametrize("size", [(37, 53), (1, 1), (9, 400), (400, 9)])
def test_any_size_is_read(size: tuple[int, int]) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    scene = read_photo(photo)
    assert (scene.height, scene.width) == size


def test_probabilities_are_whole_numbers_of_a_grain() -> None:
    network = load_component(FOLDER, ReaderNetwork, ReaderConfig).eval()
    found = class_shares(network, np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8))
    assert found.shape[0] == len(network.config.classes)
    np.testing.assert_array_equal(found * GRAIN, np.round(found * GRAIN))
    np.testing.assert_allclose(found.sum(0), 1, atol=0.02)


def test_a_plain_outdoor_picture(tmp_path: Path) -> None:
    """A drawn one: bright blue above green. It is not what the reader was trained on, and yet plain enough."""
    rng = np.random.default_rng(0)
    rows = np.linspace(0, 1, 192)[:, None, None]
    photo = np.where(rows < 0.5, (120 + 80 * rows) * np.ones(3) + (-40, 10, 60), np.array((70.0, 120.0, 40.0)))
    photo = np.clip(photo * np.ones((192, 256, 1)) + rng.normal(0, 12, (192, 256, 3)), 0, 255).astype(np.uint8)
    scene = read_photo(photo)
    top = scene.top()
    names = [layer.name for layer in scene.layers]
    assert "sky" in names
    assert np.mean(top[:60] == names.index("sky")) > 0.6
    assert not np.any(top[150:] == names.index("sky"))


def test_a_damaged_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"config.json is missing"):
        read_photo(np.zeros((8, 8, 3), dtype=np.uint8), tmp_path)
