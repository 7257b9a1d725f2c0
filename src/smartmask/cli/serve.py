"""``smartmask serve``: the studio, a page and a REST service in one process."""

from __future__ import annotations

import sys

from smartmask.cli.command import command_of
from smartmask.io.terminal import say
from smartmask.studio.settings import ServeSettings


def serve(settings: ServeSettings) -> None:
    """Run the studio: a page to work in and a REST service, on this machine alone unless told otherwise.

    Nothing is fetched from the network but models that are named and not here. Ctrl-C ends it.
    """
    from smartmask.studio.server import serve as run

    def started(address: str) -> None:
        say(f"SmartMask is at {address} (Ctrl-C ends it)")
        sys.stdout.flush()  # whoever started it through a pipe waits for this line

    run(settings, started)


command = command_of(ServeSettings, serve)
