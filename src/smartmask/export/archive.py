"""ZIP archives written into an open file: entries as they come, the same bytes for the same input."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import IO, BinaryIO, Self


class Archive:
    """A ZIP file that is being written; complete once its block has ended."""

    def __init__(self, handle: BinaryIO) -> None:
        """handle: open for writing, and seekable."""
        self._zip = zipfile.ZipFile(handle, "w")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._zip.close()

    @contextmanager
    def entry(self, name: str, press: bool = False) -> Iterator[IO[bytes]]:
        """A file of the archive to write into. press: pictures are pressed already, texts are not."""
        about = zipfile.ZipInfo(name)  # of 1980: no clock, so that the same input gives the same file
        about.compress_type = zipfile.ZIP_DEFLATED if press else zipfile.ZIP_STORED
        about.external_attr = 0o644 << 16
        with self._zip.open(about, "w") as stream:
            yield stream

    def add(self, name: str, pieces: bytes | Iterable[bytes], press: bool = False) -> None:
        """A file of the archive, as a whole or piece by piece."""
        with self.entry(name, press) as stream:
            for piece in [pieces] if isinstance(pieces, bytes) else pieces:
                stream.write(piece)
