"""What is printed for people: no control character of a name or a path reaches the terminal, whatever its encoding."""

from __future__ import annotations

import re
import sys
from typing import IO

# C0 and C1 controls but tabulator and newline, marks that turn the direction of writing, separators, lone surrogates
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


STDOUT = "the standard output"  # as an error names it


def plain(text: str) -> str:
    """The text with every control character as its escape (``\\x1b``)."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def say(text: object = "", file: IO[str] | None = None) -> None:
    """Prints a line, cleaned, to stdout or ``file``; letters that the stream cannot show become escapes.

    Nothing happens where the stream is closed, nor where stderr cannot be written: nobody could be told.
    Raises OSError where stdout cannot, BrokenPipeError where its reader has gone.
    """
    stream = sys.stdout if file is None else file
    if stream is None:
        return
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        print(plain(str(text)).encode(encoding, "backslashreplace").decode(encoding), file=stream)
    except OSError as error:
        if stream is sys.stderr:
            return
        error.filename = STDOUT
        raise
