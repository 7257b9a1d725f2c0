"""Adobe Photoshop's PSD, 8 or 16 bits a channel: layers, groups and layer masks as pixels, and the finished picture.

Adobe Photoshop File Formats Specification (November 2019), version 1. Channels are written in bands of rows, pressed
as ZIP, 8 bits with prediction (differences along a row); the finished picture, which cannot be pressed so, as it is.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np

from smartmask.export.stack import Group, PixelSheet, Sheet, Stack, at_depth, profile_of
from smartmask.geometry import IntBox, MaskWindow
from smartmask.image.photo import Photo

LARGEST_SIDE = 30_000  # pixels that the format holds across or down
_MOST = (1 << 32) - 1  # bytes of a section
_BAND = 1 << 20  # pixels that are pressed at a time
_RAW, _PACKBITS, _ZIP, _ZIP_PREDICTED = 0, 1, 2, 3
_HIDDEN, _IRRELEVANT = 2, 24  # flags of a record; the second: the pixels of a group mean nothing
_OPEN, _CLOSED, _END = 1, 2, 3  # kinds of section dividers
_MASK = -2  # the channel of a layer mask
Rows = Callable[[int, int], np.ndarray]  # (top, bottom): those rows of a channel


def write_psd(stack: Stack, handle: BinaryIO) -> None:
    """Writes the file into a seekable one. Raises ValueError for a picture that the format cannot hold."""
    picture = stack.merged
    if max(picture.height, picture.width) > LARGEST_SIDE:
        raise ValueError(
            f"The picture is {picture.width}x{picture.height}, and a PSD holds {LARGEST_SIDE:,} pixels across or down; "
            "export it as OpenRaster."
        )
    bits, channels = picture.bits, 4 if picture.has_alpha else 3
    head = (b"8BPS", 1, b"", channels, picture.height, picture.width, bits, 3)
    handle.write(struct.pack(">4sH6sHIIHH", *head))
    handle.write(struct.pack(">I", 0))  # no palette
    with _counted(handle):
        _resources(picture, handle)
    with _counted(handle):
        if bits == 8:
            with _counted(handle, 4):
                _layers(stack, bits, handle)
            handle.write(struct.pack(">I", 0))  # no global mask
        else:  # where 16-bit documents keep their layers
            handle.write(struct.pack(">II4s4s", 0, 0, b"8BIM", b"Lr16"))
            with _counted(handle, 4):
                _layers(stack, bits, handle)
    handle.write(struct.pack(">H", _RAW))
    for number in range(channels):
        for top, bottom in _bands(picture.height, picture.width):
            handle.write(_big_endian(_merged(picture, number, top, bottom)).tobytes())


# --- the parts -----------------------------------------------------------------------------------


def _resources(picture: Photo, handle: BinaryIO) -> None:
    """Resolution, colour profile, EXIF and XMP."""
    found: list[tuple[int, bytes]] = []
    if picture.dpi is not None:
        across, down = (round(min(value, 30_000) * 65536) for value in picture.dpi)
        found.append((1005, struct.pack(">IHHIHH", across, 1, 1, down, 1, 1)))
    if icc := profile_of(picture):
        found.append((1039, icc))
    if picture.exif:
        found.append((1058, picture.exif.removeprefix(b"Exif\0\0")))
    if picture.xmp:
        found.append((1060, picture.xmp))
    for number, data in found:
        handle.write(struct.pack(">4sHHI", b"8BIM", number, 0, len(data)) + data + b"\0" * (len(data) % 2))


def _layers(stack: Stack, bits: int, handle: BinaryIO) -> None:
    """The records of all layers, bottom to top, then their channels."""
    entries = list(_flattened(stack))
    count = len(entries)
    handle.write(struct.pack(">h", -count if stack.merged.has_alpha else count))  # negative: the picture has alpha
    places = [_record(entry, handle) for entry in entries]
    lengths = [_data(entry, bits, handle) for entry in entries]
    end = handle.tell()
    for at, (place, found) in enumerate(zip(places, lengths, strict=True)):
        for number, length in enumerate(found):
            handle.seek(place + 6 * number + 2)
            handle.write(_long(length, f"layer {at}"))
    handle.seek(end)


class _Divider:
    """The bottom (kind _END) or the top of a group."""

    has_alpha, mask, box = True, None, (0, 0, 0, 0)

    def __init__(self, name: str, kind: int, visible: bool) -> None:
        self.name, self.kind, self.visible = name, kind, visible


def _flattened(stack: Stack) -> Iterator[Sheet | _Divider]:
    for entry in stack.entries:
        if isinstance(entry, Group):
            yield _Divider("</Layer group>", _END, True)
            yield from entry.members
            yield _Divider(entry.name, _OPEN if entry.visible else _CLOSED, entry.visible)
        else:
            yield entry


def _record(entry: Sheet | _Divider, handle: BinaryIO) -> int:
    """Writes a layer's record; the place of its channels' lengths, which come when they are known."""
    x0, y0, x1, y1 = entry.box
    numbers = [number for number, _, _ in _channels(entry, 8)] + ([] if entry.mask is None else [_MASK])
    handle.write(struct.pack(">4iH", y0, x0, y1, x1, len(numbers)))
    place = handle.tell()
    for number in numbers:
        handle.write(struct.pack(">hI", number, 2))
    flags = (0 if entry.visible else _HIDDEN) | (_IRRELEVANT if isinstance(entry, _Divider) else 8)
    handle.write(struct.pack(">4s4sBBBB", b"8BIM", b"norm", 255, 0, flags, 0))
    with _counted(handle):
        handle.write(_mask_record(entry.mask))
        handle.write(struct.pack(">I", 0))  # no blending ranges
        short = entry.name.encode("ascii", "replace")[:255]
        handle.write((bytes([len(short)]) + short).ljust(-(-(1 + len(short)) // 4) * 4, b"\0"))
        text = entry.name.encode("utf-16-be")
        _block(handle, b"luni", struct.pack(">I", len(text) // 2) + text)
        if isinstance(entry, _Divider):
            kind = struct.pack(">I", entry.kind)
            _block(handle, b"lsct", kind if entry.kind == _END else kind + b"8BIMpass")
    return place


def _mask_record(mask: MaskWindow | None) -> bytes:
    """Where a layer's mask lies; beyond its box all is hidden."""
    if mask is None:
        return struct.pack(">I", 0)
    x0, y0, x1, y1 = mask.box
    return struct.pack(">I4iBBH", 20, y0, x0, y1, x1, 0, 0, 0)


