"""OpenRaster files read back by a small reader: names, places, order, groups, every value."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from layered import HEIGHT, WIDTH, a_photo, a_scene, flattened, painted, read_openraster
from PIL import Image, ImageCms

from smartmask.export.openraster import write_openraster
from smartmask.export.stack import merged, stack_of
from smartmask.image.photo import Photo
from smartmask.scene import Scene


def file_of(photo: Photo | None, scene: Scene | None = None) -> bytes:
    stream = io.BytesIO()
    write_openraster(stack_of(scene or a_scene(), photo, painted()), stream)
    return stream.getvalue()


def test_names_places_order_and_visibility() -> None:
    about, entries, _ = read_openraster(file_of(a_photo()))
    assert (about["w"], about["h"], about["xres"]) == (str(WIDTH), str(HEIGHT), "300")
    told = [(one.name, one.x, one.y, one.visible) for one in entries]
    assert told == [
        ("photo", 0, 0, True), ("layout", 0, 0, False), ("shadow", 38, 45, False), ("b\u00e4ll \u2728", 40, 28, True),
    ]  # fmt: skip
    members = entries[1].members
    assert [one.name for one in members] == ["sky", "grass", "dog <1>"]
    assert [(one.x, one.y) for one in members] == [(0, 0), (0, 30), (22, 17)]
    dog = a_scene().layers[2].window
    assert members[2].pixels is not None
    assert (members[2].pixels[..., 3] == dog.inside() * 255).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_the_layers_together_are_the_picture(channels: int) -> None:
    photo = a_photo(channels=channels)
    _, entries, picture = read_openraster(file_of(photo))
    wanted = merged(a_scene(), photo, painted()).pixels
    assert (picture[..., :3] == wanted[..., :3]).all()
    assert np.abs(flattened(entries, HEIGHT, WIDTH).astype(int) - picture).max() <= 1
    assert (picture != np.asarray(Image.fromarray(photo.pixels.squeeze()).convert("RGBA"))).any()


def test_sixteen_bits_stay(tmp_path: Path) -> None:
    photo = a_photo(16)
    with zipfile.ZipFile(io.BytesIO(file_of(photo))) as archive:
        data = archive.read("data/layer005.png"), archive.read("mergedimage.png")
    for part, wanted in zip(data, (photo, merged(a_scene(), photo, painted())), strict=True):
        (tmp_path / "part.png").write_bytes(part)
        found = Photo.load(tmp_path / "part.png")
        assert found.bits == 16
        assert (found.pixels == wanted.pixels).all()
    assert b"iCCP" in data[0]
    assert b"iCCP" not in data[1]


def test_layers_have_the_photos_profile() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    with zipfile.ZipFile(io.BytesIO(file_of(replace(a_photo(), icc=profile)))) as archive:
        for name in ("data/layer000.png", "data/layer005.png", "mergedimage.png"):
            assert Image.open(io.BytesIO(archive.read(name))).info["icc_profile"] == profile


def test_without_a_photo_the_colours_are_shown() -> None:
    _, entries, picture = read_openraster(file_of(None))
    assert entries[0].name == "layout"
    assert entries[0].visible
    assert np.abs(flattened(entries, HEIGHT, WIDTH).astype(int) - picture).max() <= 1


def test_the_thumbnail_is_small_and_the_same_input_gives_the_same_file() -> None:
    photo = Photo(np.random.default_rng(0).integers(0, 256, (400, 700, 3), dtype=np.uint8))
    stream = io.BytesIO()
    write_openraster(stack_of(Scene(400, 700), photo), stream)
    with zipfile.ZipFile(stream) as archive:
        assert Image.open(io.BytesIO(archive.read("Thumbnails/thumbnail.png"))).size == (256, 146)
    assert file_of(photo=None) == file_of(photo=None)
