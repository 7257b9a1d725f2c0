"""Pictures in and out of files, as models see them (``photo.py`` keeps a photo's own form).

Every loader applies the EXIF rotation, reads the first frame only, and turns whatever is wrong with
a file into a ValueError of one sentence that names the file and what to do. Colour profiles are not
applied: pixel values stay as stored, so that a saved picture can equal the loaded one bit for bit.
"""

from __future__ import annotations

import io
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from smartmask.io.checks import MAX_PIXELS
from smartmask.io.publish import replacing
from smartmask.io.reading import open_file
from smartmask.io.sentences import reason_of
from smartmask.io.tar import TarMember, open_member

# An explicit list: Pillow would also hand files to Ghostscript (EPS) or to readers nobody maintains.
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM")
_FORMAT_NAMES = "PNG, JPEG, WebP, TIFF, BMP, GIF or PPM"
if Image.MAX_IMAGE_PIXELS is not None and MAX_PIXELS > 2 * Image.MAX_IMAGE_PIXELS:
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # only where the user's limit is above Pillow's, which refuses twice its own
_ORIENTATION = 0x0112
_BAND = 1 << 20  # pixels converted at a time: Pillow's own copies of a whole photo are never made


class Decoded(NamedTuple):
    """A decoded picture, upright. kind: its format.  orientation: the EXIF tag (1 to 8) that it was stored with."""

    image: Image.Image
    kind: str
    orientation: int


_NOTED: ContextVar[tuple[list[str], ...]] = ContextVar("frames noted", default=())  # lists that are being filled


def load_photo(path: str | Path | TarMember) -> np.ndarray:
    """``(H, W, 3)`` uint8 RGB of a picture file, upright, or of one in a shard.

    Grey and palette become RGB; transparent pixels are composed on white; CMYK is converted without
    its profile; 16 bits a channel are scaled to 8 (65535 becomes 255).
    Raises ValueError for a file that is missing, damaged, not a picture, above MAX_PIXELS (before
    decoding), or holds 32-bit pixels, whose range a file does not tell.
    """
    return photo_of(decode(path, "photo"), path)


def photo_of(found: Decoded, path: str | Path | TarMember) -> np.ndarray:
    """``load_photo`` of what was decoded. path: names it in the sentence of a ValueError."""
    image, kind, _ = found
    if is_deep_grey(image, kind):
        grey = (np.asarray(image).astype(np.uint32) * 255 + 32767) // 65535
        return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)
    refuse_32_bit(image, path, "photo")
    if not image.has_transparency_data:
        return pixels_of(image, "RGB", path, "photo")
    rgba = convert(image, "RGBA", path, "photo")
    return pixels_of(Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba), "RGB", path, "photo")


def photo_size(path: str | Path | TarMember) -> tuple[int, int]:
    """``(height, width)`` of a picture file as ``load_photo`` would give it, from its header alone.

    Raises ValueError as load_photo does, but for damage of its pixels.
    """
    with open_picture(path, "photo") as handle:
        return header_of(handle, f"The photo '{path}'")[1:]


def load_label_map(path: str | Path) -> np.ndarray:
    """``(H, W)`` int32 region ids of a label map: palette indices, or the values of a 1 to 32-bit grey picture.

    Raises ValueError as load_photo does, and for colour pictures, transparency, and lossy JPEG.
    """
    image, kind, _ = decode(path, "label map")
    if kind in ("JPEG", "MPO"):
        raise ValueError(f"The label map '{path}' is a JPEG, whose compression changes ids; save it as a PNG.")
    if image.mode not in ("1", "L", "P", "I") and not image.mode.startswith("I;16"):
        raise ValueError(
            f"The label map '{path}' has {image.mode} pixels, not ids; use a grey or palette PNG "
            "(a COCO panoptic PNG needs its panoptic JSON)."
        )
    return np.asarray(image).astype(np.int32)


