"""Guides as a user would give them, drawn at random from the object's own mask (for training and evaluation)."""

from __future__ import annotations

import numpy as np

from smartmask.guides.guide import Guide
from smartmask.guides.hand import box_of
from smartmask.guides.table import NONE, guide_of


def draw_guide(mask: np.ndarray, kind: str, rng: np.random.Generator, exact: bool = False) -> Guide | None:
    """A guide of one of KINDS for the object ``mask`` ((H, W) bool, not empty); None for ``none``.

    exact: no jitter on box, blob and corners, for evaluation.
    """
    box_of(mask)  # raises for an empty one
    return None if kind == NONE else guide_of(kind).simulated(mask, rng, exact)
