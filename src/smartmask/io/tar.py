"""Tar archives read in place: where each file of one lies, and its bytes. Nothing is unpacked, and no link followed.

Plain archives alone (not .tar.gz): their files can be read at random, by many processes, without what lies before.
Of the POSIX format with GNU's and PAX's long names, as Python's tarfile, GNU tar and WebDataset write them.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from smartmask.io.limits import LIMITS, MEGABYTE, PREFIX
from smartmask.io.reading import open_file
from smartmask.io.sentences import short_repr

_BLOCK = 512
_LONGEST = 1 << 16  # bytes of a long name, or of PAX's headers
_WANTED = "a plain .tar file"


@dataclass(frozen=True)
class TarMember:
    """A file in an archive. path: of the archive. member: its name there. begin, size: bytes in the archive."""

    path: Path
    member: str
    begin: int
    size: int

    def __str__(self) -> str:
        return f"{self.path}:{self.member}"

    @property
    def name(self) -> str:
        """The last part of its name."""
        return self.member.rsplit("/", 1)[-1]

    @property
    def stem(self) -> str:
        """``name`` without what follows its last dot."""
        return self.name.rsplit(".", 1)[0]


def tar_members(path: str | Path, what: str = "shard") -> list[TarMember]:
    """The regular files of an archive, in its order; folders are passed over.

    Raises ValueError, naming the file, if it is no plain tar archive, is cut off, holds links or devices, or is larger
    than LIMITS.shard_mb. Only headers are read, so that a shard of a gigabyte takes milliseconds.
    """
    path = Path(path)
    with open_file(path, what, "shard_mb", _WANTED) as handle:
        return list(_members(handle, path, f"The {what} '{path}'"))


def open_member(member: TarMember, what: str = "file", limit: str = "picture_mb") -> io.BytesIO:
    """A file of an archive, read whole. Raises ValueError beyond ``limit``, a field of LIMITS, or if it is cut off."""
    most = getattr(LIMITS, limit)
    if member.size > most * MEGABYTE:
        raise ValueError(
            f"The {what} '{member}' has {member.size / MEGABYTE:,.0f} MB, more than {most:,}; "
            f"{PREFIX}{limit.upper()} raises this limit."
        )
    with open_file(member.path, "shard", "shard_mb", _WANTED) as handle:
        handle.seek(member.begin)
        data = handle.read(min(member.size, os.fstat(handle.fileno()).st_size))
    if len(data) != member.size:
        raise ValueError(f"The {what} '{member}' is cut off; the shard has changed, or was not copied whole.")
    return io.BytesIO(data)


def _members(handle: io.BufferedReader, path: Path, named: str) -> Iterator[TarMember]:
    length = os.fstat(handle.fileno()).st_size
    at, long_name, size_said = 0, "", -1
    while len(header := handle.read(_BLOCK)) == _BLOCK and header.strip(b"\0"):
        name, size, kind = _header(header, named, at)
        size = size_said if size_said >= 0 and kind in (b"0", b"\0") else size
        begin, at = at + _BLOCK, at + _BLOCK + -(-size // _BLOCK) * _BLOCK
        if begin + size > length:
            raise ValueError(f"{named} is cut off: {short_repr(long_name or name)} goes beyond its end; copy it again.")
        if kind in (b"L", b"x", b"g"):
            if size > _LONGEST:
                raise ValueError(f"{named} has a header of {size:,} bytes; at most {_LONGEST:,} are read.")
            data = handle.read(size)
            if kind == b"L":
                long_name = _text(data)
            elif kind == b"x":
                said = _pax(data, named)
                long_name, size_said = said.get("path", long_name), int(said.get("size", "-1"))
        elif kind in (b"0", b"\0", b"7"):
            yield TarMember(path, long_name or name, begin, size)
            long_name, size_said = "", -1
        elif kind == b"5":
            long_name, size_said = "", -1
        else:
            raise ValueError(
                f"{named} holds {short_repr(long_name or name)}, which is no regular file but of kind "
                f"{short_repr(_text(kind))}; pack the files themselves."
            )
        handle.seek(at)
    if header and header.strip(b"\0"):
        raise ValueError(f"{named} is cut off in a header; copy it again.")
    if at == 0:
        raise ValueError(f"{named} is empty; give {_WANTED}.")


def _header(header: bytes, named: str, at: int) -> tuple[str, int, bytes]:
    """``(name, size, kind)`` of a header of 512 bytes."""
    total = _octal(header[148:156])
    if total != sum(header[:148]) + 8 * 32 + sum(header[156:]):
        reason = "it is no tar archive, or a compressed one" if at == 0 else f"its header at byte {at:,} is damaged"
        raise ValueError(f"{named} cannot be read ({reason}); give {_WANTED}.")
    # sizes from 8 GB on are written as binary numbers (GNU)
    size = int.from_bytes(header[125:136], "big") if header[124] & 0x80 else _octal(header[124:136])
    if size < 0:
        raise ValueError(f"{named} cannot be read (its header at byte {at:,} is damaged); give {_WANTED}.")
    name = _text(header[:100])
    if header[257:263] == b"ustar\0" and (prefix := _text(header[345:500])):
        name = f"{prefix}/{name}"
    return name, size, header[156:157]


def _octal(field: bytes) -> int:
    text = field.strip(b" \0")
    return int(text, 8) if text and all(0x30 <= digit <= 0x37 for digit in text) else (0 if not text else -1)


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "replace")


def _pax(data: bytes, named: str) -> dict[str, str]:
    """The records of a PAX header: ``length key=value`` and a line end each."""
    found: dict[str, str] = {}
    while data.strip(b"\0"):
        count = data.split(b" ", 1)[0]
        length = int(count) if count.isdigit() and len(count) < 7 else 0
        key, equals, value = data[len(count) + 1 : length].partition(b"=")
        if not len(count) < length <= len(data) or not equals:
            raise ValueError(f"{named} has a damaged PAX header; copy it again.")
        found[key.decode("utf-8", "replace")] = value.rstrip(b"\n").decode("utf-8", "replace")
        data = data[length:]
    if not found.get("size", "0").isdigit() or len(found.get("size", "")) > 18:
        raise ValueError(f"{named} has a damaged PAX header; copy it again.")
    return found
