"""Pictures to tell apart in the blind: how silhouettes are drawn, and how keys and answers are read."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from smartmask.geometry import mask_box
from smartmask.io.reading import read_json

SIDE = 150  # pixels of a silhouette's longer side on the page


def hashed(seed: int, text: str) -> int:
    """A pseudo-random number under 2^40 of a text."""
    return int.from_bytes(hashlib.sha1(f"{seed}:{text}".encode()).digest()[:5], "big")


def silhouette_tile(mask: np.ndarray, side: int = SIDE) -> np.ndarray:
    """``(h, w, 3)`` uint8: black on white, the mask's tight box at a longer side of ``side`` pixels and a margin.

    Raises ValueError for an empty mask.
    """
    box = mask_box(mask)
    if box is None:
        raise ValueError("One of the masks is empty; it has no silhouette.")
    x0, y0, x1, y1 = (int(v) for v in box)
    crop = mask[y0:y1, x0:x1].astype(np.float32)
    factor = side / max(crop.shape)
    size = max(round(crop.shape[1] * factor), 1), max(round(crop.shape[0] * factor), 1)
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    # one blur for all, so that the steps of small masks do not tell which are real
    drawn = cv2.GaussianBlur(cv2.resize(crop, size, interpolation=how), (0, 0), 1.2)
    margin = side // 12
    padded = np.pad(drawn > 0.5, margin)
    square = np.zeros((side + 2 * margin,) * 2, dtype=bool)
    top, left = (square.shape[0] - padded.shape[0]) // 2, (square.shape[1] - padded.shape[1]) // 2
    square[top : top + padded.shape[0], left : left + padded.shape[1]] = padded
    return np.repeat(np.where(square, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def unanswered(count: int) -> dict[str, str]:
    """An answers' file to fill in, numbers from 1."""
    return {str(number): "" for number in range(1, count + 1)}


def read_answers(
    key: Path, answers: Path, entries: str, command: str, names: tuple[str, str], what: str
) -> tuple[list[Mapping[str, Any]], dict[str, str]]:
    """The key's entries and the answers by number. names: what the files of ``command`` are called; what: is said.

    Raises ValueError for files that are something else.
    """
    about, said = read_json(key), read_json(answers)
    if not isinstance(about, dict) or not isinstance(about.get(entries), list):
        raise ValueError(f"{key} is no key of '{command}'; give its {names[0]}.")
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        raise ValueError(f"{answers} is no JSON object of {what} by number; fill in {names[1]}.")
    return about[entries], said


def check_numbers(key: Collection[Mapping[str, Any]], answers: Mapping[str, str]) -> None:
    """Raises ValueError for numbers that the key lacks, or that have no answer."""
    numbers = {str(entry["number"]) for entry in key}
    strange, missing = sorted(set(answers) - numbers), sorted(numbers - set(answers), key=int)
    if strange or missing:
        what = f"has the number {strange[0]}, which the key lacks" if strange else f"lacks number {missing[0]}"
        raise ValueError(f"The answers' file {what}; give one answer a number, an empty one for none.")
