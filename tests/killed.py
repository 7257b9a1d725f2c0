"""A publisher to be killed, and one that is stopped at one of its system calls."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from smartmask.io import swap
from smartmask.io.publish import RESULT, save_json, save_text, staging

# every call by which the publishing modules change what is on the disk
CALLS = ("rename", "replace", "link", "unlink", "rmdir", "mkdir", "open", "fsync", "chmod", "utime")


class Killed(BaseException):
    """As SIGKILL: nothing after it may clear up."""


def publish(out: Path, number: int) -> None:
    """Result ``number``: some files of its own names, some of the names of every result."""
    with staging(out) as folder:
        files = ["mask_00.png", f"mask_{number:02d}.png", f"layers/{number:02d}.png", "layers/00.png", "big.png"]
        for name in files:
            save_text(f"{number} {name}" * (5000 if name == "big.png" else 1), folder / name)
        save_json({"files": files, "number": number}, folder / RESULT)


def whole(out: Path) -> int | None:
    """The number of the result in a folder, all of whose files are its own; None if there is none."""
    if not (out / RESULT).exists():
        return None
    result = json.loads((out / RESULT).read_text())
    number = int(result["number"])
    for name in result["files"]:
        assert (out / name).read_text().startswith(f"{number} {name}"), name
    return number


def check_others(out: Path, extra: set[str] | None = None) -> None:
    """Nothing but the result and what is the user's."""
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir()}
    assert names == {RESULT, *json.loads((out / RESULT).read_text())["files"], *(extra or set())}
    assert [path.name for path in out.parent.iterdir()] == [out.name], "nothing is left beside it"


@contextmanager
def stopped_at(count: int) -> Iterator[Callable[[], int]]:
    """The process ends, for all that is on the disk, before its ``count``-th call that changes something.

    Yields how many calls there were. What follows is refused, so that nothing clears up as no killed process does.
    """
    made, files = 0, set[int]()
    opened, closed, adopted = os.open, os.close, os.fdopen

    def noted(*args: Any, **options: Any) -> int:
        files.add(file := opened(*args, **options))
        return file

    def forgotten(file: int) -> None:
        files.discard(file)
        closed(file)

    def handed_over(file: int, *args: Any, **options: Any) -> Any:
        files.discard(file)  # what it becomes closes it
        return adopted(file, *args, **options)

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*args: Any, **options: Any) -> Any:
            nonlocal made
            made += 1
            if made > count:
                raise Killed
            return call(*args, **options)

        return instead

    calls = {name: counted(getattr(os, name)) for name in CALLS}
    calls |= {"open": counted(noted), "close": forgotten, "fdopen": handed_over}
    try:
        with mock.patch.multiple(os, **calls), mock.patch.object(swap, "exchange", counted(swap.exchange)):
            yield lambda: made
    finally:  # as the kernel does, and with them go the locks
        for file in files:
            closed(file)
