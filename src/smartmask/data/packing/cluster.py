"""Work done by Ray Data (https://docs.ray.io): the same tasks on the machines of a cluster that share a file system.

A task is begun again when its process or machine is lost. That may do a unit twice, even at the same time, and does no
harm: its files have names of their own and are put in place whole (``unit.py``).
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

LOCAL = "local"
ANSWER = 10.0  # seconds until a cluster has to answer


def by_ray(address: str, count: int, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
    """The results of a Ray cluster's processes, as they come. address: of it, or "local" for one of ``count``
    processes on this machine. Raises ValueError where there is no such cluster, or what a task raised.
    """
    given = list(items)
    if not given:
        return
    _check_there(address)
    import ray

    begun = not ray.is_initialized()
    if begun:
        _join(address, count)
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        # one task a block; Ray Data tries each again, without end, when its process or machine is lost
        tasks = ray.data.range(len(given), override_num_blocks=len(given))
        for row in tasks.map(_Run(function, given), num_cpus=1).iter_rows():
            if row["error"]:
                raise ValueError(row["error"])
            yield row["result"]
    finally:
        if begun:
            ray.shutdown()


def _check_there(address: str) -> None:
    """Raises ValueError where nobody answers at an address: Ray itself would wait for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host, int(port)), timeout=ANSWER).close()
    except (OSError, OverflowError) as error:
        raise ValueError(f"There is no Ray cluster at '{address}' ({error}); give its address, or 'local'.") from None


def _join(address: str, count: int) -> None:
    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if address == LOCAL:
            ray.init(num_cpus=count, include_dashboard=False, **options)
        else:
            ray.init(address=address, **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(f"There is no Ray cluster at '{address}' ({first}); give its address, or 'local'.") from None


class _Run:
    """What a task does: the function's result, or the sentence of its ValueError, which a retry would not mend."""

    def __init__(self, function: Callable[[Any], Any], items: Sequence[Any]) -> None:
        self.function, self.items = function, items

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"result": self.function(self.items[row["id"]]), "error": ""}
        except ValueError as error:
            return {"result": None, "error": str(error)}
