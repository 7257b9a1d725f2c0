"""The chooser in torch, as it is trained; ``masks/exemplar/choose.py`` says what it is and runs it."""

from __future__ import annotations

import torch
from torch import nn

from smartmask.masks.exemplar.choose import FAR_CELLS, FLAGS, GEOMETRY, SCENE_CELLS, ChooserConfig, SceneCrop
from smartmask.masks.exemplar.memory import CELLS as OUTLINE_CELLS

DROPOUT = 0.4


class ChooserModule(nn.Module):
    """``Chooser`` with dropout and gradients."""

    def __init__(self, config: ChooserConfig) -> None:
        super().__init__()
        self.config = config
        w = config.width
        self.name = nn.Linear(config.text_dim, config.names)
        self.told = nn.Linear(config.text_dim, 2 * w)
        self.context = nn.Linear(config.text_dim, 2 * w, bias=False)
        self.scene = nn.Sequential(
            nn.Conv2d(config.names + FLAGS, w, 3, padding=1), nn.GELU(),
            nn.Conv2d(w, 2 * w, 3, stride=2, padding=1), nn.GELU(),
            nn.Conv2d(2 * w, 2 * w, 3, stride=2, padding=1), nn.GELU(),
        )  # fmt: skip
        self.far = nn.Sequential(
            nn.Conv2d(config.names + FLAGS, w, 3, stride=2, padding=1), nn.GELU(),
            nn.Conv2d(w, w, 3, stride=2, padding=1), nn.GELU(),
        )  # fmt: skip
        self.dropout = nn.Dropout(DROPOUT)
        seen = 2 * w * (SCENE_CELLS // 4) ** 2 + w * (FAR_CELLS // 4) ** 2
        self.scene_out = nn.Sequential(
            nn.Linear(seen + GEOMETRY + 4 * w, 4 * w), nn.GELU(), nn.Dropout(DROPOUT), nn.Linear(4 * w, config.size),
        )  # fmt: skip
        self.outline = nn.Sequential(
            nn.Conv2d(1, w // 2, 5, stride=2, padding=2), nn.GELU(),
            nn.Conv2d(w // 2, w, 3, stride=2, padding=1), nn.GELU(),
            nn.Conv2d(w, 2 * w, 3, stride=2, padding=1), nn.GELU(), nn.Flatten(),
        )  # fmt: skip
        self.outline_out = nn.Sequential(
            nn.Dropout(DROPOUT / 2), nn.Linear(2 * w * (OUTLINE_CELLS // 8) ** 2, config.size)
        )
        self.scale = nn.Parameter(torch.tensor(1.0))

    def embed_scenes(self, crop: SceneCrop) -> torch.Tensor:
        """``(B, size)``, of length ``exp(scale)``."""
        table = torch.cat([self.name.weight.new_zeros(1, self.config.names), self.name(crop.vectors)])
        near = torch.cat([table[crop.ids].permute(0, 3, 1, 2), crop.flags.to(table.dtype)], dim=1)
        far = torch.cat([table[crop.far_ids].permute(0, 3, 1, 2), crop.far_flags.to(table.dtype)], dim=1)
        told, context = nn.functional.gelu(self.told(crop.object)), self.context(crop.context)
        seen = self.dropout(torch.cat([self.scene(near).flatten(1), self.far(far).flatten(1)], dim=1))
        out = self.scene_out(torch.cat([seen, crop.geometry.to(seen.dtype), told, context], dim=1)).float()
        return nn.functional.normalize(out, dim=1) * self.scale.exp()

    def embed_outlines(self, cells: torch.Tensor) -> torch.Tensor:
        """``(B, size)`` of outlines (B, C, C) in [0, 1], each in its own box.

        Their aspects are not told: in training they would be those of the boxes, and give the answer away.
        """
        return nn.functional.normalize(self.outline_out(self.outline(cells[:, None] * 2 - 1)).float(), dim=1)
