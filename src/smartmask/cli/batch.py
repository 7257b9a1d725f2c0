"""``smartmask batch``: masks for many pictures and scenes."""

from __future__ import annotations

import sys

import typer

from smartmask.batch.job import BatchReport, lines_about
from smartmask.batch.masks import BatchJob
from smartmask.cli.command import command_of
from smartmask.cli.options import Printed, printed
from smartmask.io.bars import stage
from smartmask.io.terminal import say


class BatchCommand(BatchJob, Printed):
    """``batch`` as typed."""


def batch(job: BatchCommand) -> None:
    """Masks for many photos and scenes, each as 'masks' makes them, in a folder of its own named by its id.

    SOURCE is a manifest (a JSON object a line: image or scene, object, guides and other settings of 'masks' by name,
    id), a folder of photos and scenes, or shards of them. What a line does not say is taken from the options.
    A run that was ended goes on with the same command. What failed is in failed.jsonl, and the exit code is 1.
    """
    tell(job.run(stage), "items", job.as_json)


def tell(report: BatchReport, what: str, as_json: bool) -> None:
    """The report as JSON or in lines; exit code 1 where something failed."""
    if not printed(report, as_json):
        for name, sentence in report.failures.items():
            say(f"smartmask: {name}: {sentence}", file=sys.stderr)
        for line in lines_about(report, what):
            say(line)
    if not report.whole:
        raise typer.Exit(1)


command = command_of(BatchCommand, batch)