def _channels(entry: Sheet | _Divider, bits: int) -> Iterator[tuple[int, Rows, IntBox]]:
    """(id, rows, box) of a layer's channels: alpha first, as Photoshop has them."""
    if isinstance(entry, _Divider):
        for number in (-1, 0, 1, 2):
            yield number, lambda top, bottom: np.zeros((0, 0), np.uint8), (0, 0, 0, 0)
        return

    def of(number: int) -> Rows:
        return lambda top, bottom: entry.channel(number, top, bottom, bits)

    if entry.has_alpha:
        yield -1, of(3), entry.box
    for number in range(3):
        yield number, of(number), entry.box


def _data(entry: Sheet | _Divider, bits: int, handle: BinaryIO) -> list[int]:
    """Writes the data of all channels of a layer; how many bytes each takes.

    With a mask all are PackBits: Krita takes the first channel's form for all, and of a mask with another box than
    its layer's it reads that form alone.
    """
    channels = list(_channels(entry, bits))
    if entry.mask is None:
        return [_channel(rows, box, bits, handle) for _, rows, box in channels]
    return [_packed(rows, box, bits, handle) for rows, box in [*((r, b) for _, r, b in channels), _mask(entry.mask)]]


def _mask(mask: MaskWindow) -> tuple[Rows, IntBox]:
    x0, y0, x1, _ = mask.box
    return lambda top, bottom: mask.crop(x0, y0 + top, x1, y0 + bottom).view(np.uint8) * np.uint8(255), mask.box


def _packed(rows: Rows, box: IntBox, bits: int, handle: BinaryIO) -> int:
    """Writes a channel's data as PackBits, the lengths of all rows first; how many bytes that takes."""
    x0, y0, x1, y1 = box
    found: list[bytes] = []
    for top, bottom in _bands(y1 - y0, x1 - x0):
        values = _big_endian(at_depth(rows(top, bottom), bits))
        found += packed_rows(np.ascontiguousarray(values).view(np.uint8).reshape(bottom - top, -1))
    lengths = np.array([len(row) for row in found], dtype=">u2").tobytes()
    return handle.write(struct.pack(">H", _PACKBITS) + lengths + b"".join(found))


