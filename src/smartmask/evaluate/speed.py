"""Seconds and memory: from process start to masks on disk, and of the pipeline alone."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.geometry import box_mask
from smartmask.guidance import Box
from smartmask.images import save_json, save_png
from smartmask.scene import Layer, Scene


def sample_scene(width: int, height: int) -> tuple[Scene, Box]:
    """A street under a sky with a car and a person, and the box of an object to draw: half the scene high."""
    sky = box_mask((0, 0, width, height * 0.4), height, width)
    car = box_mask((width * 0.05, height * 0.5, width * 0.35, height * 0.75), height, width)
    person = box_mask((width * 0.8, height * 0.35, width * 0.88, height * 0.85), height, width)
    layers = (
        Layer("sky", sky, thing=False),
        Layer("road", ~sky, thing=False),
        Layer("car", car),
        Layer("person", person),
    )
    box = Box(width * 0.4, height * 0.4, width * 0.75, height * 0.9)
    return Scene(height, width, layers), box


def write_inputs(folder: Path, width: int, height: int) -> tuple[Path, Path, Path, Box]:
    """Photo, label map and names of ``sample_scene`` as files, and the box: what the command line wants."""
    scene, box = sample_scene(width, height)
    labels, names = scene.to_label_map()
    shades = np.linspace(40, 220, len(scene.layers) + 1).astype(np.uint8)
    photo, layout, table = folder / "photo.png", folder / "layout.png", folder / "names.json"
    save_png(np.repeat(shades[labels][..., None], 3, axis=2), photo)
    save_png(labels.astype(np.uint8), layout)
    save_json({str(i): name for i, name in names.items()}, table)
    return photo, layout, table, box


def masks_command(inputs: tuple[Path, Path, Path, Box], out: Path, num_masks: int, weights: Path | None) -> list[str]:
    """The command line that draws ``num_masks`` dogs, to be run with this Python."""
    photo, layout, names, box = inputs
    command = [sys.executable, "-m", "smartmask.cli", "masks", str(photo), "--layout", str(layout)]
    command += ["--names", str(names), "--object", "dog", "-n", str(num_masks), "--out", str(out)]
    command += ["--box", f"{box.x0},{box.y0},{box.x1},{box.y1}"]
    return command if weights is None else [*command, "--weights", str(weights)]


def time_process(command: Sequence[str], repeats: int) -> dict[str, Any]:
    """Wall seconds of each run of a command, their median, and the largest resident memory in MB (None: unknown).

    Linux counts the parent's own peak into a child's, so call this before anything large is imported.
    Raises RuntimeError with the command's last words if it fails.
    """
    seconds, peaks = [], []
    for _ in range(repeats):
        with tempfile.TemporaryFile() as words:
            start = time.perf_counter()
            process = subprocess.Popen(list(command), stdout=subprocess.DEVNULL, stderr=words)
            peak = _wait(process)
            seconds.append(time.perf_counter() - start)
            if process.returncode:
                words.seek(0)
                said = words.read().decode(errors="replace").strip().splitlines()
                raise RuntimeError(f"The timed command failed: {said[-1] if said else process.returncode}")
        peaks.append(peak)
    known = [peak for peak in peaks if peak is not None]
    return {**_summary(seconds), "peak_mb": max(known) if known else None}


def _wait(process: subprocess.Popen[bytes]) -> float | None:
    """Waits for a process; its largest resident memory in MB where the system tells."""
    if not hasattr(os, "wait4"):
        process.wait()
        return None
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1e6 if sys.platform == "darwin" else 1e3  # bytes there, kilobytes elsewhere
    return round(usage.ru_maxrss / unit, 1)


def time_calls(call: Callable[[], Any], repeats: int) -> dict[str, Any]:
    """Wall seconds of a call, after one that does not count."""
    call()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return _summary(seconds)


def _summary(seconds: Sequence[float]) -> dict[str, Any]:
    return {
        "median": round(float(np.median(seconds)), 4),
        "fastest": round(min(seconds), 4),
        "runs": [round(s, 4) for s in seconds],
    }
