"""Bars on a terminal, one a stage: named, counted where the work can be, and gone when the stage ends.

A stage whose last step is done but that goes on (ranking, closing a file) shows a moving bar and its seconds instead of
a full one. Where stderr is no terminal nothing is written, and nothing is imported.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from smartmask.io.terminal import plain
from smartmask.io.watch import Progress

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

Item = TypeVar("Item")


@contextmanager
def stage(what: str) -> Iterator[Progress | None]:
    """The ``Watch`` of commands: a bar on stderr while the block runs, moved by calls of (done, all).

    all: 0 where nobody knows; the bar then moves by itself beside the count. None where nobody watches.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    with _bar() as bar:
        shown = _Shown(bar, plain(what))
        yield shown.tell


@contextmanager
def counter(what: str, total: int | None) -> Iterator[Callable[[], None]]:
    """A function that moves a stage's bar by one; total: how many there will be, None where nobody knows."""
    with stage(what) as tell:
        done = 0

        def advance() -> None:
            nonlocal done
            done += 1
            if tell is not None:
                tell(done, total or 0)

        yield advance


def watched(what: str, items: Iterable[Item], total: int | None = None) -> Iterator[Item]:
    """The items, and a bar of them where somebody watches. One at a time: bars do not nest."""
    with counter(what, len(items) if isinstance(items, Sized) else total) as advance:
        for item in items:
            yield item
            advance()


def _bar() -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[count]}"),
               TimeElapsedColumn())  # fmt: skip
    return Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False)


class _Shown:
    """One stage on a bar. Its task is replaced where it changes between counted and not, as rich's cannot."""

    def __init__(self, bar: Bar, what: str) -> None:
        self.bar, self.what = bar, what
        self.total: int | None = None
        self.task = bar.add_task(what, total=None, count="")

    def tell(self, done: int, total: int) -> None:
        """Moves the bar; it never stands full, but moves by itself once all is done."""
        count = f"{done:,} of {total:,}" if total else f"{done:,}"
        wanted = total if done < total else None
        if wanted != self.total:
            started = self.bar.tasks[0].start_time
            self.bar.remove_task(self.task)
            self.task = self.bar.add_task(self.what, total=wanted, count=count)
            self.bar.tasks[0].start_time = started  # the seconds are those of the stage
            self.total = wanted
        self.bar.update(self.task, completed=done, count=count)
