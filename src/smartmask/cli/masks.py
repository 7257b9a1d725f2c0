"""``smartmask masks``: masks of where and how an object could stand in a photo."""

from __future__ import annotations

from smartmask.cli.command import command_of
from smartmask.cli.options import Printed, place_of, printed, step_progress
from smartmask.masks.job import MasksJob
from smartmask.scene.neighbours import said


class MasksCommand(MasksJob, Printed):
    """``masks`` as typed."""


def masks(job: MasksCommand) -> None:
    """Masks of where and how an object could stand in a photo, best first.

    Guides may be repeated and combined; without any, the model chooses the place.
    Coordinates are pixels of the upright photo; a guide may cross its border.
    """
    result = job.run(step_progress)
    if printed(result, job.as_json):
        return
    for record in result.masks:
        depth = said(record.in_front_of, record.behind)
        print(f"{record.mask}  score {record.score:.3f}  box {place_of(record.box)}  {depth}  seed {record.seed}")
    print(f"{len(result.masks)} masks in {job.out} after {result.timings['total']:.1f} s")


command = command_of(MasksCommand, masks)
