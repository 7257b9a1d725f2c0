"""Seconds and memory: from process start to masks on disk, and of the pipeline alone."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.evaluate.protocol import WEIGHTS, Benchmark, ReportSettings
from smartmask.evaluate.report import finish, heading, machine
from smartmask.evaluate.systems import load_pipeline
from smartmask.geometry import box_mask
from smartmask.guides import Box, Guide, MaskGuide, Scribble
from smartmask.image.files import save_png
from smartmask.io.package import BUNDLED_MASKS
from smartmask.io.publish import save_json
from smartmask.io.settings import option
from smartmask.scene import Layer, Scene

PRECISIONS = ("float32", "bfloat16")
SD_STEPS = 50
# The denoising network of Stable Diffusion 1.5: 860 million parameters (Rombach et al., arXiv 2112.10752).
SD15: dict[str, Any] = {
    "in_channels": 4, "out_channels": 4, "block_out_channels": [320, 640, 1280, 1280], "layers_per_block": 2,
    "cross_attention_dim": 768, "attention_head_dim": 8,
}  # fmt: skip


class SpeedSettings(ReportSettings):
    """What is timed."""

    num_masks: int = option(8, "Masks a call.", flags=("--num-masks", "-n"))
    size: str = option("512x384", "Of the scene.", metavar="WIDTHxHEIGHT")
    repeats: int = option(5, "Runs of each kind.", ge=1)
    threads: int | None = option(None, "Threads of the warm runs; torch's own by default.")
    sd: bool = option(
        False, "Also time a network of Stable Diffusion 1.5's size (needs diffusers, 4 GB).", flags=("--sd",)
    )
    weights: Path | None = WEIGHTS


def sample_scene(width: int, height: int) -> tuple[Scene, Box]:
    """A street under a sky with a car and a person, and the box of an object to draw: half the scene high."""
    sky = box_mask((0, 0, width, height * 0.4), height, width)
    car = box_mask((width * 0.05, height * 0.5, width * 0.35, height * 0.75), height, width)
    person = box_mask((width * 0.8, height * 0.35, width * 0.88, height * 0.85), height, width)
    stuff = Layer("sky", sky, thing=False), Layer("road", ~sky, thing=False)
    box = Box(width * 0.4, height * 0.4, width * 0.75, height * 0.9)
    return Scene(height, width, (*stuff, Layer("car", car), Layer("person", person))), box


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


def sample_guides(width: int, height: int) -> dict[str, Guide | None]:
    """The sample scene's box, a stroke along it, a painted ellipse in it, and no guide."""
    _, box = sample_scene(width, height)
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    middle, half = ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2), ((box.x1 - box.x0) / 2, (box.y1 - box.y0) / 2)
    painted = ((x - middle[0]) / half[0]) ** 2 + ((y - middle[1]) / half[1]) ** 2 <= 1
    stroke = Scribble([(box.x0, middle[1]), (box.x1, middle[1])])
    return {"box": box, "scribble": stroke, "mask": MaskGuide(painted), "none": None}


def weights_megabytes(weights: Path | None) -> float:
    """Megabytes of all files of a folder of weights, or of the bundled one."""
    folder = BUNDLED_MASKS if weights is None else weights
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def masks_command(inputs: tuple[Path, Path, Path, Box], out: Path, num_masks: int, weights: Path | None) -> list[str]:
    """The command line that draws ``num_masks`` dogs, to be run with this Python."""
    photo, layout, names, box = inputs
    command = [sys.executable, "-m", "smartmask", "masks", str(photo), "--layout", str(layout)]
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
    runs = [round(s, 4) for s in seconds]
    return {"median": round(float(np.median(seconds)), 4), "fastest": min(runs), "runs": runs}


# --- for scale: a network of Stable Diffusion's size -------------------------------------------


def sd_times(width: int, height: int, num_masks: int, ours: Mapping[str, Any]) -> dict[str, Any]:
    """For each precision: seconds of a step, of SD_STEPS steps for ``num_masks`` masks, and how many times ours.

    ours: ``time_calls`` of the pipeline with a box. A step is one mask with and without its
    text, at an eighth of the scene's size, as Stable Diffusion works; steps and masks are multiplied,
    not run, since every step costs the same. Encoder and decoder are left out, in its favour.
    """
    found: dict[str, Any] = {"steps": SD_STEPS, "config": SD15}
    for precision in PRECISIONS:
        step = time_calls(sd_step(SD15, width, height, precision), 2)
        seconds = step["median"] * SD_STEPS * num_masks
        times_ours = seconds / ours["median"]
        found[precision] = {"step": step, "seconds": round(seconds, 2), "times_ours": round(times_ours, 1)}
    return found


