"""Photographs of every kind of file, drawn at random, and their pixels read by other means than the package's own."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageCms, ImageOps

from smartmask.image.photo import deep_png
from smartmask.io.publish import replacing, save_bytes
from smartmask.io.reading import read_bytes

_ORIENTATION = 0x0112


def picture(rng: np.random.Generator, height: int, width: int, channels: int, deep: bool = False) -> np.ndarray:
    """``(H, W, C)`` uint8 or uint16: slopes and some noise, so that each pixel differs from its neighbours."""
    rows, cols = np.mgrid[:height, :width]
    slopes = [rng.uniform(-1, 1) * rows / height + rng.uniform(-1, 1) * cols / width for _ in range(channels)]
    values = np.stack(slopes, axis=-1) * 0.2 + rng.normal(0.5, 0.15, (height, width, channels))
    top = 65535 if deep else 255
    return (np.clip(values, 0, 1) * top).round().astype(np.uint16 if deep else np.uint8)


def _image(rng: np.random.Generator, height: int, width: int, mode: str) -> Image.Image:
    pixels = picture(rng, height, width, {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode])
    return Image.fromarray(pixels[..., 0] if mode == "L" else pixels, None if mode != "CMYK" else "CMYK")


def _saved(kind: str, suffix: str, mode: str = "RGB", then: str | None = None, **options: Any) -> Any:
    def save(rng: np.random.Generator, height: int, width: int, stem: Path) -> Path:
        path, image = stem.with_suffix(suffix), _image(rng, height, width, mode)
        image = image if then is None else image.convert(then)
        given = {key: value(rng) if callable(value) else value for key, value in options.items()}
        with replacing(path) as handle:
            image.save(handle, kind, **given)
        return path

    return save


def _deep(channels: int) -> Any:
    def save(rng: np.random.Generator, height: int, width: int, stem: Path) -> Path:
        path = stem.with_suffix(".png")
        save_bytes(b"".join(deep_png(picture(rng, height, width, channels, deep=True))), path)
        return path

    return save


def _deep_file(suffix: str) -> Any:
    def save(rng: np.random.Generator, height: int, width: int, stem: Path) -> Path:
        path = stem.with_suffix(suffix)
        ok, data = cv2.imencode(suffix, picture(rng, height, width, 3, deep=True))
        assert ok, suffix
        save_bytes(data.tobytes(), path)
        return path

    return save


def _turned(rng: np.random.Generator) -> Image.Exif:
    notes = Image.Exif()
    notes[_ORIENTATION] = int(rng.integers(1, 9))
    notes[0x010F] = "Maker"
    return notes


def _profile(_: np.random.Generator) -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


# kind: saves a file of (height, width) and returns its path
PHOTOS: dict[str, Callable[[np.random.Generator, int, int, Path], Path]] = {
    "RGB": _saved("PNG", ".png"),
    "RGBA": _saved("PNG", ".png", "RGBA"),
    "grey": _saved("PNG", ".png", "L"),
    "grey and alpha": _saved("PNG", ".png", "LA"),
    "black and white": _saved("PNG", ".png", "L", "1"),
    "palette": _saved("PNG", ".png", "RGB", "P"),
    "palette with a clear colour": _saved("PNG", ".png", "RGB", "P", transparency=3),
    "colour key": _saved("PNG", ".png", transparency=(120, 121, 122)),
    "16-bit RGB": _deep(3),
    "16-bit RGBA": _deep(4),
    "16-bit grey": _deep(1),
    "16-bit grey and alpha": _deep(2),
    "JPEG": _saved("JPEG", ".jpg", quality=90),
    "JPEG turned by EXIF": _saved("JPEG", ".jpg", exif=_turned),
    "grey JPEG": _saved("JPEG", ".jpg", "L"),
    "CMYK JPEG": _saved("JPEG", ".jpg", "CMYK"),
    "ICC profile": _saved("PNG", ".png", icc_profile=_profile),
    "PNG turned by EXIF": _saved("PNG", ".png", exif=_turned),
    "TIFF": _saved("TIFF", ".tif", compression="tiff_lzw"),
    "TIFF turned": _saved("TIFF", ".tif", exif=_turned),
    "16-bit TIFF": _deep_file(".tiff"),
    "16-bit PPM": _deep_file(".ppm"),
    "WebP": _saved("WEBP", ".webp"),
    "WebP with alpha": _saved("WEBP", ".webp", "RGBA", lossless=True),
    "GIF": _saved("GIF", ".gif", "RGB", "P"),
    "BMP": _saved("BMP", ".bmp"),
}
# kind: (height, width) of a photo
SIZES: dict[str, Callable[[np.random.Generator], tuple[int, int]]] = {
    "usual": lambda rng: (int(rng.integers(60, 180)), int(rng.integers(60, 180))),
    "odd": lambda rng: (2 * int(rng.integers(30, 70)) + 1, 2 * int(rng.integers(30, 70)) + 1),
    "tiny": lambda rng: (int(rng.integers(1, 9)), int(rng.integers(1, 9))),
    "narrow": lambda rng: tuple(rng.permutation([int(rng.integers(1, 4)), int(rng.integers(60, 300))]).tolist()),
    "large": lambda rng: (int(rng.integers(300, 700)), int(rng.integers(300, 700))),
}


def pixels_of(path: Path) -> np.ndarray:
    """``(H, W, C)`` of a picture file, upright, as a finished picture has to hold it: C = 1 grey, 2 grey and alpha,
    3 RGB, 4 RGBA; uint16 where the file has 16 bits. Read by Pillow, or OpenCV where that reads 8 bits alone."""
    data = read_bytes(path, "picture", "picture_mb")
    deep = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        if deep is not None and deep.dtype == np.uint16:
            return _of_opencv(deep, data)
        upright = ImageOps.exif_transpose(image)
    clear = upright.has_transparency_data
    grey = upright.mode in ("1", "L", "LA")
    mode = ("LA" if clear else "L") if grey else ("RGBA" if clear else "RGB")
    pixels = np.asarray(upright.convert(mode))
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _of_opencv(deep: np.ndarray, data: bytes) -> np.ndarray:
    if deep.ndim == 2:
        return deep[..., None]
    pixels = deep[..., [2, 1, 0, 3][: deep.shape[2]]]
    return pixels[..., [0, 3]] if data[1:4] == b"PNG" and data[25] == 4 else pixels  # colour type: grey and alpha
