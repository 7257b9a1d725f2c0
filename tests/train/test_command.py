"""A training command as a process: asked to end by a real signal, and gone on with."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from smartmask.data.pack import Pack


@pytest.mark.slow
def test_a_command_asked_to_end_saves_and_goes_on(pack: Pack, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "smartmask", "train", "stuff", "--data", str(pack.path), "--out", str(tmp_path),
               "--steps", "300", "--batch", "2", "--save-every", "10"]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        until = time.monotonic() + 120
        while not list(tmp_path.glob("checkpoints/stuff/step_*")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until, "the command never came so far"
            time.sleep(0.01)
        process.terminate()
        _, told = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 143, told
    stopped = re.search(r"Asked to end, the training stopped after step (\d+); it is saved in \S+stuff", told)
    assert stopped, told
    assert "Traceback" not in told
    assert not (tmp_path / "stuff").exists()
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert f"Resuming at step {stopped[1]}." in done.stdout
    assert (tmp_path / "stuff").is_dir()
