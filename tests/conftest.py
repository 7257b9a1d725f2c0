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
    """A saved pipeline of a few drawn outlines and random networks: for loading, shapes and seeds, not for quality."""
    from tiny_exemplar import tiny_pipeline

    folder = tmp_path_factory.mktemp("weights") / "tiny"
    tiny_pipeline().save_pretrained(folder)
    return folder
