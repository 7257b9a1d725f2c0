"""``smartmask plan``: what to draw next, with reasons."""

from __future__ import annotations

from smartmask.cli.command import command_of
from smartmask.cli.options import Printed, printed
from smartmask.io.terminal import say
from smartmask.plan.planners.job import PlanJob


class PlanCommand(PlanJob, Printed):
    """``plan`` as typed."""


def plan(job: PlanCommand) -> None:
    """What to draw next: the text's missing objects in order, then what such scenes also hold, with reasons."""
    report = job.run()
    if printed(report, job.as_json):
        return
    for item in report.next:
        say(f"{item.score:.3f}  {item.name}  {item.why}")
    if not report.next:
        say("Nothing more: the scene is complete.")


command = command_of(PlanCommand, plan)
