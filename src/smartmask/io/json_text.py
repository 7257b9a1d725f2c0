"""JSON texts from outside: how large and how deep a value is, is known before it is parsed."""

from __future__ import annotations

import json
from itertools import accumulate
from typing import Any

from smartmask.io.limits import LIMITS, PREFIX
from smartmask.io.sentences import short_repr

_NO_MARKS = bytes(set(range(256)) - set(b'"[]{}'))  # what says nothing of how deep a JSON text is nested
# Numbers that may be beyond any use have three digits of exponent, or nineteen in a row. This table leaves what tells.
_DIGITS = bytes(0x30 if 0x30 <= code <= 0x39 else code if code == 0x2B else code | 32 if code | 32 == 0x65 else 32
                for code in range(256))  # fmt: skip
_LONG_NUMBERS = (b"e000", b"e+000", b"0" * 19)


def parse_json(data: bytes, what: str, unique: bool = False, limit: str = "json_values") -> Any:
    """The value of a JSON text in UTF-8; ``what`` begins the sentence of a ValueError.

    How many values it has and how deep they are nested is known before it is parsed, which takes memory and stack.
    NaN, Infinity, and numbers beyond floats and 64 bits are no JSON.
    """
    count, most = data.count(b",") + data.count(b"[") + data.count(b"{"), getattr(LIMITS, limit)
    if count > most:
        raise ValueError(f"{what} holds more than {most:,} values; {PREFIX}{limit.upper()} raises this limit.")
    depth = _depth(data)
    if depth > LIMITS.json_depth:
        raise ValueError(f"{what} is nested too deep ({depth:,} levels); at most {LIMITS.json_depth} are read.")
    hooks: dict[str, Any] = {"parse_constant": _no_number}
    if unique:
        hooks["object_pairs_hook"] = _unique
    digits = data.translate(_DIGITS)
    if any(long in digits for long in _LONG_NUMBERS):  # the hooks are slow, and hardly any file needs them
        hooks |= {"parse_float": _float, "parse_int": _int}
    try:
        return json.loads(data.decode("utf-8-sig"), **hooks)
    except UnicodeDecodeError:
        raise ValueError(f"{what} is not UTF-8 text; save it as JSON in UTF-8.") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{what} is not valid JSON ({error}).") from None


def _depth(data: bytes) -> int:
    """How deep lists and objects are nested, strings left out."""
    if data.count(b"[") + data.count(b"{") <= LIMITS.json_depth:
        return 0  # nothing to look at: most files
    marks = data.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _NO_MARKS)
    outside = b"".join(marks.split(b'"')[::2])
    return max(accumulate(1 if mark in b"[{" else -1 for mark in outside), default=0)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {short_repr(twice)} occurs twice")
    return record


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), -float("inf")):
        raise ValueError(f"the number {short_repr(text)} is too large")
    return value


def _int(text: str) -> int:
    if len(text) > 20 or not -(1 << 63) <= int(text) < 1 << 63:
        raise ValueError(f"the number {short_repr(text)} is too large")
    return int(text)
