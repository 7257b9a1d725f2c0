"""The network that tells how much likelier a box is here than among the candidates, from what ``features`` says.

Learnt by telling the real box from candidates drawn as ``usual`` draws them (noise-contrastive estimation, Gutmann and
Hyvarinen, AISTATS 2010), so that candidates weighed with exp(score) follow p(box | scene, name). Several small
networks vote: few scenes are labelled in full, and one alone learns some of them by heart.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from smartmask.masks.exemplar.place.features import FEATURES, WHOLE

FAR = 5.0  # standard deviations beyond which a feature says no more


@dataclass(frozen=True)
class ScoreConfig:
    """voters: networks; hidden: width; dropout: of features and of hidden units in training.
    features, whole: numbers that a box and a request are told by."""

    voters: int = 4
    hidden: int = 64
    dropout: tuple[float, float] = (0.1, 0.2)
    features: int = FEATURES
    whole: int = WHOLE

    def __post_init__(self) -> None:
        object.__setattr__(self, "dropout", tuple(self.dropout))


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


class ScoreNetwork(nn.Module):
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
