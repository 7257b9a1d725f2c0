"""Jobs: a bounded queue, some workers, progress that can be followed, and a way to stop."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from smartmask.io.watch import Progress
from smartmask.studio.refused import CancelledError, RefusedError, refusal_of

State = Literal["waiting", "running", "done", "failed", "cancelled"]
Event = tuple[int, str, dict[str, Any]]  # number, name, data
Work = Callable[["Job"], Any]
ENDS = ("result", "error")  # the last event of a job is one of these
_KEPT = 200  # finished jobs of a session that can still be asked for


class Job:
    """A request that is worked on. result: of the work, once ``state`` is "done"; refusal: why there is none.

    seconds: until it is given up. ended: called when it has ended.
    """

    def __init__(self, kind: str, work: Work, seconds: float, ended: Callable[[Job], None] | None = None) -> None:
        self.id = f"j_{secrets.token_hex(12)}"
        self.kind, self.state, self.stage = kind, "waiting", ""
        self.done, self.all = 0, 0
        self.result: Any = None
        self.refusal: RefusedError | None = None
        self.made, self.begun, self.ended = time.monotonic(), 0.0, 0.0
        self._work, self._seconds, self._at_end = work, seconds, ended
        self._stop: str | None = None
        self._events: list[Event] = []
        self._told = 0
        self._heard: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        return self.state in ("waiting", "running")

    def described(self) -> dict[str, Any]:
        """For answers."""
        told: dict[str, Any] = {
            "id": self.id, "kind": self.kind, "state": self.state, "stage": self.stage, "done": self.done,
            "all": self.all, "url": f"/v1/jobs/{self.id}", "events": f"/v1/jobs/{self.id}/events",
        }  # fmt: skip
        if self.state == "done":
            told["result"] = self.result
        if self.refusal is not None:
            told |= self.refusal.body()
        return told

    # --- what the worker does --------------------------------------------------------------------

    def run(self) -> None:
        """Does the work; whatever happens, the job ends."""
        if self._stop is not None:
            self._end("cancelled", None, CancelledError(self._stop))
            return
        self.state, self.begun = "running", time.monotonic()
        self.tell("progress", {"stage": "", "done": 0, "all": 0})
        try:
            found = self._work(self)
        except CancelledError as error:
            self._end("cancelled", None, error)
        except (Exception, MemoryError) as error:
            self._end("failed", None, error)
        else:
            self._end("done", found, None)

    def check(self) -> None:
        """Raises CancelledError once the job is cancelled or has had its time."""
        if self._stop is not None:
            raise CancelledError(self._stop)
        if self.begun and time.monotonic() - self.begun > self._seconds:
            raise RefusedError(503, "too_slow", f"The request took more than {self._seconds:g} seconds; ask for less.")

    @contextmanager
    def watch(self, stage: str) -> Iterator[Progress]:
        """A stage of the work, and the callback that tells how far it is; as ``io/watch.py`` has it."""
        self.check()
        self.stage, self.done, self.all = stage, 0, 0
        self.tell("progress", {"stage": stage, "done": 0, "all": 0})

        def on_step(done: int, of: int) -> None:
            self.check()
            self.done, self.all = done, of
            self.tell("progress", {"stage": stage, "done": done, "all": of})

        yield on_step

    def cancel(self, why: str = "The request was cancelled.") -> None:
        """Asks it to stop; it does so at its next step."""
        if self.is_open and self._stop is None:
            self._stop = why

    def _end(self, state: State, result: Any, error: BaseException | None) -> None:
        self.result, self.ended = result, time.monotonic()
        self.refusal = None if error is None else refusal_of(error)
        self.state = state
        if self._at_end is not None:
            self._at_end(self)
        last = {"result": result} if self.refusal is None else self.refusal.body()
        self.tell("result" if self.refusal is None else "error", last)

    # --- who follows it --------------------------------------------------------------------------

    def tell(self, name: str, data: dict[str, Any]) -> None:
        """An event, heard by all that follow the job."""
        with self._lock:
            self._told += 1
            if name == "progress" and self._events and self._events[-1][1] == "progress":
                self._events.pop()  # only the last of a row is news to whoever comes later
            self._events.append((self._told, name, data))
            heard = list(self._heard)
        for loop, bell in heard:
            loop.call_soon_threadsafe(bell.set)

    async def wait(self) -> None:
        """Until it has ended."""
        async for _ in self.events():
            pass

    async def events(self, every: float = 15.0) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Its events from the first on, until it has ended; ("", {}) where nothing happens for ``every`` seconds."""
        bell, loop = asyncio.Event(), asyncio.get_running_loop()
        with self._lock:
            self._heard.append((loop, bell))
        told = 0
        try:
            while True:
                with self._lock:
                    fresh = [event for event in self._events if event[0] > told]
                    bell.clear()
                for number, name, data in fresh:
                    told = number
                    yield name, data
                    if name in ENDS:
                        return
                try:
                    await asyncio.wait_for(bell.wait(), every)
                except TimeoutError:
                    yield "", {}
        finally:
            with self._lock:
                self._heard.remove((loop, bell))


class Workers:
    """Threads that do jobs in their order. queue: how many may wait beyond those that are being worked on."""

    def __init__(self, workers: int, queue: int) -> None:
        self._room, self._waiting = queue, deque[Job]()
        self._more = threading.Condition()
        self._running: set[Job] = set()
        self._closing = False
        self.count = workers
        self._threads = [threading.Thread(target=self._work, daemon=True, name=f"work-{n}") for n in range(workers)]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def running(self) -> int:
        return len(self._running)

    def add(self, job: Job) -> None:
        """Queues a job. Raises RefusedError: 429 with Retry-After when the queue is full, 503 while closing."""
        with self._more:
            if self._closing:
                raise RefusedError(503, "closing", "The service is shutting down; try again later.")
            if len(self._waiting) >= self._room + self.count - len(self._running):
                raise RefusedError(
                    429, "busy", f"{len(self._waiting)} requests are waiting already; try again in some seconds.",
                    {"Retry-After": str(max(1, min(60, len(self._waiting))))},
                )  # fmt: skip
            self._waiting.append(job)
            self._more.notify()

    def close(self, seconds: float) -> None:
        """Finishes what is being worked on within some seconds; what waits, and what takes longer, is cancelled."""
        with self._more:
            self._closing = True
            for job in self._waiting:
                job.cancel("The service was shut down before the request was worked on.")
            self._more.notify_all()
        until = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        for job in list(self._running):
            job.cancel("The service was shut down.")
        for thread in self._threads:
            thread.join(2.0)

    def _work(self) -> None:
        while True:
            with self._more:
                while not self._waiting and not self._closing:
                    self._more.wait()
                if not self._waiting:
                    return
                job = self._waiting.popleft()
                self._running.add(job)
            try:
                job.run()
            finally:
                with self._more:
                    self._running.discard(job)


def remember(jobs: dict[str, Job], job: Job) -> None:
    """Keeps a job among those of a session; the oldest that have ended are forgotten."""
    jobs[job.id] = job
    for old in [key for key, one in jobs.items() if not one.is_open][: max(0, len(jobs) - _KEPT)]:
        del jobs[old]
