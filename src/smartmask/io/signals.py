"""Requests to end: Ctrl-C, SIGTERM and SIGHUP, answered by clearing up, held back while results change places."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

ENDING = [number for name in ("SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None]
_told: dict[str, str] = {}  # output: what is there of it now


class Ended(SystemExit):
    """Asked to end; unwinds whatever is half done. code: 128 + the signal's number. name: the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.name = signal.Signals(number).name


def answer() -> None:
    """From now on SIGTERM and SIGHUP raise ``Ended``; one that is ignored, as under nohup, stays ignored."""

    def end(number: int, frame: Any) -> None:
        raise Ended(number)

    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)


def tell(output: str, what: str) -> None:
    """Notes what there is of an output at this moment, for ``last_words``."""
    _told[output] = what


def last_words(ended: Ended) -> str:
    """One sentence: by what the process was ended, and what it left at each output."""
    left = ", ".join(f"{what} '{output}'" for output, what in _told.items()) or "nothing was written"
    return f"ended by {ended.name}; {left}."


@contextmanager
def noted() -> Iterator[list[int]]:
    """SIGTERM and SIGHUP end nothing in the block: their numbers stand in the list, and who runs it looks and leaves.

    One that is ignored, as under nohup, stays ignored. Without effect off the main thread, where Python answers none.
    """
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    heard = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda came, _: asked.append(came)) for number in heard}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ctrl-C and requests to end wait until the block is done: files change places all or none of them.

    Without effect off the main thread, where Python never raises them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[int] = []
    former = {
        number: signal.signal(number, lambda came, _: waiting.append(came))
        for number in (signal.SIGINT, *ENDING)
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for came in waiting:
            signal.raise_signal(came)
