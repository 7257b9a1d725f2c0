"""Who may ask, from where, how much at once, and how errors are answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from served import ADDRESS

from smartmask.studio.app import create_app
from smartmask.studio.settings import ServeSettings, named_model

KEY = "k" * 20
BODY = {"object": "dog", "size": [64, 48], "num_masks": 1}


def served(**settings: Any) -> TestClient:
    return TestClient(create_app(ServeSettings.of(**settings)), base_url=ADDRESS)


def test_pages_of_other_sites_may_not_ask(service: TestClient) -> None:
    assert service.post("/v1/masks", json=BODY, headers={"Origin": "http://elsewhere.example"}).status_code == 403
    assert service.post("/v1/masks", json=BODY, headers={"Origin": ADDRESS}).status_code == 200
    answer = service.options("/v1/masks", headers={"Origin": "http://elsewhere.example",
                                                   "Access-Control-Request-Method": "POST"})  # fmt: skip
    assert "access-control-allow-origin" not in answer.headers


def test_an_allowed_site_may(tmp_path: Path) -> None:
    with served(allow_origin=("https://pictures.example",)) as client:
        headers = {"Origin": "https://pictures.example"}
        answer = client.post("/v1/masks", json=BODY, headers=headers)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://pictures.example"
        assert client.post("/v1/masks", json=BODY, headers={"Origin": "https://other.example"}).status_code == 403


def test_a_name_that_was_made_to_lead_here_is_refused(service: TestClient) -> None:
    assert service.get("/v1/models", headers={"Host": "elsewhere.example"}).status_code == 403
    for host in ("localhost:8420", "127.0.0.1", "[::1]:8420"):
        assert service.get("/v1/models", headers={"Host": host}).status_code == 200


def test_keys(tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    keys.write_text(f"{KEY}\n\n{'o' * 30}\n")
    with served(keys=keys) as client:
        refused = client.post("/v1/masks", json=BODY)
        assert refused.status_code == 401
        assert KEY not in refused.text
        assert client.get("/healthz").status_code == 200
        for headers in ({"Authorization": f"Bearer {KEY}"}, {"X-API-Key": "o" * 30}):
            assert client.post("/v1/masks", json=BODY, headers=headers).status_code == 200
        assert client.get("/v1/models", headers={"X-API-Key": "k" * 19}).status_code == 401


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"host": "0.0.0.0"}, "--keys"),
        ({"allow_origin": ("*",)}, "origin"),
        ({"inpainter": ("paste=x",)}, "paste"),
        ({"inpainter": ("a=x", "a=y")}, "two inserters"),
        ({"port": 70_000}, "70000"),
        ({"weights": Path("/no/such/folder")}, "/no/such/folder"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as error:
        create_app(ServeSettings.of(**settings))
    assert words in str(error.value)


def test_weak_keys_are_refused(tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    keys.write_text("short\n")
    with pytest.raises(ValueError, match="16 characters"):
        create_app(ServeSettings.of(keys=keys))


def test_names_of_models() -> None:
    assert named_model("sd=./models/sd") == ("sd", "./models/sd")
    assert named_model("./models/sd") == ("sd", "./models/sd")
    with pytest.raises(ValueError, match="NAME=FOLDER"):
        named_model("=x")


def test_too_much_at_once_is_refused(tmp_path: Path) -> None:
    with served(upload_mb=1) as client:
        client.post("/v1/sessions")
        assert client.post("/v1/files", content=b"x" * (2 << 20)).status_code == 413

        def pieces() -> Any:  # without a length that tells
            for _ in range(40):
                yield b"x" * (64 << 10)

        assert client.post("/v1/files", content=pieces()).status_code == 413
        assert client.app.state.studio.sessions.root.exists()  # type: ignore[attr-defined]


def test_browsers_are_told_to_load_nothing_from_elsewhere(service: TestClient) -> None:
    for path in ("/v1/models", "/nothing", "/healthz"):
        headers = service.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_what_is_not_there_is_said_in_one_form(service: TestClient) -> None:
    for method, path, status in (("GET", "/nothing", 404), ("GET", "/v1/masks", 405), ("DELETE", "/v1/models", 405)):
        answer = service.request(method, path)
        assert answer.status_code == status
        assert answer.json()["error"]["message"].endswith(".")


def test_a_fault_of_ours_says_no_more_than_its_sentence(service: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise KeyError("secret of the machine")

    monkeypatch.setattr(service.app.state.studio.engine.pipeline.model, "suggest", broken)  # type: ignore[attr-defined]
    answer = service.post("/v1/masks", json=BODY)
    assert answer.status_code == 500
    assert set(answer.json()["error"]) == {"code", "message"}
    assert "Traceback" not in answer.text


def test_figures_are_counted(service: TestClient) -> None:
    service.post("/v1/masks", json=BODY)
    text = service.get("/metrics").text
    assert 'smartmask_requests_total{route="/v1/masks",status="200"}' in text
    assert 'smartmask_job_seconds_count{kind="masks"}' in text


def test_readiness_and_health(service: TestClient) -> None:
    service.post("/v1/masks", json=BODY)
    assert service.get("/readyz").json() == {"status": "ready"}
    assert service.get("/healthz").json() == {"status": "ok"}


def test_names_are_completed_and_read(service: TestClient) -> None:
    told = service.get("/v1/names?q=do&limit=5").json()
    assert "dog" in told["names"]
    assert len(told["names"]) == 5
    assert service.get("/v1/names?q=zzyzx").json()["note"]
    assert service.get("/v1/names?limit=0").status_code == 422
