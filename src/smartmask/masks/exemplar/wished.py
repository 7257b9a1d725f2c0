"""Outlines that show what the text asks for: they are looked at first, so that a word counts before the aspect does.

Weights of traits alone (wishes.py) do not reach them: of a name with very many outlines only those nearest in aspect
are looked at, and a place that is proposed has the aspect of things as they usually stand.
"""

from __future__ import annotations

import math

import numpy as np

from smartmask.geometry import BoxXYXY
from smartmask.masks.exemplar.attributes import MIRRORED, Wish
from smartmask.masks.exemplar.memory import Memory

CLEARLY = 64  # of 127: the score from which an outline shows a trait
FEW = 3  # outlines that show it, for which the others are left out
BEYOND = 0.7  # log of the ratio of aspects from which an outline does not suit a box that the user drew


def wished_rows(memory: Memory, rows: np.ndarray, wish: Wish, aspect: float | None = None) -> np.ndarray:
    """``(m,)`` of the rows (n,): those that show every trait asked for, as they are or in the mirror.

    All rows, where fewer than FEW whole ones do. aspect: width over height of a box that the user drew.
    """
    asked = {trait: sign for trait, sign in wish.traits.items() if trait in memory.trait_names}
    shown = np.ones(len(rows), bool)
    for trait, sign in asked.items():
        scores = memory.traits[rows, memory.trait_names.index(trait)].astype(np.int64)
        shown &= (np.abs(scores) if trait in MIRRORED else np.sign(sign) * scores) >= CLEARLY
    if aspect is not None:
        shown &= np.abs(np.log(memory.aspects(rows) / aspect)) <= BEYOND
    enough = bool(asked) and int((shown & memory.whole[rows]).sum()) >= FEW
    return rows[shown] if enough else rows


def reshaped(memory: Memory, rows: np.ndarray, wished: np.ndarray, box: BoxXYXY) -> BoxXYXY:
    """A proposed box for outlines as they usually are (rows), as tall or wide as those that are asked for (wished).

    Its area, its lower edge and its middle are kept.
    """
    if len(wished) == len(rows):
        return box
    x0, y0, x1, y1 = box
    wider = _usual(memory, wished) / _usual(memory, rows)
    width, height = (x1 - x0) * math.sqrt(wider), (y1 - y0) / math.sqrt(wider)
    middle = (x0 + x1) / 2
    return middle - width / 2, y1 - height, middle + width / 2, y1


def _usual(memory: Memory, rows: np.ndarray) -> float:
    """The middle aspect of whole outlines; of all, where none is whole."""
    whole = rows[memory.whole[rows]]
    return float(np.median(memory.aspects(whole if len(whole) else rows)))


def unknown_traits(memory: Memory, rows: np.ndarray, wish: Wish) -> list[str]:
    """The traits asked for that none of the rows shows, as they are or in the mirror."""
    lacking = []
    for trait, sign in wish.traits.items():
        known = trait in memory.trait_names
        scores = memory.traits[rows, memory.trait_names.index(trait)] if known else np.zeros(0, np.int8)
        shown = np.abs(scores.astype(np.int64)) if trait in MIRRORED else np.sign(sign) * scores.astype(np.int64)
        if not (shown >= CLEARLY).any():
            lacking.append(trait)
    return lacking
