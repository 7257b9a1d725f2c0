"""What commands share: the option --json and how results are printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from pydantic import BaseModel

from smartmask.io.settings import Settings, option
from smartmask.io.terminal import say


class Printed(Settings):
    """What every command with a result.json prints."""

    as_json: bool = option(False, "Print the result as JSON, and nothing else, on stdout.", flags=("--json",))


def printed(result: BaseModel, as_json: bool) -> bool:
    """Whether a result was printed as JSON, as asked for; if not, its notes are on stderr, and the rest is to be told.

    ASCII escapes: the same JSON whatever the terminal's encoding.
    """
    record = result.model_dump()
    if as_json:
        say(json.dumps(record, indent=2))
        return True
    for note in record.get("notes", ()):
        say(f"smartmask: note: {note}", file=sys.stderr)
    return False


def place_of(box: Sequence[float] | None) -> str:
    """A box (x0, y0, x1, y1) in a line of text."""
    return "empty" if box is None else ",".join(f"{edge:g}" for edge in box)
