"""Masks over HTTP are those of the pipeline, whoever asks and in whatever form."""

from __future__ import annotations

import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from served import png

from smartmask import Box, Scene, SmartMaskPipeline
from smartmask.geometry import rle_decode
from smartmask.scene import Layer
from smartmask.scene.scene_file import scene_to_dict

BOX = {"kind": "box", "x0": 20, "y0": 20, "x1": 90, "y1": 80}


def asked(**more: Any) -> dict[str, Any]:
    return {"object": "dog", "size": [128, 96], "guides": [BOX], "num_masks": 3, **more}


def masks_of(answer: Any) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return np.stack([rle_decode(one["mask"]) for one in answer.json()["masks"]]).astype(bool)


@pytest.fixture(scope="module")
def scene() -> Scene:
    ground = np.zeros((96, 128), bool)
    ground[50:] = True
    return Scene(96, 128, (Layer("sky", ~ground, False), Layer("grass", ground, False)))


def test_the_masks_are_the_pipelines_own(service: TestClient, scene: Scene) -> None:
    out = SmartMaskPipeline.from_pretrained()(scene, "dog", guidance=Box(20, 20, 90, 80), num_masks=3, generator=5)
    answer = service.post("/v1/masks", json=asked(scene=scene_to_dict(scene), size=None, seed=5))
    assert (masks_of(answer) == out.masks).all()
    told = answer.json()
    assert [one["seed"] for one in told["masks"]] == out.seeds
    assert [one["order"] for one in told["masks"]] == out.orders
    assert told["layers"] == ["sky", "grass"]


def test_pngs_hold_what_run_lengths_hold(service: TestClient) -> None:
    answer = service.post("/v1/masks", json=asked(masks_as="png")).json()
    pictures = [np.asarray(Image.open(io.BytesIO(base64.b64decode(one["mask"])))) for one in answer["masks"]]
    assert (np.stack(pictures) > 0).tolist() == masks_of(service.post("/v1/masks", json=asked())).tolist()


def test_many_at_once_get_what_each_gets_alone(service: TestClient) -> None:
    bodies = [asked(object=name, seed=seed, guides=[]) for seed, name in enumerate(["dog", "chair", "boat", "person"])]
    alone = [masks_of(service.post("/v1/masks", json=body)) for body in bodies]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda body: masks_of(service.post("/v1/masks", json=body)), bodies * 2))
    for number, found in enumerate(together):
        assert (found == alone[number % 4]).all()


def test_a_layout_comes_as_a_picture(client: TestClient, sent: str) -> None:
    labels = np.ones((96, 128), np.uint8)
    labels[50:] = 2
    files = {"layout": ("l.png", png(labels), "image/png")}
    body = asked(photo=sent, size=None, names={"1": "sky", "2": "grass"})
    answer = client.post("/v1/masks", data={"request": json.dumps(body)}, files=files)
    assert answer.status_code == 200, answer.text
    assert answer.json()["layers"] == ["grass", "sky"] or answer.json()["layers"] == ["sky", "grass"]


def test_variations_and_places_to_avoid(service: TestClient) -> None:
    first = service.post("/v1/masks", json=asked()).json()["masks"][0]["mask"]
    varied = masks_of(service.post("/v1/masks", json=asked(like=first, guides=[])))
    given = rle_decode(first).astype(bool)
    overlap = (varied & given).sum((1, 2)) / (varied | given).sum((1, 2))
    assert overlap.min() > 0.3
    away = masks_of(service.post("/v1/masks", json=asked(guides=[], not_here=[{**BOX, "x0": 0, "x1": 64}])))
    assert away[:, :, :64].mean() < away[:, :, 64:].mean()


def test_progress_and_masks_as_events(service: TestClient) -> None:
    answer = service.post("/v1/masks", json=asked(), headers={"Accept": "text/event-stream"})
    events = [block.split("\n") for block in answer.text.strip().split("\n\n")]
    named = [(lines[0].removeprefix("event: "), json.loads(lines[1].removeprefix("data: "))) for lines in events]
    assert named[0][0] == "progress"
    assert named[-1][0] == "result"
    assert named[-1][1]["result"]["masks"] == service.post("/v1/masks", json=asked()).json()["masks"]


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"object": ""}, 422, "empty"),
        ({"object": 3}, 422, "3"),
        ({"size": [0, 4]}, 422, "0"),
        ({"size": [100_000, 100_000]}, 422, "100000x100000"),
        ({"guides": [{"kind": "box", "x0": 500, "y0": 0, "x1": 600, "y1": 20}]}, 422, "128x96"),
        ({"guides": [{"kind": "ball"}]}, 422, "ball"),
        ({"guides": [{"kind": "mask", "png": "../../etc/passwd"}]}, 422, "png"),
        ({"num_masks": 10_000}, 422, "10000"),
        ({"num_masks": 65}, 422, "64"),
        ({"nothing": 1}, 422, "nothing"),
        ({"like": {"size": [96, 128], "counts": "zz"}}, 422, "run lengths"),
        ({"like": {"size": [4, 4], "counts": "zz"}}, 422, "[96, 128]"),
        ({"photo": "/etc/passwd"}, 404, "/etc/passwd"),
        ({"photo": "part:photo"}, 422, "part"),
        ({"photo": "data:image/png;base64,!!"}, 422, "base64"),
        ({"photo": "data:image/png;base64,aGVsbG8="}, 422, "not a picture"),
        ({"segment": True}, 422, "panoptic model"),
        ({"names": {"1": "sky"}}, 422, "layout"),
        ({"seed": -1}, 422, "-1"),
    ],
)
def test_bad_input_is_one_sentence(service: TestClient, change: dict[str, Any], status: int, words: str) -> None:
    answer = service.post("/v1/masks", json=asked(**change))
    assert answer.status_code == status, answer.text
    sentence = answer.json()["error"]["message"]
    assert words in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


@pytest.mark.parametrize(
    "content", [b"", b"[1]", b'{"object": "dog",', b"\xff\xfe", b'{"object": "dog", "object": "cat"}']
)
def test_what_is_no_object_is_refused(service: TestClient, content: bytes) -> None:
    answer = service.post("/v1/masks", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text


def test_another_type_is_refused(service: TestClient) -> None:
    assert service.post("/v1/masks", content=b"dog", headers={"Content-Type": "text/plain"}).status_code == 415
