"""Bars on a real terminal: named stages, none that stands full while work goes on, and nothing where nobody watches."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
TERMINAL = {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}


def seen(command: list[str]) -> tuple[int, str, list[tuple[float, str]]]:
    """``(exit code, stdout, [(seconds, written)])`` of a command whose stderr alone is a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=os.environ | TERMINAL)
    os.close(theirs)
    start, written = time.monotonic(), []
    while process.poll() is None or select.select([ours], [], [], 0)[0]:
        if select.select([ours], [], [], 0.05)[0]:
            try:
                data = os.read(ours, 65536)
            except OSError:  # the last writer has closed it
                break
            written.append((time.monotonic() - start, data.decode(errors="replace")))
    os.close(ours)
    assert process.stdout is not None
    with process.stdout:
        out = process.stdout.read().decode()
    return process.wait(), out, written


def script(body: str) -> list[str]:
    return [sys.executable, "-c", f"import time\nfrom smartmask.io.bars import counter, stage, watched\n{body}"]


def frames(written: list[tuple[float, str]]) -> list[str]:
    """What stood on the line, one after the other, with its colours."""
    return [part for _, text in written for part in re.split(r"\r|\n", text) if ESCAPES.sub("", part).strip()]


def test_a_full_bar_moves_while_the_stage_goes_on() -> None:
    code, _, written = seen(script("with stage('dogs') as tell:\n for i in range(4): tell(i + 1, 4); time.sleep(.2)"
                                   "\n time.sleep(1)"))  # fmt: skip
    assert code == 0
    shown = frames(written)
    assert any("2 of 4" in frame and "dogs" in frame for frame in shown)
    done = {re.sub(r"\d:\d\d:\d\d", "", frame) for frame in shown if "4 of 4" in frame}
    assert len(done) > 3, "the bar of what is done stands still"
    assert "100%" not in "".join(shown)


@pytest.mark.parametrize("body", [
    "with stage('dogs') as tell: tell(1, 1); time.sleep(.3)",
    "for _ in watched('dogs', iter(range(3))): time.sleep(.1)",
    "with counter('dogs', 2) as on: on(); on(); time.sleep(.3)",
    "with stage('dogs'): time.sleep(.3)",
])  # fmt: skip
def test_nothing_is_left_of_a_stage(body: str) -> None:
    code, _, written = seen(script(body))
    text = "".join(part for _, part in written)
    assert code == 0
    assert "dogs" in text
    assert text.rstrip().endswith("\x1b[2K"), "the line is not cleared"


def test_names_are_shown_as_they_are() -> None:
    _, _, written = seen(script("with stage('[red]dog\\x1b]0;x'): time.sleep(.3)"))
    assert any(r"[red]dog\x1b]0;x" in ESCAPES.sub("", frame) for frame in frames(written))


def test_silence_where_nobody_watches() -> None:
    body = "with stage('dogs') as tell: assert tell is None\nimport sys\nassert 'rich' not in sys.modules"
    ran = subprocess.run(script(body + "\nfor _ in watched('dogs', [1]): pass"), capture_output=True, check=True)
    assert ran.stdout + ran.stderr == b""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory, examples: Path) -> Path:
    """A photo of 12 megapixels."""
    path = tmp_path_factory.mktemp("large") / "photo.jpg"
    with Image.open(examples / "room.png") as picture:
        picture.convert("RGB").resize((4000, 3000)).save(path)
    return path


def test_the_stages_of_masks_and_insert(large: Path, tmp_path: Path) -> None:
    cutout = np.zeros((60, 40, 4), np.uint8)
    cutout[5:55, 5:35] = 200, 100, 50, 255
    Image.fromarray(cutout).save(tmp_path / "cat.png")
    box = ["--object", "cat", "--box", "900,900,1900,2400", "-n", "3", "--seed", "0", "--out", str(tmp_path / "out")]
    for command, stages in (
        (["masks", str(large), *box], ["reading", "loading", "masks", "writing"]),
        (["insert", str(large), *box, "--cutout", str(tmp_path / "cat.png")],
         ["reading", "loading", "masks", "painting", "writing"]),
        (["layout", "a dog on a beach", "--out", str(tmp_path / "layout")], ["loading", "objects", "writing"]),
    ):  # fmt: skip
        code, out, written = seen([sys.executable, "-m", "smartmask", *command])
        assert code == 0, written
        first = [next((when for when, text in written if stage in text), None) for stage in stages]
        assert None not in first, (stages, first)
        assert first == sorted(first)  # type: ignore[type-var]
        assert "100%" not in "".join(text for _, text in written)
        assert "\x1b" not in out
