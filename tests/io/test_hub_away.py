"""A hub that is off, unknown, refusing or silent: one sentence, at once or within the seconds that a variable sets."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

SECONDS = 1.5
ASK = """
import sys, time
from smartmask.io.hub import fetched_folder
started = time.monotonic()
try:
    fetched_folder("nobody/nothing", "inserter", "masks work without")
except Exception as error:
    print(f"{time.monotonic() - started:.2f} {type(error).__name__} {error}")
"""


def asked(**variables: str) -> tuple[float, str, str]:
    """``(seconds, what was said, stderr)`` of fetching a model that nobody has."""
    ours = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    environment = {**ours, "HF_HUB_OFFLINE": "0", "TRANSFORMERS_OFFLINE": "0", **variables}
    environment["SMARTMASK_MAX_HUB_SECONDS"] = str(SECONDS)
    ran = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True, env=environment)
    seconds, _, said = ran.stdout.strip().partition(" ")
    return float(seconds), said, ran.stderr


@contextmanager
def silent() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(8)
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_the_hub_is_off() -> None:
    seconds, said, heard = asked(HF_HUB_OFFLINE="1", HF_ENDPOINT="http://127.0.0.1:9")
    assert seconds < 1
    assert said.startswith("ModelMissingError")
    assert "HF_HUB_OFFLINE is set" in said
    assert heard == ""


def test_the_hub_refuses() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        seconds, said, heard = asked(HF_ENDPOINT=f"http://127.0.0.1:{free.getsockname()[1]}")
    assert seconds < SECONDS
    assert "'nobody/nothing' is not on this machine, and the hub was not reached" in said
    assert heard.startswith("smartmask: note: asking http://127.0.0.1")


def test_the_hub_is_silent() -> None:
    with silent() as address:
        seconds, said, heard = asked(HF_ENDPOINT=address)
    assert SECONDS * 0.9 < seconds < SECONDS + 3
    assert f"did not answer within {SECONDS:g} s (SMARTMASK_MAX_HUB_SECONDS allows more)" in said
    assert len(heard.splitlines()) == 1


class NotFound(BaseHTTPRequestHandler):
    """A hub that has no model."""

    def do_GET(self) -> None:
        self.send_error(404)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *words: object) -> None:
        pass


def test_the_hub_has_no_such_model() -> None:
    pytest.importorskip("huggingface_hub")
    server = HTTPServer(("127.0.0.1", 0), NotFound)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        started = time.monotonic()
        _, said, _ = asked(HF_ENDPOINT=f"http://127.0.0.1:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()
    assert said.startswith("ModelMissingError")
    assert "has no such model" in said
    assert time.monotonic() - started < 60
