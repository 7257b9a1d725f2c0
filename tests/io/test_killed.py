"""Commands killed (SIGKILL) at random moments: the earlier result is whole or the new one, and the next run works.

The processes are forks of this one, which has loaded everything: most of a command's time would else be its imports, in
which there is nothing to be harmed. What a kill fell into is read from the disk afterwards.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from killed import check_others, publish, whole
from PIL import Image

from smartmask.cli import main as cli
from smartmask.image.files import save_png
from smartmask.io import swap
from smartmask.io.publish import staging

BEFORE, STAGING, FLUSHING, PUBLISHING, AFTER = "before staging", "staging", "flushing", "changing places", "after"
MOVED = {"fresh", "journal"}  # how the names of what lies there only during the publishing go on after ".smartmask-"


@dataclass
class Life:
    """A command that is run again and again. line: it, by a number, on which alone its result depends.

    out: its folder or file. read: what of its result can be compared.
    """

    line: Callable[[int], list[str]]
    out: Path
    read: Callable[[], Any]

    def run(self, number: int) -> int:
        return cli.main(self.line(number))


def forked(run: Callable[[], Any]) -> int:
    """A process that runs it and ends, silent."""
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, 0)
        code = int(run() or 0)
    finally:
        os._exit(code)


def leftovers(out: Path) -> set[str]:
    """Hidden names in and beside an output, also while they come and go."""
    names = os.listdir(out.parent)
    for _, folders, files in os.walk(out):
        names += [*folders, *files]
    return {name.removeprefix(".smartmask-") for name in names if name.startswith(".smartmask-")}


def hidden(out: Path) -> bool:
    return bool(leftovers(out))


def written(out: Path) -> bool:
    """Whether the last file of a result lies in its hidden folder, or what is one file grows no more."""
    try:
        return any(out.glob(".smartmask-*/result.json")) or any(
            path.is_file() and time.time() - path.stat().st_mtime > 0.001 for path in out.parent.glob(".smartmask-*x*")
        )
    except FileNotFoundError:  # it came and went
        return False


def phase(out: Path, was: Any, now: Any) -> str:
    left = leftovers(out)
    if any(name in MOVED or "x" not in name.split("-")[0] for name in left):
        return PUBLISHING
    if now != was:
        return PUBLISHING if left else AFTER
    return FLUSHING if written(out) else STAGING if left else BEFORE


def killed_often(life: Life, count: int, rng: random.Random, often: int = 10) -> Counter[str]:
    """Kills ``count`` runs one after the other, each on what the last has left, and counts in which phase they fell.

    Each ``often``-th is followed by one that is not killed.
    """
    whole = {}
    for number in (1, 2):
        begun = time.monotonic()
        assert life.run(number) == 0
        lasts = time.monotonic() - begun
        whole[number] = life.read()
    assert whole[1] != whole[2]
    was, phases = whole[2], Counter[str]()
    for turn in range(count):
        number = 1 + (was == whole[1])
        process = forked(lambda number=number: life.run(number))
        begun = time.monotonic()
        aim = (None, hidden, written)[turn % 3]
        if aim is None:
            time.sleep(rng.uniform(0, 1.1 * lasts))
        else:  # into its second half; or into its last moments, once all is written
            while time.monotonic() - begun < 2 * lasts and not aim(life.out):
                time.sleep(0.0002)
            time.sleep(rng.uniform(0, lasts / 4 if aim is hidden else 0.2))
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        now = life.read()
        assert now in (whole[1], whole[2]), f"turn {turn} left neither"
        phases[phase(life.out, was, now)] += 1
        was = now
        if turn % often == often - 1:
            number = 1 + (was == whole[1])
            process = forked(lambda number=number: life.run(number))
            assert os.waitpid(process, 0)[1] == 0
            was = life.read()
            assert was == whole[number]
            assert leftovers(life.out) == set()
    return phases


def contents(folder: Path) -> dict[str, Any]:
    """All files but hidden ones; of JSON what does not change with the clock."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not any(part.startswith(".smartmask-") for part in path.relative_to(folder).parts):
            found[name] = path.read_bytes()
            if path.name == "result.json":
                found[name] = {key: value for key, value in json.loads(found[name]).items() if key != "timings"}
    return found


# --- the commands ----------------------------------------------------------------------------------


@pytest.fixture
def photo(tmp_path: Path) -> list[str]:
    """A photo of noise with its layout, as the beginning of a command."""
    labels = np.ones((96, 128), dtype=np.uint8)
    labels[48:] = 2
    noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    inputs = tmp_path / "inputs"
    inputs.mkdir()
    save_png(labels, inputs / "layout.png")
    save_png(noise, inputs / "photo.png")
    cutout = np.zeros((20, 20, 4), dtype=np.uint8)
    cutout[2:18, 2:18] = 255
    Image.fromarray(cutout).save(inputs / "dog.png")
    (inputs / "names.json").write_text('{"1": "sky", "2": "grass"}')
    return [str(inputs / "photo.png"), "--layout", str(inputs / "layout.png"), "--names", str(inputs / "names.json")]


def of_command(line: list[str], tmp_path: Path) -> Life:
    out = tmp_path / "out" / "result"

    return Life(lambda number: [*line, "--seed", str(number), "--out", str(out)], out, lambda: contents(out))


@pytest.fixture
def masks(photo: list[str], tiny_weights: Path, tmp_path: Path) -> Life:
    return of_command(["masks", *photo, "--object", "dog", "-n", "4", "--weights", str(tiny_weights)], tmp_path)


@pytest.fixture
def insert(photo: list[str], tiny_weights: Path, tmp_path: Path) -> Life:
    more = ["--object", "dog", "--cutout", str(Path(photo[0]).parent / "dog.png"), "-n", "2"]
    return of_command(["insert", *photo, *more, "--weights", str(tiny_weights)], tmp_path)


