"""``smartmask data layouts``: pseudo-layouts, what a panoptic model sees in photographs, as a pack to train on.

The authors of SmartMask ask whether photographs without annotations could be learnt from; this makes such data. Masks
are of what is visible, their order is guessed (``scene/panoptic.py``), and pixels nobody is sure of are in none.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from smartmask.batch.job import BatchReport
from smartmask.batch.pictures import Pictures, pictures_of, with_layers
from smartmask.batch.tasks import Task
from smartmask.data.record import Record
from smartmask.io.explain import explain, is_out_of_memory
from smartmask.io.settings import option
from smartmask.io.watch import Watch, unwatched
from smartmask.scene.layer import Layer
from smartmask.scene.panoptic import MergeRule
from smartmask.scene.segment import Segmenter, load_segmenter, segment_batch

PSEUDO = "pseudo"  # the source of such layouts, in packs
WHOLE = "layouts.parquet"


class LayoutsJob(Pictures):
    """Layouts of photographs by a panoptic model, as packs: a file a shard, and all in one."""

    segmenter: str | None = option(
        None, "Panoptic model: a hub name or folder; by default the usual one, if it was fetched.", metavar="MODEL"
    )
    score: float = option(0.5, "Least probability of a region's class.", ge=0, lt=1)
    pixel: float = option(0.5, "Least probability of a region's pixel.", ge=0, lt=1)
    max_side: int = option(512, "Longer side of the packed layouts, in pixels.", ge=16, le=4096)

    def run(self, watch: Watch = unwatched) -> BatchReport:
        """Reads all shards that are not done, then joins them in ``out/layouts.parquet``.

        Raises ValueError for wrong settings and sources.
        """
        self.checked_device()
        tasks = self.shards(".parquet", self.settings())
        there = lambda task: (self.out / task.id).is_file()  # noqa: E731
        report = self.go("layouts", tasks, len(tasks), MakeLayouts(self), there, watch, self.on_gpus)
        files = [self.out / task.id for task in tasks if there(task)]
        if files and (report.done or report.failed or not (self.out / WHOLE).is_file()):
            with watch("joining") as on_step:
                join(files, self.out / WHOLE, on_step)
        return report

    def settings(self) -> dict[str, Any]:
        """What a layout depends on beside the photo."""
        return {"segmenter": self.segmenter, "score": self.score, "pixel": self.pixel, "max_side": self.max_side,
                "dtype": self.dtype}  # fmt: skip


class MakeLayouts:
    """Makes workers: the model is loaded once in each."""

    def __init__(self, job: LayoutsJob) -> None:
        self.job = job

    def __call__(self, number: int) -> LayoutsOf:
        return LayoutsOf(self.job, load_segmenter(self.job.segmenter, self.job.device_of(number), self.job.dtype))


class LayoutsOf:
    """Reads the photos of a shard, and publishes their layouts as one pack."""

    def __init__(self, job: LayoutsJob, segmenter: Segmenter) -> None:
        self.job, self.segmenter = job, segmenter
        self.rule = MergeRule(score=job.score, pixel=job.pixel)

    def __call__(self, task: Task) -> dict[str, Any]:
        from smartmask.data.pack import write_pack  # needs pyarrow

        failures: dict[str, str] = {}
        told = {"layouts": 0, "empty": 0}
        records = self._records(task, failures, told)
        try:
            write_pack(records, self.job.out / task.id, self.job.max_side)
        except ValueError:
            if told["layouts"]:
                raise
            failures.setdefault("the shard", "No photo of it has a layout.")
        return told | {"failures": failures}

    def _records(self, task: Task, failures: dict[str, str], told: dict[str, int]) -> Iterator[Record]:
        pictures = pictures_of(task.payload)
        while chunk := list(islice(pictures, self.job.batch)):
            found: list[tuple[str, Record, np.ndarray]] = []
            for picture in chunk:
                try:
                    found.append((picture.name, *picture.read()))
                except (ValueError, OSError) as error:
                    failures[picture.name] = explain(error)[1]
            for record, layers in self._read(found, failures):
                told["layouts" if layers else "empty"] += 1
                if layers:
                    yield with_layers(record, layers, PSEUDO)

    def _read(
        self, found: list[tuple[str, Record, np.ndarray]], failures: dict[str, str]
    ) -> Iterator[tuple[Record, tuple[Layer, ...]]]:
        """Layers of photos, together, or in halves where memory is too small for that."""
        if not found:
            return
        try:
            layers = segment_batch([photo for _, _, photo in found], self.segmenter, self.rule)
        except Exception as error:
            if not is_out_of_memory(error) or len(found) == 1:
                failures |= {name: explain(error)[1] for name, _, _ in found}
                return
            half = len(found) // 2
            yield from self._read(found[:half], failures)
            yield from self._read(found[half:], failures)
            return
        yield from ((record, own) for (_, record, _), own in zip(found, layers, strict=True))


def join(files: list[Path], out: Path, on_step: Any = None) -> None:
    """The scenes of several packs in one, in order."""
    from smartmask.data.pack import Pack, write_pack

    def records() -> Iterator[Record]:
        for number, file in enumerate(files):
            yield from Pack(file)
            if on_step is not None:
                on_step(number + 1, len(files))

    write_pack(records(), out, 1 << 16)
