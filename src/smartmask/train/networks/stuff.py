"""The stuff field in torch, as it is trained; ``plan/layouts/stuff.py`` says what it is and runs it."""

from __future__ import annotations

import math

import torch
from torch import nn

from smartmask.plan.layouts.stuff import SET, StuffConfig


class StuffModule(nn.Module):
    """(names, latent) -> a logit for each name at each point of the picture."""

    sets: torch.Tensor  # (scenes, text_dim): mean vector of each training scene's names

    def __init__(self, config: StuffConfig) -> None:
        super().__init__()
        self.config = config
        width, text = config.width, config.text_dim
        self.latents = nn.Parameter(torch.randn(config.scenes, config.latent) * 0.1)
        self.register_buffer("sets", torch.zeros(config.scenes, text))
        self.set = nn.Linear(text, SET)
        around = 2 + 4 * config.octaves + 1 + config.latent + SET
        self.point = nn.Sequential(
            nn.Linear(around, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(),
            nn.Linear(width, width), nn.SiLU(), nn.Linear(width, config.rank),
        )  # fmt: skip
        self.name = nn.Sequential(
            nn.Linear(text + config.latent + SET, width), nn.SiLU(), nn.Dropout(0.1), nn.Linear(width, config.rank + 1)
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
