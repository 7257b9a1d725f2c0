"""Limits on what a user may ask for, checked before anything heavy is imported or loaded.

Requests, pipelines and commands call the same functions, so that they agree.
Each raises ValueError with one sentence: the offending value, and what would be right.
"""

from __future__ import annotations

import math
import re

from smartmask.io.limits import LIMITS

FACINGS = ("left", "right")  # which way an object looks
LICENCES = ("all", "open")  # which remembered outlines are used
OPEN_LICENCES = ("cc by", "cc0", "public domain", "mit", "apache", "sil", "ofl", "own", "as smartmask")
MAX_PIXELS = LIMITS.pixels  # of a scene or photo (300 MB decoded): 10,000 x 10,000; beyond it a size is a mistake
MAX_PROMPT = LIMITS.prompt  # characters
MAX_MASKS = LIMITS.masks
POOL = 4  # masks drawn for each one that a diverse choice keeps
MAX_STEPS = LIMITS.steps
MAX_SCALE = LIMITS.scale
MAX_SEED = 2**62  # leaves room for the seeds counted up from it


def check_prompt(text: str | None, what: str = "object prompt") -> str:
    """The text without blanks at its ends: 1 to MAX_PROMPT characters of any script."""
    if not isinstance(text, str):
        raise ValueError(f"The {what} is {text!r}; give a text such as 'dog'.")
    if not text.strip():
        raise ValueError(f"The {what} is empty ({text!r}); give a text such as 'dog'.")
    if len(text) > MAX_PROMPT:
        raise ValueError(f"The {what} '{text[:20]}...' has {len(text)} characters; at most {MAX_PROMPT} are read.")
    if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        raise ValueError(f"The {what} {text!a} is not valid Unicode; type it in UTF-8.")
    return text.strip()


def check_num_masks(count: int) -> int:
    """How many masks: 1 to MAX_MASKS."""
    return _whole(count, "number of masks", 1, MAX_MASKS)


def check_pool(count: int) -> int:
    """How many masks to draw so that ``count`` good and different ones can be kept: POOL times as many."""
    if count * POOL > MAX_MASKS:
        raise ValueError(f"A diverse choice of {count} masks is too large; at most {MAX_MASKS // POOL} are kept.")
    return count * POOL


def check_steps(count: int | None) -> int | None:
    """How many denoising steps: 1 to MAX_STEPS, or None for the model's own."""
    return None if count is None else _whole(count, "number of steps", 1, MAX_STEPS)


def check_seed(seed: int) -> int:
    """A seed: 0 to MAX_SEED."""
    return _whole(seed, "seed", 0, MAX_SEED)


def check_scale(scale: float | None, what: str = "guidance scale") -> float | None:
    """A guidance scale: 0 to MAX_SCALE, or None for the model's own."""
    if scale is None:
        return None
    if not (isinstance(scale, (int, float)) and math.isfinite(scale) and 0 <= scale <= MAX_SCALE):
        raise ValueError(f"The {what} is {scale}; it must be a number from 0 to {MAX_SCALE:g}.")
    return float(scale)


def _whole(value: int, what: str, low: int, high: int) -> int:
    # Whole numpy integers pass too; True and 3.0 are more likely mistakes than counts.
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ValueError(f"The {what} is {value!r}; it must be a whole number from {low} to {high}.")
    if not low <= int(value) <= high:
        raise ValueError(f"The {what} is {value}; it must be from {low} to {high}.")
    return int(value)


def check_facing(facing: str | None) -> str | None:
    """One of FACINGS, or None for either."""
    if facing is not None and facing not in FACINGS:
        raise ValueError(f"The object cannot face {facing!r}; it must be {' or '.join(FACINGS)}.")
    return facing


def check_distance(distance: float) -> float:
    """How far variations of a mask go: 0 (near) to 1 (far)."""
    if not (isinstance(distance, (int, float)) and 0 <= distance <= 1):
        raise ValueError(f"The distance of variations is {distance}; it must be a number from 0 (near) to 1 (far).")
    return float(distance)


def check_order(order: int | None, layers: int) -> int | None:
    """A depth among ``layers`` layers: 0 (the back) to ``layers`` (the front), or None for the model's own."""
    if order is not None and not 0 <= order <= layers:
        raise ValueError(f"Order {order} is outside 0..{layers}; 0 is the back, {layers} the front.")
    return order


def check_licences(licences: str) -> str:
    """One of LICENCES."""
    if licences not in LICENCES:
        raise ValueError(f"The licences are {licences!r}; use {' or '.join(repr(name) for name in LICENCES)}.")
    return licences


def is_open(licence: str) -> bool:
    """Whether a licence lets everyone use an outline for anything, with attribution; a user's "own" counts as open."""
    words = re.sub(r"[^a-z0-9]+", " ", licence.lower())
    closed = re.search(r"\b(nc|nd|noncommercial|non commercial|not stated|research)\b", words)
    return closed is None and re.match(rf"({'|'.join(OPEN_LICENCES)})\b", words) is not None
