"""The voters that are trained and those that run are one network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from smartmask.io.package import BUNDLED_MASKS
from smartmask.masks.exemplar.place.features import FEATURES, WHOLE
from smartmask.masks.exemplar.place.score import FAR, ScoreConfig, ScoreNetwork
from smartmask.train.networks.place import ScoreModule


@pytest.mark.parametrize("bundled", [False, True])
def test_numpy_says_what_torch_says(bundled: bool) -> None:
    torch.manual_seed(0)
    run = ScoreNetwork.load(BUNDLED_MASKS / "place") if bundled else None
    trained = ScoreModule(run.config if run else ScoreConfig(voters=3, hidden=8)).eval()
    if run:
        trained.load_state_dict({name: torch.from_numpy(array) for name, array in run.tensors.items()})
    run = run or ScoreNetwork.of(trained)
    boxes, whole = torch.randn(50, FEATURES), torch.randn(WHOLE)
    with torch.inference_mode():
        wanted = trained(boxes[None], whole[None])[0].numpy()
    found = run.scores(boxes.numpy(), whole.numpy())
    assert found.shape == (50,)
    np.testing.assert_allclose(found, wanted, atol=2e-5)


def test_scores_are_the_voters_mean() -> None:
    torch.manual_seed(0)
    network = ScoreModule(ScoreConfig(voters=3, hidden=8)).eval()
    boxes, whole = torch.randn(2, 5, FEATURES), torch.randn(2, WHOLE)
    with torch.inference_mode():
        scores = network(boxes, whole)
        each = torch.stack([voter(boxes, whole) for voter in network.voters])
    assert scores.shape == (2, 5)
    torch.testing.assert_close(scores, each.mean(0))


def test_far_values_say_no_more() -> None:
    network = ScoreModule(ScoreConfig(voters=1, hidden=4))
    network.box_mean += 2
    network.box_spread *= 0.5
    boxes, _ = network.normalised(torch.full((1, 1, FEATURES), 1e6), torch.zeros(1, WHOLE))
    assert (boxes == FAR).all()
    boxes, _ = network.normalised(torch.full((1, 1, FEATURES), 3.0), torch.zeros(1, WHOLE))
    assert (boxes == 2).all()
