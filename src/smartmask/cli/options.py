"""Command-line options that several commands share, and progress bars for whoever watches."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from smartmask.io.settings import Settings, option
from smartmask.io.watch import Progress

WeightsOption = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Weights to use instead of the bundled ones.")
]
LicencesOption = Annotated[
    str,
    typer.Option(
        metavar="all|open", help="Which remembered outlines are used: all, or those under open licences only."
    ),
]
MemoryOption = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Outlines of your own ('smartmask memory add'), if not in the standard folder."),
]
SeedOption = Annotated[int, typer.Option(help="Seed of the first mask; the others count up from it.")]


class Printed(Settings):
    """What every command with a result.json prints."""

    as_json: bool = option(False, "Print result.json, and nothing else, on stdout.", flags=("--json",))


def printed(result: BaseModel, as_json: bool) -> bool:
    """Whether a result was printed as JSON, as asked for; if not, its notes are on stderr, and the rest is to be told.

    ASCII escapes: the same JSON whatever the terminal's encoding.
    """
    record = result.model_dump()
    if as_json:
        print(json.dumps(record, indent=2))
        return True
    for note in record.get("notes", ()):
        print(f"smartmask: note: {note}", file=sys.stderr)
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
