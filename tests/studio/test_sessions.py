"""Sessions keep apart what is theirs, hold no more than they may, and leave nothing behind."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from served import ADDRESS, png

from smartmask.studio.app import create_app
from smartmask.studio.refused import RefusedError
from smartmask.studio.sessions import Sessions
from smartmask.studio.settings import ServeSettings


def test_nothing_of_one_session_is_seen_from_another(service: TestClient, photo: np.ndarray) -> None:
    service.cookies.clear()
    tokens = [service.post("/v1/sessions").json()["session"] for _ in range(2)]
    service.cookies.clear()
    mine, other = ({"X-SmartMask-Session": token} for token in tokens)
    number = service.post("/v1/files", content=png(photo), headers=mine).json()["id"]
    job = service.post("/v1/masks", json={"object": "dog", "size": [64, 48]},
                       headers={**mine, "Prefer": "respond-async"}).json()["id"]  # fmt: skip
    assert service.get(f"/v1/files/{number}", headers=mine).status_code == 200
    for path in (f"/v1/files/{number}", f"/v1/files/{number}?side=64", f"/v1/jobs/{job}", f"/v1/jobs/{job}/events"):
        assert service.get(path, headers=other).status_code == 404, path
        assert service.get(path).status_code == 401, path
    assert service.delete(f"/v1/files/{number}", headers=other).status_code == 404
    assert service.delete(f"/v1/jobs/{job}", headers=other).status_code == 404
    body = {"object": "dog", "photo": number}
    assert service.post("/v1/masks", json=body, headers=other).status_code == 404
    assert service.get("/v1/files", headers=other).json() == {"files": []}


def test_a_session_that_ends_leaves_nothing(service: TestClient, photo: np.ndarray) -> None:
    root = service.app.state.studio.sessions.root  # type: ignore[attr-defined]
    before = set(root.iterdir())
    service.cookies.clear()
    service.post("/v1/sessions")
    service.post("/v1/files", content=png(photo))
    (folder,) = set(root.iterdir()) - before
    assert len(list(folder.iterdir())) == 1
    assert service.delete("/v1/session").status_code == 204
    assert set(root.iterdir()) == before
    service.cookies.clear()


def test_a_session_that_nobody_uses_ends(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path, 2, 0.0001, 1, 4)
    session = sessions.begin()
    time.sleep(0.05)
    sessions.sweep()
    assert sessions.find(session.token) is None
    assert list(tmp_path.iterdir()) == []


def test_there_are_only_so_many_sessions(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path, 2, 10, 1, 4)
    sessions.begin(), sessions.begin()
    with pytest.raises(RefusedError) as refused:
        sessions.begin()
    assert refused.value.status == 429
    assert "Retry-After" in refused.value.headers


def test_a_session_holds_only_so_much(tmp_path: Path, photo: np.ndarray) -> None:
    with TestClient(create_app(ServeSettings.of(session_files=2, session_mb=1)), base_url=ADDRESS) as client:
        client.post("/v1/sessions")
        noise = np.random.default_rng(0).integers(0, 255, (700, 700, 3), np.uint8)
        assert client.post("/v1/files", content=png(noise)).status_code == 413
        ids = [client.post("/v1/files", content=png(photo)).json()["id"] for _ in range(2)]
        assert client.post("/v1/files", content=png(photo)).status_code == 413
        assert client.delete(f"/v1/files/{ids[0]}").status_code == 204
        assert client.post("/v1/files", content=png(photo)).status_code == 201
        (folder,) = client.app.state.studio.sessions.root.iterdir()  # type: ignore[attr-defined]
        assert len(list(folder.iterdir())) == 2  # what was refused is not kept


def test_a_bomb_is_refused_before_it_is_decoded(client: TestClient) -> None:
    stream = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(stream, "PNG")  # 400 million pixels in some kilobytes
    answer = client.post("/v1/files", content=stream.getvalue())
    assert answer.status_code == 422
    assert "400,000,000 pixels" in answer.json()["error"]["message"]


def test_uploads_are_pictures_with_plain_names(client: TestClient, photo: np.ndarray) -> None:
    assert client.post("/v1/files", content=b"#!/bin/sh").status_code == 422
    assert client.post("/v1/files", content=b"").status_code == 422
    told = client.post("/v1/files?name=../../x%00%0a.png", content=png(photo)).json()
    assert told["name"] == "x.png"
    assert told["width"], told["height"] == (128, 96)
    form = client.post("/v1/files", files={"file": ("my photo.png", png(photo), "image/png")}).json()
    assert form["name"] == "my photo.png"


def test_a_turned_photo_is_told_upright_and_shown_small(client: TestClient, photo: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    Image.fromarray(photo).save(stream, "JPEG", exif=exif)
    told = client.post("/v1/files", content=stream.getvalue()).json()
    assert (told["width"], told["height"]) == (96, 128)
    small = client.get(f"{told['url']}?side=64")
    assert Image.open(io.BytesIO(small.content)).size == (48, 64)
    assert client.get(f"{told['url']}?side=1000000").status_code == 422
