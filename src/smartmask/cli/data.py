"""``smartmask data``: look at data sets, and pack their layouts into one file."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import typer

from smartmask.batch.captions import CaptionJob
from smartmask.batch.layouts import LayoutsJob
from smartmask.cli.batch import tell
from smartmask.cli.command import command_of
from smartmask.cli.options import Printed, printed
from smartmask.data.check import CheckJob, SetCheck
from smartmask.data.jobs import CurateJob, PackedReport, PackJob, ShardsJob, SummaryJob
from smartmask.data.registry import formats as known_formats
from smartmask.io.bars import stage
from smartmask.io.terminal import say
from smartmask.train.instruct import InstructJob
from smartmask.train.speed import SpeedJob

SHOWN_ERRORS = 5


class SummaryCommand(SummaryJob, Printed):
    """``data summary`` as typed."""


class CheckCommand(CheckJob, Printed):
    """``data check`` as typed."""


class PackCommand(PackJob, Printed):
    """``data pack`` as typed."""


class CaptionCommand(CaptionJob, Printed):
    """``data caption`` as typed."""


class LayoutsCommand(LayoutsJob, Printed):
    """``data layouts`` as typed."""


class ShardsCommand(ShardsJob, Printed):
    """``data shards`` as typed."""


class SpeedCommand(SpeedJob, Printed):
    """``data speed`` as typed."""


class CurateCommand(CurateJob, Printed):
    """``data curate`` as typed."""


def formats(job: Printed) -> None:
    """The formats that can be read."""
    if job.as_json:
        say(json.dumps(known_formats(), indent=2))
        return
    for name, description in known_formats().items():
        say(f"{name:<16} {description}")


def summary(job: SummaryCommand) -> None:
    """Count a data set's scenes, objects, names, sizes, splits and captions, and draw some of its scenes."""
    found = job.run(stage)
    result = found.summary.to_json(job.top)
    say(json.dumps(result, indent=2) if job.as_json else _as_text(result))
    if not job.as_json:
        _tell_skipped(found.summary.skipped)
        if job.out is not None:
            say(f"{found.drawn} scenes drawn in {job.out}")


def check(job: CheckCommand) -> None:
    """Read data sets whole: how many scenes, layers and names, which are amodal and ordered, and what is wrong."""
    report = job.run(stage)
    if printed(report, job.as_json):
        return
    for one in report.sets:
        say(_checked_text(one))


def pack(job: PackCommand) -> None:
    """Pack the layouts of data sets (no photographs) into one small Parquet file, or a folder of them, for training."""
    _tell_packed(job.run(stage), job.as_json)


def shards(job: ShardsCommand) -> None:
    """Write layouts, or photographs with layouts and captions, as WebDataset shards, to be trained on in turn."""
    _tell_packed(job.run(stage), job.as_json)


def curate(job: CurateCommand) -> None:
    """Find the whole single objects among the outlines of data sets, and say what is wrong with the others."""
    report = job.run(stage)
    if not printed(report, job.as_json):
        say("\n".join(f"{verdict:<10} {count:>7,}" for verdict, count in report.verdicts.items()))
        say(f"{report.outlines:,} outlines in {report.out}, counts by set and name in report.md beside it")


def speed(job: SpeedCommand) -> None:
    """How many training samples a second one core makes, and with --step-seconds how many cores feed one GPU."""
    report = job.run(stage)
    if printed(report, job.as_json):
        return
    made = f"{report.samples:,} {report.stream} samples at {report.side} px from {report.read}"
    say(f"{made}: {report.samples_a_core_second:g} a second of a core, {report.samples_a_second:g} by the clock")
    if report.cores is not None:
        say(f"a GPU that takes {report.needed_a_second:g} a second (as you say) is fed by {report.cores:g} cores")


def instruct(job: InstructJob) -> None:
    """Instruction data for a vision-language planner: layout picture, text, objects so far -> next object."""
    numbers = job.run()
    say(f"{numbers['samples']} samples of {numbers['scenes']} scenes in {job.out / 'llava.json'}")