def packed_rows(values: np.ndarray) -> list[bytes]:
    """PackBits of each row of ``(n, m)`` uint8: all as runs, or all as copies, whichever is shorter.

    A byte 257 - n says that the next one comes n times, a byte n - 1 that n bytes follow as they are; n is 128 at most.
    """
    count, wide = values.shape
    first = np.ones(values.shape, bool)  # where a run begins
    first[:, 1:] = values[:, 1:] != values[:, :-1]
    starts = np.flatnonzero(first)
    lengths = np.diff(np.append(starts, values.size))
    parts = -(-lengths // 128)
    pieces = np.full(int(parts.sum()), 128)
    pieces[np.cumsum(parts) - 1] = lengths - 128 * (parts - 1)
    pairs = np.stack([((257 - pieces) % 256).astype(np.uint8), np.repeat(values.ravel()[starts], parts)], axis=1)
    ends = 2 * np.cumsum(np.bincount(np.repeat(starts // wide, parts), minlength=count))
    runs, begins = pairs.tobytes(), [0, *ends[:-1].tolist()]
    whole, rest = divmod(wide, 128)
    copies = np.empty((count, whole, 129), np.uint8)
    copies[..., 0], copies[..., 1:] = 127, values[:, : whole * 128].reshape(count, whole, 128)
    tail = np.empty((count, 1 + rest if rest else 0), np.uint8)
    if rest:
        tail[:, 0], tail[:, 1:] = rest - 1, values[:, whole * 128 :]
    plain = np.concatenate([copies.reshape(count, -1), tail], axis=1)
    return [
        runs[begin:end] if end - begin < plain.shape[1] else line.tobytes()
        for begin, end, line in zip(begins, ends.tolist(), plain, strict=True)
    ]


def _channel(rows: Rows, box: IntBox, bits: int, handle: BinaryIO) -> int:
    """Writes a channel's data; how many bytes that takes."""
    start = handle.tell()
    if box[0] == box[2]:
        handle.write(struct.pack(">H", _RAW))
        return 2
    # differences only of 8 bits: Krita 5.1 adds those of 16 bits up wrongly
    handle.write(struct.pack(">H", _ZIP_PREDICTED if bits == 8 else _ZIP))
    packer = zlib.compressobj(3)
    for top, bottom in _bands(box[3] - box[1], box[2] - box[0]):
        values = rows(top, bottom)
        if bits == 8:
            differences = values.copy()
            differences[:, 1:] -= values[:, :-1]
            values = differences
        handle.write(packer.compress(_big_endian(values).tobytes()))
    handle.write(packer.flush())
    return handle.tell() - start


def _merged(picture: Photo, number: int, top: int, bottom: int) -> np.ndarray:
    """Rows of a channel of the finished picture; what is transparent is white below, as Photoshop writes it."""
    values = PixelSheet("", 0, 0, picture.pixels).channel(number, top, bottom, picture.bits)
    if not picture.has_alpha or number == 3:
        return values
    most = np.uint64(np.iinfo(values.dtype).max)
    alpha = picture.pixels[top:bottom, :, -1].astype(np.uint64)
    return ((values * alpha + most * (most - alpha) + most // 2) // most).astype(values.dtype)


# --- bytes ---------------------------------------------------------------------------------------


def _bands(height: int, width: int) -> Iterator[tuple[int, int]]:
    step = max(1, _BAND // max(width, 1))
    return ((top, min(top + step, height)) for top in range(0, height, step))


def _big_endian(values: np.ndarray) -> np.ndarray:
    return values.astype(">u2") if values.dtype == np.uint16 else values


def _block(handle: BinaryIO, key: bytes, data: bytes) -> None:
    data += b"\0" * (-len(data) % 4)
    handle.write(struct.pack(">4s4sI", b"8BIM", key, len(data)) + data)


@contextmanager
def _counted(handle: BinaryIO, multiple: int = 1) -> Iterator[None]:
    """A section that begins with its length, filled up to a multiple."""
    start = handle.tell()
    handle.write(b"\0" * 4)
    yield
    length = handle.tell() - start - 4
    handle.write(b"\0" * (-length % multiple))
    end = handle.tell()
    handle.seek(start)
    handle.write(_long(end - start - 4, "picture"))
    handle.seek(end)


def _long(length: int, what: str) -> bytes:
    if length > _MOST:
        raise ValueError(f"The {what} has more bytes ({length:,}) than a PSD holds; export it as OpenRaster.")
    return struct.pack(">I", length)
