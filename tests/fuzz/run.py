"""One target in one process: limits first, then inputs until the time or the number is up.

Coverage leads where atheris is installed (``pip install atheris``; wheels for Linux, Python 3.11): libFuzzer keeps the
inputs that reach new code. Elsewhere mutations of the seeds alone are tried.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.util
import json
import mmap
import random
import resource
import signal
import struct
import sys
import tempfile
import time
from pathlib import Path
from types import FrameType
from typing import Any

from fuzz.target import LARGEST, Outcome, Target, judge

MEMORY = 3 << 30  # bytes of data of a process, its libraries included
SECONDS = 20.0  # of a processor for one input
COUNTS = struct.Struct("<QQQQ")  # inputs, accepted, refused, length of the last input
MOST_KEPT = 40  # findings of a target that are kept, one a place in the code


class TooSlow(Exception):  # noqa: N818, a verdict
    """An input took longer than SECONDS."""


class Run:
    """What one process has tried, where another can read it if this one dies."""

    def __init__(self, target: Target, out: Path) -> None:
        self.target, self.out = target, out
        out.mkdir(parents=True, exist_ok=True)
        with (out / "state").open("w+b") as file:
            file.truncate(COUNTS.size + LARGEST)
            self.state = mmap.mmap(file.fileno(), 0)
        self.inputs = self.accepted = self.refused = 0
        self.found: set[str] = set()
        self.folder = tempfile.TemporaryDirectory(prefix="smartmask-fuzz-", dir=_quick_folder())

    def one(self, data: bytes) -> Outcome:
        """Tries one input and keeps what it finds."""
        data = data[:LARGEST]
        self.inputs += 1
        self.state[COUNTS.size : COUNTS.size + len(data)] = data
        self.state[: COUNTS.size] = COUNTS.pack(self.inputs, self.accepted, self.refused, len(data))
        signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
        try:
            outcome = judge(self.target, data, Path(self.folder.name))
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        self.accepted += outcome.accepted
        self.refused += not outcome.accepted and outcome.finding is None
        if outcome.finding is not None and outcome.where not in self.found and len(self.found) < MOST_KEPT:
            self.found.add(outcome.where)
            keep(self.out, data, outcome.finding, outcome.where)
        return outcome


def keep(out: Path, data: bytes, finding: str, where: str) -> None:
    """An input that found something, and what it found, as two files."""
    name = hashlib.sha1(data).hexdigest()[:12]
    (out / f"{name}.input").write_bytes(data)
    (out / f"{name}.json").write_text(json.dumps({"finding": finding, "where": where}) + "\n")


def limit() -> None:
    """Memory and time of this process: what goes beyond raises MemoryError and TooSlow."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def slow(number: int, frame: FrameType | None) -> None:
        raise TooSlow(f"more than {SECONDS:g} s")

    signal.signal(signal.SIGVTALRM, slow)


def _quick_folder() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=0)
    parser.add_argument("--runs", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    guided = importlib.util.find_spec("atheris") is not None
    if guided:
        import atheris

        with atheris.instrument_imports(include=["smartmask"]):
            target, seeds = _warmed(arguments.target)
    else:
        target, seeds = _warmed(arguments.target)
    run = Run(target, arguments.out)
    limit()
    if guided:
        _guided(run, seeds, arguments)
    else:
        _blind(run, seeds, arguments)


def _warmed(name: str) -> tuple[Target, list[bytes]]:
    """The target and its seeds, all that they import being here."""
    from fuzz.table import TARGETS

    target = TARGETS[name]
    seeds = [seed[:LARGEST] for seed in target.seeds()]
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            judge(target, seed, Path(folder))
    return target, seeds


def _blind(run: Run, seeds: list[bytes], arguments: argparse.Namespace) -> None:
    rng, pool = random.Random(arguments.seed), list(seeds)
    end = time.monotonic() + arguments.seconds if arguments.seconds else float("inf")
    while time.monotonic() < end and (not arguments.runs or run.inputs < arguments.runs):
        data = run.target.mutate(rng.choice(pool), rng)
        outcome = run.one(data)
        if outcome.accepted and len(pool) < 500 and rng.random() < 0.2:  # good ones are changed further
            pool.append(data)
    run.one(seeds[0])  # leaves the counts as they are in the end


def _guided(run: Run, seeds: list[bytes], arguments: argparse.Namespace) -> None:
    import atheris

    def mutated(data: bytes, largest: int, seed: int) -> bytes:
        rng = random.Random(seed)
        data = rng.choice(seeds) if rng.random() < 0.5 or not data else data
        with contextlib.suppress(Exception):  # a mutation that fails is none
            if rng.random() < 0.85:
                return run.target.mutate(data, rng)[:largest]
        return bytes(atheris.Mutate(data, largest))

    def one(data: bytes) -> None:
        run.one(data)

    folder = Path(run.folder.name) / "seeds"
    folder.mkdir()
    for number, seed in enumerate(seeds):
        (folder / f"{number}").write_bytes(seed)
    words: list[Any] = [
        sys.argv[0], f"-runs={arguments.runs or -1}", f"-max_total_time={int(arguments.seconds)}",
        f"-max_len={LARGEST}", "-rss_limit_mb=0", "-timeout=600", "-verbosity=0", f"-seed={arguments.seed}",
        str(folder),
    ]  # fmt: skip
    atheris.Setup(words, one, custom_mutator=mutated)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
