"""Running the service: one process, one port, until it is asked to end."""

from __future__ import annotations

import socket
import webbrowser
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from smartmask.errors import WriteError
from smartmask.io import signals
from smartmask.studio.app import GRACE, create_app
from smartmask.studio.settings import ServeSettings


def serve(settings: ServeSettings, started: Callable[[str], None]) -> None:
    """Listens until the process is asked to end; ``started`` is told the address once it answers.

    Raises ValueError for settings that cannot be, OSError for an address that is taken or not this machine's.
    """
    app = create_app(settings)
    listening = _listening(settings)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{host}:{listening.getsockname()[1]}"

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started(address)
            if settings.open:
                webbrowser.open(address)

    config = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="on", server_header=False, date_header=False,
        timeout_graceful_shutdown=int(GRACE), timeout_keep_alive=30, h11_max_incomplete_event_size=64 << 10,
    )  # fmt: skip
    with suppress(signals.Ended, KeyboardInterrupt):  # uvicorn raises again what asked it to end, once all is ended
        Server(config).run([listening])


def _listening(settings: ServeSettings) -> socket.socket:
    """A socket at the address. Raises OSError in one sentence."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host.strip("[]"), settings.port))
    except OSError as error:
        listening.close()
        raise WriteError(
            f"Cannot listen at {settings.host}:{settings.port} ({(error.strerror or str(error)).lower()}); choose "
            "another --port."
        ) from error
    return listening
