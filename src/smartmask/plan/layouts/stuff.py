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
import torch
from torch import nn

from smartmask.io.package import BUNDLED_PLANNER

BUNDLED = BUNDLED_PLANNER


@dataclass(frozen=True)
class StuffConfig:
    """Sizes: scenes whose latents are held, numbers in a latent, width and rank of the field, octaves of (x, y)."""

    scenes: int = 1
    latent: int = 12
    width: int = 128
    rank: int = 48
    octaves: int = 3
    text_dim: int = 128


class StuffField(nn.Module):
    """(names, latent) -> a logit for each name at each point of the picture."""

    sets: torch.Tensor  # (scenes, text_dim): mean vector of each training scene's names

    def __init__(self, config: StuffConfig) -> None:
        super().__init__()
        self.config = config
        width, text = config.width, config.text_dim
        self.latents = nn.Parameter(torch.randn(config.scenes, config.latent) * 0.1)
        self.register_buffer("sets", torch.zeros(config.scenes, text))
        self.set = nn.Linear(text, 32)
        around = 2 + 4 * config.octaves + 1 + config.latent + 32
        self.point = nn.Sequential(
            nn.Linear(around, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(),
            nn.Linear(width, width), nn.SiLU(), nn.Linear(width, config.rank),
        )  # fmt: skip
        self.name = nn.Sequential(
            nn.Linear(text + config.latent + 32, width), nn.SiLU(), nn.Dropout(0.1), nn.Linear(width, config.rank + 1)
        )

    def forward(
        self, points: torch.Tensor, aspect: torch.Tensor, names: torch.Tensor, known: torch.Tensor, latent: torch.Tensor
    ) -> torch.Tensor:
        """``(B, K, P)`` logits; names that are not ``known`` get -1e4.

        points: (B, P, 2) x and y in [-1, 1] over the picture, y down. aspect: (B,) log of width over height.
        names: (B, K, text_dim); known: (B, K) bool. latent: (B, latent).
        """
        count, places = names.shape[1], points.shape[1]
        share = (names * known[..., None]).sum(1) / known.sum(1, keepdim=True).clamp_min(1)
        about = torch.cat([latent, self.set(share)], dim=-1)
        waves = torch.cat(
            [f(math.pi * 2**k * points / 2) for k in range(self.config.octaves) for f in (torch.sin, torch.cos)], -1
        )
        here = torch.cat(
            [points, waves, aspect[:, None, None].expand(-1, places, 1), about[:, None].expand(-1, places, -1)], -1
        )
        told = self.name(torch.cat([names, about[:, None].expand(-1, count, -1)], -1))
        logits = torch.einsum("bpr,bkr->bkp", self.point(here), told[..., :-1]) / math.sqrt(self.config.rank)
        return (logits + told[..., -1:]).masked_fill(~known[..., None], -1e4)

    @torch.no_grad()
    def draw(
        self, names: np.ndarray, height: int, width: int, seed: int, spread: float = 0.25, side: int = 96
    ) -> np.ndarray:
        """``(K, h, w)`` float32 logits of K names over the picture, its longer side ``side`` points.

        names: (K, text_dim) vectors. height, width: of the picture, in any unit. seed: of the arrangement.
        spread: deviation of the latent from a training scene's, as a share of the latents' own.
        """
        rng = np.random.default_rng(seed)
        latents = self.latents.numpy()
        centre = names.mean(axis=0)
        sets = self.sets.numpy()
        alike = sets @ centre / (np.linalg.norm(sets, axis=1) * np.linalg.norm(centre) + 1e-6)
        odds = np.exp((alike - alike.max()) / 0.06)
        chosen = int(rng.choice(len(odds), p=odds / odds.sum()))
        latent = latents[chosen] + spread * latents.std(axis=0) * rng.standard_normal(latents.shape[1])
        rows, cols = max(2, round(side * min(1, height / width))), max(2, round(side * min(1, width / height)))
        y, x = np.meshgrid(
            (np.arange(rows) + 0.5) / rows * 2 - 1, (np.arange(cols) + 0.5) / cols * 2 - 1, indexing="ij"
        )
        points = torch.from_numpy(np.stack([x.ravel(), y.ravel()], -1).astype(np.float32))[None]
        aspect = torch.tensor([math.log(width / height)])
        known = torch.ones(1, len(names), dtype=torch.bool)
        logits = self(
            points, aspect, torch.from_numpy(names)[None], known, torch.from_numpy(latent.astype(np.float32))[None]
        )
        return logits[0].reshape(len(names), rows, cols).numpy()


def load_field(folder: Path | None = None) -> StuffField:
    """The stuff field of a folder with ``stuff/`` in it; the bundled one without argument. ValueError if damaged."""
    from smartmask.io.components import load_component

    return load_component((folder or BUNDLED) / "stuff", StuffField, StuffConfig).eval()
