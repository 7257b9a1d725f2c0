"""What a run has already made, on disk: each thing a file under the hash of all that it depends on.

A run that was killed goes on where it was, and a further table makes nothing anew. Files appear whole or not at all
(``io/publish.py``); a folder may be deleted at any time and costs but the time to fill it.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.image.files import load_photo, save_png
from smartmask.io.publish import output_folder, save_bytes, save_json
from smartmask.io.reading import read_array, read_json

VERSION = 1  # of what is kept; another number makes all of it anew


def digest_of(array: np.ndarray) -> str:
    """A digest of an array's form and content."""
    head = f"{array.dtype} {array.shape}".encode()
    return hashlib.sha1(head + np.ascontiguousarray(array).tobytes()).hexdigest()


class Cache:
    """Arrays, pictures and records by what they depend on; ``made`` and ``found`` count what was new and what was not.

    folder: None keeps nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder, self.made, self.found = folder, 0, 0

    def record(self, parts: Sequence[Any], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What ``make`` gives, JSON-ready."""
        return self._kept(parts, ".json", make, lambda path: read_json(path, "kept record"), save_json)

    def picture(self, parts: Sequence[Any], make: Callable[[], np.ndarray]) -> np.ndarray:
        """``(H, W, 3)`` uint8."""
        return self._kept(parts, ".png", make, load_photo, save_png)

    def array(self, parts: Sequence[Any], make: Callable[[], np.ndarray]) -> np.ndarray:
        """Numbers of any form."""

        def save(array: np.ndarray, path: Path) -> None:
            stream = io.BytesIO()
            np.save(stream, array, allow_pickle=False)
            save_bytes(stream.getvalue(), path)

        return self._kept(parts, ".npy", make, lambda path: read_array(path, "kept array"), save)

    def has(self, parts: Sequence[Any], suffix: str = ".json") -> bool:
        """Whether something is kept, without reading it."""
        path = self._path(parts, suffix)
        return path is not None and path.is_file()

    def _path(self, parts: Sequence[Any], suffix: str) -> Path | None:
        if self.folder is None:
            return None
        text = json.dumps([VERSION, *parts], sort_keys=True, default=str)
        name = hashlib.sha1(text.encode()).hexdigest()
        return self.folder / name[:2] / f"{name}{suffix}"

    def _kept(
        self, parts: Sequence[Any], suffix: str, make: Callable[[], Any], read: Callable[[Path], Any],
        save: Callable[[Any, Path], None],
    ) -> Any:  # fmt: skip
        path = self._path(parts, suffix)
        if path is not None and path.is_file():
            self.found += 1
            return read(path)
        value = make()
        self.made += 1
        if path is not None:
            output_folder(path.parent)
            save(value, path)
        return value
