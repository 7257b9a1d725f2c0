"""Colours of names: what a layout looks like to a diffusion model.

The paper renders semantic maps and leaves colours open. Ours have two duties. *Apart*: two names of one scene, and any
name and the new object's white, must stay told apart after the latents' round trip; so they are points of a grid of
51/255 a step, and those within 150/255 of white are left out. *Alike for alike*: a new name should look like its kin,
so that any label set works; so a name prefers the colour at its vector's first three numbers, which are made evenly
spread in [0, 1]. Within a scene each name gets the free colour nearest to what it prefers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from smartmask.scene.view import OUTSIDE, UNLABELED
from smartmask.text.encoder import TextEncoder

WHITE = (255, 255, 255)  # the new object
UNLABELED_COLOUR, OUTSIDE_COLOUR = (0, 0, 0), (102, 102, 102)
STEP, LEVELS = 51, 5  # of each channel: 0 to 204
FROM_WHITE = 150  # least distance of a colour to white
SPREAD = 1.2  # standard deviation of the vectors' numbers


def _grid() -> np.ndarray:
    axis = np.arange(LEVELS) * STEP
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    far = ((255 - points) ** 2).sum(1) >= FROM_WHITE**2
    taken = (points == UNLABELED_COLOUR).all(1) | (points == OUTSIDE_COLOUR).all(1)
    return points[far & ~taken]


COLOURS = _grid()  # (n, 3) int


def preferred(vector: np.ndarray) -> np.ndarray:
    """``(3,)`` int, 0 to 204: where in the grid a name's vector (128,) lies; whole numbers, the same everywhere."""
    even = [0.5 * (1 + math.erf(float(value) / SPREAD / math.sqrt(2))) for value in vector[:3]]
    return np.rint(np.array(even) * STEP * (LEVELS - 1)).astype(int)


def colours_of(names: Sequence[str], text: TextEncoder) -> np.ndarray:
    """``(n, 3)`` uint8 RGB, one a name; equal names (and plurals, synonyms) get equal colours, others different ones.

    Names choose in alphabetical order, so a scene's colours do not depend on the order of its layers. From the
    120th name of one scene on, colours come again.
    """
    keys = [_key(name, text) for name in names]
    chosen: dict[str, int] = {}
    free = np.ones(len(COLOURS), bool)
    for key, name in sorted(dict(zip(reversed(keys), reversed(names), strict=True)).items()):
        if not free.any():
            free[:] = True
        distance = ((COLOURS - preferred(text.understand(name).vector)) ** 2).sum(1)
        chosen[key] = int(np.argmin(np.where(free, distance, np.iinfo(int).max)))  # the first of equals
        free[chosen[key]] = False
    return COLOURS[[chosen[key] for key in keys]].reshape(-1, 3).astype(np.uint8)


def _key(name: str, text: TextEncoder) -> str:
    meaning = text.understand(name)
    return f"? {name.strip().lower()}" if meaning.how == "fallback" else meaning.name


def coloured(top: np.ndarray, names: Sequence[str], text: TextEncoder) -> np.ndarray:
    """``(H, W, 3)`` uint8 RGB: S_k of an index map (-1 unlabeled, -2 outside) and the names of its layers."""
    table = np.empty((len(names) + 2, 3), np.uint8)
    table[: len(names)] = colours_of(names, text)
    table[OUTSIDE], table[UNLABELED] = OUTSIDE_COLOUR, UNLABELED_COLOUR  # -2 and -1 count from the end
    # a colour as one number is looked up in a third of the time
    words = np.zeros((len(table), 4), np.uint8)
    words[:, :3] = table
    return np.ascontiguousarray(words.view(np.uint32)[:, 0][top].view(np.uint8).reshape(*top.shape, 4)[..., :3])
