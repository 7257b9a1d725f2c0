"""The real command as a process, the Python client, and the lines of the documentation, over a real port."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from served import png

from smartmask import Box, Scene, SmartMaskPipeline
from smartmask.studio.client import Client, ServiceError

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "rest.md"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A service of its own process at a free port, ended as a terminal or a service manager would."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONUNBUFFERED", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "smartmask", "serve", "--port", "0"], env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+", line)
    assert found, (line, process.stderr.read() if process.stderr and process.poll() is not None else "")
    yield found[0]
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert errors == ""


def test_the_client_gets_the_pipelines_masks(address: str) -> None:
    out = SmartMaskPipeline.from_pretrained()(Scene.empty(96, 128), "dog", guidance=Box(20, 20, 90, 80), num_masks=3,
                                              generator=1)  # fmt: skip
    heard: list[str] = []
    with Client(address) as client:
        guides = [{"kind": "box", "x0": 20, "y0": 20, "x1": 90, "y1": 80}]
        request = {"size": [128, 96], "guides": guides, "num_masks": 3, "seed": 1}
        plain = client.masks("dog", **request)
        followed = client.masks("dog", told=lambda stage, done, of: heard.append(stage), **request)
    assert heard
    for one, other, mask in zip(plain, followed, out.masks, strict=True):
        assert (one.mask == mask).all()
        assert (other.mask == mask).all()


def test_the_client_uploads_inserts_and_saves(
    address: str, tmp_path: Path, photo: np.ndarray, cutout: np.ndarray
) -> None:
    (tmp_path / "photo.png").write_bytes(png(photo))
    (tmp_path / "ball.png").write_bytes(png(cutout))
    with Client(address) as client:
        objects = [{"object": "ball", "cutout": client.upload(str(tmp_path / "ball.png"))}]
        answer = client.ask("insert", {"photo": client.upload(str(tmp_path / "photo.png")), "objects": objects})
        client.save(answer["result"], str(tmp_path / "result.png"))
        with pytest.raises(ServiceError, match="no file") as error:
            client.masks("dog", photo="f_none")
        assert error.value.status == 404
    assert (tmp_path / "result.png").read_bytes().startswith(b"\x89PNG")


def test_a_service_that_is_not_there_is_said() -> None:
    with pytest.raises(ServiceError, match="no service at"):
        Client("http://127.0.0.1:9")


def test_an_address_that_is_taken_is_said(address: str) -> None:
    port = address.rsplit(":", 1)[1]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run([sys.executable, "-m", "smartmask", "serve", "--port", port], env=environment, text=True,
                          capture_output=True, timeout=60)  # fmt: skip
    assert done.returncode == 1
    assert "choose another --port" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_lines_of_the_documentation(address: str, tmp_path: Path, photo: np.ndarray, cutout: np.ndarray) -> None:
    """Every shell block of docs/rest.md, as it stands there, in one folder with the files that it names."""
    for name, picture in (("photo.png", photo), ("ball.png", cutout)):
        (tmp_path / name).write_bytes(png(picture))
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) >= 4
    script = 'set -e\ncurl() { command curl "$@"; echo; }\n' + "\n".join(
        block for block in blocks if "smartmask serve" not in block
    )
    done = subprocess.run(["bash", "-c", script.replace("http://127.0.0.1:8420", address)], cwd=tmp_path, text=True,
                          capture_output=True, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert answers
    assert not any("error" in answer for answer in answers), answers


def test_the_python_of_the_documentation(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(block.replace("http://127.0.0.1:8420", address), "docs/rest.md", "exec"), {"__name__": "snippet"})
    assert capsys.readouterr().out.startswith("(384, 512)")
