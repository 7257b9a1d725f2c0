"""Photo: the pixels of a picture file as they are stored, with what the file says about them.

``files.load_photo`` gives what a model sees; a Photo keeps what a finished picture must keep: grey,
alpha, 16 bits a channel, EXIF, XMP, resolution and the colour profile. A PNG saved from it holds the same values.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
from PIL import Image, PngImagePlugin

from smartmask.image.files import decode, is_deep_grey, open_picture, pixels_of, refuse_32_bit
from smartmask.io.publish import replacing
from smartmask.io.reading import read_bytes

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}  # channels: Pillow's name
LOSSY = {".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
QUALITY = 95  # of the lossy formats
_PRESSED = 3  # of zlib: photographs come out a twentieth smaller than at its usual 6, in two thirds of the time
_PNG_COLOUR = {1: 0, 2: 4, 3: 2, 4: 6}  # channels: PNG's colour type
_ORIENTATION = 0x0112
# Tags that tell of across and down: XResolution and YResolution, and in the camera's own part the same of its
# sensor (FocalPlane...) and the picture's size.
_RESOLUTION, _CAMERA, _CAMERA_PAIRS = (0x011A, 0x011B), 0x8769, ((0xA20E, 0xA20F), (0xA002, 0xA003))
_JPEG_XMP = 65_500  # bytes; a marker of JPEG holds 64 KiB
_INCH = 0.0254  # metres
# TIFF keeps the layout of its strips among the EXIF tags; in another file they would be nonsense.
_LAYOUT_TAGS = {254, 255, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325}
_LAYOUT_TAGS |= {330, 338, 339, 347, 700, 33723, 34377, 34675, _ORIENTATION}


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture, upright.

    pixels: (H, W, C) uint8 or uint16, values as stored: C = 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA
    (alpha not premultiplied). exif: an EXIF block without orientation, or None. icc: a colour profile
    or None; it describes the values and is never applied to them. xmp: an XMP packet, or None.
    dpi: pixels an inch, (across, down), or None.
    """

    pixels: np.ndarray
    exif: bytes | None = None
    icc: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        pixels = np.asarray(self.pixels)
        if pixels.ndim == 2:
            pixels = pixels[..., None]
        good = pixels.ndim == 3 and pixels.shape[2] in MODES and pixels.dtype in (np.uint8, np.uint16)
        if not good or 0 in pixels.shape:
            raise ValueError(
                f"An array of shape {pixels.shape} and type {pixels.dtype} is not a photo; "
                "use (height, width, 1 to 4) uint8 or uint16."
            )
        object.__setattr__(self, "pixels", pixels)

    # --- what it is --------------------------------------------------------------------------

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def mode(self) -> str:
        """L, LA, RGB or RGBA."""
        return MODES[self.pixels.shape[2]]

    @property
    def bits(self) -> int:
        """Bits a channel: 8 or 16."""
        return self.pixels.dtype.itemsize * 8

    @property
    def has_alpha(self) -> bool:
        return self.pixels.shape[2] in (2, 4)

    def rgb(self, rows: slice = slice(None), columns: slice = slice(None)) -> np.ndarray:
        """``(h, w, 3)`` uint8 RGB of a part, as a model sees it: 16 bits scaled to 8, alpha composed on white."""
        part = to_8_bit(self.pixels[rows, columns])
        if not self.has_alpha:
            return np.ascontiguousarray(np.broadcast_to(part, (*part.shape[:2], 3)))
        colour, alpha = part[..., :-1].astype(np.uint32), part[..., -1:].astype(np.uint32)
        on_white = (colour * alpha + 255 * (255 - alpha) + 127) // 255
        return np.ascontiguousarray(np.broadcast_to(on_white.astype(np.uint8), (*part.shape[:2], 3)))

    # --- ways in and out ---------------------------------------------------------------------

    @classmethod
    def load(cls, path: str | Path, what: str = "photo") -> Photo:
        """The first frame of a picture file, upright, its values as stored.

        Palette and 1-bit pictures become RGB and grey with the same colours, a colour key becomes alpha;
        CMYK is converted without its profile, which is dropped. Raises ValueError as images.load_photo
        does, and for 16-bit colour in a form that cannot be read without loss. ``what`` names the file.
        """
        image, kind, orientation = decode(path, what)
        turned = orientation in (5, 6, 7, 8)
        icc = image.info.get("icc_profile")
        if is_deep_grey(image, kind):
            pixels = np.asarray(image).astype(np.uint16)
        else:
            refuse_32_bit(image, path, what)
            if _is_deep_colour(path, kind):
                pixels = _deep_colour(path, image.size, orientation, what)
            else:
                mode = _stored_mode(image)
                icc = icc if image.mode in (mode, "P", "PA", "1") else None
                pixels = pixels_of(image, mode, path, what)
        return cls(pixels, _exif_of(image, path, kind, turned), icc, _xmp_of(image), _dpi_of(image, turned))

    def save(self, path: str | Path) -> None:
        """Write a file beside its place, then move it there; the suffix tells the format.

        ``.png`` holds every value. ``.jpg`` and ``.webp`` are lossy and hold 8 bits: what is exact is
        only what the encoder is handed. Notes that a format has no place for are left out: resolution in
        WebP, XMP above 64 KiB in JPEG. Raises ValueError for other suffixes, and for a JPEG of a photo with alpha.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix != ".png" and suffix not in LOSSY:
            raise ValueError(f"The picture '{path.name}' has no known suffix; use .png, .jpg or .webp.")
        if self.has_alpha and LOSSY.get(suffix) == "JPEG":
            raise ValueError(f"'{path.name}' is a JPEG, which has no transparency as the photo does; use .png.")
        with replacing(path) as handle:
            self.write(handle, suffix)

    def write(self, handle: BinaryIO, suffix: str) -> None:
        """Write the file that ``save`` makes, of one of its suffixes, into an open one."""
        if suffix == ".png":
            self._write_png(handle)
        else:
            kind = LOSSY[suffix]
            self._image(to_8_bit(self.pixels)).save(handle, kind, quality=QUALITY, **self._notes(kind))

    def _write_png(self, handle: BinaryIO) -> None:
        if self.bits == 8:
            self._image(self.pixels).save(handle, "PNG", compress_level=_PRESSED, **self._notes("PNG"))
        else:  # Pillow cannot write 16 bits a channel but for grey
            for piece in deep_png(self.pixels, self.exif, self.icc, self.xmp, self.dpi):
                handle.write(piece)

    def _image(self, pixels: np.ndarray) -> Image.Image:
        return Image.fromarray(np.ascontiguousarray(pixels[..., 0] if self.mode == "L" else pixels))

    def _notes(self, kind: str) -> dict[str, Any]:
        """What Pillow's writer of this kind of file is told beside the pixels."""
        notes: dict[str, Any] = {"exif": self.exif, "icc_profile": self.icc}
        if kind != "WEBP":
            notes["dpi"] = self.dpi
        if kind == "PNG" and self.xmp:
            notes["pnginfo"] = PngImagePlugin.PngInfo()
            notes["pnginfo"].add(b"iTXt", _png_xmp(self.xmp))
        elif self.xmp and (kind != "JPEG" or len(self.xmp) <= _JPEG_XMP):
            notes["xmp"] = self.xmp
        return {key: value for key, value in notes.items() if value is not None}


