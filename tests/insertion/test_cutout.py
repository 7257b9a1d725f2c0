"""Cut-outs: what a mask, a panoptic model or a picture's own alpha says is the object, and clean edges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smartmask import Scene
from smartmask.insertion.cutout import defringed, read_cutout

RED, GREEN = (200, 40, 30), (20, 190, 40)


def photo(height: int = 40, width: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """A red thing on green, whose outline is two pixels too wide in its mask."""
    picture = np.full((height, width, 3), GREEN, dtype=np.uint8)
    picture[12:28, 12:38] = RED
    mask = np.zeros((height, width), dtype=bool)
    mask[10:30, 10:40] = True
    return picture, mask


def colours(premultiplied: np.ndarray) -> np.ndarray:
    return premultiplied[..., :3] / np.maximum(premultiplied[..., 3:] / 255, 1e-6)


def test_a_mask_cuts_out_without_the_background(tmp_path: Path) -> None:
    picture, mask = photo()
    Image.fromarray(picture).save(tmp_path / "dog.png")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    found = read_cutout(tmp_path / "dog.png", tmp_path / "mask.png").premultiplied
    assert found.shape == (20, 30, 4)
    np.testing.assert_allclose(colours(found), np.broadcast_to(RED, (20, 30, 3)), atol=0.5)
    same = read_cutout(picture, mask).premultiplied
    np.testing.assert_array_equal(found, same)
    fringed = colours(read_cutout(picture, mask, defringe=0).premultiplied)
    np.testing.assert_allclose(fringed[0, 0], GREEN, atol=0.5)


def test_an_alpha_is_taken_at_its_word_and_a_mask_narrows_it() -> None:
    picture, mask = photo()
    rgba = np.dstack([picture, mask * np.uint8(255)])
    np.testing.assert_allclose(colours(read_cutout(rgba).premultiplied)[0, 0], GREEN, atol=0.5)
    np.testing.assert_allclose(colours(read_cutout(rgba, defringe=3).premultiplied)[0, 0], RED, atol=0.5)
    left = mask.copy()
    left[:, 20:] = False
    assert read_cutout(rgba, left).premultiplied.shape == (20, 10, 4)


def test_thin_parts_and_the_end_of_the_picture_keep_their_colours() -> None:
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    alpha = np.zeros((40, 40), dtype=np.float32)
    alpha[20:, 10:30] = 1  # goes on below the picture
    alpha[2:20, 19:21] = 1  # thinner than what is taken off
    cleaned = defringed(colour, alpha, 2.0)
    np.testing.assert_array_equal(cleaned[:14, 19:21], colour[:14, 19:21])
    np.testing.assert_array_equal(cleaned[23:, 13:27], colour[23:, 13:27])
    assert (cleaned[25:, 10] == cleaned[25:, 12]).all()
    np.testing.assert_array_equal(cleaned[:, :10], colour[:, :10])


def test_a_panoptic_model_finds_the_largest_of_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, mask = photo()
    small = np.zeros_like(mask)
    small[32:36, 50:55] = True
    scene = Scene.empty(*mask.shape).insert(small, "dog").insert(mask, "dog").insert(~mask & ~small, "grass-merged")
    asked: list[str] = []
    monkeypatch.setattr(Scene, "from_image", lambda image, model, cache=None: asked.append(model) or scene)
    for prompt in ("dog", "Dog", "puppy"):
        assert read_cutout(picture, segmenter="some/model", prompt=prompt).premultiplied.shape == (20, 30, 4)
    assert asked == ["some/model"] * 3
    with pytest.raises(ValueError, match="shows no 'airplane' to 'some/model', but dog, grass-merged; give --cutout-m"):
        read_cutout(picture, segmenter="some/model", prompt="airplane")
    rgba = np.dstack([picture, mask * np.uint8(255)])
    read_cutout(rgba, segmenter="some/model", prompt="airplane")
    assert len(asked) == 4, "an alpha of its own needs no model"


def test_a_real_model_is_read(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from tiny_segmenters import save_segmenter

    folder = save_segmenter("mask2former", tmp_path / "model")
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    names = [layer.name for layer in Scene.from_image(picture, folder).layers]
    assert names
    found = read_cutout(picture, segmenter=folder, prompt=names[0]).premultiplied
    assert (found[..., 3] == 255).any()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"mask": np.ones((4, 4), bool)}, "mask of the cut-out is 4x4, but the cut-out is 60x40"),
        ({"mask": np.zeros((40, 60), bool)}, "keeps nothing"),
        ({"mask": np.ones((40, 60), bool), "defringe": -1.0}, "defringe is -1.0 pixels"),
        ({"mask": Path("none.png")}, r"'none\.png' does not exist"),
        ({}, "no transparent background; give an RGBA PNG"),
    ],
)
def test_bad_calls(options: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_cutout(photo()[0], **options)


@pytest.mark.parametrize(("value", "says"), [(255.0, "from 0 to 255; use 0 to 1"), (np.nan, "use 0 to 1")])
def test_a_mask_of_other_values(value: float, says: str) -> None:
    mask = np.zeros((8, 8), np.float32)
    mask[2:6, 2:6] = value
    with pytest.raises(ValueError, match=says):
        read_cutout(np.zeros((8, 8, 3), np.uint8), mask=mask)
    with pytest.raises(ValueError, match="keeps nothing"):
        read_cutout(np.zeros((8, 8, 3), np.uint8), mask=np.zeros((8, 8), np.float32))
