"""Tar archives read in place: where each file of one lies, and its bytes. Nothing is unpacked, and no link followed.

Plain archives alone (not .tar.gz): their files can be read at random, by many processes, without what lies before.
Headers are read by Python's tarfile, which is held to what a sound archive needs: it keeps a header of any size in
memory, goes backwards where a size is below zero, and takes a damaged header for the archive's end.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from smartmask.io.limits import LIMITS, MEGABYTE, PREFIX
from smartmask.io.reading import open_file
from smartmask.io.sentences import short_repr

_LONGEST = 1 << 14  # bytes of all headers before one file, its long name and PAX records too: paths have 4096 at most
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


class _Headers:
    """What tarfile reads an archive through: at most ``left`` bytes, which goes below zero where it wants more."""

    def __init__(self, handle: io.BufferedReader) -> None:
        self.left = _LONGEST
        self.seek, self.tell, self._read = handle.seek, handle.tell, handle.read

    def read(self, count: int) -> bytes:
        self.left -= max(count, 0)
        if count < 0 or self.left < 0:
            raise tarfile.ReadError
        return self._read(count)


def _members(handle: io.BufferedReader, path: Path, named: str) -> Iterator[TarMember]:
    length, headers = os.fstat(handle.fileno()).st_size, _Headers(handle)
    archive: tarfile.TarFile | None = None
    at = 0
    while True:
        headers.left = _LONGEST
        try:
            if archive is None:
                archive = tarfile.TarFile(fileobj=headers, encoding="utf-8", errors="replace")  # type: ignore[arg-type]
            found = archive.next()
        except (tarfile.TarError, ValueError, IndexError, OverflowError):
            if headers.left < 0:
                raise ValueError(f"{named} has headers of more than {_LONGEST:,} bytes before one file.") from None
            raise _damaged(named, at, length) from None
        if found is None:
            return _check_end(handle, named, at, length)
        if found.size < 0 or archive.offset <= at:
            raise _damaged(named, at, length)
        if not found.isdir():
            yield _member(found, path, named, length)
        at = archive.offset


def _member(found: tarfile.TarInfo, path: Path, named: str, length: int) -> TarMember:
    if not found.isreg() or found.issparse():
        raise ValueError(
            f"{named} holds {short_repr(found.name)}, which is no regular file but of kind "
            f"{short_repr(found.type.decode('ascii', 'replace'))}; pack the files themselves."
        )
    if found.offset_data + found.size > length:
        raise ValueError(f"{named} is cut off: {short_repr(found.name)} goes beyond its end; copy it again.")
    return TarMember(path, found.name, found.offset_data, found.size)


def _check_end(handle: io.BufferedReader, named: str, at: int, length: int) -> None:
    """ValueError unless what stands at ``at``, where tarfile stopped, is an archive's end: zeros, or nothing."""
    handle.seek(at)
    header = handle.read(tarfile.BLOCKSIZE)
    if header.strip(b"\0"):
        if len(header) < tarfile.BLOCKSIZE:
            raise ValueError(f"{named} is cut off in a header; copy it again.")
        raise _damaged(named, at, length)
    if at == 0:
        raise ValueError(f"{named} is empty; give {_WANTED}.")


def _damaged(named: str, at: int, length: int) -> ValueError:
    if not length:
        return ValueError(f"{named} is empty; give {_WANTED}.")
    reason = f"its header at byte {at:,} is damaged" if at else "it is no tar archive, or a compressed one"
    return ValueError(f"{named} cannot be read ({reason}); give {_WANTED}.")
