"""The network of places in torch, as it is trained; ``masks/exemplar/place/score.py`` says what it is and runs it."""

from __future__ import annotations

import torch
from torch import nn

from smartmask.masks.exemplar.place.score import FAR, ScoreConfig


class Voter(nn.Module):
    """Two hidden layers over the features of a box and of the request."""

    def __init__(self, config: ScoreConfig) -> None:
        super().__init__()
        hidden, (seen, unseen) = config.hidden, config.dropout
        self.seen = nn.Dropout(seen)
        self.box = nn.Linear(config.features, hidden)
        self.whole = nn.Linear(config.whole, hidden, bias=False)
        self.head = nn.Sequential(
            nn.GELU(), nn.Dropout(unseen), nn.Linear(hidden, hidden), nn.GELU(), nn.Dropout(unseen),
            nn.Linear(hidden, 1),
        )  # fmt: skip

    def forward(self, boxes: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
        """``(B, n)`` nats of boxes (B, n, features) in requests (B, whole), both normalised."""
        return self.head(self.box(self.seen(boxes)) + self.whole(self.seen(whole))[:, None])[..., 0]


class ScoreModule(nn.Module):
    """The voters, with the means and deviations that features are normalised by."""

    box_mean: torch.Tensor
    box_spread: torch.Tensor
    whole_mean: torch.Tensor
    whole_spread: torch.Tensor

    def __init__(self, config: ScoreConfig) -> None:
        super().__init__()
        self.config = config
        self.voters = nn.ModuleList(Voter(config) for _ in range(config.voters))
        for name, count in (("box", config.features), ("whole", config.whole)):
            self.register_buffer(f"{name}_mean", torch.zeros(count))
            self.register_buffer(f"{name}_spread", torch.ones(count))

    def normalised(self, boxes: torch.Tensor, whole: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Features as the voters take them."""
        boxes = ((boxes - self.box_mean) / self.box_spread).clamp(-FAR, FAR)
        return boxes, ((whole - self.whole_mean) / self.whole_spread).clamp(-FAR, FAR)

    def forward(self, boxes: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
        """``(B, n)`` nats: the voters' mean. boxes (B, n, features), whole (B, whole)."""
        seen = self.normalised(boxes, whole)
        return torch.stack([voter(*seen) for voter in self.voters]).mean(0)
