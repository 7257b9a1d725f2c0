"""Photos keep what a file holds: values, depth, alpha, EXIF and profile; and come out upright."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pictures import exif, make_bad_photo, packet, save_with_notes
from PIL import Image, ImageCms, ImageOps

from smartmask.image.files import load_photo
from smartmask.image.photo import Photo, deep_png

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def noise(*shape: int, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_8_bit_png_round_trip(tmp_path: Path, mode: str) -> None:
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}[mode]
    pixels = noise(7, 5, channels)
    Image.fromarray(pixels.squeeze(-1) if channels == 1 else pixels, mode).save(
        tmp_path / "a.png", icc_profile=PROFILE, exif=exif()
    )
    photo = Photo.load(tmp_path / "a.png")
    assert (photo.mode, photo.bits, photo.icc) == (mode, 8, PROFILE)
    np.testing.assert_array_equal(photo.pixels, pixels)
    photo.save(tmp_path / "b.png")
    again = Photo.load(tmp_path / "b.png")
    np.testing.assert_array_equal(again.pixels, pixels)
    assert (again.icc, again.exif) == (photo.icc, photo.exif)


@pytest.mark.parametrize(("channels", "suffix"), [(1, "png"), (3, "png"), (4, "png"), (1, "tif"), (3, "tif")])
def test_16_bits_survive(tmp_path: Path, channels: int, suffix: str) -> None:
    pixels = noise(9, 6, channels, dtype=np.uint16)
    order = [2, 1, 0, 3][:channels] if channels > 1 else [0]
    cv2.imwrite(str(tmp_path / f"a.{suffix}"), pixels[..., order])
    photo = Photo.load(tmp_path / f"a.{suffix}")
    assert photo.bits == 16
    np.testing.assert_array_equal(photo.pixels, pixels)
    photo.save(tmp_path / "b.png")
    stored = cv2.imread(str(tmp_path / "b.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(stored.reshape(pixels.shape), pixels[..., order])


@given(hnp.arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 4))))
def test_deep_png_is_a_png(pixels: np.ndarray) -> None:
    """Any other reader must understand what is written here by hand."""
    data = np.frombuffer(b"".join(deep_png(pixels, b"Exif\0\0MM\0*\0\0\0\x08\0\0", PROFILE)), dtype=np.uint8)
    stored = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    expected = pixels[..., [0, 0, 0, 1]] if pixels.shape[2] == 2 else pixels
    order = [2, 1, 0, 3][: expected.shape[2]] if expected.shape[2] > 1 else [0]
    np.testing.assert_array_equal(stored.reshape(expected.shape), expected[..., order])


def test_16_bit_grey_with_alpha(tmp_path: Path) -> None:
    pixels = noise(4, 3, 2, dtype=np.uint16)
    Photo(pixels).save(tmp_path / "a.png")
    photo = Photo.load(tmp_path / "a.png")
    assert photo.mode == "LA"
    np.testing.assert_array_equal(photo.pixels, pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("deep", [False, True])
def test_upright_with_its_exif(tmp_path: Path, orientation: int, deep: bool) -> None:
    pixels = noise(6, 9, 3)
    notes = exif(orientation)
    if deep:
        Photo(pixels.astype(np.uint16) * 257, exif=notes.tobytes()).save(tmp_path / "a.png")
    else:
        Image.fromarray(pixels).save(tmp_path / "a.png", exif=notes)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "a.png")))
    photo = Photo.load(tmp_path / "a.png")
    np.testing.assert_array_equal(photo.rgb(), upright)
    np.testing.assert_array_equal(photo.rgb(), load_photo(tmp_path / "a.png"))
    photo.save(tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as image:
        kept = image.getexif()
    assert kept.get(0x0112, 1) == 1, "the pixels are upright already: a viewer would turn them again"
    assert kept[0x010F] == "Maker"
    assert kept.get_ifd(0x8769)[0x9003] == "2020:01:02 03:04:05"
    assert kept.get_ifd(0x8825)[1] == "N"


def test_notes_of_a_tiff_without_its_strips(tmp_path: Path) -> None:
    Image.fromarray(noise(5, 5, 3)).save(tmp_path / "a.tif", exif=exif())
    Photo.load(tmp_path / "a.tif").save(tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as image:
        assert image.getexif()[0x010F] == "Maker"
        assert not {256, 257, 273, 279} & set(image.getexif())


@pytest.mark.parametrize("saved", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
def test_xmp_and_resolution_survive(tmp_path: Path, suffix: str, saved: str) -> None:
    path = save_with_notes(tmp_path / f"a{suffix}", noise(8, 6, 3), packet(), (300, 150), exif())
    photo = Photo.load(path)
    assert photo.xmp == packet()
    assert photo.dpi == pytest.approx((300, 150), abs=0.02)
    photo.save(tmp_path / f"b{saved}")
    again = Photo.load(tmp_path / f"b{saved}")
    assert again.xmp == packet()
    assert again.exif == photo.exif
    if saved == ".webp":
        assert "dpi" not in Image.open(tmp_path / "b.webp").info
    else:
        assert again.dpi == pytest.approx((300, 150), abs=0.02)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_xmp_and_resolution_of_16_bits(tmp_path: Path, channels: int) -> None:
    pixels = noise(5, 4, channels, dtype=np.uint16)
    Photo(pixels, exif().tobytes(), PROFILE, packet(), (300, 72)).save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:  # another reader
        image.load()
        assert image.info["XML:com.adobe.xmp"].encode() == packet()
        assert image.info["dpi"] == pytest.approx((300, 72), abs=0.02)
    photo = Photo.load(tmp_path / "a.png")
    assert (photo.xmp, photo.icc) == (packet(), PROFILE)
    np.testing.assert_array_equal(photo.pixels, pixels)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_notes_are_turned_with_the_photo(tmp_path: Path, suffix: str, orientation: int) -> None:
    """XMP can hold the orientation a second time; a resolution that differs across and down changes its sides."""
    pixels, notes = noise(8, 6, 3), exif(orientation)
    photo = Photo.load(save_with_notes(tmp_path / f"a{suffix}", pixels, packet(orientation), (300, 150), notes))
    assert photo.dpi == pytest.approx((150, 300) if orientation == 6 else (300, 150), abs=0.02)
    assert photo.xmp is not None
    assert b"Orientation" not in photo.xmp or orientation == 1
    assert "Zürich".encode() in photo.xmp
    photo.save(tmp_path / "b.png")
    again = Photo.load(tmp_path / "b.png")
    assert (again.height, again.width) == ((6, 8) if orientation == 6 else (8, 6)), "it is not turned again"
    np.testing.assert_array_equal(again.pixels, photo.pixels)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_of_across_and_down_is_turned(tmp_path: Path, suffix: str, orientation: int) -> None:
    """Resolutions and sizes in the EXIF block fit the upright picture, as the picture's own dpi does."""
    notes = exif(orientation)
    notes[0x011A], notes[0x011B], notes[0x0128] = 300.0, 150.0, 2
    camera = notes.get_ifd(0x8769)
    camera[0xA002], camera[0xA003], camera[0xA20E], camera[0xA20F] = 6, 8, 2000.0, 1000.0
    photo = Photo.load(save_with_notes(tmp_path / f"a{suffix}", noise(8, 6, 3), packet(), (300, 150), notes))
    photo.save(tmp_path / "b.jpg")
    with Image.open(tmp_path / "b.jpg") as image:
        kept, size = image.getexif(), image.size
    ways = slice(None, None, -1 if orientation >= 5 else 1)
    assert size == (6, 8)[ways]
    assert (kept[0x011A], kept[0x011B]) == (300, 150)[ways]
    if suffix != ".tif":  # to which Pillow cannot write a camera's part
        part = kept.get_ifd(0x8769)
        assert (part[0xA002], part[0xA003]) == size
        assert (part[0xA20E], part[0xA20F]) == (2000, 1000)[ways]
    assert photo.dpi == pytest.approx((300, 150)[ways], abs=0.02)


