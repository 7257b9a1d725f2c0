"""The run of a batch: tasks to workers, what they tell to the ledger, and what died tried again, alone, in the end."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from smartmask.batch.ledger import Ledger
from smartmask.batch.tasks import Crew, Event, Task
from smartmask.io.watch import Progress


@dataclass
class Tally:
    """Tasks counted. done, failed: in this run.  already: done before.  left: failed before, and not to be retried.

    told: of those done now, what their work told, by its keys, added up where it is numbers.
    """

    done: int = 0
    failed: int = 0
    already: int = 0
    left: int = 0
    died: int = 0
    seconds: float = 0.0
    told: dict[str, float] = field(default_factory=dict)

    @property
    def seen(self) -> int:
        return self.done + self.failed + self.already + self.left


def pending(
    tasks: Iterable[Task], known: Ledger, there: Callable[[Task], bool], retry: bool, tally: Tally
) -> Iterator[Task]:
    """The tasks that are to be done; others are counted. there: whether what a task published is still there."""
    for task in tasks:
        state = known.state(task)
        if state == "done" and there(task):
            tally.already += 1
        elif state == "failed" and not retry:
            tally.left += 1
        else:
            yield task


def run_tasks(
    tasks: Iterator[Task], start: Callable[[int], Crew], known: Ledger, tally: Tally, *,
    workers: int, tries: int, total: int = 0, on_step: Progress | None = None,
) -> None:  # fmt: skip
    """Does the tasks, at most ``tries`` times each where workers die. start: a crew of so many workers.

    A failure is written down and stops nothing. Raises ValueError or RuntimeError where no worker can make its work.
    """
    waiting = deque[Task]()
    for task in tasks:  # no worker is started where there is nothing to do, nor more than there are tasks
        waiting.append(task)
        if len(waiting) == workers:
            break
    if not waiting:
        return
    begun = time.perf_counter()
    crew = start(len(waiting))
    try:
        _Run(crew, waiting, tasks, known, tally, tries).go(lambda: on_step and on_step(tally.seen, total))
    finally:
        crew.close()
        tally.seconds = time.perf_counter() - begun


class _Run:
    def __init__(
        self, crew: Crew, waiting: deque[Task], more: Iterator[Task], known: Ledger, tally: Tally, tries: int
    ) -> None:
        self.crew, self.waiting, self.more, self.known, self.tally, self.tries = (
            crew, waiting, more, known, tally, tries
        )  # fmt: skip
        self.at: dict[int, Task] = {}  # what each worker is doing
        self.free: set[int] = set()
        self.again = deque[Task]()  # killed their worker
        self.killed: dict[str, int] = {}
        self.stillborn = 0  # workers in a row that died before they were ready

    def go(self, tell: Callable[[], Any]) -> None:
        while self._hand_out() or self.at or self.waiting or self.again:
            for event in self.crew.wait():
                self._take(event)
            tell()

    def _hand_out(self) -> bool:
        """Gives free workers what is to be done; whether any was given."""
        given = False
        for worker in sorted(self.free):
            task = self._next()
            if task is None:
                break
            self.free.discard(worker)
            self.at[worker] = task
            self.crew.give(worker, task)
            given = True
        return given

    def _next(self) -> Task | None:
        if self.waiting:
            return self.waiting.popleft()
        task = next(self.more, None)
        if task is None and self.again and not self.at:  # by itself: what one needs all memory for, the others leave
            return self.again.popleft()
        return task

    def _take(self, event: Event) -> None:
        if event.kind == "broken":
            raise (ValueError if event.told.get("code") == 2 else RuntimeError)(str(event.told["error"]))
        if event.kind == "dead":
            self._died(event)
            return
        self.free.add(event.worker)
        if event.kind == "ready":
            self.stillborn = 0
            return
        task = self.at.pop(event.worker)
        told = dict(event.told)
        if event.kind == "done":
            for key, value in told.items():
                if isinstance(value, (int, float)):
                    self.tally.told[key] = self.tally.told.get(key, 0) + value
        failures = told.get("failures")
        if event.kind == "done" and not failures:
            self.tally.done += 1
            self.known.add(task, "done", {key: value for key, value in told.items() if key != "failures"})
        else:
            if failures:  # published, but for some of what it is made of
                first, why = next(iter(failures.items()))
                told |= {"error": f"{len(failures)} parts failed, such as {first} ({why})", "code": 1}
            self._failed(task, told)

    def _failed(self, task: Task, told: dict[str, Any]) -> None:
        self.tally.failed += 1
        self.known.add(task, "failed", told | {"tries": self.killed.get(task.id, 0) + 1})

    def _died(self, event: Event) -> None:
        """A worker has gone, perhaps with a task; another starts in its place and will say that it is ready."""
        self.tally.died += 1
        self.free.discard(event.worker)
        task = self.at.pop(event.worker, None)
        if task is None:
            self.stillborn += 1
            if self.stillborn >= self.tries:
                raise RuntimeError(f"The worker {event.told['error']} before it could begin, {self.tries} times")
            return
        count = self.killed[task.id] = self.killed.get(task.id, 0) + 1
        if count < self.tries:
            self.again.append(task)
            return
        self.killed[task.id] = count - 1
        times = f"{count} times" if count > 1 else "once"
        said = f"The worker {event.told['error']} in the midst of it, {times}, as happens where memory runs short."
        self._failed(task, {"error": said, "code": 1})