def load_panoptic_png(path: str | Path) -> np.ndarray:
    """``(H, W)`` int32 segment ids of a COCO panoptic PNG: id = R + 256 G + 65536 B.

    Raises ValueError as load_label_map does, and for pictures that are not 8-bit RGB.
    """
    image, kind, _ = decode(path, "panoptic map")
    if kind in ("JPEG", "MPO"):
        raise ValueError(f"The panoptic map '{path}' is a JPEG, whose compression changes ids; save it as a PNG.")
    opaque = image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255)
    if image.mode != "RGB" and not opaque:
        raise ValueError(
            f"The panoptic map '{path}' has {image.mode} pixels; COCO's are RGB (a grey or palette map needs names)."
        )
    ids = np.zeros((image.height, image.width), np.int32)
    for band in ("B", "G", "R"):
        ids <<= 8
        ids |= np.asarray(image.getchannel(band))
    return ids


def load_guide_mask(path: str | Path) -> np.ndarray:
    """``(H, W)`` float32 in [0, 1] of a painted mask or scribble.

    The alpha channel where it varies (paint on a transparent layer), else the brightness (white on
    black). Raises ValueError as load_photo does, and if nothing is painted.
    """
    image, kind, _ = decode(path, "guide picture")
    if is_deep_grey(image, kind):
        painted = np.asarray(image).astype(np.float32) / 65535
    else:
        refuse_32_bit(image, path, "guide picture")
        grey = None
        if image.has_transparency_data:
            alpha = pixels_of(image, "RGBA", path, "guide picture")[..., 3]
            grey = alpha if alpha.min() != alpha.max() else None
        if grey is None:
            opaque = convert(image, "RGB", path, "guide picture") if image.has_transparency_data else image
            grey = pixels_of(opaque, "L", path, "guide picture")
        painted = grey.astype(np.float32)
        painted /= 255
    if not (painted > 0.5).any():
        raise ValueError(
            f"The guide picture '{path}' has nothing painted (its brightest value is {painted.max():.3g} of 1); "
            "paint white on black, or on a transparent layer."
        )
    return painted


def save_png(array: np.ndarray, path: str | Path, quick: bool = False) -> None:
    """Write a PNG beside its place, then move it there, so that no half-written file is ever seen.

    array: (H, W) bool (saved as 8-bit 0 and 255), (H, W) uint8 grey, or (H, W, 3) uint8 RGB.
    quick: pressed little, for what is looked at once: a fifth larger, in a third of the time.
    Raises ValueError for other shapes and types, OSError if the disk refuses.
    """
    array = np.asarray(array)
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    if array.dtype != np.uint8 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)):
        raise ValueError(f"An array of shape {array.shape} and type {array.dtype} is not a picture; use uint8 or bool.")
    with replacing(Path(path)) as handle:
        Image.fromarray(np.ascontiguousarray(array)).save(handle, format="PNG", compress_level=1 if quick else 6)


def decode(path: str | Path | TarMember, what: str) -> Decoded:
    """The first frame of a picture file; each way to fail is a ValueError."""
    with open_picture(path, what) as handle:
        return decode_handle(handle, f"The {what} '{path}'")


@contextmanager
def frames_noted() -> Iterator[list[str]]:
    """Notes on the pictures decoded in the block whose files hold several frames or pages: only the first is used."""
    notes: list[str] = []
    token = _NOTED.set((*_NOTED.get(), notes))
    try:
        yield notes
    finally:
        _NOTED.reset(token)


def _note_frames(image: Image.Image, what: str) -> None:
    # of a phone's picture that brings previews (MPO) nobody means the others
    if image.format == "MPO" or not _NOTED.get() or not getattr(image, "is_animated", False):
        return
    for notes in _NOTED.get():
        if (note := f"{what} has several frames; the first one is used.") not in notes:
            notes.append(note)


def open_picture(path: str | Path | TarMember, what: str = "picture") -> io.BufferedReader | io.BytesIO:
    """A picture's file, opened; ValueError if it is missing, empty, no regular file or too large."""
    if isinstance(path, TarMember):
        return open_member(path, what)
    handle = open_file(path, what, "picture_mb", "a picture file")
    if os.fstat(handle.fileno()).st_size == 0:
        handle.close()
        raise ValueError(f"The {what} '{path}' is empty (0 bytes); save or download it again.")
    return handle