def to_8_bit(pixels: np.ndarray) -> np.ndarray:
    """uint8 of uint8 or uint16 values: 65535 becomes 255, rounded."""
    if pixels.dtype == np.uint8:
        return pixels
    return ((pixels.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def _stored_mode(image: Image.Image) -> str:
    """The mode of a Photo's pixels that keeps all an 8-bit image holds."""
    if image.mode in MODES.values() and "transparency" not in image.info:
        return image.mode
    if image.mode in ("1", "L", "LA"):
        return "LA" if image.has_transparency_data else "L"
    return "RGBA" if image.has_transparency_data else "RGB"


def _exif_of(image: Image.Image, path: str | Path, kind: str, turned: bool) -> bytes | None:
    if kind == "TIFF":  # its own tags are the EXIF, and they are read from the open file
        with open_picture(path) as handle, Image.open(handle, formats=["TIFF"]) as stored:
            return _packed(stored.getexif(), turned)
    return _packed(image.getexif(), turned)


def _xmp_of(image: Image.Image) -> bytes | None:
    """The XMP packet; of a picture that was turned upright without its orientation."""
    xmp = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    return (xmp.encode() if isinstance(xmp, str) else bytes(xmp)) if xmp else None


def _dpi_of(image: Image.Image, turned: bool) -> tuple[float, float] | None:
    try:
        across, down = (float(value) for value in image.info["dpi"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    if not all(math.isfinite(value) and 0 < value < 1e6 for value in (across, down)):
        return None
    return (down, across) if turned else (across, down)


def _packed(exif: Image.Exif, turned: bool) -> bytes | None:
    """The block without what tells of the stored form; ``turned``: across and down change their places."""
    for tag in _LAYOUT_TAGS & set(exif):
        del exif[tag]
    if turned:
        _swap(exif, _RESOLUTION)
        for pair in _CAMERA_PAIRS:
            _swap(exif.get_ifd(_CAMERA), pair)
    return exif.tobytes() if len(exif) else None


def _swap(tags: MutableMapping[int, Any], pair: tuple[int, int]) -> None:
    across, down = pair
    if across in tags and down in tags:
        tags[across], tags[down] = tags[down], tags[across]


def _is_deep_colour(path: str | Path, kind: str) -> bool:
    """Whether a file holds 16-bit colour, which Pillow would hand over with 8 bits."""
    with open_picture(path) as handle:
        head = handle.read(64)
    if kind == "PNG":
        return head[24] == 16
    if kind == "PPM":
        words = [word for line in head.splitlines() for word in line.split(b"#")[0].split()]
        return words[0] in (b"P3", b"P6") and len(words) > 3 and int(words[3]) > 255
    if kind == "TIFF":
        with open_picture(path) as handle, Image.open(handle, formats=["TIFF"]) as image:
            bits = image.tag_v2.get(258, (8,))  # type: ignore[attr-defined]
            return max(bits if isinstance(bits, tuple) else (bits,)) == 16
    return False


def _deep_colour(path: str | Path, size: tuple[int, int], orientation: int, what: str) -> np.ndarray:
    """``(H, W, C)`` uint16, upright, of a file with 16-bit colour; ``size``: (width, height) when upright."""
    data = np.frombuffer(read_bytes(path, what, "picture_mb"), np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3:
        raise ValueError(f"The {what} '{path}' has 16-bit colour that cannot be read; save it as a 16-bit RGB PNG.")
    pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    if data[:4].tobytes() == b"\x89PNG" and data[25] == 4:  # grey and alpha came as RGBA
        pixels = pixels[..., [0, 3]]
    pixels = np.ascontiguousarray(_upright(pixels, orientation))
    if pixels.shape[1::-1] != size:
        raise ValueError(f"The {what} '{path}' has 16-bit colour that cannot be read; save it as a 16-bit RGB PNG.")
    return pixels


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """The pixels of an EXIF orientation (1 to 8), turned and mirrored so that they stand upright."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    flip_rows, flip_columns = orientation in (3, 4, 7, 8), orientation in (2, 3, 6, 7)
    return pixels[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]


def deep_png(
    pixels: np.ndarray,
    exif: bytes | None = None,
    icc: bytes | None = None,
    xmp: bytes | None = None,
    dpi: tuple[float, float] | None = None,
) -> Iterator[bytes]:
    """A PNG file, piece by piece, of ``(H, W, 1 to 4)`` uint16 values (PNG specification, second edition)."""
    height, width, channels = pixels.shape
    yield b"\x89PNG\r\n\x1a\n"
    yield png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, _PNG_COLOUR[channels], 0, 0, 0))
    if icc:
        yield png_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc))
    if exif:
        yield png_chunk(b"eXIf", exif.removeprefix(b"Exif\0\0"))
    if dpi:
        yield png_chunk(b"pHYs", struct.pack(">IIB", *(int(value / _INCH + 0.5) for value in dpi), 1))
    if xmp:
        yield png_chunk(b"iTXt", _png_xmp(xmp))
    packer = zlib.compressobj(4)
    step = max(1, (1 << 22) // (width * channels * 2))  # some megabytes at a time
    for top in range(0, height, step):
        rows = pixels[top : top + step].astype(">u2", order="C").view(np.uint8).reshape(-1, width, channels * 2)
        lines = np.ones((len(rows), 1 + width * channels * 2), dtype=np.uint8)  # filter 1: differences to the left
        filtered = rows.copy()
        filtered[:, 1:] -= rows[:, :-1]
        lines[:, 1:] = filtered.reshape(len(rows), -1)
        if piece := packer.compress(lines.tobytes()):
            yield png_chunk(b"IDAT", piece)
    yield png_chunk(b"IDAT", packer.flush())
    yield png_chunk(b"IEND", b"")


def _png_xmp(xmp: bytes) -> bytes:
    """The content of the iTXt chunk that holds an XMP packet, not compressed (XMP specification, part 3)."""
    return b"XML:com.adobe.xmp\0\0\0\0\0" + xmp


def png_chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file: its length, kind, data and check."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
