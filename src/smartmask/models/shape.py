"""The mask network: a transformer over patches of the mask frame that predicts the clean mask.

Blocks follow DiT (Peebles and Xie, arXiv 2212.09748: adaptive layer norm from time and condition) with
one shared modulation and a learnt offset a block (PixArt, arXiv 2310.00426). The network predicts the
clean signal itself, as in JiT (Li and He, arXiv 2511.13720), which suits large patches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from smartmask.frame import BAND
from smartmask.models.layout import SCALARS, LayoutEncoder

MASKS = 2  # channels: amodal, visible


@dataclass(frozen=True)
class ShapeConfig:
    """Size of the mask network. ``patches`` tokens a side; BAND must be a multiple of it."""

    width: int = 256
    depth: int = 10
    heads: int = 4
    patches: int = 8
    text_dim: int = 128


@dataclass(eq=False)
class Condition:
    """Everything the network is told, as tensors; B samples, N names.

    ids: (B, 32, 32) int64, flags: (B, 7, 32, 32), scalars: (B, 16), names: (N, text_dim) the vectors that
    ids - 1 point into, object, context: (B, text_dim).
    """

    ids: torch.Tensor
    flags: torch.Tensor
    scalars: torch.Tensor
    names: torch.Tensor
    object: torch.Tensor
    context: torch.Tensor


class Block(nn.Module):
    """Attention and a gated feed-forward, each modulated by the condition (shift, scale, gate)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.offset = nn.Parameter(torch.zeros(6, width))
        self.qkv = nn.Linear(width, 3 * width)
        self.q_norm = nn.RMSNorm(width // heads)
        self.k_norm = nn.RMSNorm(width // heads)
        self.out = nn.Linear(width, width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor, modulation: torch.Tensor) -> torch.Tensor:
        """x (B, T, width), modulation (B, 6, width) -> (B, T, width)."""
        shift1, scale1, gate1, shift2, scale2, gate2 = (modulation + self.offset).unsqueeze(2).unbind(1)
        x = x + gate1 * self._attend(F.layer_norm(x, x.shape[-1:]) * (1 + scale1) + shift1)
        h = F.layer_norm(x, x.shape[-1:]) * (1 + scale2) + shift2
        return x + gate2 * self.down(F.gelu(self.up(h), approximate="tanh"))

    def _attend(self, x: torch.Tensor) -> torch.Tensor:
        batch, tokens, width = x.shape
        q, k, v = self.qkv(x).view(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        # Spelt out, not the fused kernel: with so few tokens its backward pass is four times slower on a CPU.
        weights = (self.q_norm(q) * q.shape[-1] ** -0.5).to(v.dtype) @ self.k_norm(k).to(v.dtype).transpose(-1, -2)
        mixed = weights.float().softmax(dim=-1).to(v.dtype) @ v
        return self.out(mixed.transpose(1, 2).reshape(batch, tokens, width))


class ShapeNetwork(nn.Module):
    """(noisy masks, time, condition) -> clean masks, both (B, 2, BAND, BAND) in about [-1, 1]."""

    def __init__(self, config: ShapeConfig) -> None:
        super().__init__()
        if BAND % config.patches:
            raise ValueError(f"patches is {config.patches}, which does not divide the mask frame's {BAND} samples.")
        self.config = config
        width, self.patch = config.width, BAND // config.patches
        channels = MASKS * self.patch**2
        self.layout = LayoutEncoder(config.text_dim, width, config.patches)
        self.embed = nn.Linear(channels, width)
        self.position = nn.Parameter(torch.randn(config.patches**2, width) * 0.02)
        self.object = nn.Linear(config.text_dim, width)
        self.context = nn.Linear(config.text_dim, width)
        self.scalars = nn.Sequential(nn.Linear(SCALARS, width), nn.GELU(), nn.Linear(width, width))
        self.time = nn.Sequential(nn.Linear(128, width), nn.SiLU(), nn.Linear(width, width))
        self.null_object = nn.Parameter(torch.zeros(width))
        self.null_context = nn.Parameter(torch.zeros(width))
        self.kinds = nn.Parameter(torch.randn(3, width) * 0.02)  # marks the three text and scalar tokens
        self.modulate = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))
        self.blocks = nn.ModuleList(Block(width, config.heads) for _ in range(config.depth))
        self.final = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))
        self.head = nn.Linear(width, channels)
        self._initialise()

    def _initialise(self) -> None:
        # the modulation starts at zero, so gates are shut and every block starts as the identity
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        for layer in (self.modulate[1], self.final[1], self.head):
            if isinstance(layer, nn.Linear):
                nn.init.zeros_(layer.weight)

    def forward(
        self,
        noisy: torch.Tensor,
        time: torch.Tensor,
        condition: Condition,
        keep_object: torch.Tensor | None = None,
        keep_context: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Predicts the clean masks.

        time: (B,) in [0, 1], 1 is pure noise. keep_object, keep_context: (B,) bool, False replaces that
        text by its null; None keeps all.
        """
        told = self._texts(condition, keep_object, keep_context)
        pooled = self.time(_time_features(time)) + sum(told)
        modulation = self.modulate(pooled).unflatten(1, (6, -1))
        x = self.embed(self._to_patches(noisy)) + self.position
        x = x + self.layout(condition.ids, condition.flags, condition.names)
        x = torch.cat([torch.stack(told, dim=1) + self.kinds, x], dim=1)
        for block in self.blocks:
            x = block(x, modulation)
        shift, scale = self.final(pooled).unsqueeze(1).chunk(2, dim=-1)
        x = F.layer_norm(x[:, 3:], x.shape[-1:]) * (1 + scale) + shift
        return self._to_masks(self.head(x))

    def _texts(
        self, condition: Condition, keep_object: torch.Tensor | None, keep_context: torch.Tensor | None
    ) -> list[torch.Tensor]:
        told_object, told_context = self.object(condition.object), self.context(condition.context)
        if keep_object is not None:
            told_object = torch.where(keep_object[:, None], told_object, self.null_object)
        if keep_context is not None:
            told_context = torch.where(keep_context[:, None], told_context, self.null_context)
        return [told_object, told_context, self.scalars(condition.scalars)]

    def _to_patches(self, masks: torch.Tensor) -> torch.Tensor:
        return F.pixel_unshuffle(masks, self.patch).flatten(2).transpose(1, 2)

    def _to_masks(self, patches: torch.Tensor) -> torch.Tensor:
        side = self.config.patches
        return F.pixel_shuffle(patches.transpose(1, 2).unflatten(2, (side, side)), self.patch)


def _time_features(time: torch.Tensor, count: int = 64) -> torch.Tensor:
    """``(B,)`` times in [0, 1] -> ``(B, 128)`` sines and cosines."""
    steps = torch.arange(count, device=time.device) / count
    rates = torch.exp(-math.log(10_000) * steps) * 1000
    angles = time[:, None] * rates
    return torch.cat([angles.cos(), angles.sin()], dim=1)
