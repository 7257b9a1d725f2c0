"""Fixtures of batches: the drawn pack that other tests have, and batches without processes."""

from __future__ import annotations

import pytest
from batch_works import HereCrew
from packs import pack

from smartmask.batch.job import Running

__all__ = ["here", "pack"]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches are run in this process."""
    monkeypatch.setattr(Running, "crew", lambda job, make, gpus=False: lambda size: HereCrew(make))
