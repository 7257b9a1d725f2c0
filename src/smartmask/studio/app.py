"""The service as an ASGI application: its parts, its routes, how errors are answered, how it begins and ends."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smartmask.io.package import VERSION
from smartmask.studio.engine import Engine
from smartmask.studio.guard import Guard, read_keys
from smartmask.studio.measures import Measures
from smartmask.studio.refused import RefusedError, refusal_of
from smartmask.studio.sessions import Sessions
from smartmask.studio.settings import ServeSettings
from smartmask.studio.work import Workers

GRACE = 10.0  # seconds that requests have to finish when the service ends
SWEEP = 30.0  # seconds between looks for sessions that nobody uses


class Studio:
    """The parts of one running service."""

    def __init__(self, settings: ServeSettings, root: Path) -> None:
        self.settings = settings
        self.engine = Engine(settings)
        self.sessions = Sessions(
            root, settings.sessions, settings.session_minutes, settings.session_mb, settings.session_files
        )
        self.workers = Workers(settings.workers, settings.queue)
        self.measures = Measures(self.workers, self.sessions)

    def warm(self) -> None:
        """Loads the mask model, so that the first request does not wait for it; a fault is told when it is asked."""
        with suppress(Exception):
            _ = self.engine.pipeline

    def close(self) -> None:
        """Finishes what is being worked on, then ends all sessions."""
        self.workers.close(GRACE)
        self.sessions.close()


def create_app(settings: ServeSettings | None = None) -> FastAPI:
    """The service. Raises ValueError, in one sentence, for settings that cannot be."""
    chosen = (settings or ServeSettings()).checked()
    keys = read_keys(chosen.keys)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with tempfile.TemporaryDirectory(prefix="smartmask-", dir=chosen.data) as root:
            studio = app.state.studio = Studio(chosen, Path(root))
            threading.Thread(target=studio.warm, daemon=True).start()
            sweeper = asyncio.create_task(_sweep(studio))
            try:
                yield
            finally:
                sweeper.cancel()
                await asyncio.to_thread(studio.close)

    # the interactive pages of FastAPI fetch their scripts from elsewhere
    app = FastAPI(title="SmartMask", version=VERSION, lifespan=lifespan, docs_url=None, redoc_url=None)
    from smartmask.studio import openapi, page, routes

    routes.add(app)
    page.add(app)
    openapi.describe(app)
    _answer_errors(app)
    if chosen.allow_origin:
        app.add_middleware(
            CORSMiddleware, allow_origins=list(chosen.allow_origin), allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["*"], expose_headers=["Location", "Retry-After"],
        )  # fmt: skip
    app.add_middleware(Guard, settings=chosen, keys=keys)
    return app


async def _sweep(studio: Studio) -> None:
    while True:
        await asyncio.sleep(SWEEP)
        await asyncio.to_thread(studio.sessions.sweep)


def _answer_errors(app: FastAPI) -> None:
    """Every error is JSON of one form, with one sentence."""

    def answered(request: Request, refused: RefusedError) -> Response:
        _count(request, refused.status)
        return JSONResponse(refused.body(), refused.status, refused.headers)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        words = {
            404: ("not_found", f"There is nothing at {request.url.path[:100]}; /openapi.json lists what there is."),
            405: (
                "method",
                f"{request.url.path[:100]} does not take {request.method}; /openapi.json tells what it does.",
            ),
        }
        code, sentence = words.get(error.status_code, ("http", str(error.detail)))
        return answered(request, RefusedError(error.status_code, code, sentence, error.headers))

    async def other(request: Request, error: Exception) -> Response:
        return answered(request, refusal_of(error))

    app.add_exception_handler(HTTPException, http)
    for kind in (RefusedError, ValueError, OSError, MemoryError, RuntimeError, Exception):
        app.add_exception_handler(kind, other)


def _count(request: Request, status: int) -> None:
    route = request.scope.get("route")
    studio: Any = getattr(request.app.state, "studio", None)
    if studio is not None:
        studio.measures.answered(getattr(route, "path", "other"), status)
