"""How a long call is watched: callbacks for what goes on, and the seconds of its stages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

Progress = Callable[[int, int], None]  # (done, all): called as the work goes on; may raise to stop it
Watch = Callable[[str], AbstractContextManager[Progress | None]]  # (what goes on) -> a callback for it, or None


@contextmanager
def unwatched(what: str) -> Iterator[None]:
    """The ``Watch`` of a call that nobody watches."""
    yield None


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Adds the seconds of a block to those that ``seconds`` has under its stage."""
    begun = time.perf_counter()
    try:
        yield
    finally:
        seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - begun


def rounded(seconds: Mapping[str, float]) -> dict[str, float]:
    """The seconds a stage as a result tells them."""
    return {stage: round(float(value), 4) for stage, value in seconds.items()}
