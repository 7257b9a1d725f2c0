"""Exports over HTTP: files of the session or inline, and what an insertion answered goes into them as it came."""

from __future__ import annotations

import base64
import io
import zipfile
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from layered import flattened, read_openraster
from PIL import Image
from served import png

from smartmask.scene.scene_file import scene_from_dict

BOX = {"kind": "box", "x0": 20, "y0": 20, "x1": 90, "y1": 80}


def uri(array: np.ndarray) -> str:
    return f"data:image/png;base64,{base64.b64encode(png(array)).decode()}"


@pytest.fixture
def body(client: TestClient, sent: str, cutout: np.ndarray) -> dict[str, Any]:
    """An insertion's answer as a request: the photo, the scene after, its painted layers."""
    objects = [{"object": "ball", "guides": [BOX], "cutout": uri(cutout)}]
    told = client.post("/v1/insert", json={"photo": sent, "objects": objects}).json()
    painted = [
        {"picture": one["file"]["id"], "name": one["name"], "kind": one["kind"], "x": one["window"][0],
         "y": one["window"][1], "visible": one["in_result"], "layer": told["objects"][0]["layer"]}
        for one in told["layers"]
    ]  # fmt: skip
    return {"photo": sent, "scene": told["scene"], "painted": painted, "result": told["result"]["url"]}


def exported(client: TestClient, body: dict[str, Any], form: str, **more: Any) -> bytes:
    given = {key: value for key, value in body.items() if key != "result"}
    answer = client.post("/v1/export", json={**given, "format": form, **more})
    assert answer.status_code == 200, answer.text
    file = answer.json()["file"]
    return client.get(file["url"]).content


def test_the_picture_is_the_insertions_result(client: TestClient, body: dict[str, Any]) -> None:
    result = client.get(body["result"]).content
    after = exported(client, body, "png")
    assert (np.asarray(Image.open(io.BytesIO(after))) == np.asarray(Image.open(io.BytesIO(result)))).all()


def test_layers_come_with_their_pixels(client: TestClient, body: dict[str, Any]) -> None:
    _, entries, picture = read_openraster(exported(client, body, "ora", name="Beach 1"))
    assert [one.name for one in entries] == ["photo", "ball"]
    assert np.abs(flattened(entries, 96, 128).astype(int) - picture).max() <= 1
    assert exported(client, body, "psd")[:4] == b"8BPS"


def test_masks_coco_and_the_scene(client: TestClient, body: dict[str, Any]) -> None:
    with zipfile.ZipFile(io.BytesIO(exported(client, body, "masks"))) as archive:
        assert archive.namelist() == ["whole/00_ball.png", "visible/00_ball.png"]
        mask = np.asarray(Image.open(io.BytesIO(archive.read("whole/00_ball.png"))))
    scene = scene_from_dict(body["scene"])[0]
    assert ((mask > 0) == scene.layers[0].mask).all()
    assert client.post("/v1/export", json={"format": "coco", "scene": body["scene"]}).status_code == 200
    again = exported(client, body, "scene")
    assert again.count(b'"history": [{') == 1


def test_a_file_may_come_inline_and_says_its_kind(client: TestClient, body: dict[str, Any]) -> None:
    answer = client.post("/v1/export", json={"format": "svg", "scene": body["scene"], "inline": True, "name": "../a b"})
    head, _, text = answer.json()["file"].partition(",")
    assert head == "data:image/svg+xml;base64"
    assert b"<title>ball</title>" in base64.b64decode(text)
    named = client.post("/v1/export", json={"format": "scene", "scene": body["scene"], "name": "../a b"}).json()
    assert named["file"]["name"] == "a_b.json"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": "xcf"}, "xcf"),
        ({"painted": [{"picture": "f_none", "name": "a"}]}, "f_none"),
        ({"painted": "wrong size"}, "inside"),
        ({"painted": "no alpha"}, "transparency"),
        ({"painted": "no layer"}, "layer 7"),
        ({"size": [20, 20], "photo": None}, "one size"),
    ],
)
def test_bad_input_is_one_sentence(
    client: TestClient, body: dict[str, Any], cutout: np.ndarray, change: dict[str, Any], words: str
) -> None:
    made = {
        "wrong size": {"picture": uri(cutout), "name": "ball", "x": 100},
        "no alpha": {"picture": uri(cutout[..., :3]), "name": "ball"},
        "no layer": {"picture": uri(cutout), "name": "ball", "layer": 7},
    }  # fmt: skip
    if isinstance(change.get("painted"), str):
        change = {"painted": [made[change["painted"]]]}
    given = {key: value for key, value in body.items() if key != "result"}
    answer = client.post("/v1/export", json={"format": "ora", **given, **change})
    assert 400 <= answer.status_code < 500, answer.text
    assert words in answer.json()["error"]["message"]
