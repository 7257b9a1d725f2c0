"""What a call reads, so that nothing it writes takes the place of that: files are known by what they are, not by name.

A request says itself which paths it reads (``Settings.inputs``), so a new command is guarded without a line of its own.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Any

Identity = tuple[int, int]  # device and inode: the same by whatever name, link or hard link
_reads: ContextVar[dict[Identity, str]] = ContextVar("reads")


@contextmanager
def reading(inputs: Mapping[str, Iterable[str | Path]]) -> Iterator[None]:
    """Within the block none of these files is written over. inputs: {what it is: paths}; what is no file is let be."""
    found = dict(_reads.get({}))
    for what, paths in inputs.items():
        for path in paths:
            _add(found, path, what)
    token = _reads.set(found)
    try:
        yield
    finally:
        _reads.reset(token)


def also_reads(path: str | Path, what: str = "input") -> None:
    """One more file that the present call reads, such as one that is named in another; nothing outside a call."""
    found = _reads.get(None)
    if found is not None:
        _add(found, path, what)


def _add(found: dict[Identity, str], path: str | Path, what: str) -> None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # a text that is no path, or a file that reading it will complain of
        return
    found[status.st_dev, status.st_ino] = f"{what} '{path}'"


def guarded(run: Callable[..., Any]) -> Callable[..., Any]:
    """``run`` of a request, within which nothing that the request reads is written over."""

    @wraps(run)
    def guarding(request: Any, *args: Any, **options: Any) -> Any:
        with reading(request.inputs()):
            return run(request, *args, **options)

    return guarding


def check_not_read(folder: Path, names: Iterable[str]) -> None:
    """Raises ValueError if one of the names in a folder, or a folder on the way to it, is an input of this call."""
    read = _reads.get({})
    if not read:
        return
    parts = {"."} | {str(part) for name in names for part in (Path(name), *Path(name).parents)}
    for part in sorted(parts):
        try:
            status = os.stat(folder / part)
        except OSError:
            continue
        what = read.get((status.st_dev, status.st_ino))
        if what is not None:
            where = f"'{folder}' is" if part == "." else f"'{folder / part}' would be written over, and that is"
            raise ValueError(f"The output {where} the {what}; give another --out.")


def check_file_not_read(path: Path) -> None:
    """Raises ValueError if a file to be written is an input of this call."""
    read = _reads.get({})
    try:
        status = os.stat(path) if read else None
    except OSError:
        return
    if status is not None and not stat.S_ISCHR(status.st_mode):
        what = read.get((status.st_dev, status.st_ino))
        if what is not None:
            raise ValueError(f"The output '{path}' is the {what}; give another --out.")
