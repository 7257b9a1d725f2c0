"""What is printed: no control characters, any encoding, closed and broken streams."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from smartmask.io.terminal import plain, say


def test_controls_become_escapes() -> None:
    assert plain("a\x1b[31mdog\x07\x00\u202e\x9b\ud800") == r"a\x1b[31mdog\x07\x00\u202e\x9b\ud800"
    assert plain("Zwölf 犬\tund\nmehr") == "Zwölf 犬\tund\nmehr"


def test_letters_that_a_stream_lacks() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", newline="\n")
    say("ein Bär \x1b", stream)
    stream.flush()
    assert stream.buffer.getvalue() == rb"ein B\xe4r \x1b" + b"\n"  # type: ignore[attr-defined]
    say("nobody listens", None if sys.stdout is None else io.StringIO())


@pytest.mark.parametrize(
    "variables",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
     {"TERM": "", "COLUMNS": "1"}, {"HOME": "/nowhere/at/all"}],
)  # fmt: skip
def test_help_on_odd_terminals(variables: dict[str, str]) -> None:
    command = [sys.executable, "-m", "smartmask", "masks", "--help"]
    ran = subprocess.run(command, capture_output=True, check=False, env=os.environ | variables)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == b""
    if "COLUMNS" not in variables:
        assert b"--object" in ran.stdout
    if set(variables) & {"PYTHONIOENCODING", "LC_ALL"}:
        assert ran.stdout.isascii()


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "| true"])
def test_closed_streams(closed: str) -> None:
    ran = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {sys.executable} -m smartmask masks --help {closed}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode in (0, 141)
    assert ran.stderr == ""


def masks(examples: Path, out: Path, more: str = "") -> str:
    """A run as typed into a shell."""
    layout = f"--layout {examples}/room_layout.png --names {examples}/room_names.json"
    return f"{sys.executable} -m smartmask masks {examples}/room.png {layout} --object dog -n 2 --out {out} {more}"


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        (">&-", 0, ""), ("2>&-", 0, ""), (">&- 2>&-", 0, ""), ("<&-", 0, ""), ("| head -1", 0, ""),
        ("--json | true", 141, ""), ("| true", 141, ""),
        ("> /dev/full", 1, "smartmask: No space left on device ('the standard output').\n"),
        ("-n x 2> /dev/full", 2, ""), ("-n x 2>&-", 2, ""), ("-n x >&-", 2, None),
    ],
)  # fmt: skip
def test_runs_with_closed_and_broken_streams(
    examples: Path, tmp_path: Path, more: str, code: int, says: str | None
) -> None:
    """The result is whole in any case, and there is no word beyond a sentence."""
    line = f"set -o pipefail; {masks(examples, tmp_path / 'out', more)}"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}  # as people have it
    ran = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, env=environment)
    assert ran.returncode in ((0, 141) if "head" in more else (code,)), ran.stderr
    assert (ran.stderr == says) if says is not None else ran.stderr.count("\n") == 1
    assert (tmp_path / "out" / "result.json").exists() == (code != 2)


@pytest.mark.parametrize("home", ["/nowhere/at/all", "/proc", ""])
def test_runs_without_a_home(examples: Path, tmp_path: Path, home: str) -> None:
    environment = {**os.environ, "HOME": home}
    line = masks(examples, tmp_path / "out")
    ran = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, env=environment)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_a_usage_error_never_reaches_the_terminal_raw() -> None:
    command = [sys.executable, "-m", "smartmask", "masks", "x\x1b]0;title\x07.png", "--object", "dog", "--out", "o"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "\x1b" not in ran.stderr
    assert r"\x1b" in ran.stderr
