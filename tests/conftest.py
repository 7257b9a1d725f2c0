"""Fixtures for all tests. Nothing here may reach a network: the hub is switched off first of all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"
os.environ["HF_HUB_CACHE"] = os.path.join(os.path.dirname(__file__), "no-such-cache")  # what a user fetched stays out
os.environ["SMARTMASK_MEMORY"] = os.path.join(os.path.dirname(__file__), "no-such-memory")  # nor what a user remembered
_threads = os.environ.setdefault("OMP_NUM_THREADS", "2")
for _name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, _threads)  # read by torch and numpy at their import; results vary with it, so pinned

ROOT = Path(__file__).resolve().parents[1]

# The same examples in every run, so that a red test stays red; no deadline, as the machine may be busy.
settings.register_profile(
    "repeatable", derandomize=True, deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real data sets: $SMARTMASK_DATA, else ``shared/data`` beside the repository. Skips without it."""
    folder = Path(os.environ.get("SMARTMASK_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no data sets at {folder}; set SMARTMASK_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def examples() -> Path:
    """The folder of the drawn example scenes."""
    return ROOT / "examples"


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved pipeline of the `tiny` preset with random weights: for loading, shapes and seeds, not for quality."""
    import numpy as np
    import torch

    from smartmask.models.outline import OutlineNetwork
    from smartmask.models.place_fit import FitConfig, FitNetwork
    from smartmask.models.placement import OrderConfig, OrderNetwork, PlacementConfig, PlacementNetwork
    from smartmask.models.presets import outline_preset, prior_preset, shape_preset
    from smartmask.models.prior import ShapePrior
    from smartmask.models.shape import ShapeNetwork
    from smartmask.models.text import TextEncoder
    from smartmask.pipelines.mask import BUNDLED, SmartMaskPipeline

    torch.manual_seed(0)
    shape = ShapeNetwork(shape_preset("tiny"))
    with torch.no_grad():  # the untrained head is zero, which would make all masks alike
        shape.head.weight.normal_(0, 0.1)
        for zero in (shape.modulate[1], shape.final[1]):  # nor would the texts matter
            zero.weight.normal_(0, 0.1)
    prior = ShapePrior(prior_preset("tiny"))
    generator = np.random.default_rng(0)
    with torch.no_grad():  # shapes round an ellipse, each component a smooth field
        grid = np.stack(np.meshgrid(np.linspace(-1, 1, 64), np.linspace(-1, 1, 64)))
        fields = [np.cos(k * grid[0] + m * grid[1] + generator.uniform(0, 6)) for k in range(4) for m in range(4)]
        prior.mean.copy_(torch.from_numpy(0.8 - (grid**2).sum(0)).ravel())
        prior.basis.copy_(torch.from_numpy(np.stack(fields)).flatten(1) * 0.2)
        prior.head.weight.normal_(0, 0.1)
        prior.modulate.weight.normal_(0, 0.1)
    pipeline = SmartMaskPipeline(
        TextEncoder.from_pretrained(BUNDLED / "text"),
        shape,
        PlacementNetwork(PlacementConfig(width=32, depth=1)),
        OrderNetwork(OrderConfig(width=8)),
        prior,
        OutlineNetwork(outline_preset("tiny")),
        FitNetwork(FitConfig(width=4, hidden=8)),
    )
    folder = tmp_path_factory.mktemp("weights") / "tiny"
    pipeline.save_pretrained(folder)
    return folder
