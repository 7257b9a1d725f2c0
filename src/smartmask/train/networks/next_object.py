"""The planner's network in torch, as it is trained; ``plan/planners/next_object.py`` says what it is and runs it."""

from __future__ import annotations

import math

import torch
from torch import nn

from smartmask.plan.planners.next_object import BOX, DEPTH, STYLE_COUNT, NextObjectConfig


class NextObjectModule(nn.Module):
    """(objects so far, caption, style) -> scores of names, and for each name its box, count and depth."""

    def __init__(self, config: NextObjectConfig) -> None:
        super().__init__()
        self.config = config
        width, text = config.width, config.text_dim
        self.object = nn.Linear(text, width)
        self.box = nn.Sequential(nn.Linear(BOX + 1, width), nn.GELU(), nn.Linear(width, width))
        self.caption = nn.Linear(text, width)
        self.style = nn.Embedding(STYLE_COUNT, width)
        layer = nn.TransformerEncoderLayer(
            width, config.heads, 3 * width, config.dropout, "gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, config.depth, nn.LayerNorm(width), enable_nested_tensor=False)
        self.name = nn.Linear(text, width)
        self.bias = nn.Embedding(STYLE_COUNT, len(config.names) + 1)
        self.end = nn.Linear(width, 1)
        self.details = nn.Sequential(
            nn.Linear(width + text, 2 * width), nn.GELU(), nn.Dropout(config.dropout), nn.Linear(2 * width, 2 * BOX + 1)
        )
        self.depth = nn.Sequential(nn.Linear(text, DEPTH), nn.GELU(), nn.Linear(DEPTH, 1))

    def state(
        self, names: torch.Tensor, boxes: torch.Tensor, known: torch.Tensor, caption: torch.Tensor, style: torch.Tensor
    ) -> torch.Tensor:
        """``(B, width)``. names: (B, N, text_dim); boxes: (B, N, BOX + 1), the last 1 where a box is known;
        known: (B, N) bool, which rows are objects. caption: (B, text_dim), zeros for none; style: (B,)."""
        first = self.style(style)[:, None] + self.caption(caption)[:, None]
        tokens = torch.cat([first, self.object(names) + self.box(boxes)], dim=1)
        hidden = torch.cat([torch.zeros_like(known[:, :1]), ~known], dim=1)
        return self.encoder(tokens, src_key_padding_mask=hidden)[:, 0]

    def scores(self, state: torch.Tensor, table: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        """``(B, names + 1)`` log-probabilities of the next name, the last for the end. table: (names, text_dim)."""
        logits = state @ self.name(table).T / math.sqrt(self.config.width)
        logits = torch.cat([logits, self.end(state)], dim=1) + self.bias(style)
        return logits.log_softmax(dim=1)

    def describe(self, state: torch.Tensor, vectors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Box means and log deviations (B, BOX), and log mean count (B,), of names' vectors (B, text_dim)."""
        raw = self.details(torch.cat([state, vectors], dim=1))
        return raw[:, :BOX], raw[:, BOX : 2 * BOX].clamp(-3, 1), raw[:, 2 * BOX].clamp(-1, 3)

    def nearness(self, vectors: torch.Tensor) -> torch.Tensor:
        """``(B,)``: the odds that one stands in front of another are the difference of theirs (Bradley and Terry)."""
        return self.depth(vectors)[:, 0]
