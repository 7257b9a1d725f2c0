"""A running service for the tests of this folder, and pictures to send it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from fastapi.testclient import TestClient
from served import ADDRESS, png

from smartmask.studio.app import create_app
from smartmask.studio.settings import ServeSettings


@pytest.fixture(scope="module")
def service() -> Iterator[TestClient]:
    """Without a session."""
    with TestClient(create_app(ServeSettings()), base_url=ADDRESS) as client:
        yield client


@pytest.fixture
def client(service: TestClient) -> Iterator[TestClient]:
    """With a session of its own, that of its cookie."""
    service.cookies.clear()
    assert service.post("/v1/sessions").status_code == 201
    yield service
    service.delete("/v1/session")
    service.cookies.clear()


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """(96, 128, 3) uint8: a slope of light with some noise."""
    rng = np.random.default_rng(0)
    slope = np.linspace(60, 200, 128)[None, :, None] + np.linspace(-40, 40, 96)[:, None, None]
    return np.clip(slope + rng.normal(0, 6, (96, 128, 3)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def cutout() -> np.ndarray:
    """(40, 60, 4) uint8: a red disc on nothing."""
    y, x = np.mgrid[:40, :60]
    disc = ((x - 30) / 26) ** 2 + ((y - 20) / 16) ** 2 < 1
    return np.dstack([np.full((40, 60), 200), np.full((40, 60, 2), 30), disc * 255]).astype(np.uint8)


@pytest.fixture
def sent(client: TestClient, photo: np.ndarray) -> str:
    """The id of the photo in the client's session."""
    answer = client.post("/v1/files?name=beach.png", content=png(photo), headers={"Content-Type": "image/png"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])
