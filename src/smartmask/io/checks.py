"""Limits on what a user may ask for, checked before anything heavy is imported or loaded.

Requests, pipelines and commands call the same functions, so that they agree.
Each raises ValueError with one sentence: the offending value, and what would be right.
"""

from __future__ import annotations

import math
import operator
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from smartmask.io.limits import LIMITS
from smartmask.io.sentences import short_repr

FACINGS = ("left", "right")  # which way an object looks
LICENCES = ("all", "open")  # which remembered outlines are used
OPEN_LICENCES = ("cc by", "cc0", "public domain", "mit", "apache", "sil", "ofl", "own", "as smartmask")
MAX_PIXELS = LIMITS.pixels  # of a scene or photo (300 MB decoded): 10,000 x 10,000; beyond it a size is a mistake
MAX_LAYERS = LIMITS.layers  # of a scene that is read
MAX_WINDOWS = LIMITS.layer_pixels  # of all its layers' boxes together
MAX_PROMPT = LIMITS.prompt  # characters
MAX_MASKS = LIMITS.masks
POOL = 4  # masks drawn for each one that a diverse choice keeps
MAX_STEPS = LIMITS.steps
MAX_SCALE = LIMITS.scale
MAX_SEED = 2**62  # of every seed, also of those counted up from the first: each can be asked for again
MAX_GUIDES = LIMITS.guides
MAX_POINTS = LIMITS.points
GUIDE_REACH = LIMITS.guide_sides  # sides of the picture that a guide may go beyond its border ...
GUIDE_ROOM = 1000  # ... or as many pixels, where that is more
# Characters that change how a terminal or a page shows the text beside them: directions imposed, notes between lines.
_IMPOSING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufff9\ufffa\ufffb")
_SHOWN = "LNPS"  # letters, numbers, punctuation, symbols: the general categories that are seen by themselves


def check_prompt(text: str | None, what: str = "object prompt") -> str:
    """A text or a name: 1 to MAX_PROMPT characters of any script, blanks and line ends as single blanks.

    Raises ValueError, with ``what`` in it, for control characters, imposed directions, and texts of which nothing
    would be seen. Joiners stay: emoji and several scripts need them.
    """
    if not isinstance(text, str):
        raise ValueError(f"The {what} is {short_repr(text)}; give a text such as 'dog'.")
    if len(text) > MAX_PROMPT:
        raise ValueError(f"The {what} {text[:20] + '...'!r} has {len(text)} characters; at most {MAX_PROMPT} are read.")
    cleaned = " ".join(text.replace("\ufeff", " ").split())
    if not cleaned:
        raise ValueError(f"The {what} is empty ({short_repr(text)}); give a text such as 'dog'.")
    if cleaned.isascii() and cleaned.isprintable() and not cleaned.isspace():
        return cleaned
    if any(0xD800 <= ord(character) <= 0xDFFF for character in cleaned):
        raise ValueError(f"The {what} {short_repr(cleaned)} is not valid Unicode; type it in UTF-8.")
    wrong = next((c for c in cleaned if c in _IMPOSING or unicodedata.category(c) == "Cc"), None)
    if wrong is not None:
        raise ValueError(
            f"The {what} {short_repr(cleaned)} has the control character U+{ord(wrong):04X}; leave it out."
        )
    if not any(unicodedata.category(character)[0] in _SHOWN for character in cleaned):
        raise ValueError(f"The {what} {cleaned[:20]!a} has no letter or sign; give a text such as 'dog'.")
    return cleaned


def check_num_masks(count: int) -> int:
    """How many masks: 1 to MAX_MASKS."""
    return check_whole(count, "number of masks", 1, MAX_MASKS)


def check_pool(count: int) -> int:
    """How many masks to draw so that ``count`` good and different ones can be kept: POOL times as many."""
    if count * POOL > MAX_MASKS:
        raise ValueError(f"A diverse choice of {count} masks is too large; at most {MAX_MASKS // POOL} are kept.")
    return count * POOL


def check_steps(count: int | None) -> int | None:
    """How many denoising steps: 1 to MAX_STEPS, or None for the model's own."""
    return None if count is None else check_whole(count, "number of steps", 1, MAX_STEPS)


def check_seed(seed: int, added: int = 0) -> int:
    """A seed: 0 to MAX_SEED, with room for those that the call counts up from it, which reach ``seed + added``."""
    seed = check_whole(seed, "seed", 0, MAX_SEED)
    if seed + added > MAX_SEED:
        raise ValueError(
            f"The seed is {seed}, and this call counts {added} up from it; it must be from 0 to {MAX_SEED - added}."
        )
    return seed


