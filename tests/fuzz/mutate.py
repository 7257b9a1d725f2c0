"""Mutations: of bytes, of texts, of JSON values and of files of chunks. Each takes an input and a random source."""

from __future__ import annotations

import json
import random
import struct
import zlib
from collections.abc import Callable
from typing import Any

Mutation = Callable[[bytes, random.Random], bytes]

NUMBERS: tuple[Any, ...] = (
    0, -1, 1, 2, 3.0, 0.5, -0.0, 255, 256, 65535, 2**31 - 1, 2**31, 2**53, 2**62, 2**63, 2**64, 10**30, -(10**18),
    1e300, -1e300, 1e-300, 1e6, -1e6, float("nan"), float("inf"), True, False,
)  # fmt: skip
TEXTS = (
    "", " ", "\0", "\x1b[31m", "\u202edog", "\ud800", "\u0301" * 5, "a" * 1001, "dog\n", "%s%n", "../../etc/passwd",
    "/dev/zero",
    "~", "'", '"', "\\", "{}", "nan", "inf", "-1", "1e999", "١٢", "🐕", "None", "a,b;c|d", "1,2,3,4", "x" * 5000,
    "\ufeff",
)  # fmt: skip
WORDS = (
    "a", "an", "the", "two", "three", "1000000000", "dog", "cat", "man", "woman", "bench", "on", "in", "under",
    "behind",
    "in front of", "left of", "beside", "between", "and", "with", "without", "sitting", "facing left", "from behind",
    "red", "small", "half", "head of", ",", ".", ";", "(", ")", "'s", "-", "\n", "\t", "of", "at the", "sky", "grass",
    "!",
)  # fmt: skip
SEPARATORS = (",", ";", "|", "x", "-", ".", "e", "+", " ", "\n", "nan", "inf", "1e300", "-1e6", "00", "_")


def mutate_bytes(data: bytes, rng: random.Random) -> bytes:
    """A few bits, bytes, numbers or stretches other than they were; or the end missing."""
    out = bytearray(data or b"\0")
    for _ in range(1 << rng.randrange(4)):
        at = rng.randrange(len(out)) if out else 0
        how = rng.randrange(9)
        if how == 0 and out:
            out[at] ^= 1 << rng.randrange(8)
        elif how == 1 and out:
            out[at] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
        elif how == 2:
            out[at : at + 4] = struct.pack(
                rng.choice("<>") + "I", rng.choice((0, 1, 2**31 - 1, 2**31, 2**32 - 1, 9999))
            )
        elif how == 3:
            del out[at : at + 1 + rng.randrange(16)]
        elif how == 4:
            del out[at:]
        elif how == 5:
            out[at:at] = out[at : at + 1 + rng.randrange(64)]
        elif how == 6:
            out[at:at] = bytes(rng.randrange(256) for _ in range(1 + rng.randrange(8)))
        elif how == 7 and out:
            to = rng.randrange(len(out))
            out[to : to + 8] = out[at : at + 8]
        elif out:
            out[at : at + 2] = struct.pack(rng.choice("<>") + "H", rng.choice((0, 1, 255, 256, 32767, 65535)))
        if not out:
            break
    return bytes(out)


def mutate_text(data: bytes, rng: random.Random) -> bytes:
    """Words and signs put in, left out, doubled and swapped."""
    if rng.random() < 0.1:
        return mutate_bytes(data, rng)
    text = data.decode("utf-8", "replace")
    for _ in range(1 << rng.randrange(4)):
        at, how = rng.randrange(len(text) + 1), rng.randrange(6)
        to = min(at + rng.randrange(12), len(text))
        if how == 0:
            text = f"{text[:at]} {rng.choice(WORDS)} {text[at:]}"
        elif how == 1:
            text = text[:at] + rng.choice(TEXTS) + text[at:]
        elif how == 2:
            text = text[:at] + text[to:]
        elif how == 3:
            text = text[:to] + text[at:]
        elif how == 4:
            text = text[:at] + rng.choice(SEPARATORS) + text[to:]
        else:
            text = (
                text[:at]
                + chr(rng.choice((rng.randrange(128), rng.randrange(0x3000), rng.randrange(0x11000))))
                + text[to:]
            )
        text = text[:8000]
    return text.encode("utf-8", "surrogatepass" if rng.random() < 0.5 else "replace")


def mutate_json(data: bytes, rng: random.Random) -> bytes:
    """A value, a key or an element of JSON other than it was; seldom the text itself."""
    if rng.random() < 0.08:
        return mutate_bytes(data, rng)
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return mutate_bytes(data, rng)
    for _ in range(1 + rng.randrange(3)):
        value = _changed(value, rng, 6)
    if rng.random() < 0.005:
        value = [value] if rng.random() < 0.5 else {"a": value}
        return b"[" * 20_000 + _dumped(value) + b"]" * 20_000
    return _dumped(value)


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def _changed(value: Any, rng: random.Random, depth: int) -> Any:
    children = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    if children and depth and rng.random() < 0.75:
        key = rng.choice(children)
        value = dict(value) if isinstance(value, dict) else list(value)
        how = rng.random()
        if how < 0.12:
            del value[key]
        elif how < 0.2 and isinstance(value, list):
            value[key:key] = [value[key]] * rng.choice((1, 2, 300))
        elif how < 0.2:
            value[rng.choice(TEXTS)] = value[key]
        else:
            value[key] = _changed(value[key], rng, depth - 1)
        return value
    return _another(value, rng)


def _another(value: Any, rng: random.Random) -> Any:
    how = rng.randrange(8)
    if how <= 2 and isinstance(value, (int, float)) and not isinstance(value, bool):
        return rng.choice((value + 1, value - 1, -value, value * 2, value * 1000, float(value), rng.choice(NUMBERS)))
    if how <= 2 and isinstance(value, str):
        return mutate_text(value.encode("utf-8", "replace"), rng).decode("utf-8", "replace")
    if how == 3:
        return rng.choice(TEXTS)
    if how == 4:
        return rng.choice(NUMBERS)
    if how == 5:
        return rng.choice(([], {}, None, [[]], {"": None}, [None], [[[1]]]))
    return rng.choice(([value], {"a": value}, [value, value], str(value)[:100]))


def mutate_png(data: bytes, rng: random.Random) -> bytes:
    """``mutate_bytes``, with the checksums of a PNG's chunks made right in half of all cases: else few get further."""
    changed = mutate_bytes(data, rng)
    return png_checksums(changed) if rng.random() < 0.5 and changed.startswith(b"\x89PNG") else changed


def png_checksums(data: bytes) -> bytes:
    """A PNG with right checksums, as far as its chunks can be followed."""
    out, at = bytearray(data[:8]), 8
    while at + 12 <= len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        body = data[at + 4 : at + 8 + size]
        if len(body) < 4 + size:
            break
        out += data[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + size
    return bytes(out) + data[at:]


def mutate_safetensors(data: bytes, rng: random.Random) -> bytes:
    """The header's JSON, or the tensors' bytes, other than they were."""
    if len(data) < 10 or rng.random() < 0.4:
        return mutate_bytes(data, rng)
    (size,) = struct.unpack("<Q", data[:8])
    header = mutate_json(data[8 : 8 + size], rng)
    return struct.pack("<Q", len(header)) + header + data[8 + size :]
