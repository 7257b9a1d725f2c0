"""Work done on this machine: by this process, or by several beside it that end with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any

AHEAD = 2  # tasks a process that wait for it: what is under way stays small


def at_once(function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """The results, one after the other."""
    return map(function, items)


def by_processes(count: int, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """The results of ``count`` processes, as they come. An error of one ends all; RuntimeError if one of them dies."""
    queue = iter(items)
    with ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _begin) as pool:
        running: set[Future[Any]] = {pool.submit(function, item) for item in islice(queue, AHEAD * count)}
        try:
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                running |= {pool.submit(function, item) for item in islice(queue, len(done))}
                for one in done:
                    yield one.result()
        except BrokenProcessPool:
            raise RuntimeError(
                "A process of this run has died, perhaps for want of memory; with fewer --workers the same command "
                "goes on where it was."
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """Set-up of a process: one thread, no answer to what its parent is asked, and an end when its parent is gone."""
    import cv2

    cv2.setNumThreads(0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