def test_notes_that_are_absent_or_odd(tmp_path: Path) -> None:
    Image.fromarray(noise(4, 4, 3)).save(tmp_path / "plain.png")
    photo = Photo.load(tmp_path / "plain.png")
    assert (photo.exif, photo.icc, photo.xmp, photo.dpi) == (None, None, None, None)
    photo.save(tmp_path / "again.png")
    assert set(Image.open(tmp_path / "again.png").info) == set()
    Image.fromarray(noise(4, 4, 3)).save(tmp_path / "unit.tif", tiffinfo={296: 1, 282: 72.0, 283: 72.0})
    assert Photo.load(tmp_path / "unit.tif").dpi is None, "a ratio without a unit is no resolution"


def test_xmp_too_long_for_a_jpeg(tmp_path: Path) -> None:
    long = packet() + b" " * 70_000
    Photo(noise(4, 4, 3), xmp=long).save(tmp_path / "a.jpg")
    assert Photo.load(tmp_path / "a.jpg").xmp is None
    Photo(noise(4, 4, 3), xmp=long).save(tmp_path / "a.png")
    assert Photo.load(tmp_path / "a.png").xmp == long


def test_palette_colour_key_bits_and_cmyk(tmp_path: Path) -> None:
    palette = Image.fromarray(np.array([[0, 1], [2, 1]], dtype=np.uint8)).convert("P")
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    palette.save(tmp_path / "p.png")
    assert Photo.load(tmp_path / "p.png").pixels.tolist()[0] == [[255, 0, 0], [0, 255, 0]]
    palette.save(tmp_path / "t.png", transparency=1)
    assert Photo.load(tmp_path / "t.png").pixels[..., 3].tolist() == [[255, 0], [255, 0]]
    Image.fromarray(noise(2, 2, 3)).save(tmp_path / "k.png", transparency=(1, 2, 3))
    assert Photo.load(tmp_path / "k.png").mode == "RGBA"
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "one.png")
    assert Photo.load(tmp_path / "one.png").pixels.tolist() == [[[255], [0]]]
    Image.fromarray(noise(8, 8, 4), "CMYK").save(tmp_path / "c.jpg", icc_profile=PROFILE)
    photo = Photo.load(tmp_path / "c.jpg")
    assert (photo.mode, photo.icc) == ("RGB", None), "an ink profile does not describe RGB"


