"""``smartmask data caption``: sentences about photographs by a model, of whole pictures or of their segments.

Whole pictures: SmartMask's T_context, for which its authors asked Instruct-BLIP. Segments: SmartBrush's local captions,
for which its authors asked BLIP: a sentence about the whole picture tells of other things. How its crop is cut is not
published; here it is the segment's box, a share of its longer side wider, with what is round it or grey in its place.
A line a sentence: ``data/captions.py`` says of what keys.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from smartmask.batch.captioner import Captioner
from smartmask.batch.job import BatchReport
from smartmask.batch.pictures import Pictures, pictures_of
from smartmask.batch.tasks import Task
from smartmask.data.pairs import is_target
from smartmask.data.record import Record
from smartmask.geometry import mask_box
from smartmask.io.explain import explain
from smartmask.io.publish import save_text
from smartmask.io.settings import option, required
from smartmask.io.watch import Watch, unwatched

LEAST_AREA, LEAST_SIDE = 0.003, 24  # of segments worth a sentence: those that 'train inpaint' paints
GREY = 127


class CaptionJob(Pictures):
    """Captions of photographs by a model, a file of lines a shard."""

    model: str = required("Captioning model of transformers: a hub name or folder (BLIP, LLaVA, ...).", metavar="MODEL")
    prompt: str | None = option(None, "What it is asked, or the beginning of its sentence; by default its usual one.")
    tokens: int = option(40, "Words and parts of words of a caption at most.", ge=1, le=1000)
    beams: int = option(1, "Sentences that are weighed at a time (beam search).", ge=1, le=64)
    segments: bool = option(False, "Of each segment by its crop, instead of whole pictures.", flags=("--segments",))
    margin: float = option(0.1, "Of a segment's crop, as a share of its longer side.", ge=0, le=10)
    masked: bool = option(False, "Grey where the segment is not, in its crop.", flags=("--masked",))

    def run(self, watch: Watch = unwatched) -> BatchReport:
        """Captions all shards that are not done. Raises ValueError for wrong settings and sources."""
        self.checked_device()
        if self.segments and "=" not in self.source:
            raise ValueError(f"The photos '{self.source}' have no segments; give a data set as FORMAT=PATH.")
        tasks = self.shards(".jsonl", self.settings())
        there = lambda task: (self.out / task.id).is_file()  # noqa: E731
        return self.go("captions", tasks, len(tasks), MakeCaptions(self), there, watch, self.on_gpus)

    def settings(self) -> dict[str, Any]:
        """What a caption depends on beside the picture."""
        crop = {"margin": self.margin, "masked": self.masked} if self.segments else {}
        return {"model": self.model, "prompt": self.prompt, "tokens": self.tokens, "beams": self.beams,
                "dtype": self.dtype, "segments": self.segments} | crop  # fmt: skip


class Asked(NamedTuple):
    """A picture to say something about, and the keys of its line."""

    name: str
    keys: dict[str, Any]
    pixels: np.ndarray


class MakeCaptions:
    """Makes workers: the model is loaded once in each."""

    def __init__(self, job: CaptionJob) -> None:
        self.job = job

    def __call__(self, number: int) -> CaptionsOf:
        job = self.job
        captioner = Captioner.from_pretrained(
            job.model, job.device_of(number), job.dtype, job.prompt, job.tokens, job.beams
        )
        return CaptionsOf(job, captioner)


class CaptionsOf:
    """Captions the pictures of a shard, and publishes their lines as one file."""

    def __init__(self, job: CaptionJob, captioner: Captioner) -> None:
        self.job, self.captioner = job, captioner

    def __call__(self, task: Task) -> dict[str, Any]:
        failures: dict[str, str] = {}
        lines: list[dict[str, Any]] = []
        asked = self._asked(task, failures)
        while chunk := list(islice(asked, self.job.batch)):
            lines += self._lines(chunk, failures)
        head = {"captions": self.job.settings(), "digest": task.digest}
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in [head, *lines])
        save_text(text, self.job.out / task.id)
        return {"captions": len(lines), "failures": failures}

    def _asked(self, task: Task, failures: dict[str, str]) -> Iterator[Asked]:
        for picture in pictures_of(task.payload):
            try:
                record, photo = picture.read()
            except (ValueError, OSError) as error:
                failures[picture.name] = explain(error)[1]
                continue
            keys = {"key": record.key, "source": record.source, "name": record.name}
            if not self.job.segments:
                yield Asked(picture.name, keys, photo)
                continue
            yield from (Asked(f"{picture.name}, layer {more['layer']}", keys | more, pixels)
                        for more, pixels in crops(record, photo, self.job.margin, self.job.masked))  # fmt: skip

    def _lines(self, chunk: list[Asked], failures: dict[str, str]) -> list[dict[str, Any]]:
        try:
            said = self.captioner([one.pixels for one in chunk])
        except Exception as error:
            sentence = explain(error)[1]
            failures |= {one.name: sentence for one in chunk}
            return []
        failures |= {one.name: "The model said nothing." for one, text in zip(chunk, said, strict=True) if not text}
        return [one.keys | {"caption": text} for one, text in zip(chunk, said, strict=True) if text]


def crops(
    record: Record, photo: np.ndarray, margin: float, masked: bool
) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """``({"layer", "object", "box"}, pixels)`` of each thing that is large enough.

    box: x0, y0, x1, y1 in pixel edges of the photo.  pixels: the box with its margin, as far as the photo goes.
    """
    height, width = photo.shape[:2]
    for index, layer in enumerate(record.scene.layers):
        box = mask_box(layer.mask)
        if box is None or not is_target(record.scene, index, LEAST_AREA, LEAST_SIDE):
            continue
        x0, y0, x1, y1 = (int(edge) for edge in box)
        wider = round(margin * max(x1 - x0, y1 - y0))
        window = (slice(max(0, y0 - wider), min(height, y1 + wider)), slice(max(0, x0 - wider), min(width, x1 + wider)))
        pixels = photo[window]
        if masked:
            pixels = np.where(layer.mask[window][..., None], pixels, np.uint8(GREY))
        yield {"layer": index, "object": layer.name, "box": [x0, y0, x1, y1]}, pixels


def caption_files(out: Path) -> list[Path]:
    """The files of a finished or unfinished run, in order."""
    return sorted(out.glob("[0-9]*.jsonl"))
