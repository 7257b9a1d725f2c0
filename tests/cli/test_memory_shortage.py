"""Where memory, address space or threads are short: masks, or one sentence; never a traceback."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from smartmask.__main__ import LEAST_ROOM
from smartmask.io.explain import explain, is_out_of_memory


def ends_well(arguments: list[str], kind: int, megabytes: int) -> int:
    """The exit code of a run under a limit: 0 in silence, or 1 with one sentence on stderr."""

    def limited() -> None:
        resource.setrlimit(kind, (megabytes << 20, megabytes << 20))

    command = [sys.executable, "-m", "smartmask", *arguments]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limited, env=environment)
    lines = ran.stderr.splitlines()
    assert (ran.returncode, len(lines)) in ((0, 0), (1, 1)), f"{megabytes} MB: exit {ran.returncode}, {ran.stderr}"
    if lines:
        assert lines[0].startswith("smartmask: There is not enough memory"), lines[0]
    return ran.returncode


@pytest.fixture
def request_of(examples: Path, tmp_path: Path) -> list[str]:
    layout = ["--layout", str(examples / "room_layout.png"), "--names", str(examples / "room_names.json")]
    return ["masks", str(examples / "room.png"), *layout, "--object", "dog", "-n", "1", "--out", str(tmp_path / "out")]


@pytest.mark.parametrize("kind", [resource.RLIMIT_AS, resource.RLIMIT_DATA])
def test_at_the_edge(request_of: list[str], kind: int) -> None:
    least = LEAST_ROOM if kind == resource.RLIMIT_AS else LEAST_ROOM // 3
    assert ends_well(request_of, kind, least // 2) == 1
    ends_well(request_of, kind, least)  # one or the other
    assert ends_well(request_of, kind, 3 * LEAST_ROOM) == 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", [resource.RLIMIT_AS, resource.RLIMIT_DATA])
def test_at_any_size(request_of: list[str], kind: int) -> None:
    codes = [ends_well(request_of, kind, megabytes) for megabytes in range(60, 900, 30)]
    assert codes == sorted(codes, reverse=True), "more memory must not be worse"
    assert codes[-1] == 0


def test_how_libraries_say_it() -> None:
    cause = ImportError("numpy failed to import")
    cause.__cause__ = MemoryError()
    short = [
        MemoryError(), cause, RuntimeError("can't start new thread"), OSError(12, "Cannot allocate memory"),
        ImportError("libopenblas.so: failed to map segment from shared object"),
        RuntimeError("[enforce fail] not enough memory: you tried to allocate 4 bytes"),
    ]  # fmt: skip
    for error in short:
        assert is_out_of_memory(error)
        code, sentence = explain(error)
        assert code == 1
        assert sentence.startswith("There is not enough memory")
    for error in (ValueError("out of memory"), ImportError("no such thing"), OSError(2, "No such file"), None):
        assert not is_out_of_memory(error)
