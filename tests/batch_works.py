"""Work for workers of tests: writes a file a task, and fails, dies or waits where the task says so."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from smartmask.batch.tasks import Event, Make, Task, attempt
from smartmask.io.publish import save_text


class MakeWriting:
    """How often each task was begun is in ``begun/``, one file a time."""

    def __init__(self, folder: Path, broken: str = "") -> None:
        self.folder, self.broken = folder, broken

    def __call__(self, number: int) -> Any:
        if self.broken == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.broken:
            raise ValueError(self.broken)
        return self.work

    def work(self, task: Task) -> dict[str, Any]:
        begun = self.folder / "begun" / f"{task.id}-{time.monotonic_ns()}"
        begun.parent.mkdir(parents=True, exist_ok=True)
        begun.touch()
        times = len(list(begun.parent.glob(f"{task.id}-*")))
        what = task.payload
        if what == "fails":
            raise ValueError(f"The task {task.id} is bad; give another.")
        if what == "kills" or (what == "kills once" and times == 1):
            os.kill(os.getpid(), signal.SIGKILL)
        if isinstance(what, float):
            time.sleep(what)
        (self.folder / "made").mkdir(exist_ok=True)
        save_text(f"{task.id} {task.digest}", self.folder / "made" / task.id)
        return {"files": 1}


class HereCrew:
    """One worker, in this process: what it does is the same, and no libraries are loaded anew."""

    def __init__(self, make: Make, size: int = 1) -> None:
        self.size, self.work = 1, make(0)
        self.events = [Event(0, "ready", {})]

    def give(self, worker: int, task: Task) -> None:
        self.events.append(Event(worker, *attempt(self.work, task)))

    def wait(self) -> list[Event]:
        found, self.events = self.events, []
        return found

    def close(self) -> None:
        pass


def times_begun(folder: Path, name: str) -> int:
    return len(list((folder / "begun").glob(f"{name}-*")))
