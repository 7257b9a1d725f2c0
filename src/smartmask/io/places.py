"""Whether a place can be written to: every reason why not is one sentence that names it."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from smartmask.errors import BusyError, WriteError

ROOM = {
    errno.ENOSPC: "no space is left on the disk", errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than this process may write", errno.EROFS: "the file system is read-only",
}  # fmt: skip
# how a library in another language tells the same
_TOLD = re.compile(r"os error (\d+)|\[Errno (\d+)\]|errno:? (\d+)", re.IGNORECASE)
# what a result's files and folders are called: known before there is one
_FOLDERS = ("layers", "steps", "jobs")
_FILES = re.compile(r"(?:mask|visible|overlay)_\d{2,}\.png|overlay\.png|result\.(?:json|png|jpg|webp)|scene\.json")


def settled(path: str | Path, what: str = "output") -> Path:
    """The absolute path that an output's name means, with links followed: an output that is a link stays one.

    Raises ValueError for names that cannot be: empty, the root, too long, through a file, in a circle.
    """
    text = os.fspath(path)
    if not text or "\0" in text:
        raise ValueError(f"The {what}'s name is {text!r}; give the name of a folder or file.")
    with explained(path, what):
        real = Path(os.path.realpath(text))
        with suppress(FileNotFoundError):
            os.stat(real)
    if real == real.parent:
        raise ValueError(f"The {what} '{text}' is the root of the file system; give a folder in it.")
    return real


@contextmanager
def explained(path: str | Path, what: str = "output folder") -> Iterator[None]:
    """Errors of the file system become a ValueError of one sentence about this output; those of its space stay."""
    try:
        yield
    except (BusyError, WriteError):
        raise
    except OSError as error:
        if error.errno in ROOM and error.errno != errno.EROFS:
            raise
        reason = error.strerror or str(error) or type(error).__name__
        raise ValueError(f"Cannot write to the {what} '{path}' ({reason}); choose another one.") from error


def check_folder(target: Path, shown: str | Path) -> None:
    """Raises ValueError if the output folder is something else."""
    if os.path.lexists(target) and not target.is_dir():
        raise ValueError(f"The output folder '{shown}' is a file; choose another name.")


def check_free(target: Path, names: Iterable[str], shown: str | Path) -> None:
    """Raises ValueError if a folder, a link or the like is where a file is to be, or a file where a folder is to be.

    names: files to be, relative to the target; beside them every name that a result's files are known to have.
    """
    try:
        present = os.listdir(target)
    except FileNotFoundError:
        return
    files = {*names, *filter(_FILES.fullmatch, present)}
    folders = {part for name in files for part in Path(name).parents if part.parts}
    folders |= {Path(name) for name in present if name in _FOLDERS}
    kinds: list[tuple[set[Path], Callable[[int], bool]]] = [
        (folders, stat.S_ISDIR), ({Path(name) for name in files}, stat.S_ISREG)
    ]  # fmt: skip
    for paths, is_right in kinds:
        for path in sorted(paths):
            try:
                mode = os.lstat(target / path).st_mode
            except (FileNotFoundError, NotADirectoryError):
                continue
            if not is_right(mode):
                raise ValueError(
                    f"'{Path(shown) / path}' is {_kind(mode)} and in the way of the result; "
                    "move it away, or choose another folder."
                )


def _kind(mode: int) -> str:
    if stat.S_ISLNK(mode):
        return "a link"
    return "a folder" if stat.S_ISDIR(mode) else "a file" if stat.S_ISREG(mode) else "no regular file"


@contextmanager
def no_room(where: Path, shown: str, needed: Callable[[], int]) -> Iterator[None]:
    """Errors for want of space become a WriteError. where: on the disk in question. needed: bytes, when it fails."""
    try:
        yield
    except WriteError:
        raise
    except Exception as error:
        number = _number(error)
        if number not in ROOM:
            raise
        try:
            free = f", and {_size(shutil.disk_usage(where).free)} are free"
        except OSError:
            free = ""
        raise WriteError(
            f"'{shown}' cannot be written: {ROOM[number]}; at least {_size(needed())} were needed{free}. "
            "What was there before is untouched."
        ) from error


def _number(error: Exception) -> int:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    told = _TOLD.search(str(error))
    return int(next(part for part in told.groups() if part)) if told and not isinstance(error, ValueError) else 0


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{count:,} bytes"


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(os.lstat(os.path.join(where, name)).st_size for where, _, files in os.walk(folder) for name in files)
