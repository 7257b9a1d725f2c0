"""The same masks, bit for bit, with any number of threads: whole processes, compared file by file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")


def masks(examples: Path, out: Path, threads: str | None) -> dict[str, bytes]:
    """{name: bytes} of the PNG files of a run."""
    environment = {name: value for name, value in os.environ.items() if name not in THREADS}
    if threads is not None:
        environment |= dict.fromkeys(THREADS, threads)
    layout = ["--layout", str(examples / "room_layout.png"), "--names", str(examples / "room_names.json")]
    asked = ["--object", "dog", "--object", "chair", "-n", "8", "--seed", "3", "--out", str(out)]
    command = [sys.executable, "-m", "smartmask", "masks", str(examples / "room.png"), *layout, *asked]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*.png"))}


def test_the_same_masks_with_any_number_of_threads(examples: Path, tmp_path: Path) -> None:
    one, two, unset = (masks(examples, tmp_path / str(threads), threads) for threads in ("1", "2", None))
    assert len(one) > 2 * 8 * 2
    assert one == two
    assert one == unset
