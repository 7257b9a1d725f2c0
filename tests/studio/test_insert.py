"""Insertion and removal over HTTP: the background stays to the last bit, and what was drawn comes as layers."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from served import ADDRESS, png
from tiny_diffusion import save_diffusion

from smartmask.geometry import rle_decode
from smartmask.studio.app import create_app
from smartmask.studio.settings import ServeSettings

BOX = {"kind": "box", "x0": 20, "y0": 20, "x1": 90, "y1": 80}


def picture(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def uri(array: np.ndarray) -> str:
    return f"data:image/png;base64,{base64.b64encode(png(array)).decode()}"


def test_a_cutout_is_pasted_and_nothing_else_changes(
    client: TestClient, sent: str, photo: np.ndarray, cutout: np.ndarray
) -> None:
    body = {"photo": sent, "objects": [{"object": "ball", "guides": [BOX], "cutout": uri(cutout)}]}
    answer = client.post("/v1/insert", json=body)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    after = picture(client.get(told["result"]["url"]).content)
    changed = (after != photo).any(axis=2)
    assert changed.any()
    assert told["changed_outside"] == 0
    mask = rle_decode(told["objects"][0]["mask"]).astype(bool)
    assert not (changed & ~mask).any()
    # the layer, laid over the photo where its window says, is the result
    layer = told["layers"][0]
    x0, y0, x1, y1 = layer["window"]
    rgba = picture(client.get(layer["file"]["url"]).content)
    assert rgba.shape == (y1 - y0, x1 - x0, 4)
    assert (rgba[..., 3] > 0).any(axis=0)[[0, -1]].all()
    assert told["scene"]["layers"][-1]["name"] == "ball"
    assert told["scene"]["history"][-1]["inpainter"] == "paste"


def test_without_a_session_the_pictures_come_inline(service: TestClient, photo: np.ndarray, cutout: np.ndarray) -> None:
    service.cookies.clear()
    request = {"objects": [{"object": "ball", "guides": [BOX], "cutout": "part:ball"}]}
    files = {"photo": ("p.png", png(photo), "image/png"), "ball": ("b.png", png(cutout), "image/png")}
    answer = service.post("/v1/insert", data={"request": json.dumps(request)}, files=files)
    assert answer.status_code == 200, answer.text
    head, _, text = answer.json()["result"].partition(",")
    assert head == "data:image/png;base64"
    assert picture(base64.b64decode(text)).shape == photo.shape
    assert len(service.app.state.studio.sessions) == 0  # type: ignore[attr-defined]


def test_without_a_painter_the_masks_are_laid(client: TestClient, sent: str) -> None:
    answer = client.post("/v1/insert", json={"photo": sent, "objects": [{"object": "dog", "guides": [BOX]}]}).json()
    assert answer["result"] is None
    assert rle_decode(answer["objects"][0]["mask"]).any()
    assert any("Nothing is painted" in note for note in answer["notes"])


def test_several_objects_see_each_other(client: TestClient, sent: str, cutout: np.ndarray) -> None:
    objects = [{"object": name, "cutout": uri(cutout), "guides": [BOX]} for name in ("ball", "apple")]
    answer = client.post("/v1/insert", json={"photo": sent, "objects": objects})
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["layers"]) == 2
    assert {layer["name"] for layer in answer.json()["scene"]["layers"]} == {"ball", "apple"}


def test_sixteen_bits_stay(client: TestClient, cutout: np.ndarray) -> None:
    deep = (np.arange(96 * 128, dtype=np.uint16) * 5).reshape(96, 128)
    sent = client.post("/v1/files", content=png(deep)).json()["id"]
    told = client.post("/v1/insert", json={"photo": sent, "objects": [{"object": "ball", "guides": [BOX],
                                                                        "cutout": uri(cutout)}]}).json()  # fmt: skip
    after = picture(client.get(told["result"]["url"]).content)
    assert after.dtype == np.uint16 or after.dtype == np.int32
    outside = ~rle_decode(told["objects"][0]["mask"]).astype(bool)
    assert (after[outside] == deep[outside]).all()


@pytest.mark.parametrize(
    ("path", "change", "words"),
    [
        ("insert", {"objects": []}, "objects"),
        ("insert", {"photo": None}, "photo"),
        ("insert", {"inpainter": "/etc"}, "/etc"),
        ("insert", {"inpainter": "paste"}, "cut-out"),
        ("insert", {"format": "bmp"}, "bmp"),
        (
            "insert",
            {"objects": [{"object": "dog", "guides": [BOX], "mask": {"size": [96, 128], "counts": "0"}}]},
            "two",
        ),
        ("remove", {"box": [0, 0, 10, 10], "region": 0}, "region"),
        ("remove", {}, "region"),
        ("remove", {"region": "dog"}, "dog"),
        ("remove", {"box": [0, 0, 10, 10], "inpainter": "paste"}, "paste"),
    ],
)
def test_bad_input_is_one_sentence(
    client: TestClient, sent: str, path: str, change: dict[str, Any], words: str
) -> None:
    body: dict[str, Any] = {"photo": sent}
    body |= {"objects": [{"object": "dog"}]} if path == "insert" else {}
    answer = client.post(f"/v1/{path}", json=body | change)
    assert 400 <= answer.status_code < 500, answer.text
    assert words in answer.json()["error"]["message"]


@pytest.fixture(scope="module")
def painting(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A service that offers a model that paints."""
    pytest.importorskip("diffusers")
    folder = save_diffusion("sd-inpaint", tmp_path_factory.mktemp("sd") / "tiny")
    settings = ServeSettings.of(inpainter=(f"tiny={folder}",))
    with TestClient(create_app(settings), base_url=ADDRESS) as client:
        client.post("/v1/sessions")
        yield client


def test_a_model_paints_and_removes(painting: TestClient, photo: np.ndarray) -> None:
    assert painting.get("/v1/models").json()["inpainters"] == ["paste", "tiny"]
    sent = painting.post("/v1/files", content=png(photo)).json()["id"]
    shared = {"photo": sent, "inpainter": "tiny", "steps": 1}
    inserted = painting.post("/v1/insert", json={**shared, "objects": [{"object": "dog", "guides": [BOX]}]})
    removed = painting.post("/v1/remove", json={**shared, "box": [30, 30, 60, 60]})
    for answer in (inserted, removed):
        assert answer.status_code == 200, answer.text
        told = answer.json()
        assert told["changed_outside"] == 0
        after = picture(painting.get(told["result"]["url"]).content)
        mask = rle_decode(told["objects"][0]["mask"]).astype(bool)
        assert not ((after != photo).any(axis=2) & ~mask).any()
