"""The outline network: turns a drawn shape's smooth outline into one as real objects have them.

The prior works on linear components, in which legs, ears and frayed edges are the last to come right: its shapes have
the right mass and smooth outlines. A small U-Net redraws the shape in the object's box, trained against a critic that
tells real shapes from redrawn ones (train/outline.py), and held to the coarse shape that it was given.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from smartmask.frame import BOX_SIDE
from smartmask.models.prior import GEOMETRY

UNSHUFFLE = 2  # pixels a side of the block that one cell of the widest map holds
GROUPS = 8


@dataclass(frozen=True)
class OutlineConfig:
    """Sizes. widths: channels at 1/2, 1/4, 1/8 ... of the box's side; condition: of what is told; text_dim: of a
    name's vector."""

    widths: tuple[int, ...] = (32, 64, 128)
    condition: int = 128
    text_dim: int = 128

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))


class OutlineBlock(nn.Module):
    """Two convolutions, modulated by the condition, with noise added so that fine parts can differ."""

    def __init__(self, width: int, condition: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.modulate = nn.Linear(condition, 2 * width)
        self.noise = nn.Parameter(torch.zeros(width))
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]
        nn.init.normal_(self.modulate.weight, std=0.01)

    def forward(self, x: torch.Tensor, condition: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """x (B, width, n, n), condition (B, condition), noise (B, 1, n, n) -> like x."""
        scale, shift = self.modulate(condition)[:, :, None, None].chunk(2, dim=1)
        h = F.group_norm(x, GROUPS) * (1 + scale) + shift + self.noise[:, None, None] * noise
        return x + self.second(F.silu(self.first(F.silu(h))))


class OutlineNetwork(nn.Module):
    """(shapes in their boxes, noise, name, geometry) -> the shapes with other outlines."""

    def __init__(self, config: OutlineConfig) -> None:
        super().__init__()
        self.config = config
        widths, told = config.widths, config.condition
        sides = [BOX_SIDE // (UNSHUFFLE << level) for level in range(len(widths))]
        self.object = nn.Linear(config.text_dim, told)
        self.place = nn.Linear(GEOMETRY, told)
        self.mix = nn.Linear(told, told)
        self.inlet = nn.Conv2d(2 * UNSHUFFLE**2, widths[0], 3, padding=1)
        self.position = nn.ParameterList(
            nn.Parameter(torch.zeros(1, c, n, n)) for c, n in zip(widths, sides, strict=True)
        )
        self.down = nn.ModuleList(OutlineBlock(width, told) for width in widths)
        self.shrink = nn.ModuleList(nn.Conv2d(a, b, 2, 2) for a, b in pairwise(widths))
        self.middle = nn.ModuleList(OutlineBlock(widths[-1], told) for _ in range(2))
        self.lift = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairwise(widths))
        self.up = nn.ModuleList(OutlineBlock(width, told) for width in widths[:-1])
        self.outlet = nn.Conv2d(widths[0], UNSHUFFLE**2, 3, padding=1)
        nn.init.normal_(self.outlet.weight, std=0.01)
        nn.init.zeros_(self.outlet.bias)  # type: ignore[arg-type]

    def forward(
        self, shapes: torch.Tensor, noise: torch.Tensor, object_: torch.Tensor, geometry: torch.Tensor
    ) -> torch.Tensor:
        """shapes, noise (B, BOX_SIDE, BOX_SIDE); object_ (B, text_dim); geometry (B, GEOMETRY) -> like shapes.

        Shapes are positive inside, in [-1, 1]; noise is normal. What comes out may lie a little beyond.
        """
        condition = F.silu(self.mix(F.silu(self.object(object_) + self.place(geometry))))
        levels = len(self.down)
        # every level takes other cells of the noise, so that they are independent
        fields = [noise[:, None, (1 << n) - 1 :: 2 << n, (1 << n) - 1 :: 2 << n] for n in range(levels)]
        h = self.inlet(F.pixel_unshuffle(torch.stack([shapes, noise], dim=1), UNSHUFFLE))
        kept = []
        for n, block in enumerate(self.down):
            h = block(h + self.position[n], condition, fields[n])
            if n < levels - 1:
                kept.append(h)
                h = self.shrink[n](h)
        for block in self.middle:
            h = block(h, condition, fields[-1])
        for n in reversed(range(levels - 1)):
            h = self.up[n](kept[n] + F.interpolate(self.lift[n](h), scale_factor=2.0), condition, fields[n])
        return shapes + F.pixel_shuffle(self.outlet(F.silu(h)), UNSHUFFLE)[:, 0]
