"""``python -m fuzz``: every target in a process of its own, one after another, and a table of what came of it."""

from __future__ import annotations

import argparse
import json
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from fuzz.run import COUNTS, keep
from fuzz.table import TARGETS
from fuzz.target import CORPUS, stop

SILENT = 180.0  # seconds without a new input after which a process is taken for stuck


@dataclass
class Tally:
    """What one target was given and what it found."""

    target: str
    inputs: int = 0
    accepted: int = 0
    refused: int = 0
    findings: int = 0
    seconds: float = 0.0


def tally(name: str, seconds: float, runs: int, seed: int, found: Path) -> Tally:
    """Runs one target; a process that dies or hangs is a finding, and another one goes on."""
    total, begun = Tally(name), time.monotonic()
    while True:
        left_runs, left_seconds = runs - total.inputs, seconds - (time.monotonic() - begun)
        if (runs and left_runs <= 0) or (seconds and left_seconds <= 0.5):
            break
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "out"
            command = [sys.executable, "-m", "fuzz.run", name, str(out), f"--seed={seed + total.inputs}"]
            command += [f"--runs={left_runs}"] if runs else []
            command += [f"--seconds={max(left_seconds, 1):.0f}"] if seconds else []
            died = _watched(command, out / "state")
            _collect(out, total, found / name, died)
            if died is None:
                break
    total.seconds = round(time.monotonic() - begun, 1)
    total.findings = len(list((found / name).glob("*.input")))
    return total


def _watched(command: list[str], state: Path) -> str | None:
    """Runs a process; None, or how it died."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        try:
            before, since = -1, time.monotonic()
            while process.poll() is None:
                time.sleep(0.2)
                inputs = _counts(state)[0]
                if inputs != before:
                    before, since = inputs, time.monotonic()
                if time.monotonic() - since > SILENT:
                    process.kill()
                    process.wait()
                    return f"nothing came of an input for {SILENT:g} s"
        finally:
            if process.poll() is None:
                process.kill()
        if process.returncode == 0:
            return None
        said.seek(0)
        words = said.read().decode(errors="replace")[-2000:]
        if not _counts(state)[0]:
            stop(f"{' '.join(command)} did not begin: {words}")
        return f"the process ended with {process.returncode}: {words}"


def _counts(state: Path) -> tuple[int, ...]:
    try:
        return COUNTS.unpack(state.read_bytes()[: COUNTS.size])
    except (OSError, struct.error):  # not there yet, or not its whole size
        return 0, 0, 0, 0


def _collect(out: Path, total: Tally, found: Path, died: str | None) -> None:
    inputs, accepted, refused, length = _counts(out / "state")
    total.inputs += inputs
    total.accepted += accepted
    total.refused += refused
    for file in (*out.glob("*.input"), *out.glob("*.json")):
        found.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, found / file.name)
    if died is not None:
        found.mkdir(parents=True, exist_ok=True)
        data = (out / "state").read_bytes()[COUNTS.size : COUNTS.size + length]
        keep(found, data, died, died.split(":")[0])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=0, help="for all targets together")
    parser.add_argument("--runs", type=int, default=0, help="inputs of all targets together")
    parser.add_argument("--target", action="append", choices=sorted(TARGETS), help="only this one; may be repeated")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--found", type=Path, default=Path("fuzz-found"), help="where inputs that found something go")
    arguments = parser.parse_args()
    if not arguments.seconds and not arguments.runs:
        arguments.seconds = 180.0
    names = arguments.target or list(TARGETS)
    shares = {name: TARGETS[name].share for name in names}
    tallies = []
    print(f"{'target':16} {'inputs':>9} {'accepted':>9} {'refused':>9} {'findings':>8} {'seconds':>8}", flush=True)
    for name in names:
        runs = max(round(arguments.runs * shares[name] / sum(shares.values())), 1) if arguments.runs else 0
        one = tally(name, arguments.seconds / len(names), runs, arguments.seed, arguments.found)
        tallies.append(one)
        print(
            f"{one.target:16} {one.inputs:9} {one.accepted:9} {one.refused:9} {one.findings:8} {one.seconds:8.1f}",
            flush=True,
        )
    arguments.found.mkdir(parents=True, exist_ok=True)
    (arguments.found / "report.json").write_text(json.dumps([asdict(one) for one in tallies], indent=1) + "\n")
    findings = sum(one.findings for one in tallies)
    print(f"{sum(one.inputs for one in tallies)} inputs, {findings} findings", flush=True)
    if findings:
        print(f"Look at {arguments.found}/*/*.json; mended, their inputs belong into tests/fuzz/{CORPUS.name}/.")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
