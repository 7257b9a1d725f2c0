"""A batch killed (SIGKILL) at any moment and begun again: in the end the same files, none lost and none twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from smartmask.image.files import save_png

ITEMS = 12
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    photos = tmp_path / "photos"
    photos.mkdir()
    lines = []
    for number in range(ITEMS):
        save_png(np.random.default_rng(number).integers(0, 256, (48, 64, 3), dtype=np.uint8), photos / f"{number}.png")
        image = f"photos/{'away' if number == 5 else number}.png"
        lines.append({"id": f"{number // 4}/{number}", "image": image, "object": "dog", "box": [5, 5, 50, 40]})
    file = tmp_path / "manifest.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def started(manifest: Path, out: Path, weights: Path, workers: int) -> subprocess.Popen[bytes]:
    line = ["batch", manifest, "--out", out, "--weights", weights, "-n", "2", "--workers", str(workers)]
    return subprocess.Popen(
        [sys.executable, "-m", "smartmask", *map(str, line)], env=ENVIRONMENT,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip


def results(out: Path) -> dict[str, bytes]:
    """What was made, without what changes with the clock."""
    found = {}
    for path in sorted(out.rglob("*")):
        if any(part.startswith(".smartmask-") for part in path.parts):
            continue
        if path.is_file() and path.suffix == ".png":
            found[path.relative_to(out).as_posix()] = path.read_bytes()
        elif path.name == "result.json":
            told = json.loads(path.read_bytes())
            told.pop("timings")
            found[path.relative_to(out).as_posix()] = json.dumps(told, sort_keys=True).encode()
    return found


def killed_often(manifest: Path, folder: Path, weights: Path, kills: int, workers: int, rng: random.Random) -> int:
    """Kills ``kills`` runs, one on what the last left, then lets one end. How many kills met work in progress."""
    begun = time.monotonic()
    assert started(manifest, folder / "whole", weights, workers).wait() == 1
    lasts = time.monotonic() - begun
    whole = results(folder / "whole")
    assert sum(name.endswith("result.json") for name in whole) == ITEMS - 1
    out, met = folder / "out", 0
    for _ in range(kills):
        run = started(manifest, out, weights, workers)
        time.sleep(rng.uniform(0.4, 1.0) * lasts)
        os.kill(run.pid, signal.SIGKILL)  # the run alone: its workers have to notice
        run.wait()
        made = results(out) if out.exists() else {}
        assert {name: whole[name] for name in made} == made, "what is there is whole and right"
        met += any(out.rglob(".smartmask-*")) or 0 < len(made) < len(whole)
    assert started(manifest, out, weights, workers).wait() == 1
    assert results(out) == whole
    assert not list(out.rglob(".smartmask-*")), "nothing is left of the killed"
    journal = [json.loads(line) for line in (out / "journal.jsonl").read_text().splitlines()]
    assert Counter(line["id"] for line in journal[1:]) == Counter({f"{n // 4}/{n}": 1 for n in range(ITEMS)})
    assert [json.loads(line)["id"] for line in (out / "failed.jsonl").read_text().splitlines()] == ["1/5"]
    return met


@pytest.mark.slow  # an item's hidden folder may stay when its worker dies between publishing and clearing away
def test_killed_twice_and_begun_again(manifest: Path, tmp_path: Path, tiny_weights: Path) -> None:
    killed_often(manifest, tmp_path, tiny_weights, 2, 1, random.Random(1))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_fifty_times(manifest: Path, tmp_path: Path, tiny_weights: Path) -> None:
    """Each round begins anew, as a batch of a dozen items is soon done."""
    met, rng = 0, random.Random(2)
    for turn in range(10):
        (tmp_path / str(turn)).mkdir()
        met += killed_often(manifest, tmp_path / str(turn), tiny_weights, 5, 2, rng)
    assert met >= 15


@pytest.mark.slow
@pytest.mark.parametrize("whom", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_end_it_says_so_and_goes_on(
    manifest: Path, tmp_path: Path, tiny_weights: Path, whom: signal.Signals
) -> None:
    run = started(manifest, tmp_path / "out", tiny_weights, 2)
    while not any((tmp_path / "out").rglob("result.json")):
        time.sleep(0.01)
    run.send_signal(whom)
    assert run.wait(20) == (130 if whom == signal.SIGINT else 143)
    assert (tmp_path / "out" / "journal.jsonl").read_text().count("\n") >= 1
    assert started(manifest, tmp_path / "out", tiny_weights, 1).wait() == 1
    assert sum(1 for _ in (tmp_path / "out").rglob("result.json")) == ITEMS - 1