def test_models_see_8_bit_rgb_on_white() -> None:
    pixels = np.array([[[65535, 0, 65535], [1000, 2000, 3000]]], dtype=np.uint16)
    assert Photo(pixels).rgb().tolist() == [[[255, 0, 255], [4, 8, 12]]]
    rgba = np.array([[[10, 20, 30, 255], [10, 20, 30, 0], [0, 0, 0, 51]]], dtype=np.uint8)
    assert Photo(rgba).rgb().tolist() == [[[10, 20, 30], [255, 255, 255], [204, 204, 204]]]
    assert Photo(rgba[..., 0]).rgb(columns=slice(1, 2)).tolist() == [[[10, 10, 10]]]


@pytest.mark.parametrize("name", ["a.jpg", "a.webp"])
def test_lossy_files_by_suffix(tmp_path: Path, name: str) -> None:
    smooth = np.repeat(np.arange(0, 256, 8, dtype=np.uint8)[None, :, None], 32, axis=0).repeat(3, axis=2)
    Photo(smooth, exif().tobytes(), PROFILE).save(tmp_path / name)
    again = Photo.load(tmp_path / name)
    assert np.abs(again.pixels.astype(int) - smooth).max() < 16
    assert again.icc == PROFILE
    assert again.exif is not None


def test_forms_that_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no known suffix; use \.png"):
        Photo(noise(2, 2, 3)).save(tmp_path / "a.bmp")
    with pytest.raises(ValueError, match="no transparency"):
        Photo(noise(2, 2, 4)).save(tmp_path / "a.jpg")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("array", [np.zeros((2, 2, 5), np.uint8), np.zeros((2, 2)), np.zeros((0, 3, 3), np.uint8)])
def test_arrays_that_are_no_photos(array: np.ndarray) -> None:
    with pytest.raises(ValueError, match="is not a photo; use"):
        Photo(array)


@pytest.mark.parametrize("kind", ["missing", "folder", "empty", "text", "truncated", "float", "bomb"])
def test_bad_files_are_told_as_everywhere(tmp_path: Path, kind: str) -> None:
    path = make_bad_photo(kind, tmp_path)
    with pytest.raises(ValueError, match="photo '") as one:
        Photo.load(path)
    with pytest.raises(ValueError, match="photo '") as other:
        load_photo(path)
    assert str(one.value) == str(other.value)


def test_deep_ppm_is_not_silently_halved(tmp_path: Path) -> None:
    (tmp_path / "a.ppm").write_bytes(b"P6\n# scan\n1 1\n65535\n" + bytes([1, 2, 3, 4, 5, 6]))
    photo = Photo.load(tmp_path / "a.ppm")
    assert photo.pixels.tolist() == [[[0x0102, 0x0304, 0x0506]]]
