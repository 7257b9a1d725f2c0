"""The planner's network that is trained and the one that runs are one."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from smartmask.io.package import BUNDLED_PLANNER
from smartmask.plan.planners.next_object import BOX, NextObjectConfig, NextObjectNetwork
from smartmask.train.networks.next_object import NextObjectModule


def twins(bundled: bool) -> tuple[NextObjectModule, NextObjectNetwork]:
    torch.manual_seed(0)
    if not bundled:
        trained = NextObjectModule(NextObjectConfig(names=("dog", "cat", "car"), width=12, depth=2, heads=3)).eval()
        return trained, NextObjectNetwork.of(trained)
    run = NextObjectNetwork.load(BUNDLED_PLANNER / "next")
    trained = NextObjectModule(run.config).eval()
    trained.load_state_dict({name: torch.from_numpy(array) for name, array in run.tensors.items()})
    return trained, run


@pytest.mark.parametrize("count", [0, 1, 5])
@pytest.mark.parametrize("bundled", [False, True])
def test_numpy_says_what_torch_says(bundled: bool, count: int) -> None:
    trained, run = twins(bundled)
    rng = np.random.default_rng(count)
    names, boxes = rng.normal(0, 0.1, (count, 128)), rng.normal(size=(count, BOX + 1))
    caption, table = rng.normal(0, 0.1, 128), rng.normal(0, 0.1, (len(run.config.names), 128))
    # torch takes batches, padded to one object at least
    size = max(count, 1)
    padded = [np.zeros((1, size, part.shape[1]), np.float32) for part in (names, boxes)]
    padded[0][0, :count], padded[1][0, :count] = names, boxes
    known = torch.arange(size)[None] < count
    about, rows = torch.from_numpy(caption[None].astype(np.float32)), torch.from_numpy(table.astype(np.float32))
    with torch.inference_mode():
        wanted = trained.state(*map(torch.from_numpy, padded), known, about, torch.tensor([2]))
        scores = trained.scores(wanted, rows, torch.tensor([2]))[0]
        described = trained.describe(wanted, rows[:1])
        near = trained.nearness(rows)
    state = run.state(names, boxes, caption, 2)
    np.testing.assert_allclose(state, wanted[0].numpy(), atol=2e-5)
    np.testing.assert_allclose(run.scores(state, table, 2), scores.numpy(), atol=2e-5)
    for found, part in zip(run.describe(state, table[0]), described, strict=True):
        np.testing.assert_allclose(found, part[0].numpy(), atol=2e-5)
    np.testing.assert_allclose(run.nearness(table), near.numpy(), atol=2e-5)