def header_of(handle: IO[bytes], what: str) -> tuple[str, int, int]:
    """``(format, height, width)`` of an open picture file, upright, from its header alone: nothing is decoded.

    ``what`` begins the sentence of a ValueError, raised as by ``decode_handle`` but for damage of the pixels.
    """
    with _opened(handle, what, FORMATS) as image:
        turned = image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
        height, width = (image.width, image.height) if turned else (image.height, image.width)
        return image.format or "", height, width


def decode_handle(handle: IO[bytes], what: str, formats: tuple[str, ...] = FORMATS) -> Decoded:
    """The first frame of an open picture file; ``what`` begins the sentence of a ValueError."""
    with _opened(handle, what, formats) as image:
        _note_frames(image, what)
        # before load, where a TIFF turns itself and forgets that it did
        kind, orientation = image.format or "", image.getexif().get(_ORIENTATION, 1)
        image.load()
        if image.mode in ("P", "PA") and image.palette is None:
            raise ValueError("its palette is missing")
        ImageOps.exif_transpose(image, in_place=True)
        return Decoded(image, kind, orientation)


@contextmanager
def _opened(handle: IO[bytes], what: str, formats: tuple[str, ...]) -> Iterator[Image.Image]:
    """A picture whose header is read, of at most MAX_PIXELS; what the block finds damaged is a ValueError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd EXIF and on sizes, which are judged here
        try:
            image = Image.open(handle, formats=formats)
        except Image.DecompressionBombError as error:
            count = re.search(r"\((\d+) pixels\)", str(error))
            raise ValueError(_too_large(what, int(count[1]) if count else None)) from error
        except UnidentifiedImageError as error:
            raise ValueError(f"{what} is not a picture; use a {_FORMAT_NAMES} file.") from error
        except Exception as error:
            raise ValueError(_damaged(what, error)) from error
        with image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError(_too_large(what, image.width * image.height))
            try:
                yield image
            except Exception as error:  # on damaged data Pillow's decoders raise nearly anything
                raise ValueError(_damaged(what, error)) from error


def is_deep_grey(image: Image.Image, kind: str) -> bool:
    """16-bit grey; Pillow gives deep PGM files as 32-bit, scaled to 0..65535."""
    return image.mode.startswith("I;16") or (image.mode == "I" and kind == "PPM")


def refuse_32_bit(image: Image.Image, path: str | Path | TarMember, what: str) -> None:
    if image.mode in ("I", "F"):
        raise ValueError(
            f"The {what} '{path}' has 32-bit pixels of an unknown range; save it with 8 or 16 bits a channel."
        )


def pixels_of(image: Image.Image, mode: str, path: str | Path | TarMember, what: str) -> np.ndarray:
    """``(H, W[, C])`` uint8 of a decoded picture in an 8-bit ``mode``; ValueError where Pillow cannot convert it."""
    channels = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.empty((image.height, image.width, channels)[: 2 if channels == 1 else 3], dtype=np.uint8)
    step = max(1, _BAND // image.width)
    for top in range(0, image.height, step):
        band = image.crop((0, top, image.width, min(top + step, image.height)))
        pixels[top : top + step] = np.asarray(convert(band, mode, path, what))
    return pixels


def convert(image: Image.Image, mode: str, path: str | Path | TarMember, what: str) -> Image.Image:
    if image.mode == mode:  # Pillow would copy it
        return image
    try:
        return image.convert(mode)
    except ValueError as error:
        raise ValueError(
            f"The {what} '{path}' has {image.mode} pixels, which cannot be read; save it as RGB."
        ) from error


def _too_large(what: str, pixels: int | None) -> str:
    count = f"{pixels:,}" if pixels else "too many"
    return f"{what} has {count} pixels, more than {MAX_PIXELS:,}; scale it down first."


def _damaged(what: str, error: Exception) -> str:
    reason = reason_of(error)
    return f"{what} is damaged ({reason}); save or download it again."
