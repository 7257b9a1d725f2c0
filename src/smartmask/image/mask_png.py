"""Masks into PNG files, white on black, a band of rows at a time: no array of the whole picture is made."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from smartmask.geometry import MaskWindow
from smartmask.image.photo import png_chunk
from smartmask.io.publish import replacing

_BAND = 1 << 20  # pixels a band
_UP = 2  # PNG's filter of differences to the row above: nearly all of a mask becomes zeros, which press quickly


def save_mask(mask: MaskWindow, path: str | Path) -> None:
    """Write an 8-bit grey PNG, 255 where the mask is true, beside its place, then move it there.

    Eight bits rather than one: what reads it as an array finds 0 and 255. OSError if the disk refuses.
    """
    with replacing(Path(path)) as handle:
        for piece in mask_png(mask):
            handle.write(piece)


def mask_png(mask: MaskWindow) -> Iterator[bytes]:
    """The file, piece by piece (PNG specification, second edition)."""
    height, width = mask.shape
    yield b"\x89PNG\r\n\x1a\n"
    yield png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    packer = zlib.compressobj(1, strategy=zlib.Z_RLE)
    step = max(1, _BAND // width)
    for top in range(0, height, step):
        if piece := packer.compress(_lines(mask, top, min(top + step, height)).data):
            yield png_chunk(b"IDAT", piece)
    yield png_chunk(b"IDAT", packer.flush())
    yield png_chunk(b"IEND", b"")


def _lines(mask: MaskWindow, top: int, bottom: int) -> np.ndarray:
    """Rows as the file holds them: the filter's number, then the differences to the row above, uint8."""
    lines = np.zeros((bottom - top, 1 + mask.width), dtype=np.uint8)
    lines[:, 0] = _UP
    x0, y0, x1, y1 = mask.box
    if top <= y1 and bottom > y0 and mask.any():
        pixels = mask.crop(x0, top - 1, x1, bottom).view(np.uint8)
        np.subtract(pixels[:-1], pixels[1:], out=lines[:, 1 + x0 : 1 + x1])  # 255 a pixel is -1 modulo 256
    return lines
