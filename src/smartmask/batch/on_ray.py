"""Workers as actors of a Ray cluster: a local one, or many machines that share the disk of source and output."""

from __future__ import annotations

import os
import socket
from typing import Any

from smartmask.batch.local import cores
from smartmask.batch.tasks import Event, Make, Task, attempt, failure


class Serving:
    """What an actor is; ``begin`` first, so that a model that cannot be loaded is an answer and no death."""

    def __init__(self, make: Make, number: int) -> None:
        self.make, self.number = make, number

    def begin(self) -> tuple[str, Any]:
        try:
            self.work = self.make(self.number)
        except Exception as error:
            return "broken", failure(error)
        return "ready", {}

    def do(self, task: Task) -> tuple[str, Any]:
        return attempt(self.work, task)


class RayCrew:
    """``size`` actors, each on a core, and on a GPU of its own where ``gpus``.

    address: "local" for a cluster of this machine, else a cluster's, as ``ray.init`` takes it.
    Raises ModuleNotFoundError without Ray, ValueError where no cluster answers.
    """

    def __init__(self, make: Make, size: int, address: str, gpus: bool = False) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
        import ray

        self.ray, self.make, self.size = ray, make, size
        self._own = not ray.is_initialized()
        if self._own:
            options: dict[str, Any] = {"address": address, "log_to_driver": False, "logging_level": "ERROR"}
            if address == "local":
                options |= {"num_cpus": max(size, cores()), "include_dashboard": False}
            try:
                _answers(address)
                ray.init(**options)
            except (OSError, ValueError, RuntimeError) as error:
                said = str(error).splitlines()[0][:200]
                raise ValueError(
                    f"No Ray cluster answers at '{address}' ({said}); start one, or use 'local'."
                ) from error
        self._actor: Any = ray.remote(num_cpus=1, num_gpus=1 if gpus else 0, max_restarts=0)(Serving)
        self._actors: list[Any] = []
        self._asked: dict[Any, int] = {}
        for number in range(size):
            self._actors.append(self._started(number))

    def _started(self, number: int) -> Any:
        actor = self._actor.remote(self.make, number)
        self._asked[actor.begin.remote()] = number
        return actor

    def give(self, worker: int, task: Task) -> None:
        self._asked[self._actors[worker].do.remote(task)] = worker

    def wait(self) -> list[Event]:
        ready, _ = self.ray.wait(list(self._asked), num_returns=1)
        return [self._event(one) for one in ready]

    def _event(self, asked: Any) -> Event:
        number = self._asked.pop(asked)
        try:
            kind, told = self.ray.get(asked)
        except self.ray.exceptions.RayError as error:
            said = f"{type(error).__name__}: {str(error).strip().splitlines()[-1].strip()[:200]}"
            self._actors[number] = self._started(number)
            return Event(number, "dead", {"error": f"was lost by the cluster ({said})"})
        return Event(number, kind, told)

    def close(self) -> None:
        for actor in self._actors:
            self.ray.kill(actor)
        if self._own:
            self.ray.shutdown()


def _answers(address: str) -> None:
    """Raises OSError at once where nobody listens at HOST:PORT, for which Ray would wait for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=10).close()
