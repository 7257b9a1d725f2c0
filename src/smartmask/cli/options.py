"""What commands share: the option --json, how results are printed, and progress bars for whoever watches."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pydantic import BaseModel

from smartmask.io.settings import Settings, option
from smartmask.io.terminal import say
from smartmask.io.watch import Progress


class Printed(Settings):
    """What every command with a result.json prints."""

    as_json: bool = option(False, "Print the result as JSON, and nothing else, on stdout.", flags=("--json",))


def printed(result: BaseModel, as_json: bool) -> bool:
    """Whether a result was printed as JSON, as asked for; if not, its notes are on stderr, and the rest is to be told.

    ASCII escapes: the same JSON whatever the terminal's encoding.
    """
    record = result.model_dump()
    if as_json:
        print(json.dumps(record, indent=2))
        return True
    for note in record.get("notes", ()):
        say(f"smartmask: note: {note}", file=sys.stderr)
    return False


def place_of(box: Sequence[float] | None) -> str:
    """A box (x0, y0, x1, y1) in a line of text."""
    return "empty" if box is None else ",".join(f"{edge:g}" for edge in box)


@contextmanager
def step_progress(what: str) -> Iterator[Progress | None]:
    """A step callback that moves a bar on stderr; None where nobody watches."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda step, total: progress.update(task, completed=step, total=total)
