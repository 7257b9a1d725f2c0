"""What every error of a user's input is: one sentence, on one line, short and printable."""

from __future__ import annotations

import unicodedata

LONGEST = 600  # characters


def fault_of_sentence(text: str) -> str | None:
    """What keeps a text from being one plain sentence; None if it is one."""
    if not text.strip():
        return "it is empty"
    if len(text) > LONGEST:
        return f"it has {len(text)} characters"
    odd = next((c for c in text if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in _DIRECTIONS), None)
    if odd is not None:
        return f"it has the character U+{ord(odd):04X}"
    return None


def assert_one_sentence(error: Exception) -> None:
    """A ValueError (or one of the package's own errors) of one plain sentence."""
    assert fault_of_sentence(str(error)) is None, repr(str(error)[:700])


_DIRECTIONS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
