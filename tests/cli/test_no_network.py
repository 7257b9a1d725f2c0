"""No command connects to anything, looks up a name, or writes outside --out, the cache and TMPDIR.

Each runs in a child with an audit hook (tests/watched/sitecustomize.py), and where the system lets us, in a network
namespace that holds nothing: what C libraries do unseen by the hook fails there.
"""

from __future__ import annotations

import ast
import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from smartmask.cli.main import COMMANDS
from smartmask.data.pack import Pack

WATCHED = Path(__file__).resolve().parents[1] / "watched"


@functools.cache
def namespace() -> list[str]:
    """What starts a command without a network; nothing where the system does not allow it."""
    unshare = shutil.which("unshare")
    tried = unshare and subprocess.run([unshare, "-rn", "true"], capture_output=True, check=False).returncode == 0
    return [str(unshare), "-rn"] if tried else []


class Child:
    """Runs commands with a home, a cache and a temporary folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("home", "tmp", "cache", "work"):
            (folder / name).mkdir()
        self.allowed = [folder / "tmp", folder / "cache", folder / "out"]

    def run(self, *arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Runs and judges a command; asserts its exit code."""
        log = self.folder / "events"
        log.unlink(missing_ok=True)
        hub = ("HF_", "TRANSFORMERS_", "SMARTMASK_", "XDG_")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(hub)}
        path = os.pathsep.join([str(WATCHED), *([kept["PYTHONPATH"]] if "PYTHONPATH" in kept else [])])
        environment = kept | {
            "HOME": str(self.folder / "home"), "TMPDIR": str(self.folder / "tmp"), "PYTHONPATH": path,
            "XDG_CACHE_HOME": str(self.folder / "cache"), "WATCHED": str(log), "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip
        ran = subprocess.run(
            [*namespace(), sys.executable, "-m", "smartmask", *map(str, arguments)], capture_output=True, text=True,
            check=False, env=environment, cwd=self.folder / "work",
        )  # fmt: skip
        assert ran.returncode == code, ran.stderr
        events = [line.split("\t", 1) for line in log.read_text().splitlines()]
        assert events[0][0] == "watched"
        nets = [subject for kind, subject in events if kind == "net"]
        assert not nets, f"{arguments[0]} reaches for {nets}"
        for kind, subject in events:
            place = Path(ast.literal_eval(subject)) if kind == "file" else Path("/dev/null")
            here = str(place).startswith(("/dev/", "/proc/")) or any(place.is_relative_to(a) for a in self.allowed)
            if place.is_relative_to(self.folder):  # where results wait beside --out until they are whole
                here = here or str(place.relative_to(self.folder)).startswith(".smartmask-")
            assert here, f"{arguments[0]} writes to {place}"
        assert not list((self.folder / "work").iterdir())
        assert not list((self.folder / "home").iterdir())
        return ran


@pytest.fixture
def child(tmp_path: Path) -> Child:
    return Child(tmp_path)


@pytest.fixture
def layout(examples: Path) -> list[str | Path]:
    return ["--layout", examples / "room_layout.png", "--names", examples / "room_names.json"]


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help(child: Child, command: str) -> None:
    child.run(*([command] if command else []), "--help")


def test_masks_with_and_without_a_layout(child: Child, examples: Path, layout: list[str | Path]) -> None:
    more = ["--object", "dog", "-n", "1", "--out", child.folder / "out"]
    child.run("masks", examples / "room.png", *layout, *more)
    # no layout, and no model at hand to read the photo
    child.run("masks", examples / "room.png", "--box", "100,100,300,300", *more)


def test_insert_and_remove(child: Child, examples: Path, layout: list[str | Path]) -> None:
    out = child.folder / "out"
    child.run("insert", examples / "room.png", *layout, "--object", "dog", "--out", out / "one")
    child.run("remove", examples / "room.png", *layout, "--region", "100,100,200,200", "--out", out / "two")


def test_layout_plan_and_scene(child: Child) -> None:
    out = child.folder / "out"
    child.run("layout", "a dog on a beach", "--size", "96x64", "--ideas", "1", "--out", out)
    child.run("plan", "a dog on a beach")
    child.run("scene", "move", out / "scene.json", "--layer", "0", "--by", "3,2", "--out", out / "moved.json")


def test_memory_and_data(child: Child) -> None:
    child.run("memory", "list")
    child.run("memory", "show", "dog", "--out", child.folder / "out" / "dog.png")
    child.run("data", "formats")


@pytest.mark.slow
def test_train_and_eval(child: Child, pack: Pack) -> None:
    out = child.folder / "out"
    child.run("train", "stuff", "--data", pack.path, "--out", out / "stuff", "--steps", "2", "--batch", "2")
    child.run("eval", "masks", "--data", pack.path, "--limit", "2", "--out", out / "masks")


@pytest.mark.parametrize("code", ["import socket; socket.socket().connect_ex(('127.0.0.1', 9))",
                                  "import socket; socket.gethostbyname('localhost')"])  # fmt: skip
def test_the_hook_sees_connections(child: Child, code: str) -> None:
    log = child.folder / "events"
    environment = os.environ | {"PYTHONPATH": str(WATCHED), "WATCHED": str(log)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert "net\t" in log.read_text()
