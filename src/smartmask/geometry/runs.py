"""The runs of COCO's run-length codes, checked before anything is made of them: files may say whatever they like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from smartmask.io.limits import LIMITS
from smartmask.io.sentences import short_repr

_CHARACTERS = 7  # of one number: 5 bits each, enough for any picture's size


def runs_of(rle: Any) -> tuple[int, int, np.ndarray]:
    """``(height, width, counts)`` of a COCO RLE, compressed (str or bytes) or as a list of whole numbers.

    counts: (n,) int64 pixels outside and inside by turns, column by column; none is negative, and they fill the size.
    Raises ValueError where they do not, and beyond LIMITS.pixels and LIMITS.runs.
    """
    if not isinstance(rle, Mapping) or "size" not in rle or "counts" not in rle:
        raise ValueError(f"An RLE is an object with size and counts, not {short_repr(rle)}.")
    height, width = _size(rle["size"])
    given = rle["counts"]
    if not isinstance(given, (str, bytes, list, tuple, np.ndarray)):
        raise ValueError(f"The RLE's counts are {short_repr(given)}; they are a text, or a list of whole numbers.")
    if len(given) > LIMITS.runs * (_CHARACTERS if isinstance(given, (str, bytes)) else 1):
        raise ValueError(f"The RLE's counts are {len(given):,} long; at most {LIMITS.runs:,} runs are read.")
    counts = _unpacked(given) if isinstance(given, (str, bytes)) else _listed(given)
    pixels = height * width
    # each by itself first: a sum of huge ones wraps round, and nothing is allocated before they are known to fit
    if counts.size and (counts.min() < 0 or counts.max() > pixels):
        worst = counts.min() if counts.min() < 0 else counts.max()
        raise ValueError(f"RLE counts run to {worst}, but the size {width}x{height} has {pixels} pixels.")
    if counts.sum() != pixels:
        raise ValueError(f"RLE counts add up to {counts.sum()}, but the size {width}x{height} has {pixels} pixels.")
    return height, width, counts


def _size(size: Any) -> tuple[int, int]:
    good = isinstance(size, (list, tuple, np.ndarray)) and len(size) == 2
    if not good or not all(isinstance(side, (int, np.integer)) and not isinstance(side, bool) for side in size):
        raise ValueError(f"An RLE's size is {short_repr(size)}; it is [height, width], two whole numbers.")
    height, width = (int(side) for side in size)
    if min(height, width) < 0 or height * width > LIMITS.pixels or max(height, width) > LIMITS.pixels:
        raise ValueError(f"An RLE's size is {short_repr(size)}; it must have at most {LIMITS.pixels:,} pixels.")
    return height, width


def _listed(given: Sequence[Any] | np.ndarray) -> np.ndarray:
    if not isinstance(given, np.ndarray):
        strange = next((item for item in given if isinstance(item, bool) or not hasattr(item, "__index__")), None)
        if strange is not None or None in given:
            raise ValueError(f"The RLE's counts hold {short_repr(strange)}, which is no whole number.")
    try:
        counts = np.asarray(given, dtype=np.int64) if len(given) else np.zeros(0, np.int64)
    except (OverflowError, ValueError, TypeError):
        raise ValueError("The RLE's counts hold a number beyond any picture's size.") from None
    if counts.ndim != 1 or (isinstance(given, np.ndarray) and given.dtype.kind not in "iu"):
        raise ValueError(f"The RLE's counts are {short_repr(given)}; they are a text, or a list of whole numbers.")
    return counts


def _unpacked(text: str | bytes) -> np.ndarray:
    """Run lengths, int64, of COCO's compressed counts: 5 bits a character, runs from the fourth on as differences."""
    data = text.encode("ascii", "ignore") if isinstance(text, str) else text
    codes = np.frombuffer(data, dtype=np.uint8).astype(np.int64) - 48
    if codes.size != len(text) or codes.size == 0 or codes.min() < 0 or codes.max() > 63 or codes[-1] & 0x20:
        raise ValueError("The RLE's counts are not a string that COCO's tools write.")
    last = np.flatnonzero(codes & 0x20 == 0)  # the sixth bit says that a number goes on
    if last.size > LIMITS.runs:
        raise ValueError(f"The RLE has {last.size:,} runs; at most {LIMITS.runs:,} are read.")
    first = np.concatenate([[0], last[:-1] + 1])
    if (last - first).max() >= _CHARACTERS:
        raise ValueError("The RLE's counts hold a number beyond any picture's size.")
    shift = 5 * (np.arange(codes.size) - np.repeat(first, last - first + 1))
    counts = np.add.reduceat((codes & 0x1F) << shift, first)
    counts -= (codes[last] & 0x10 != 0) * (1 << (shift[last] + 5))  # the fifth bit of the last part is the sign
    for parity in (1, 2):
        counts[parity::2] = np.cumsum(counts[parity::2])
    return counts
