"""Files out: written beside their place and then moved there."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO


def save_json(obj: Any, path: str | Path) -> None:
    """Write indented UTF-8 JSON beside its place, then move it there.

    Raises ValueError for not-a-number and infinite values, which JSON has not.
    """
    text = json.dumps(obj, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with replacing(Path(path)) as handle:
        # File names need not be Unicode; their odd bytes become JSON escapes, which read back as they were.
        handle.write(text.encode("utf-8", "backslashreplace"))


def output_folder(path: str | Path) -> Path:
    """The folder, created if it was missing and proven writable; else a ValueError of one sentence."""
    path = Path(path)
    try:
        if path.exists() and not path.is_dir():
            raise ValueError(f"The output folder '{path}' is a file; choose another name.")
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".smartmask-{secrets.token_hex(4)}"
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ValueError(f"Cannot write to the output folder '{path}' ({reason}); choose another one.") from error
    return path


def output_file(file: Path, suffix: str) -> Path:
    """A file to be written, its folder made and proven writable; ValueError before the work if it cannot be."""
    if file.suffix.lower() != suffix:
        raise ValueError(f"The output '{file}' must end in {suffix}.")
    if file.is_dir():
        raise ValueError(f"The output '{file}' is a folder; give a file name.")
    output_folder(file.parent)
    return file


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write that takes its place at the end of the block, and leaves the old one if the block fails."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as handle:
            yield handle
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
