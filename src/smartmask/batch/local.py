"""Workers as processes of this machine, each by itself: one that is killed takes its task along, and nothing else."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from smartmask.batch.tasks import Event, Make, Task, attempt, failure

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")


class LocalCrew:
    """``size`` processes, started afresh (no fork), so that each has its own memory, threads and models."""

    def __init__(self, make: Make, size: int) -> None:
        self.make, self.size = make, size
        self._context = multiprocessing.get_context("spawn")
        self._processes: list[BaseProcess] = []
        self._ends: list[Connection] = []
        try:
            for number in range(size):
                process, end = self._started(number)
                self._processes.append(process)
                self._ends.append(end)
        except BaseException:
            self.close()
            raise

    def _started(self, number: int) -> tuple[BaseProcess, Connection]:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=serve, args=(self.make, number, theirs), daemon=True)
        with _threads_for(self.size):
            process.start()
        theirs.close()
        return process, ours

    def give(self, worker: int, task: Task) -> None:
        with suppress(OSError):  # it has just died, and ``wait`` will say so
            self._ends[worker].send(task)

    def wait(self) -> list[Event]:
        ready = wait(self._ends)
        return [self._event(number) for number, end in enumerate(self._ends) if end in ready]

    def _event(self, number: int) -> Event:
        try:
            kind, told = self._ends[number].recv()
        except (EOFError, OSError):  # a torn answer of a process killed while it wrote
            return self._dead(number)
        return Event(number, kind, told)

    def _dead(self, number: int) -> Event:
        process = self._processes[number]
        process.join(5)
        code = process.exitcode
        self._ends[number].close()
        self._processes[number], self._ends[number] = self._started(number)
        return Event(number, "dead", {"error": _why(code)})

    def close(self) -> None:
        for process in self._processes:
            process.kill()  # what it has not published goes with it; what it has is whole
        for process in self._processes:
            process.join()
        for end in self._ends:
            end.close()


def _why(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended by itself with code {code}"


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _threads_for(workers: int) -> Iterator[None]:
    """What is started in the block gets its share of the cores for threads, unless variables say otherwise."""
    share = str(max(1, cores() // workers))
    fresh = [name for name in _THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(fresh, share))
    try:
        yield
    finally:
        for name in fresh:
            del os.environ[name]


def serve(make: Make, number: int, end: Connection) -> None:
    """A worker's life: makes its work, then does tasks until the other end of the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the process that waits answers it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        work = make(number)
    except Exception as error:
        end.send(("broken", failure(error)))
        return
    end.send(("ready", {}))
    while True:
        try:
            task: Any = end.recv()
        except EOFError:
            return
        end.send(attempt(work, task))


def _end_with_parent() -> None:
    """A worker whose run was killed ends at once, or it would publish beside the next run."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
