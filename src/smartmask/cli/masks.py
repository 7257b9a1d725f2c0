"""``smartmask masks``: masks of where and how an object could stand in a photo."""

from __future__ import annotations

from smartmask.cli.command import command_of
from smartmask.cli.options import Printed, place_of, printed
from smartmask.io.bars import stage
from smartmask.io.terminal import say
from smartmask.masks.job import MasksJob
from smartmask.scene.neighbours import said


class MasksCommand(MasksJob, Printed):
    """``masks`` as typed."""


def masks(job: MasksCommand) -> None:
    """Masks of where and how an object could stand in a photo, best first.

    Guides may be repeated and combined; without any, the model chooses the place.
    Coordinates are pixels of the upright photo; a guide may cross its border.
    Of several objects each gets masks of its own, as if it were asked for alone, with the seeds from
    seed + 1000 i on; give each kind of guide once for each, in their order, or use --objects-json.
    'insert' lays objects that see each other.
    """
    result = job.run(stage)
    if printed(result, job.as_json):
        return
    for record in result.records:
        depth = said(record.in_front_of, record.behind)
        say(f"{record.mask}  score {record.score:.3f}  box {place_of(record.box)}  {depth}  seed {record.seed}")
    of = f" of {len(result.objects)} objects" if result.objects else ""
    say(f"{len(result.records)} masks{of} in {job.out} after {result.timings['total']:.1f} s")


command = command_of(MasksCommand, masks)
