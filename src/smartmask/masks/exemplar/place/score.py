"""The network that tells how much likelier a box is here than among the candidates, from what ``features`` says.

Learnt by telling the real box from candidates drawn as ``usual`` draws them (noise-contrastive estimation, Gutmann and
Hyvarinen, AISTATS 2010), so that candidates weighed with exp(score) follow p(box | scene, name). Several small
networks vote: few scenes are labelled in full, and one alone learns some of them by heart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smartmask.masks.exemplar.place.features import FEATURES, WHOLE
from smartmask.networks.layers import gelu
from smartmask.networks.network import Network, Shapes, linear_shapes

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


class ScoreNetwork(Network):
    """The voters, with the means and deviations that features are normalised by.

    A voter has two hidden layers over the features of a box and of the request. ``train/networks/place.py`` is the same
    in torch, with dropout.
    """

    Config = ScoreConfig

    @staticmethod
    def shapes(config: ScoreConfig) -> Shapes:
        """Of each weight."""
        found: Shapes = {}
        for name, count in (("box", config.features), ("whole", config.whole)):
            found |= {f"{name}_mean": (count,), f"{name}_spread": (count,)}
        for voter in (f"voters.{i}" for i in range(config.voters)):
            found |= linear_shapes(f"{voter}.box", config.features, config.hidden)
            found |= linear_shapes(f"{voter}.whole", config.whole, config.hidden, bias=False)
            found |= linear_shapes(f"{voter}.head.2", config.hidden, config.hidden)
            found |= linear_shapes(f"{voter}.head.5", config.hidden, 1)
        return found

    def scores(self, boxes: np.ndarray, whole: np.ndarray) -> np.ndarray:
        """``(n,)`` nats, the voters' mean, of boxes (n, features) in one request (whole,)."""
        boxes, whole = self._normalised("box", boxes), self._normalised("whole", whole)
        return np.mean([self._voted(f"voters.{i}", boxes, whole) for i in range(self.config.voters)], axis=0)

    def _normalised(self, name: str, values: np.ndarray) -> np.ndarray:
        return np.clip((values - self.weight(f"{name}_mean")) / self.weight(f"{name}_spread"), -FAR, FAR)

    def _voted(self, voter: str, boxes: np.ndarray, whole: np.ndarray) -> np.ndarray:
        hidden = gelu(self.linear(f"{voter}.box", boxes) + self.linear(f"{voter}.whole", whole))
        return self.linear(f"{voter}.head.5", gelu(self.linear(f"{voter}.head.2", hidden)))[:, 0]
