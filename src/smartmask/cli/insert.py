"""``smartmask insert``: objects into a photo, the rest as it was."""

from __future__ import annotations

import sys

import typer

from smartmask.cli.command import command_of
from smartmask.cli.options import Printed, place_of, printed
from smartmask.insertion.job import PaintJob
from smartmask.insertion.report import PaintReport
from smartmask.io.bars import stage
from smartmask.io.terminal import say
from smartmask.plan.layouts.planned_job import PlannedInsertJob
from smartmask.scene.neighbours import said


class InsertCommand(PlannedInsertJob, Printed):
    """``insert`` as typed."""


def insert(job: InsertCommand) -> None:
    """Insert objects into a photo; outside their masks the photo stays as it is, bit for bit.

    Guides are those of 'masks'. With several objects give each kind of guide once for each, in their
    order, or use --objects-json. Masks are laid in that order, then painted back to front.
    A phrase (--objects) is read for counts and relations; each object gets a place that fits the others.
    With --planner a model names the objects one by one, seeing the layout so far; the mask model places each.
    """
    tell(job.run(stage), job, job.as_json)


def tell(report: PaintReport, job: PaintJob, as_json: bool) -> None:
    """A line an object on stdout, or the report as JSON. Exit code 1 where an inserter was named but did not paint."""
    if not printed(report, as_json):
        for item in report.objects:
            depth = said(item.in_front_of, item.behind)
            score = "" if item.score is None else f"  score {item.score:.3f}"
            say(f"{item.mask}  {item.object}{score}  box {place_of(item.box)}  {depth}  seed {item.seed}")
        if report.painted is not None:
            say(
                f"result.{job.format} in {job.out} after {report.timings['total']:.1f} s; "
                f"{100 * report.painted.share:.2f} % of it painted"
            )
        elif not report.trouble:
            say(f"masks, and jobs for other tools, in {job.out} after {report.timings['total']:.1f} s; nothing painted")
    if report.trouble:
        say(f"smartmask: {report.trouble}; the masks, and jobs for other tools, are in {job.out}.", file=sys.stderr)
        raise typer.Exit(1)


command = command_of(InsertCommand, insert)
