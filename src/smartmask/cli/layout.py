"""``smartmask layout``: a layered layout from a sentence, and a picture of it."""

from __future__ import annotations

import sys

import typer

from smartmask.cli.command import command_of
from smartmask.cli.options import Printed, place_of, printed
from smartmask.io.bars import stage
from smartmask.io.terminal import say
from smartmask.plan.layouts.job import LayoutJob


class LayoutCommand(LayoutJob, Printed):
    """``layout`` as typed."""


def layout(job: LayoutCommand) -> None:
    """Draw a layered layout from a sentence: surfaces first, then the objects, every layer whole.

    Writes scene.json, label_map.png with names.json, panoptic.png and panoptic.json, colour.png, steps.gif
    and result.json. Relations such as on, beside, behind, left of are checked; those not met are named.
    With --paint a text-to-image model and its segmentation ControlNet then paint picture.png.
    """
    report = job.run(stage)
    if not printed(report, job.as_json):
        for item in report.layers:
            seen = f"seen {100 * item.seen:.0f} %"
            say(f"{item.layer:3d}  {item.key}  box {place_of(item.box)}  {seen}  seed {item.seed}")
        if report.relations:
            say(f"{sum(r.met for r in report.relations)} of {len(report.relations)} relations met")
        say(f"{len(report.layers)} layers in {job.out} after {report.timings['total']:.1f} s")
    if report.picture is not None and report.picture.trouble:
        say(f"smartmask: There is no picture: {report.picture.trouble}; the layout is in {job.out}.", file=sys.stderr)
        raise typer.Exit(1)


command = command_of(LayoutCommand, layout)
