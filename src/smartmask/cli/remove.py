"""``smartmask remove``: a region or a layer of a photo painted away."""

from __future__ import annotations

from smartmask.cli.command import command_of
from smartmask.cli.insert import tell
from smartmask.cli.options import Printed
from smartmask.insertion.job import RemoveJob
from smartmask.io.bars import stage


class RemoveCommand(RemoveJob, Printed):
    """``remove`` as typed."""


def remove(job: RemoveCommand) -> None:
    """Paint a region or a layer of a photo away; outside it the photo stays as it is, bit for bit."""
    tell(job.run(stage), job, job.as_json)


command = command_of(RemoveCommand, remove)