def sd_step(config: Mapping[str, Any], width: int, height: int, precision: str) -> Callable[[], Any]:
    """A call that runs one guided step of a U-Net with random weights: batch 2, 77 text tokens.

    Raises RuntimeError, saying what to install, without diffusers.
    """
    import torch

    try:
        from diffusers import UNet2DConditionModel
    except ImportError:
        raise RuntimeError("The comparison needs diffusers; install smartmask[insert].") from None
    dtype = getattr(torch, precision)
    with torch.device("meta"):
        network: Any = UNet2DConditionModel(**config)
    # the plain cast: diffusers' own warns of layers to keep in float32, of which this one has none
    network = torch.nn.Module.to(network, dtype).to_empty(device="cpu").eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in network.parameters():
            value.normal_(0, 0.02, generator=generator)
    latent = torch.randn(2, config["in_channels"], height // 8, width // 8, generator=generator).to(dtype)
    text = torch.randn(2, 77, config["cross_attention_dim"], generator=generator).to(dtype)

    def step() -> Any:
        with torch.inference_mode():
            return network(latent, 500, encoder_hidden_states=text).sample

    return step


def run(settings: SpeedSettings) -> None:
    """Seconds from process start to masks on disk, of the warm pipeline by guide, peak memory, size of the weights.

    With --sd also the same number of masks at 50 steps of a network of Stable Diffusion 1.5's size with
    random weights: for its time only, in the same run.
    """
    (width, height), repeats, num_masks = _size(settings.size), settings.repeats, settings.num_masks
    with tempfile.TemporaryDirectory() as folder:
        inputs = write_inputs(Path(folder), width, height)
        cold = time_process(masks_command(inputs, Path(folder) / "out", num_masks, settings.weights), repeats)

    import torch  # only now: the memory of this process counts into that of its children

    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    pipe = load_pipeline(settings.weights)
    scene, _ = sample_scene(width, height)
    warm = {
        kind: time_calls(partial(pipe, scene, "dog", guidance=guide, num_masks=num_masks, generator=0), repeats)
        for kind, guide in sample_guides(width, height).items()
    }
    report = {
        **heading("speed"),
        "machine": {**machine(), "torch": torch.__version__, "threads": torch.get_num_threads()},
        "num_masks": num_masks,
        "size": [width, height],
        "process_start_to_disk": cold,
        "pipeline_alone": warm,
        "weights_mb": weights_megabytes(settings.weights),
    }
    memory = "unknown" if cold["peak_mb"] is None else f"{cold['peak_mb']:.0f} MB"
    lines = [
        f"{num_masks} masks of {width}x{height}, median of {repeats}, fastest in brackets",
        f"process start to masks on disk: {cold['median']:.2f} s ({cold['fastest']:.2f}), peak memory {memory}",
        *(f"pipeline alone, {kind}: {w['median']:.2f} s ({w['fastest']:.2f})" for kind, w in warm.items()),
        f"files of the weights: {report['weights_mb']:.1f} MB",
    ]
    if settings.sd:
        report["stable_diffusion"] = big = sd_times(width, height, num_masks, warm["box"])
        for precision in PRECISIONS:
            row = big[precision]
            lines.append(
                f"a network of Stable Diffusion 1.5's size, {SD_STEPS} steps, {precision}: {row['seconds']:.0f} s "
                f"({row['step']['median']:.2f} s a step of one mask), {row['times_ours']:.0f} times ours in the box"
            )
    finish("speed", report, lines, settings)


def _size(text: str) -> tuple[int, int]:
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdigit() and int(part) >= 32 for part in parts):
        raise ValueError(f"The size '{text}' is not WIDTHxHEIGHT with sides of at least 32, such as 512x384.")
    return int(parts[0]), int(parts[1])


BENCHMARK = Benchmark("speed", SpeedSettings, run)