def check_scale(scale: float | None, what: str = "guidance scale") -> float | None:
    """A guidance scale: 0 to MAX_SCALE, or None for the model's own."""
    return None if scale is None else check_number(scale, what, 0, MAX_SCALE)


def check_strength(strength: float) -> float:
    """A share of the noise levels: above 0, at most 1."""
    return check_number(strength, "strength", 0.01, 1)


def check_number(value: float, what: str, low: float, high: float) -> float:
    """A real number from low to high, as Python's float."""
    number = real(value)
    if number is None or not low <= number <= high:
        raise ValueError(f"The {what} is {short_repr(value)}; it must be a number from {low:g} to {high:g}.")
    return number


def real(value: Any) -> float | None:
    """A finite float of any kind of number, numpy's and torch's too; None for anything else, for a text or True."""
    if isinstance(value, (str, bytes)) or type(value).__name__.startswith("bool") or not hasattr(value, "__float__"):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def whole(value: Any) -> int | None:
    """An int of any kind of whole number, numpy's and torch's too; None for anything else, for True or 3.0."""
    if type(value).__name__.startswith("bool"):
        return None
    try:
        return operator.index(value)
    except (TypeError, ValueError, RuntimeError):
        return None


def check_whole(value: int, what: str, low: int, high: int) -> int:
    number = whole(value)  # True and 3.0 are more likely mistakes than counts
    if number is None:
        raise ValueError(f"The {what} is {short_repr(value)}; it must be a whole number from {low} to {high}.")
    if not low <= number <= high:
        raise ValueError(f"The {what} is {short_repr(number)}; it must be from {low} to {high}.")
    return number


def check_facing(facing: str | None) -> str | None:
    """One of FACINGS, or None for either."""
    if facing is not None and facing not in FACINGS:
        raise ValueError(f"The object cannot face {short_repr(facing)}; it must be {' or '.join(FACINGS)}.")
    return facing


def check_distance(distance: float) -> float:
    """How far variations of a mask go: 0 (near) to 1 (far)."""
    number = real(distance)
    if number is None or not 0 <= number <= 1:
        raise ValueError(
            f"The distance of variations is {short_repr(distance)}; it must be a number from 0 (near) to 1 (far)."
        )
    return number


def check_order(order: int | None, layers: int, of: str = "") -> int | None:
    """A depth among ``layers`` layers: 0 (the back) to ``layers`` (the front), or None for the model's own.

    of: whose depth it is, for the sentence of an error.
    """
    if order is None:
        return None
    number = whole(order)
    if number is None or not 0 <= number <= layers:
        raise ValueError(f"Order {short_repr(order)}{of} is outside 0..{layers}; 0 is the back, {layers} the front.")
    return number


def check_pick(pick: int | None, count: int) -> int | None:
    """The rank of a mask among ``count``: 0 (the best) to ``count - 1``, or None for the model's own choice."""
    if pick is None:
        return None
    number = whole(pick)
    if number is None or not 0 <= number < count:
        raise ValueError(f"Pick {short_repr(pick)} does not exist; of {count} masks the ranks are 0 to {count - 1}.")
    return number


def check_layers(count: int, what: str) -> int:
    """How many layers a file gives a scene: up to MAX_LAYERS. what: begins the sentence of the error."""
    if count > MAX_LAYERS:
        raise ValueError(f"{what} has {count:,} regions; at most {MAX_LAYERS:,} layers are read, merge or drop some.")
    return count


def check_windows(boxes: Iterable[tuple[int, int, int, int]], what: str) -> int:
    """How many pixels the layers' boxes (x0, y0, x1, y1) hold together: up to MAX_WINDOWS."""
    total = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in boxes)
    if total > MAX_WINDOWS:
        raise ValueError(
            f"{what} has layers whose boxes hold {total:,} pixels together, more than {MAX_WINDOWS:,}; "
            "scale it down, or give it fewer layers."
        )
    return total


def check_licences(licences: str) -> str:
    """One of LICENCES."""
    if licences not in LICENCES:
        raise ValueError(
            f"The licences are {short_repr(licences)}; use {' or '.join(repr(name) for name in LICENCES)}."
        )
    return licences


def is_open(licence: str) -> bool:
    """Whether a licence lets everyone use an outline for anything, with attribution; a user's "own" counts as open."""
    words = re.sub(r"[^a-z0-9]+", " ", licence.lower())
    closed = re.search(r"\b(nc|nd|noncommercial|non commercial|not stated|research)\b", words)
    return closed is None and re.match(rf"({'|'.join(OPEN_LICENCES)})\b", words) is not None