def _tell_packed(report: PackedReport, as_json: bool) -> None:
    if printed(report, as_json):
        return
    for name, count in report.scenes.items():
        say(f"{name:<16} {count:>7,} scenes {report.layers[name]:>8,} layers")
    if report.doubles:
        say(f"{report.doubles} pictures occur in an earlier COCO source and were left out")
    _tell_skipped(report.skipped)
    say(f"{sum(report.scenes.values()):,} scenes in {report.out}, {report.bytes / 2**20:.1f} MiB")


def _checked_text(one: SetCheck) -> str:
    splits = ", ".join(f"{count:,} {split}" for split, count in one.splits.items())
    lines = [
        f"{one.format} in {one.path}, {one.seconds:g} s",
        f"  {one.scenes:,} scenes ({splits}), {one.empty:,} without a layer, {one.keys:,} split keys",
        f"  {one.layers:,} layers ({one.things:,} things) of {one.names:,} names"
        + (": " + ", ".join(f"{name} {count:,}" for name, count in one.top.items()) if one.top else ""),
        f"  {one.amodal:.0%} of scenes amodal, {one.ordered:.0%} in order of depth; {one.whole:,} layers said to be "
        f"whole, {one.cut:,} hidden or cut; {one.parts:,} parts",
        f"  {one.photos:,} photographs at hand; {one.captions:,} captions of {one.captioned:,} scenes, "
        f"{one.layer_captions:,} of layers",
        f"  {sum(problem.count for problem in one.problems):,} problems",
    ]
    for problem in one.problems:
        lines.append(f"    {problem.count:,} times: {problem.kind}")
        lines += [f"      {example}" for example in problem.examples]
    return "\n".join(lines)


def _tell_skipped(errors: Sequence[str]) -> None:
    for error in errors[:SHOWN_ERRORS]:
        say(f"smartmask: left out: {error}", file=sys.stderr)
    if errors:
        say(f"{len(errors)} bad pictures were left out")


def _as_text(result: dict[str, Any]) -> str:
    splits = ", ".join(f"{count:,} {split}" for split, count in result["splits"].items())
    low, high = result["smallest_width_height"], result["largest_width_height"]
    lines = [
        f"{result['scenes']:,} scenes ({splits}); {result['empty_scenes']:,} without a layer",
        f"{result['modal_scenes']:,} modal, {result['amodal_scenes']:,} amodal",
        f"{result['captioned_scenes']:,} with captions, {result['captions']:,} captions",
        f"{result['objects']:,} objects of {result['thing_names']:,} names, "
        f"{result['stuff_regions']:,} stuff regions of {result['stuff_names']:,}",
        f"sizes from {low[0]}x{low[1]} to {high[0]}x{high[1]} (each side by itself)",
    ]
    for title, key in (("layers a scene", "layers_per_scene"), ("object's share", "object_share_of_picture")):
        spread = result[key]
        if spread:
            lines.append(f"{title}: {spread['min']:g} to {spread['max']:g}, median {spread['median']:g}")
    for title, key in (("things", "top_things"), ("stuff", "top_stuff")):
        if result[key]:
            lines.append(f"{title}: " + ", ".join(f"{name} {count:,}" for name, count in result[key].items()))
    return "\n".join(lines)


def caption(job: CaptionCommand) -> None:
    """Sentences about photographs by a model, of whole pictures or (--segments) of what is annotated in them.

    A run that was ended goes on with the same command. 'data pack --captions' and 'train inpaint --captions' take OUT.
    """
    tell(job.run(stage), "shards", job.as_json)


def layouts(job: LayoutsCommand) -> None:
    """Pseudo-layouts: what a panoptic model sees in photographs, as a pack ('train latent' takes OUT/layouts.parquet).

    A run that was ended goes on with the same command.
    """
    tell(job.run(stage), "shards", job.as_json)


app = typer.Typer(name="data", help="Read, check and pack data sets.", no_args_is_help=True)
for _command in (
    command_of(Printed, formats), command_of(CheckCommand, check), command_of(SummaryCommand, summary),
    command_of(PackCommand, pack), command_of(ShardsCommand, shards), command_of(SpeedCommand, speed),
    command_of(CurateCommand, curate), command_of(InstructJob, instruct), command_of(CaptionCommand, caption),
    command_of(LayoutsCommand, layouts),
):  # fmt: skip
    app.command(_command.__name__)(_command)
