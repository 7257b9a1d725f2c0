"""What errors' sentences are made of: values, lists of names and other libraries' words, short and printable."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable
from typing import Any


def short_repr(value: Any, longest: int = 60) -> str:
    """``repr`` of a value for an error's sentence: one line, printable, cut to ``longest`` characters.

    Costs little whatever the value: of long, deep or large ones only the beginning is looked at.
    """
    brief = reprlib.Repr()
    brief.maxstring = brief.maxother = longest + 4
    brief.maxlevel = 3
    try:
        text = brief.repr(value)
    except (ValueError, OverflowError):  # Python writes no whole numbers of more than some thousand digits
        text = f"a {type(value).__name__} of thousands of digits"
    text = " ".join(text.split())
    text = text if text.isprintable() else ascii(text)[1:-1]
    return text if len(text) <= longest else text[: longest - 3] + "..."


def short_path(path: object, longest: int = 450) -> str:
    """A path in an error's sentence: as it is, or where no system could have it, its beginning and its end."""
    text = str(path)
    return text if len(text) <= longest else f"{text[: longest // 2]}...{text[-longest // 2 :]}"


def few_of(names: Iterable[object], most: int = 10) -> str:
    """Names in an error's sentence: the first ``most``, each cut, and how many more; "none" without any."""
    shown = [str(name) if len(str(name)) <= 30 else f"{str(name)[:27]}..." for name in dict.fromkeys(names)]
    more = f" and {len(shown) - most} more" if len(shown) > most else ""
    return (", ".join(shown[:most]) or "none") + more


def reason_of(error: BaseException, longest: int = 100) -> str:
    """What a library says is wrong, for an error's sentence: its first line, printable, cut, without its full stop."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    text = lines[0] if lines[0].isprintable() else ascii(lines[0])[1:-1]
    return (text if len(text) <= longest else text[: longest - 3] + "...").rstrip(".:")


def slug(name: str) -> str:
    """A file name's part of a text: lower-case letters, digits and underscores, at most 30."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower())[:30].strip("_") or "object"
