"""Targets: picture files of all formats and modes, as photos, maps, guides and cut-outs."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from pictures import exif, packet
from PIL import Image

from fuzz.mutate import mutate_png
from fuzz.target import Target
from smartmask.guides.table import guide_from_json
from smartmask.image.files import load_guide_mask, load_label_map, load_panoptic_png, load_photo
from smartmask.image.photo import Photo, deep_png
from smartmask.insertion.cutout import read_cutout


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@cache
def seeds() -> list[bytes]:
    """Small pictures: each format, mode and bit depth, some turned, with notes, profiles, colour keys and frames."""
    rng = np.random.default_rng(0)
    rgb = Image.fromarray(rng.integers(0, 256, (7, 9, 3), dtype=np.uint8))
    rgba = Image.fromarray(rng.integers(0, 256, (6, 5, 4), dtype=np.uint8))
    grey, palette = rgb.convert("L"), rgb.convert("P")
    found = [_saved(image, "PNG") for image in (rgb, rgba, grey, grey.convert("1"), palette, rgba.convert("LA"))]
    found += [
        _saved(Image.fromarray(rng.integers(0, 65536, (5, 6), dtype=np.uint16)), kind) for kind in ("PNG", "TIFF")
    ]
    found += [b"".join(deep_png(rng.integers(0, 65536, (4, 5, count), dtype=np.uint16))) for count in (2, 3, 4)]
    found += [_saved(palette, "PNG", transparency=3), _saved(rgb, "PNG", transparency=(1, 2, 3), dpi=(72, 90))]
    found += [_saved(rgb, "PNG", exif=exif(6), icc_profile=b"profile" * 9)]
    found += [_saved(rgb, "JPEG", exif=exif(8), xmp=packet(), dpi=(300, 300)), _saved(grey, "JPEG", progressive=True)]
    found += [_saved(rgb.convert("CMYK"), "JPEG"), _saved(rgb, "JPEG", icc_profile=b"x" * 50)]
    found += [_saved(rgba, "WEBP", lossless=True), _saved(rgb, "WEBP", exif=exif(3), xmp=packet(3))]
    for options in ({}, {"compression": "tiff_lzw"}, {"compression": "jpeg"}, {"exif": exif(7)}):
        found.append(_saved(rgb, "TIFF", **options))
    found += [_saved(palette, "GIF", save_all=True, append_images=[palette]), _saved(rgb, "BMP"), _saved(rgb, "PPM")]
    found += [
        _saved(image, "TIFF") for image in (rgba, grey.convert("1"), palette, rgb.convert("CMYK"), grey.convert("F"))
    ]
    found.append(b"P6 3 2 65535\n" + bytes(range(36)))
    found.append(b"P2\n3 2\n255\n0 1 2 3 4 255\n")
    return found


def read_photo(data: bytes, folder: Path) -> None:
    """A photo as models see it and as its file holds it; what is written of it reads back as it was."""
    path = folder / "photo.png"
    path.write_bytes(data)
    photo = Photo.load(path)
    if photo.height * photo.width <= 1 << 20:
        seen = load_photo(path)
        assert seen.shape[:2] == (photo.height, photo.width)
        photo.save(folder / "again.png")
        np.testing.assert_array_equal(Photo.load(folder / "again.png").pixels, photo.pixels)


def reader_of(load: Callable[[Path], object]) -> Callable[[bytes, Path], None]:
    """Reads a map or a painted mask with one of the loaders."""

    def run(data: bytes, folder: Path) -> None:
        path = folder / "map.png"
        path.write_bytes(data)
        load(path)

    return run


def read_a_cutout(data: bytes, folder: Path) -> None:
    path = folder / "cutout.png"
    path.write_bytes(data)
    read_cutout(path).scaled(8, 8, True)


def read_painted(data: bytes, folder: Path) -> None:
    """A picture inside JSON."""
    guide_from_json({"kind": "mask", "png": base64.b64encode(data).decode()})


TARGETS = (
    Target("photos", read_photo, seeds, mutate_png),
    Target("label-maps", reader_of(load_label_map), seeds, mutate_png),
    Target("panoptic-maps", reader_of(load_panoptic_png), seeds, mutate_png),
    Target("painted-masks", reader_of(load_guide_mask), seeds, mutate_png),
    Target("cut-outs", read_a_cutout, seeds, mutate_png),
    Target("painted-guides", read_painted, seeds, mutate_png),
)