@pytest.fixture
def layout(tiny_weights: Path, tmp_path: Path) -> Life:
    line = ["layout", "a dog and a cat", "--size", "64x48", "-n", "1", "--weights", str(tiny_weights)]
    return of_command(line, tmp_path)


@pytest.fixture
def pack(tmp_path: Path) -> Life:
    """``data pack`` of another set of label maps by number."""
    pytest.importorskip("pyarrow")
    for number in (1, 2):
        for name in ("SegmentationClass", "JPEGImages"):
            (tmp_path / f"set{number}" / name).mkdir(parents=True)
        for index in range(20):
            labels = np.random.default_rng(index + 100 * number).integers(0, 9, (12, 16)).astype(np.uint8)
            labels = np.kron(labels, np.ones((8, 8), np.uint8))
            save_png(labels, tmp_path / f"set{number}" / "SegmentationClass" / f"2007_{index:06d}.png")
    out = tmp_path / "out" / "pack.parquet"

    def line(number: int) -> list[str]:
        return ["data", "pack", "--source", f"voc={tmp_path / f'set{number}'}", "--out", str(out), "--no-resume"]

    return Life(line, out, out.read_bytes)


@pytest.fixture
def train(tmp_path: Path) -> Life:
    """``train stuff``, begun anew each time: its checkpoints load, and the component is the one or the other."""
    for package in ("accelerate", "pyarrow", "tensorboard"):
        pytest.importorskip(package)
    from packs import drawn_scene

    from smartmask.data.pack import write_pack
    from smartmask.data.record import Record

    rng = np.random.default_rng(0)
    data = tmp_path / "inputs.parquet"
    records = [Record(str(key), "coco_panoptic", drawn_scene(rng), name=str(key)) for key in range(1, 30)]
    write_pack(records, data)
    out = tmp_path / "out"

    def line(number: int) -> list[str]:
        more = ["--steps", "30", "--batch", "2", "--save-every", "3", "--seed", str(number), "--no-resume"]
        return ["train", "stuff", "--data", str(data), "--out", str(out), *more]

    def read() -> dict[str, Any]:
        from smartmask.train.checkpoint import load_latest

        found = load_latest(out / "checkpoints" / "stuff")
        assert found is None or found[2] == [], "no checkpoint is damaged"
        return contents(out / "stuff")

    return Life(line, out, read)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("command", ["masks", "insert", "layout", "pack", "train"])
def test_a_hundred_times(request: pytest.FixtureRequest, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    life: Life = request.getfixturevalue(command)
    phases = killed_often(life, int(os.environ.get("SMARTMASK_KILLS", "100")), random.Random(command))
    with capsys.disabled():
        print(f"\n{command}: {dict(phases)}")
    assert phases[STAGING] + phases[FLUSHING] + phases[PUBLISHING] + phases[AFTER] > phases.total() / 3


# --- publishing alone, at moments a few microseconds apart -------------------------------------------------


@pytest.mark.parametrize("count", [40, pytest.param(2000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
@pytest.mark.parametrize("way", ["exchanged", "moved"])
def test_the_moment_of_publishing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three of four kills are aimed at the change of places. While files move there is none, or a whole one."""
    if way == "moved":
        monkeypatch.setattr(swap, "_may_exchange", lambda target: False)
    out, rng, phases = tmp_path / "place" / "out", random.Random(way), Counter[str]()
    begun = time.monotonic()
    publish(out, 1)
    lasts = time.monotonic() - begun
    (out / "layers" / "mine.txt").write_text("mine")
    was: int | None = 1
    for number in range(2, count + 2):
        heard, said = os.pipe()
        process = forked(lambda number=number, said=said: publishing(out, number, said))
        os.close(said)
        aimed = number % 4 > 0
        if aimed:
            os.read(heard, 1)
        until = time.perf_counter() + rng.uniform(0, lasts / 2 if aimed else lasts)
        while time.perf_counter() < until:
            pass
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(heard)
        now = whole(out)
        assert now in ((was, number) if way == "exchanged" else (was, number, None))
        assert (out / "layers" / "mine.txt").read_text() == "mine"
        phases[phase(out, was, now)] += 1
        if now is None:
            with pytest.raises(ZeroDivisionError), staging(out):
                assert 1 / (whole(out) != was)
            now = whole(out)
        was = now
    with capsys.disabled():
        print(f"\n{way}: {dict(phases)}")
    assert phases[PUBLISHING] > count // 10
    publish(out, 1)
    check_others(out, {"layers/mine.txt"})


def publishing(out: Path, number: int, said: int) -> None:
    """Publishes, and says when the change of places begins."""
    change = swap.publish

    def told(*given: Any) -> None:
        os.write(said, b".")
        change(*given)

    swap.publish = told
    publish(out, number)


# --- real processes, from their start ----------------------------------------------------------------


def test_masks_from_the_start(masks: Life, tmp_path: Path) -> None:
    """Six processes as a shell starts them; the last moments are while it stages and publishes."""
    assert masks.run(1) == 0
    first = masks.read()
    line = [sys.executable, "-m", "smartmask", *masks.line(2)]
    found = 0
    for turn in range(6):
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        begun = time.monotonic()
        while (
            process.poll() is None and not leftovers(masks.out) and (turn > 1 or time.monotonic() - begun < 0.3 * turn)
        ):
            time.sleep(0.001)
        time.sleep(0.02 * max(turn - 2, 0))
        process.kill()
        process.wait()
        now = masks.read()
        found += now == first
        assert now == first or now["result.json"]["seed"] == 2
    assert found
    done = subprocess.run(line, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert masks.read()["result.json"]["seed"] == 2
    assert leftovers(masks.out) == set()
