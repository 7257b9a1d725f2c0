"""OpenRaster: a layered picture as a ZIP of PNGs, which GIMP, Krita and MyPaint open.

Specification 0.0.6 (openraster.org): ``mimetype`` first and stored, the stack as XML with the topmost layer first,
``data/``, ``mergedimage.png`` and a thumbnail of at most 256 pixels.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast
from xml.sax.saxutils import quoteattr

from smartmask.export.archive import Archive
from smartmask.export.stack import FlatSheet, Group, Sheet, Stack, profile_of
from smartmask.image.composition import resize, side_size
from smartmask.image.photo import Photo, png_chunk, to_8_bit

MIMETYPE = b"image/openraster"
THUMBNAIL = 256
_BAND = 1 << 20  # bytes of packed rows that are pressed at a time


def write_openraster(stack: Stack, handle: BinaryIO) -> None:
    """Writes the file into a seekable one. Values are kept to the last bit, 16-bit photos with 16 bits."""
    picture = stack.merged
    icc = picture.icc if picture.pixels.shape[2] <= 2 else profile_of(picture)
    with Archive(handle) as archive:
        archive.add("mimetype", MIMETYPE)
        lines = [
            "<?xml version='1.0' encoding='UTF-8'?>",
            f'<image version="0.0.6" w="{picture.width}" h="{picture.height}"{_resolution(picture)}>', "<stack>",
        ]  # fmt: skip
        number = 0
        for entry in reversed(stack.entries):
            if isinstance(entry, Group):
                shown = _visibility(entry.visible)
                lines.append(f'<stack name={quoteattr(entry.name)} {shown} opacity="1.0" isolation="isolate">')
                lines += [_layer(archive, sheet, number + i, icc) for i, sheet in enumerate(reversed(entry.members))]
                lines.append("</stack>")
                number += len(entry.members)
            else:
                lines.append(_layer(archive, entry, number, icc))
                number += 1
        archive.add("stack.xml", "\n".join([*lines, "</stack>", "</image>", ""]).encode(), press=True)
        with archive.entry("mergedimage.png") as stream:
            picture.write(cast(BinaryIO, stream), ".png")
        with archive.entry("Thumbnails/thumbnail.png") as stream:
            thumbnail(picture).write(cast(BinaryIO, stream), ".png")


def thumbnail(picture: Photo, side: int = THUMBNAIL) -> Photo:
    """The picture with 8 bits and a longer side of at most ``side``, without its notes."""
    size = side_size(picture.height, picture.width, side)
    return Photo(to_8_bit(resize(picture.pixels, *size) if max(picture.pixels.shape) > side else picture.pixels))


def flat_png(sheet: FlatSheet) -> Iterator[bytes]:
    """A PNG of one bit a pixel, piece by piece: nothing, and the sheet's colour. The window's bits are its rows."""
    bits, (x0, _, x1, _) = sheet.window.bits, sheet.box
    yield b"\x89PNG\r\n\x1a\n"
    yield png_chunk(b"IHDR", struct.pack(">IIBBBBB", x1 - x0, len(bits), 1, 3, 0, 0, 0))
    yield png_chunk(b"PLTE", bytes((0, 0, 0, *sheet.colour)))
    yield png_chunk(b"tRNS", b"\x00\xff")
    packer = zlib.compressobj(6)
    step = max(1, _BAND // bits.shape[1])
    for top in range(0, len(bits), step):
        rows = b"".join(b"\x00" + row.tobytes() for row in bits[top : top + step])  # filter 0: as they are
        if piece := packer.compress(rows):
            yield png_chunk(b"IDAT", piece)
    yield png_chunk(b"IDAT", packer.flush())
    yield png_chunk(b"IEND", b"")


def _layer(archive: Archive, sheet: Sheet, number: int, icc: bytes | None) -> str:
    """Writes a sheet's picture; its line of the stack."""
    place = f"data/layer{number:03d}.png"
    if isinstance(sheet, FlatSheet):
        archive.add(place, flat_png(sheet))
    else:
        with archive.entry(place) as stream:
            Photo(sheet.pixels, icc=icc).write(cast(BinaryIO, stream), ".png")
    x, y = sheet.box[:2]
    return (
        f'<layer name={quoteattr(sheet.name)} src="{place}" x="{x}" y="{y}" opacity="1.0" '
        f'{_visibility(sheet.visible)} composite-op="svg:src-over"/>'
    )


def _visibility(visible: bool) -> str:
    return f'visibility="{"visible" if visible else "hidden"}"'


def _resolution(picture: Photo) -> str:
    if picture.dpi is None:
        return ""
    return "".join(f' {axis}res="{max(1, round(value))}"' for axis, value in zip("xy", picture.dpi, strict=True))
