"""Stuff regions from their names: a field that says at every point which of the wanted stuff is there.

A scene's arrangement is a latent vector z. Logit of name i at (x, y) is the product of two small networks,
``g(x, y, z, set) . h(name_i, z, set)``, where ``set`` is the mean of the wanted names' vectors; the region of
a name is where its logit is the highest. Latents are learnt with the networks, one a training scene
(auto-decoding, as in DeepSDF, arXiv 1901.05103); a new arrangement is drawn near a latent of a scene with
similar names. Points under things carry no loss in training, so regions go on behind objects.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from smartmask.io.package import BUNDLED_PLANNER
from smartmask.networks.layers import silu
from smartmask.networks.network import Network, Shapes, linear_shapes

BUNDLED = BUNDLED_PLANNER
SET = 32  # numbers in which the field is told of all names together


@dataclass(frozen=True)
class StuffConfig:
    """Sizes: scenes whose latents are held, numbers in a latent, width and rank of the field, octaves of (x, y)."""

    scenes: int = 1
    latent: int = 12
    width: int = 128
    rank: int = 48
    octaves: int = 3
    text_dim: int = 128


class StuffField(Network):
    """(names, latent) -> a logit for each name at each point of the picture. Trained by ``train/networks/stuff.py``.

    Beside the layers it holds ``latents`` (scenes, latent), and ``sets`` (scenes, text_dim), the mean vector of each
    training scene's names.
    """

    Config = StuffConfig

    @staticmethod
    def shapes(config: StuffConfig) -> Shapes:
        """Of each weight."""
        width, text = config.width, config.text_dim
        found: Shapes = {"latents": (config.scenes, config.latent), "sets": (config.scenes, text)}
        found |= linear_shapes("set", text, SET)
        around = 2 + 4 * config.octaves + 1 + config.latent + SET
        for layer, inner in ((0, around), (2, width), (4, width)):
            found |= linear_shapes(f"point.{layer}", inner, width)
        found |= linear_shapes("point.6", width, config.rank)
        found |= linear_shapes("name.0", text + config.latent + SET, width)
        return found | linear_shapes("name.3", width, config.rank + 1)

    def logits(self, points: np.ndarray, aspect: float, names: np.ndarray, latent: np.ndarray) -> np.ndarray:
        """``(K, P)`` of names (K, text_dim) at points (P, 2), x and y in [-1, 1] over the picture, y down.

        aspect: log of width over height. latent: (latent,).
        """
        about = np.concatenate([latent, self.linear("set", names.mean(axis=0))])
        waves = [f(math.pi * 2**k * points / 2) for k in range(self.config.octaves) for f in (np.sin, np.cos)]
        told = np.concatenate([[aspect], about])
        here = np.concatenate([points, *waves, np.tile(told, (len(points), 1))], axis=1)
        for layer in ("point.0", "point.2", "point.4"):
            here = silu(self.linear(layer, here))
        there = np.concatenate([names, np.tile(about, (len(names), 1))], axis=1)
        there = self.linear("name.3", silu(self.linear("name.0", there)))
        found: np.ndarray = there[:, :-1] @ self.linear("point.6", here).T / math.sqrt(self.config.rank)
        return found + there[:, -1:]

    def draw(
        self, names: np.ndarray, height: int, width: int, seed: int, spread: float = 0.25, side: int = 96
    ) -> np.ndarray:
        """``(K, h, w)`` logits of K names over the picture, its longer side ``side`` points.

        names: (K, text_dim) vectors. height, width: of the picture, in any unit. seed: of the arrangement.
        spread: deviation of the latent from a training scene's, as a share of the latents' own.
        """
        rng = np.random.default_rng(seed)
        latents, sets = self.tensors["latents"], self.tensors["sets"]
        centre = names.mean(axis=0)
        alike = sets @ centre / (np.linalg.norm(sets, axis=1) * np.linalg.norm(centre) + 1e-6)
        odds = np.exp((alike - alike.max()) / 0.06)
        chosen = int(rng.choice(len(odds), p=odds / odds.sum()))
        latent = latents[chosen] + spread * latents.std(axis=0) * rng.standard_normal(latents.shape[1])
        rows, cols = max(2, round(side * min(1, height / width))), max(2, round(side * min(1, width / height)))
        y, x = np.meshgrid(
            (np.arange(rows) + 0.5) / rows * 2 - 1, (np.arange(cols) + 0.5) / cols * 2 - 1, indexing="ij"
        )
        points = np.stack([x.ravel(), y.ravel()], -1)
        return self.logits(points, math.log(width / height), names, latent).reshape(len(names), rows, cols)


def load_field(folder: Path | None = None) -> StuffField:
    """The stuff field of a folder with ``stuff/`` in it; the bundled one without argument. ValueError if damaged."""
    return StuffField.load((folder or BUNDLED) / "stuff")
