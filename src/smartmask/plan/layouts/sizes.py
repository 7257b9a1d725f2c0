"""How large things are in a picture: a simple camera, and sizes that follow the things of a scene.

A thing whose lower edge meets the ground at row y of the picture has a height in pixels of
``metres * (y - horizon) / eye``: all points of a plane at depth d lie ``f eye / d`` below the horizon, and a
height h at that depth takes ``f h / d`` (Hoiem et al., Putting Objects in Perspective, CVPR 2006). So sizes agree
with each other wherever things stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from smartmask.geometry import BoxXYXY
from smartmask.text.encoder import TextEncoder
from smartmask.text.typical import EVENNESS, Sizes, typical_size

EYE = 1.55  # metres of the camera above the ground
GROWTH = 2.0  # the same slope as seen within training scenes, from which a scene is let differ by about .5
TRUST = 0.1  # power of a thing's area to which it says how large others are (docs/decisions.md)
MISFIT = 0.4  # log height by which a thing may well miss what its scene suggests
OWN = 0.7  # of how things of a name differ from the scene's, what a new one of that name takes over
LEAST_TALL = 6  # pixels of a thing by which others are measured


@dataclass(frozen=True)
class Camera:
    """The camera of a drawn scene, whose surfaces are known.

    Eye height (metres) and horizon (row in pixels, may lie outside); ``zoom`` enlarges everything alike.
    """

    horizon: float
    eye: float = EYE
    zoom: float = 1.0

    def pixels(self, metres: float, foot: float, name: str = "") -> float:
        """Height in pixels of a thing whose lower edge is at row ``foot``; at least 2. name: not needed here."""
        return max(metres**EVENNESS * self.zoom * (foot - self.horizon) / self.eye, 2.0)


@dataclass(frozen=True)
class SceneSizes:
    """Sizes that follow the things of a real scene, of which no horizon can be trusted.

    base: log of pixels of what is a metre high, if its lower edge met the picture's top. growth: of the log from the
    top to the bottom. height: of the picture, in pixels. own: by name, what the log height of things of that name
    is beside ``base``; text: by which names are read.
    """

    base: float
    growth: float
    height: int
    own: Mapping[str, float]
    text: TextEncoder

    @classmethod
    def fit(
        cls, things: Sequence[tuple[str, BoxXYXY]], height: int, text: TextEncoder, sizes: Sizes | None = None
    ) -> SceneSizes | None:
        """The sizes that named things in their boxes suggest; None without one of LEAST_TALL pixels.

        sizes: of names; None: the typical ones.

        A weighted median about a slope that keeps near GROWTH: some things are cut by the border or by what stands
        before them, and some names mean several things. Large ones say a little more.
        """
        found = [(name, box) for name, box in things if box[3] - box[1] >= LEAST_TALL]
        if not found:
            return None
        known = sizes or partial(typical_size, encoder=text)
        metres = np.array([known(name)[0] for name, _ in found])
        edges = np.array([box for _, box in found], np.float64)
        wide, tall, feet = edges[:, 2] - edges[:, 0], edges[:, 3] - edges[:, 1], edges[:, 3] / height
        logs, weights = np.log(tall) - EVENNESS * np.log(metres), (wide * tall) ** TRUST
        weights /= weights.max()
        best, least = (0.0, GROWTH), np.inf
        for growth in GROWTH + np.linspace(-2, 2, 33):
            base = _weighted_median(logs - growth * feet, weights)
            misfit = (weights * np.abs(logs - growth * feet - base)).sum() / MISFIT + 0.5 * (
                (growth - GROWTH) / 0.5
            ) ** 2
            if misfit < least:
                best, least = (base, float(growth)), misfit
        away, keys = logs - best[1] * feet - best[0], np.array([text.understand(name).name for name, _ in found])
        own = {str(key): OWN * float(np.median(away[keys == key])) for key in np.unique(keys)}
        return cls(*best, height, own, text)

    def pixels(self, metres: float, foot: float, name: str = "") -> float:
        """Height in pixels of a thing whose lower edge is at row ``foot``; at least 2.

        name: things of this name that are there say more than others.
        """
        own = self.own.get(self.text.understand(name).name, 0.0) if name else 0.0
        return max(float(np.exp(self.base + self.growth * foot / self.height + own)) * metres**EVENNESS, 2.0)


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values)
    shares = weights[order].cumsum()
    return float(values[order][np.searchsorted(shares, shares[-1] / 2)])
