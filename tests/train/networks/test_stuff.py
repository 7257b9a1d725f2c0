"""The stuff field that is trained and the one that runs are one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from smartmask.plan.layouts.stuff import StuffConfig, StuffField, load_field
from smartmask.train.networks.stuff import StuffModule


@pytest.mark.parametrize("bundled", [False, True])
def test_numpy_says_what_torch_says(bundled: bool) -> None:
    torch.manual_seed(0)
    run = load_field() if bundled else None
    trained = StuffModule(run.config if run else StuffConfig(scenes=3, width=8, rank=4)).eval()
    if run:
        trained.load_state_dict({name: torch.from_numpy(array) for name, array in run.tensors.items()})
    run = run or StuffField.of(trained)
    rng = np.random.default_rng(0)
    points, names, latent = rng.uniform(-1, 1, (40, 2)), rng.normal(0, 0.1, (4, 128)), rng.normal(0, 0.1, 12)
    given = [torch.from_numpy(array.astype(np.float32))[None] for array in (points, names, latent)]
    with torch.inference_mode():
        known = torch.ones(1, len(names), dtype=torch.bool)
        wanted = trained(given[0], torch.tensor([0.3]), given[1], known, given[2])[0].numpy()
    np.testing.assert_allclose(run.logits(points, 0.3, names, latent), wanted, atol=5e-5)
