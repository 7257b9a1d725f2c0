"""What /openapi.json says is what the service does: its examples work, and nothing it allows makes the service fail."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from served import png

from smartmask.studio.tasks.service import Service
from smartmask.studio.tasks.table import SERVICES

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("one", SERVICES, ids=lambda one: one.name)
def test_examples_work(client: TestClient, photo: np.ndarray, one: Service) -> None:
    told = client.get("/openapi.json").json()
    path = f"/v1/{one.name}"
    example = told["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]
    if "part:photo" in json.dumps(example):
        files = {"photo": ("p.png", png(photo), "image/png")}
        answer = client.post(path, data={"request": json.dumps(example)}, files=files)
    else:
        answer = client.post(path, json=example)
    assert answer.status_code == 200, answer.text


def test_every_route_is_described(client: TestClient) -> None:
    told = client.get("/openapi.json").json()
    for path, methods in told["paths"].items():
        for name, method in methods.items():
            assert method.get("summary"), (path, name)
            assert "422" in method["responses"], (path, name)
    text = json.dumps(told["components"])
    assert '"flags"' not in text
    assert '"metavar"' not in text


@pytest.mark.slow
def test_nothing_that_is_allowed_makes_the_service_fail() -> None:
    """Requests made from the schema, good and bad, headers too: never a 5xx."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONUNBUFFERED", None)
    command = [sys.executable, "-m", "smartmask", "serve", "--port", "0", "--masks", "4", "--seconds", "5"]
    served = subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert served.stdout is not None
    found = re.search(r"http://\S+", served.stdout.readline())
    assert found
    try:
        program = Path(sys.executable).with_name("schemathesis")
        done = subprocess.run(
            [str(program), "run", f"{found[0]}/openapi.json", "--checks", "not_a_server_error", "--max-examples", "40",
             "--phases", "examples,coverage,fuzzing", "--request-timeout", "60"],
            env=environment, capture_output=True, text=True, timeout=280,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-4000:]
    finally:
        served.terminate()
        served.wait(60)
