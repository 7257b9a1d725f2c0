"""What every request of the service is, so that routes, OpenAPI and tests read them from one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from smartmask.io.settings import Settings
from smartmask.studio.engine import Engine
from smartmask.studio.inputs import Inputs
from smartmask.studio.work import Job


@dataclass(frozen=True)
class Call:
    """A request that is being worked on."""

    engine: Engine
    inputs: Inputs
    job: Job


@dataclass(frozen=True)
class Service:
    """A kind of request: ``POST /v1/NAME``.

    run: the answer as JSON values; raises ValueError for bad input. pictures: fields of the body that a part of a form
    may fill by its own name. example: a body that works in a fresh service, for the documentation and its tests.
    """

    name: str
    summary: str
    body: type[Settings]
    run: Callable[[Call, Any], dict[str, Any]]
    pictures: tuple[str, ...]
    example: dict[str, Any]
