"""images.py: every kind of picture file becomes the right array, or one sentence that names the file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from pictures import make_bad_photo, rotated_jpeg, saved
from PIL import Image

from smartmask.errors import WriteError
from smartmask.image import files as images
from smartmask.image.files import frames_noted, load_guide_mask, load_label_map, load_panoptic_png, load_photo, save_png
from smartmask.io.publish import output_folder, save_json
from smartmask.scene import scene

RAMP = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20  # (H=3, W=4): a transpose would show


def test_rgb_photo_is_exact(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    loaded = load_photo(saved(tmp_path, Image.fromarray(pixels)))
    assert loaded.dtype == np.uint8
    assert loaded.flags.writeable
    np.testing.assert_array_equal(loaded, pixels)


def test_grey_photo(tmp_path: Path) -> None:
    loaded = load_photo(saved(tmp_path, Image.fromarray(RAMP)))
    np.testing.assert_array_equal(loaded, np.repeat(RAMP[..., None], 3, axis=2))


@pytest.mark.parametrize(("name", "options"), [("a.png", {}), ("a.tif", {}), ("a.pgm", {})])
def test_16_bit_grey_is_scaled_not_clipped(tmp_path: Path, name: str, options: dict[str, object]) -> None:
    deep = np.array([[0, 128, 257, 32768, 65535]], dtype=np.uint16)
    loaded = load_photo(saved(tmp_path, Image.fromarray(deep), name, **options))
    np.testing.assert_array_equal(loaded[0, :, 0], [0, 0, 1, 128, 255])
    assert (loaded[..., :1] == loaded).all()


def test_palette_photo(tmp_path: Path) -> None:
    picture = Image.fromarray(np.array([[0, 1], [2, 1]], dtype=np.uint8)).convert("P")
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    loaded = load_photo(saved(tmp_path, picture))
    np.testing.assert_array_equal(loaded, [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [0, 255, 0]]])


def test_alpha_is_composed_on_white(tmp_path: Path) -> None:
    rgba = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 0, 0, 51]]], dtype=np.uint8)
    loaded = load_photo(saved(tmp_path, Image.fromarray(rgba)))
    np.testing.assert_array_equal(loaded[0], [[10, 20, 30], [255, 255, 255], [204, 204, 204]])


def test_grey_with_alpha(tmp_path: Path) -> None:
    grey_alpha = np.array([[[40, 255], [40, 0]]], dtype=np.uint8)
    loaded = load_photo(saved(tmp_path, Image.fromarray(grey_alpha, "LA")))
    np.testing.assert_array_equal(loaded[0], [[40, 40, 40], [255, 255, 255]])


def test_colour_key_transparency(tmp_path: Path) -> None:
    picture = Image.fromarray(np.array([[[1, 2, 3], [9, 9, 9]]], dtype=np.uint8))
    loaded = load_photo(saved(tmp_path, picture, transparency=(1, 2, 3)))
    np.testing.assert_array_equal(loaded[0], [[255, 255, 255], [9, 9, 9]])


def test_cmyk_jpeg(tmp_path: Path) -> None:
    ink = np.zeros((8, 8, 4), dtype=np.uint8)
    ink[..., 0] = 255  # cyan
    loaded = load_photo(saved(tmp_path, Image.fromarray(ink, "CMYK"), "a.jpg", quality=95))
    assert loaded.shape == (8, 8, 3)
    assert np.abs(loaded.astype(int) - [0, 255, 255]).max() < 8


def test_one_bit_photo(tmp_path: Path) -> None:
    loaded = load_photo(saved(tmp_path, Image.fromarray(np.array([[True, False]]))))
    np.testing.assert_array_equal(loaded[0], [[255] * 3, [0] * 3])


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    pixels = np.zeros((16, 32, 3), dtype=np.uint8)
    pixels[:, :16] = 255  # white left half: on top once turned clockwise
    loaded = load_photo(rotated_jpeg(tmp_path, Image.fromarray(pixels)))
    assert loaded.shape == (32, 16, 3)
    assert loaded[:15].min() > 200
    assert loaded[17:].max() < 50


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 3), colour) for colour in ("red", "blue")]
    path = saved(tmp_path, frames[0], "a.gif", save_all=True, append_images=frames[1:])
    assert load_photo(path)[0, 0].tolist() == [255, 0, 0]


def test_one_pixel_photo(tmp_path: Path) -> None:
    assert load_photo(saved(tmp_path, Image.new("RGB", (1, 1)))).shape == (1, 1, 3)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("missing", "does not exist"),
        ("under a file", "does not exist"),
        ("long name", "cannot be read"),
        ("empty", "is empty (0 bytes)"),
        ("text", "is not a picture"),
        ("folder", "is a folder"),
        ("fifo", "it is a pipe"),
        ("truncated", "is damaged"),
        ("header only", "is "),
        ("float", "32-bit"),
        ("slightly large", "108,000,000 pixels"),
        ("bomb", "400,000,000 pixels"),
    ],
)
@pytest.mark.parametrize("load", [load_photo, load_label_map, load_panoptic_png, load_guide_mask])
def test_bad_files_are_one_sentence(tmp_path: Path, kind: str, reason: str, load: object) -> None:
    if kind == "float" and load in (load_label_map, load_panoptic_png):
        reason = "F pixels"
    path = make_bad_photo(kind, tmp_path)
    with pytest.raises(ValueError, match=r"\.$") as caught:
        load(path)  # type: ignore[operator]
    text = str(caught.value)
    assert str(path) in text
    assert reason in text
    assert "\n" not in text


def test_pixel_limit_agrees_with_scenes() -> None:
    assert images.MAX_PIXELS == scene.MAX_PIXELS


def test_palette_indices_are_kept(tmp_path: Path) -> None:
    picture = Image.fromarray(RAMP).convert("P")
    picture.putdata(RAMP.ravel().tolist())
    picture.putpalette(list(range(255, -1, -1)) * 3)
    loaded = load_label_map(saved(tmp_path, picture))
    assert loaded.dtype == np.int32
    np.testing.assert_array_equal(loaded, RAMP)


@pytest.mark.parametrize(
    ("array", "name"),
    [
        (np.array([[0, 255, 7]], dtype=np.uint8), "a.png"),
        (np.array([[0, 65535, 300]], dtype=np.uint16), "a.png"),
        (np.array([[0, 65535, 300]], dtype=np.uint16), "a.tif"),
        (np.array([[0, 70_000, 2**31 - 1]], dtype=np.int32), "a.tif"),
        (np.array([[True, False, True]]), "a.png"),
    ],
)
def test_grey_label_maps_of_any_depth(tmp_path: Path, array: np.ndarray, name: str) -> None:
    np.testing.assert_array_equal(load_label_map(saved(tmp_path, Image.fromarray(array), name)), array.astype(int))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "CMYK"])
def test_colour_label_maps_are_refused(tmp_path: Path, mode: str) -> None:
    path = saved(tmp_path, Image.new(mode, (4, 3)), "a.tif")
    with pytest.raises(ValueError, match=f"has {mode} pixels, not ids"):
        load_label_map(path)


def test_jpeg_label_maps_are_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, Image.fromarray(RAMP), "a.jpg")
    with pytest.raises(ValueError, match="is a JPEG, whose compression changes ids"):
        load_label_map(path)


def test_panoptic_ids(tmp_path: Path) -> None:
    rgb = np.array([[[1, 0, 0], [0, 1, 0], [0, 0, 1], [255, 255, 255]]], dtype=np.uint8)
    for picture in (Image.fromarray(rgb), Image.fromarray(rgb).convert("RGBA")):
        ids = load_panoptic_png(saved(tmp_path, picture))
        assert ids.dtype == np.int32  # a panoptic id has 24 bits
        np.testing.assert_array_equal(ids, [[1, 256, 65536, 2**24 - 1]])


@pytest.mark.parametrize("mode", ["L", "P", "LA"])
def test_panoptic_needs_rgb(tmp_path: Path, mode: str) -> None:
    with pytest.raises(ValueError, match=f"has {mode} pixels"):
        load_panoptic_png(saved(tmp_path, Image.new(mode, (4, 3))))


def test_painted_masks(tmp_path: Path) -> None:
    painted = np.array([[0, 255, 51]], dtype=np.uint8)
    white = np.full((1, 3, 3), 255, dtype=np.uint8)
    layer = np.concatenate([np.zeros((1, 3, 3), dtype=np.uint8), painted[..., None]], axis=2)  # black paint
    opaque = np.concatenate([np.repeat(painted[..., None], 3, axis=2), white[..., :1]], axis=2)
    for picture in (
        Image.fromarray(painted),
        Image.fromarray(layer),
        Image.fromarray(opaque),
        Image.fromarray(painted.astype(np.uint16) * 257),
    ):
        guide = load_guide_mask(saved(tmp_path, picture))
        assert guide.dtype == np.float32
        np.testing.assert_allclose(guide, [[0, 1, 0.2]], atol=1e-6)


def test_unpainted_mask_is_refused(tmp_path: Path) -> None:
    ones = saved(tmp_path, Image.fromarray(np.ones((2, 2), dtype=np.uint8)))  # 0/1 masks are not 0/255 ones
    with pytest.raises(ValueError, match=r"nothing painted \(its brightest value is 0\.00392 of 1\)"):
        load_guide_mask(ones)


def test_png_round_trips(tmp_path: Path) -> None:
    mask = np.eye(3, 5, dtype=bool)
    save_png(mask, tmp_path / "mask.png")
    with Image.open(tmp_path / "mask.png") as picture:
        assert picture.mode == "L"
        np.testing.assert_array_equal(np.asarray(picture), mask * 255)
    rgb = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    save_png(rgb[:, ::-1], tmp_path / "rgb.png")  # not contiguous
    np.testing.assert_array_equal(load_photo(tmp_path / "rgb.png"), rgb[:, ::-1])


@pytest.mark.parametrize("array", [np.zeros((2, 2)), np.zeros((2, 2, 4), np.uint8), np.zeros(3, np.uint8)])
def test_only_pictures_are_saved(tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(ValueError, match="is not a picture"):
        save_png(array, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_failed_saves_leave_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_json({"old": "名"}, tmp_path / "a.json")
    with pytest.raises(ValueError, match="JSON"):
        save_json({"score": float("nan")}, tmp_path / "a.json")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(WriteError, match=r"a\.json' cannot be written: no space is left on the disk; at least"):
        save_json({"new": 1}, tmp_path / "a.json")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert json.loads((tmp_path / "a.json").read_text("utf-8")) == {"old": "名"}


def test_output_folder(tmp_path: Path) -> None:
    folder = output_folder(tmp_path / "a" / "b")
    assert folder.is_dir()
    assert list(folder.iterdir()) == []
    assert output_folder(folder) == folder
    (tmp_path / "file").touch()
    for bad in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/smartmask-out")):
        with pytest.raises(ValueError, match=r"output folder '.*\.$") as caught:
            output_folder(bad)
        assert str(bad) in str(caught.value)


def test_a_note_tells_of_frames_that_are_not_used(tmp_path: Path) -> None:
    one = Image.new("RGB", (8, 6), "red")
    for name in ("a.gif", "a.webp", "a.png", "a.tiff"):
        one.save(tmp_path / name, save_all=True, append_images=[Image.new("RGB", (8, 6), "blue")])
        with frames_noted() as outer, frames_noted() as notes:
            load_photo(tmp_path / name)
            load_photo(tmp_path / name)
        assert notes == outer == [f"The photo '{tmp_path / name}' has several frames; the first one is used."]
        one.save(tmp_path / f"one_{name}")
        with frames_noted() as notes:
            load_photo(tmp_path / f"one_{name}")
        assert notes == []
