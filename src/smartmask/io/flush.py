"""What is written comes to the disk before it takes a place: else a loss of power leaves names without content."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


class Flusher:
    """Brings the files of a folder to the disk while others are still being made: disks like several at a time."""

    def __init__(self) -> None:
        from concurrent.futures import ThreadPoolExecutor

        self._threads = ThreadPoolExecutor(4)
        self._begun: dict[Path, Any] = {}

    def begin(self, path: Path) -> None:
        """A file is whole."""
        self._begun[path] = self._threads.submit(flush_folder, path)

    def finish(self, folder: Path) -> None:
        """All below a folder is on the disk when this returns. Raises OSError where there is no room."""
        paths = [Path(where) / name for where, _, files in os.walk(folder) for name in ("", *files)]
        for path in paths:
            if path not in self._begun:
                self.begin(path)
        for path in paths:
            self._begun[path].result()

    def close(self) -> None:
        """Ends its threads."""
        self._threads.shutdown(cancel_futures=True)


def flush_folder(path: Path) -> None:
    """A folder's entries, or a file's content, are on the disk when this returns; no error where that cannot be."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno in (5, 28, 122):  # lost, no space, over quota: told only now
            raise
    finally:
        os.close(file)
