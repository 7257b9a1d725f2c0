"""Layouts and plans over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from smartmask.scene.scene_file import scene_from_dict


def test_a_layout_is_a_scene_that_can_be_asked_about(client: TestClient) -> None:
    told = client.post("/v1/layout", json={"text": "a beach with two people and a boat", "size": [160, 120]}).json()
    scene, history = scene_from_dict(told["scene"])
    names = [layer.name for layer in scene.layers]
    assert names.count("person") == 2
    assert "boat" in names
    assert len(history) == len(names)
    assert client.get(told["colour"]["url"]).headers["content-type"] == "image/png"
    more = client.post("/v1/masks", json={"object": "dog", "scene": told["scene"], "num_masks": 2})
    assert more.status_code == 200, more.text


def test_a_plan_names_what_the_text_asks_for_first(service: TestClient) -> None:
    told = service.post("/v1/plan", json={"text": "a kitchen with a table", "count": 3}).json()
    assert told["next"][0]["name"] == "table"
    assert told["next"][0]["wanted"]
    assert len(told["next"]) == 3


def test_a_plan_of_a_scene_needs_no_text(client: TestClient) -> None:
    scene = client.post("/v1/layout", json={"text": "a living room with a sofa", "size": [160, 120]}).json()["scene"]
    told = client.post("/v1/plan", json={"scene": scene})
    assert told.status_code == 200, told.text
    assert told.json()["next"] or any("complete" in note for note in told.json()["notes"])


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("layout", {"text": ""}, "empty"),
        ("layout", {"text": "a dog", "size": [5, 5]}, "5x5"),
        ("layout", {"text": "a dog", "planner": "endpoint:http://elsewhere"}, "endpoint"),
        ("layout", {"text": "a dog", "planner": "vision:/etc"}, "vision"),
        ("plan", {}, "nothing to plan"),
        ("plan", {"text": "a dog", "count": 0}, "0"),
    ],
)
def test_bad_input_is_one_sentence(service: TestClient, path: str, body: dict[str, Any], words: str) -> None:
    answer = service.post(f"/v1/{path}", json=body)
    assert answer.status_code == 422, answer.text
    assert words in answer.json()["error"]["message"]
