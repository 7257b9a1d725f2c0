"""Who is at work in a folder: locks that the kernel frees at a process's death, and what the dead have left.

Whatever is written appears first under a hidden name, ``.smartmask-<process>x<its start>-<random>``. An entry of such a
name is dead once its process is gone and nobody holds its lock; the next that writes to the folder removes it.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from smartmask.errors import BusyError

try:
    import fcntl
except ImportError:  # no such thing on Windows: two writers at once are not told from each other there
    fcntl = None  # type: ignore[assignment]

PREFIX = ".smartmask-"
_OWNER = re.compile(re.escape(PREFIX) + r"(\d+)x(\d+)-[0-9a-f]+")


def hidden_name() -> str:
    """A name that no one else has, and that tells whose it is."""
    return f"{PREFIX}{os.getpid()}x{_started(os.getpid())}-{secrets.token_hex(4)}"


@lru_cache(maxsize=1)
def _own_start(process: int) -> int:
    return _start_of(process)


def _started(process: int) -> int:
    return _own_start(process) if process == os.getpid() else _start_of(process)


def _start_of(process: int) -> int:
    """When a process began, in ticks since the machine's start; 0 where that cannot be told."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return 0


def _lives(process: int, start: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    now = _started(process)
    return not now or not start or now == start  # the number may have passed on to another process


def is_dead(path: Path) -> bool:
    """Whether an entry is the leftover of a process that is gone, here or in another container on this machine."""
    owner = _OWNER.match(path.name)
    if owner is None or _lives(int(owner[1]), int(owner[2])):
        return False
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return _locked(file) is not False
    finally:
        os.close(file)


def sweep(folder: Path) -> None:
    """Removes what dead processes have left in a folder; what cannot be removed stays."""
    try:
        with os.scandir(folder) as entries:
            found = [Path(entry.path) for entry in entries if entry.name.startswith(PREFIX)]
    except OSError:
        return
    for path in found:
        if is_dead(path):
            discard(path)


def discard(path: Path) -> None:
    """Removes a file, or a folder and what is in it, without following links; what cannot be removed stays."""
    if path.is_symlink() or not path.is_dir():
        try:
            path.unlink(missing_ok=True)
        except OSError:
            return
    else:
        shutil.rmtree(path, ignore_errors=True)


def hold(path: Path) -> int:
    """Takes the lock of a file or folder of one's own; its descriptor, which ``os.close`` frees."""
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    _locked(file)
    return file


def owned(file: int) -> bool:
    """Takes the lock of an open file until that is closed; False if another has it."""
    return _locked(file) is not False


def _locked(file: int) -> bool | None:
    """Whether the lock was to be had; None where the file system has none."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """The folder is ours for the block. Raises BusyError at once if another is writing there.

    The folder is made if it is missing, also where another process has just taken it away.
    """
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            file = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            if _locked(file) is False:
                raise BusyError(
                    f"Another process is writing to the folder '{folder}'; wait until it is done, or choose another."
                )
            try:
                there = os.stat(folder)
            except FileNotFoundError:
                continue
            if os.path.samestat(os.fstat(file), there):  # else another folder has just taken the place of this one
                yield
                return
        finally:
            os.close(file)
