"""What is printed: no control characters, any encoding, closed and broken streams."""

from __future__ import annotations

import io
import os
import subprocess
import sys

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
    assert ran.returncode in (0, 1, 141)  # 1: typer, where it prints help itself
    assert ran.stderr == ""


def test_a_usage_error_never_reaches_the_terminal_raw() -> None:
    command = [sys.executable, "-m", "smartmask", "masks", "x\x1b]0;title\x07.png", "--object", "dog", "--out", "o"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "\x1b" not in ran.stderr
    assert r"\x1b" in ran.stderr
