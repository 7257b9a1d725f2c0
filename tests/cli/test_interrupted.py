"""Commands that are interrupted or asked to end in the middle: nothing half written, no traceback.

Real processes and real signals, sent once the command's hidden folder shows how far it has come.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smartmask.image.files import save_png
from smartmask.io import swap
from smartmask.io.publish import RESULT, staging

HEIGHT, WIDTH = 900, 1200  # noise of this size takes some tenths of a second to write


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo, two finished masks, and a cut-out."""
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    save_png(rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8), folder / "photo.png")
    for name, top in (("near", 500), ("far", 100)):
        mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
        mask[top : top + 300, 300:700] = True
        save_png(mask, folder / f"{name}.png")
    cutout = np.zeros((40, 40, 4), dtype=np.uint8)
    cutout[4:36, 4:36] = (200, 90, 20, 255)
    Image.fromarray(cutout).save(folder / "dog.png")
    return folder


def insert(files: Path, out: Path, *more: str) -> list[str]:
    objects = [
        "--object",
        "dog",
        "--object",
        "dog",
        "--mask",
        str(files / "near.png"),
        "--mask",
        str(files / "far.png"),
    ]
    return ["insert", str(files / "photo.png"), *objects, "--out", str(out), *more]


def start(line: list[str]) -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "smartmask", *line]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def stop(line: list[str], ready: Callable[[], bool], number: signal.Signals) -> tuple[int, str]:
    """Runs a command until ``ready``, sends the signal, and returns the exit code and stderr."""
    process = start(line)
    try:
        until = time.monotonic() + 120
        while not ready():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until, "the command never came so far"
            time.sleep(0.002)
        process.send_signal(number)
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()
    return process.returncode, error


def hidden(out: Path, pattern: str) -> bool:
    return any(out.glob(f".smartmask-*/{pattern}"))


HALF = "result.png"  # of the hidden folder: being written


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        (HALF, signal.SIGINT),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in (
            ("", signal.SIGINT), ("mask_00.png", signal.SIGINT), ("", signal.SIGTERM), (HALF, signal.SIGTERM),
            (HALF, signal.SIGHUP),
        )),
    ],
)  # fmt: skip
def test_nothing_is_left(files: Path, tmp_path: Path, moment: str, number: signal.Signals) -> None:
    out = tmp_path / "new" / "out"
    line = insert(files, out, "--cutout", str(files / "dog.png"))
    code, error = stop(line, lambda: hidden(out, moment), number)
    # Python ends by the signal itself where it fell into an exec of a library
    assert code in ((130, -number) if number == signal.SIGINT else (128 + number,))
    told = "interrupted." if number == signal.SIGINT else f"ended by {number.name}; nothing was written to '{out}'."
    assert error == f"smartmask: {told}\n"
    assert list(tmp_path.iterdir()) == [], "not even the folders that were made for the result"


@pytest.mark.slow
def test_an_earlier_result_stays(files: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    line = insert(files, out, "--cutout", str(files / "dog.png"))
    with staging(out) as folder:
        (folder / "result.png").write_bytes(b"earlier")
        (folder / RESULT).write_text('{"files": ["result.png"]}')
    before = contents(out)
    stop(line, lambda: hidden(out, HALF), signal.SIGINT)
    assert contents(out) == before
    assert [path.name for path in out.iterdir() if path.is_dir()] == []


@pytest.mark.slow
@pytest.mark.parametrize("command", ["insert", "remove"])
def test_while_a_model_paints(files: Path, tmp_path: Path, command: str) -> None:
    pytest.importorskip("diffusers")
    from tiny_diffusion import save_diffusion

    model, out = save_diffusion("sd-inpaint", tmp_path / "model"), tmp_path / "out"
    line = insert(files, out) if command == "insert" else [
        "remove", str(files / "photo.png"), "--region", str(files / "near.png"), "--out", str(out)
    ]  # fmt: skip
    begun: list[float] = []

    def painting() -> bool:
        if hidden(out, "") and not begun:
            begun.append(time.monotonic())
        return bool(begun) and time.monotonic() - begun[0] > 8  # loaded within a few seconds; paints for a minute

    code, error = stop([*line, "--inpainter", str(model), "--steps", "900"], painting, signal.SIGINT)
    assert code in (130, -signal.SIGINT)
    assert error == "smartmask: interrupted.\n"
    assert not out.exists()


def test_while_python_still_imports() -> None:
    """Each module is reported on stderr as soon as it is loaded; typer is among the first."""
    command = [sys.executable, "-X", "importtime", "-m", "smartmask", "--version"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if "typer" in line:
                process.send_signal(signal.SIGINT)
                break
        shown, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode in (130, -signal.SIGINT)
    told = [line for line in error.splitlines() if not line.startswith("import time:")]
    assert (told, shown) == (["smartmask: interrupted."], "")


# --- the moments that no process can be caught in ------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("exchanged", [True, False], ids=["exchanged", "moved"])
def test_a_signal_waits_until_all_is_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, exchanged: bool
) -> None:
    caught: list[int] = []
    former = signal.signal(number, lambda came, _: caught.append(came))
    move = os.rename
    if not exchanged:
        monkeypatch.setattr(swap, "_may_exchange", lambda target: False)

    def interrupted(source: Path, target: Path) -> None:
        signal.raise_signal(number)
        assert caught == []
        move(source, target)

    try:
        with staging(tmp_path / "out") as folder:
            for name in ("a.png", "b.png", RESULT):
                (folder / name).write_text(name)
            monkeypatch.setattr(os, "rename", interrupted)
        assert caught
        assert set(caught) == {number}
    finally:
        signal.signal(number, former)
    assert sorted(contents(tmp_path / "out")) == ["a.png", "b.png", RESULT]


def test_an_interrupt_is_raised_after_the_last_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    move = os.rename

    def interrupted(source: Path, target: Path) -> None:
        signal.raise_signal(signal.SIGINT)
        move(source, target)

    monkeypatch.setattr(os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt), staging(tmp_path / "out") as folder:
        (folder / "a.png").write_text("a")
    assert sorted(contents(tmp_path / "out")) == ["a.png"]


def test_results_can_be_written_by_any_thread(tmp_path: Path) -> None:
    def write() -> None:
        with staging(tmp_path / "out") as folder:
            (folder / RESULT).write_text("{}")

    thread = threading.Thread(target=write)
    thread.start()
    thread.join()
    assert sorted(contents(tmp_path / "out")) == [RESULT]
