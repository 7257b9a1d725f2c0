"""``smartmask eval speed``: the clock, memory, and bytes on disk."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from smartmask.cli.evaluate.console import JsonOption, OutOption, finish, heading
from smartmask.cli.options import WeightsOption


def speed(
    num_masks: Annotated[int, typer.Option("--num-masks", "-n", help="Masks a call.")] = 8,
    size: Annotated[str, typer.Option(metavar="WIDTHxHEIGHT", help="Of the scene.")] = "512x384",
    repeats: Annotated[int, typer.Option(help="Runs of each kind.")] = 5,
    threads: Annotated[int | None, typer.Option(help="Threads of the warm runs; torch's own by default.")] = None,
    sd: Annotated[
        bool, typer.Option("--sd", help="Also time a network of Stable Diffusion 1.5's size (needs diffusers, 4 GB).")
    ] = False,
    weights: WeightsOption = None,
    out: OutOption = None,
    as_json: JsonOption = False,
) -> None:
    """Seconds from process start to masks on disk, of the warm pipeline by guide, peak memory, size of the weights.

    With --sd also the same number of masks at 50 steps of a network of Stable Diffusion 1.5's size with
    random weights: for its time only, in the same run.
    """
    import tempfile

    from smartmask.evaluate.report import machine
    from smartmask.evaluate.speed import (
        PRECISIONS,
        SD_STEPS,
        masks_command,
        sample_guides,
        sample_scene,
        sd_times,
        time_calls,
        time_process,
        weights_megabytes,
        write_inputs,
    )

    width, height = _size(size)
    if repeats < 1:
        raise ValueError(f"The number of repeats is {repeats}; it must be at least 1.")
    with tempfile.TemporaryDirectory() as folder:
        inputs = write_inputs(Path(folder), width, height)
        cold = time_process(masks_command(inputs, Path(folder) / "out", num_masks, weights), repeats)

    import torch  # only now: the memory of this process counts into that of its children

    from smartmask.evaluate.systems import load_pipeline

    if threads is not None:
        torch.set_num_threads(threads)
    pipe = load_pipeline(weights)
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
        "weights_mb": weights_megabytes(weights),
    }
    memory = "unknown" if cold["peak_mb"] is None else f"{cold['peak_mb']:.0f} MB"
    lines = [
        f"{num_masks} masks of {width}x{height}, median of {repeats}, fastest in brackets",
        f"process start to masks on disk: {cold['median']:.2f} s ({cold['fastest']:.2f}), peak memory {memory}",
        *(f"pipeline alone, {kind}: {w['median']:.2f} s ({w['fastest']:.2f})" for kind, w in warm.items()),
        f"files of the weights: {report['weights_mb']:.1f} MB",
    ]
    if sd:
        report["stable_diffusion"] = big = sd_times(width, height, num_masks, warm["box"])
        for precision in PRECISIONS:
            row = big[precision]
            lines.append(
                f"a network of Stable Diffusion 1.5's size, {SD_STEPS} steps, {precision}: {row['seconds']:.0f} s "
                f"({row['step']['median']:.2f} s a step of one mask), {row['times_ours']:.0f} times ours in the box"
            )
    finish("speed", report, lines, out, as_json)


def _size(text: str) -> tuple[int, int]:
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdigit() and int(part) >= 32 for part in parts):
        raise ValueError(f"The size '{text}' is not WIDTHxHEIGHT with sides of at least 32, such as 512x384.")
    return int(parts[0]), int(parts[1])
