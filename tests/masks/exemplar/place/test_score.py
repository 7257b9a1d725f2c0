"""The scoring network: shapes, normalisation, and its saved form."""

from __future__ import annotations

import torch

from smartmask.masks.exemplar.place.features import FEATURES, WHOLE
from smartmask.masks.exemplar.place.score import FAR, ScoreConfig, ScoreNetwork


def test_scores_are_the_voters_mean() -> None:
    torch.manual_seed(0)
    network = ScoreNetwork(ScoreConfig(voters=3, hidden=8)).eval()
    boxes, whole = torch.randn(2, 5, FEATURES), torch.randn(2, WHOLE)
    with torch.inference_mode():
        scores = network(boxes, whole)
        each = torch.stack([voter(boxes, whole) for voter in network.voters])
    assert scores.shape == (2, 5)
    torch.testing.assert_close(scores, each.mean(0))


def test_far_values_say_no_more() -> None:
    network = ScoreNetwork(ScoreConfig(voters=1, hidden=4))
    network.box_mean += 2
    network.box_spread *= 0.5
    boxes, _ = network.normalised(torch.full((1, 1, FEATURES), 1e6), torch.zeros(1, WHOLE))
    assert (boxes == FAR).all()
    boxes, _ = network.normalised(torch.full((1, 1, FEATURES), 3.0), torch.zeros(1, WHOLE))
    assert (boxes == 2).all()
